"""Triton's kernels: the tests of the other backends again, in Triton's interpreter or, where there is one, on a GPU."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ON_GPU = torch.cuda.is_available()
if not ON_GPU:  # before triton is imported for the first time
    os.environ["TRITON_INTERPRET"] = "1"
pytest.importorskip("triton")

from snntheory.gradients import SURROGATES  # noqa: E402
from snntheory.training.kernels import scan  # noqa: E402

RESETS = ("subtract", "to_value", "none")
SIGNATURES = {
    "_forward": "drive spikes voltage current constants",
    "_backward": "voltage grad_spikes grad_voltage grad_drive constants",
}


@pytest.fixture
def cases(monkeypatch):
    """tests/training/test_kernels.py with Triton as the second backend and fewer neurons: the interpreter is slow."""
    spec = importlib.util.spec_from_file_location("kernel_cases", Path(__file__).with_name("test_kernels.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.BACKENDS = ("reference", "triton")
    draw, device = module.random_drive, "cuda" if ON_GPU else "cpu"

    def random_drive(shape=(8, 2, 70), **more):  # 140 neurons: a whole block and a rest
        drive = 3 * draw(shape, **more).detach()
        return drive.to(device).requires_grad_()

    module.random_drive = random_drive
    return module


@pytest.mark.parametrize("k", range(12))
def test_backends_agree_in_float64(cases, k):
    """Every surrogate twice, every reset with and without its gradient twice."""
    reset, detach = RESETS[k % 3], bool(k // 3 % 2)
    cases.test_backends_agree_in_float64(SURROGATES[(k + k // 6) % 6], reset, detach, ("bilinear", None))


@pytest.mark.parametrize("reset", RESETS)
def test_backends_agree_in_float32(cases, reset):
    cases.test_backends_agree_in_float32(reset)


@pytest.mark.skipif(ON_GPU, reason="these tests make their tensors on the CPU")
@pytest.mark.parametrize("reset", RESETS)
def test_by_hand(cases, reset):
    marks = cases.test_the_reset_acts_in_the_step_of_the_crossing.pytestmark
    table = next(mark.args[1] for mark in marks if "reset" in mark.args[0])
    cases.test_the_reset_acts_in_the_step_of_the_crossing(
        "triton", *next(row for row in table if row[0] == reset)
    )
    cases.test_the_threshold_itself_fires("triton")
    for first in (0.8, 1.1):
        cases.test_yangs_factor_from_one_step_to_the_next("triton", first)


@pytest.mark.skipif(ON_GPU, reason="this test makes its tensors on the CPU")
def test_below_threshold_it_is_the_discrete_neuron(cases):
    cases.test_below_threshold_it_is_the_discrete_neuron(("zoh", None), "triton")


def test_gradient_through_one_output_only(cases):
    """Each of the two outputs alone: the kernel is told which derivatives there are."""
    for pick in (0, 1):
        found = []
        for backend in ("reference", "triton"):
            drive = cases.random_drive()
            out = scan(drive, cases.step_of(), backend)[pick]
            ramp = torch.linspace(-1, 1, out.numel(), dtype=out.dtype, device=out.device)
            found.append(torch.autograd.grad((out * ramp.view_as(out)).sum(), drive)[0])
        torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)


def in_a_fresh_process(code):
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Triton compiles on Linux")
def test_the_kernels_compile_for_a_gpu():
    """The interpreter is kinder than the compiler: here the compiler itself, down to the machine code of a GPU."""
    code = f"""
import warnings
warnings.simplefilter("ignore")
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from snntheory.training.kernels import triton_scan
switches = dict(
    _forward=dict(WITH_CURRENT=True),
    _backward=dict(SHAPE=0, DETACH=False, FROM_SPIKES=True, FROM_VOLTAGE=True),
)
for kernel, tensors in {SIGNATURES!r}.items():
    for kind, reset in (("fp32", 1), ("fp64", 2)):
        fixed = dict(switches[kernel], RESET=reset, BLOCK=128)
        names = dict.fromkeys(tensors.split(), "*" + kind) | dict(n_steps="i32", n_neurons="i32")
        source = ASTSource(getattr(triton_scan, kernel), names | dict.fromkeys(fixed, "constexpr"), fixed)
        print(len(triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"]) > 1000)
"""
    assert in_a_fresh_process(code).split() == ["True"] * 4


@pytest.mark.skipif(ON_GPU, reason="there is a GPU")
def test_without_a_gpu_the_message_says_what_to_do():
    code = """
import torch
from snntheory import CubaLIF, discretize
from snntheory.training.kernels import LayerStep, scan
try:
    scan(torch.zeros(1, 1, 1), LayerStep.of(discretize(CubaLIF(0.02, 0.01), 1e-3, "zoh")), "triton")
except ValueError as error:
    print(error)
"""
    assert "backend 'triton' runs on a GPU, drive is on cpu" in in_a_fresh_process(code)
