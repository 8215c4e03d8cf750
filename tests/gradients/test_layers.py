"""Batched layers of spike times: every backend against weight_gradient, finite differences and the loss of a buffer."""

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch

ON_GPU = torch.cuda.is_available()
if not ON_GPU:  # before triton is imported for the first time: its interpreter runs the kernels on a CPU
    os.environ["TRITON_INTERPRET"] = "1"

from snntheory import CubaLIF  # noqa: E402
from snntheory.gradients import weight_gradient  # noqa: E402
from snntheory.gradients.layers import spike_time_layer  # noqa: E402
from snntheory.spiking import SpikeLimitReached, exact_network  # noqa: E402

T_MAX = 0.08
NEURONS = {
    "quadratic": CubaLIF(0.020, 0.010, r=1.7, v_threshold=0.6),
    "any": CubaLIF(0.020, 0.0063),
    "equal": CubaLIF(0.012, 0.012),
    "slow synapse": CubaLIF(0.010, 0.017),
    "to value": CubaLIF(0.020, 0.007, v_reset=-0.3, reset="to_value"),
    "no reset": CubaLIF(0.015, 0.005, reset="none"),
}
BACKENDS = ("reference", "numba")


def draw(neuron, sizes, batch=3, k=4, seed=0, strength=0.9):
    """Padded random input, some of it silent and some tied, and weights that make most neurons fire several times."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 0.05, (batch, sizes[0], k)), axis=2)
    times[np.arange(k) >= rng.integers(0, k + 1, (batch, sizes[0], 1))] = np.inf
    times[:, 0, 0] = times[:, 1, 0] = 0.003  # two senders at one time
    times[:, :2, 1:] = np.inf
    unit = neuron.v_threshold * (neuron.tau_mem + neuron.tau_syn) / neuron.r
    unit *= strength * (0.6 if neuron.tau_syn > neuron.tau_mem else 1)
    weights = [unit * rng.normal(1, 0.9, (a, b)) / np.sqrt(a) for a, b in zip(sizes, sizes[1:], strict=False)]
    return times, weights


def tensor(array, dtype=torch.float64):
    return torch.tensor(array, dtype=dtype, requires_grad=True)


def trains(padded):
    return [row[np.isfinite(row)] for row in padded]


def wave(padded):
    """A smooth function of all spikes, each with its own factor; the padding is taken out before the sine."""
    ramp = torch.linspace(-1, 1, padded[0].numel(), dtype=padded.dtype).view_as(padded[0])
    return (ramp * torch.sin(40 * torch.where(padded.isfinite(), padded, 0.0))).sum()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NEURONS)
def test_two_layers_are_weight_gradient(name, backend):
    neuron, room = NEURONS[name], 64
    given, matrices = draw(neuron, (6, 7, 3))
    times, weights = tensor(given), [tensor(part) for part in matrices]
    hidden = spike_time_layer(times, weights[0], neuron, T_MAX, max_spikes=room, backend=backend)
    out = spike_time_layer(hidden, weights[1], neuron, T_MAX, max_spikes=room, backend=backend)
    wave(out).backward()
    expected = [np.zeros_like(part) for part in matrices]
    ramp = np.linspace(-1, 1, 3 * room).reshape(3, room)
    for sample in range(len(given)):

        def loss(outputs):
            factors = [row[: train.size] for row, train in zip(ramp, outputs, strict=True)]
            both = list(zip(factors, outputs, strict=True))
            return sum(f @ np.sin(40 * t) for f, t in both), [40 * f * np.cos(40 * t) for f, t in both]

        parts = weight_gradient(neuron, trains(given[sample]), matrices, loss, "adjoint", t_max=T_MAX)
        for layer, found in zip(parts.spike_times, (hidden, out), strict=True):
            for train, row in zip(layer, found[sample].detach().numpy(), strict=True):
                # the same events in another order of additions
                np.testing.assert_allclose(trains([row])[0], train, rtol=1e-12, atol=1e-14)
        expected = [total + part for total, part in zip(expected, parts, strict=True)]
    assert out.isfinite().sum() > 6 and (name == "no reset" or out.isfinite().sum(2).max() > 1)
    for found, goal in zip(weights, expected, strict=True):
        np.testing.assert_allclose(found.grad, goal, rtol=1e-10, atol=1e-10 * np.abs(goal).max())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NEURONS)
def test_finite_differences(name, backend):
    """torch's own gradcheck, for weights and input times, with neurons that fire several times."""
    neuron = NEURONS[name]
    given, matrices = draw(neuron, (4, 3), batch=2, k=3, seed=4, strength=1.3)
    times, weights = tensor(given), tensor(matrices[0])
    finite = times.isfinite()

    def run(some, w):
        padded = torch.full_like(times, torch.inf).masked_scatter(finite, some)
        out = spike_time_layer(padded, w, neuron, T_MAX, max_spikes=20, backend=backend)
        return torch.where(out.isfinite(), out, 0.0)

    some = times.detach()[finite].requires_grad_()
    assert (run(some, weights) > 0).sum() >= 4
    # times are some 1e-2 s and weights 1e-2: a step of 1e-8 leaves 1e-7 of curvature and 1e-8 of rounding
    assert torch.autograd.gradcheck(run, (some, weights), eps=1e-8, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_blocks_groups_and_late_spikes(backend):
    """More neurons than a block, more samples than a group, and neurons that fire after the last input."""
    neuron = NEURONS["any"]
    given, (matrix,) = draw(neuron, (9, 150), batch=5, seed=2)
    results = []
    for one in (backend, "reference"):
        times, weights = tensor(given), tensor(matrix)
        out = spike_time_layer(times, weights, neuron, T_MAX, max_spikes=30, backend=one)
        wave(out).backward()
        results.append((out.detach(), weights.grad, times.grad))
    assert (results[0][0][results[0][0].isfinite()] > 0.05).any()
    for found, goal in zip(*results, strict=True):
        scale = goal[goal.isfinite()].abs().max()
        torch.testing.assert_close(found, goal, rtol=1e-10, atol=1e-11 * float(scale))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", [name for name in NEURONS if name != "no reset"])
def test_several_spikes_of_a_neuron_between_two_inputs(name, backend):
    """Every one of them must reach the inputs before; a neuron that fires once or not in between stands beside it."""
    neuron = NEURONS[name]
    unit = neuron.v_threshold * (neuron.tau_mem + neuron.tau_syn) / neuron.r
    matrix = unit * np.array([[6.0, 2.0, 0.3], [4.0, 1.0, 3.0], [-1.0, 0.5, 0.2]])
    inputs = [[0.001], [0.030], [0.055]]
    times, weights = tensor([[[each] for (each,) in inputs]]), tensor(matrix)
    out = spike_time_layer(times, weights, neuron, T_MAX, max_spikes=60, backend=backend)
    wave(out).backward()
    fired = [np.histogram(trains([row])[0], [0.001, 0.030, 0.055])[0] for row in out[0].detach().numpy()]
    assert min(fired[0]) >= 3 and 1 <= fired[1][0] < fired[0][0] and fired[2][0] == 0 < fired[2][1]
    ramp = np.linspace(-1, 1, 3 * 60).reshape(3, 60)

    def loss(outputs):
        both = [(row[: train.size], train) for row, train in zip(ramp, outputs, strict=True)]
        return sum(f @ np.sin(40 * t) for f, t in both), [40 * f * np.cos(40 * t) for f, t in both]

    # the implicit system of all spikes: no sweep, no order of events
    (goal,) = weight_gradient(neuron, inputs, [matrix], loss, "implicit", t_max=T_MAX)
    np.testing.assert_allclose(weights.grad, goal, rtol=1e-8, atol=1e-10 * np.abs(goal).max())


@pytest.mark.parametrize("backend", BACKENDS)
def test_float32_in_float32_out(backend):
    neuron = NEURONS["quadratic"]
    given, matrices = draw(neuron, (6, 5))
    results = []
    for dtype in (torch.float32, torch.float64):
        # the same numbers, representable in both
        times = tensor(given.astype(np.float32).astype(float), dtype)
        weights = tensor(matrices[0].astype(np.float32).astype(float), dtype)
        out = spike_time_layer(times, weights, neuron, T_MAX, max_spikes=20, backend=backend)
        wave(out).backward()
        results.append([each.detach() for each in (out, weights.grad, times.grad)])
    for found, goal in zip(*results, strict=True):
        assert found.dtype == torch.float32
        scale = float(goal[goal.isfinite()].abs().max())
        # the loss's own derivative is rounded to float32; the layer is not
        torch.testing.assert_close(found.double(), goal, rtol=1e-5, atol=3e-7 * scale)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_spike_at_the_end_of_the_window_may_be_rounded_up(backend):
    times = torch.tensor([[[0.2]]], dtype=torch.float32)  # 0.200000003
    out = spike_time_layer(times, torch.ones(1, 1), NEURONS["any"], 0.2, max_spikes=1, backend=backend)
    assert out.isinf().all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_full_buffer(backend):
    neuron = NEURONS["quadratic"]
    given, (matrix,) = draw(neuron, (6, 5), strength=2.0)
    kept = dict(backend=backend, overflow="drop", with_counts=True)
    pairs = []
    for room in (2, 60):
        times, weights = tensor(given), tensor(matrix)
        out, counts = spike_time_layer(times, weights, neuron, T_MAX, max_spikes=room, **kept)
        wave(out[..., :2]).backward()
        pairs.append((out.detach()[..., :2], counts, weights.grad, times.grad))
    assert pairs[0][1].max() > 2 and pairs[0][1].min() < 2
    assert torch.equal(pairs[0][1], out.isfinite().sum(2))
    for short, long in zip(*pairs, strict=True):  # the first spikes do not know of the later ones
        torch.testing.assert_close(short, long, rtol=1e-12, atol=1e-14)
    with pytest.raises(SpikeLimitReached, match=r"neuron \d in sample 0 fired more than 2 times"):
        spike_time_layer(times, weights, neuron, T_MAX, max_spikes=2, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_silence_and_padding(backend):
    neuron = NEURONS["any"]
    times = tensor([[[0.001, np.inf], [np.inf, np.inf]]])
    weights = tensor([[0.15, 1e-9], [0.1, 0.1]])
    out = spike_time_layer(times, weights, neuron, T_MAX, max_spikes=30, backend=backend)
    assert out[0, 0].isfinite().any() and out[0, 1].isinf().all()
    # NaN in the padding of what arrives, as from inf * 0, is nobody's gradient
    out.backward(torch.where(out.isfinite(), 1.0, torch.nan))
    assert weights.grad[0, 0] < 0 and not weights.grad[1].any() and weights.grad[0, 1] == 0
    assert times.grad[0, 0, 0] != 0 and not times.grad.ravel()[1:].any()
    # everything moves with the input: dt/dt_in = 1 for each spike
    assert float(times.grad[0, 0, 0]) == pytest.approx(int(out.isfinite().sum()), rel=1e-10)


@pytest.mark.parametrize("method", ["implicit", "closed_form"])
def test_other_methods(method):
    neuron = NEURONS["quadratic"]
    given, (matrix,) = draw(neuron, (6, 5))
    results = []
    for name in (method, "adjoint"):
        times, weights = tensor(given), tensor(matrix)
        wave(spike_time_layer(times, weights, neuron, T_MAX, max_spikes=30, method=name)).backward()
        results.append((weights.grad, times.grad))
    for found, goal in zip(*results, strict=True):
        torch.testing.assert_close(found, goal, rtol=1e-8, atol=1e-10 * float(goal.abs().max()))


def test_the_forward_pass_is_the_exact_network():
    neuron = NEURONS["to value"]
    given, (matrix,) = draw(neuron, (6, 40), seed=7)
    out = spike_time_layer(tensor(given), tensor(matrix), neuron, T_MAX, max_spikes=50)
    for padded, found in zip(given, out.detach().numpy(), strict=True):
        for train, row in zip(exact_network(neuron, trains(padded), [matrix], T_MAX)[0], found, strict=True):
            np.testing.assert_array_equal(trains([row])[0], train)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (dict(times=torch.zeros(1, 1)), ValueError, "times must have shape"),
        (dict(times=[[[0.0]]]), TypeError, "times must be a torch.Tensor"),
        (dict(times=torch.zeros(1, 1, 1)), TypeError, "share dtype"),
        (dict(times=torch.tensor([[[2e-3, 1e-3]]]).double()), ValueError, r"\[0, 0, 1\] is 0.001 s"),
        (dict(times=torch.tensor([[[np.inf, 1e-3]]]).double()), ValueError, "must rise"),
        (dict(times=torch.tensor([[[np.nan]]]).double()), ValueError, "must rise"),
        (dict(times=torch.tensor([[[-1e-3]]]).double()), ValueError, "from 0 on"),
        (dict(times=torch.tensor([[[0.09]]]).double()), ValueError, "t_max must not lie before"),
        (dict(weights=torch.ones(2, 1).double()), ValueError, "one row for each of the 1 input"),
        (dict(weights=torch.full((1, 1), np.nan).double()), ValueError, "weights must be finite"),
        (dict(max_spikes=0), ValueError, "max_spikes must be at least 1"),
        (dict(overflow="clip"), ValueError, "overflow must be one of"),
        (dict(method="eventprop"), ValueError, "method must be one of"),
        (
            dict(method="implicit", backend="numba"),
            ValueError,
            "'adjoint', 'integrated' and 'straight_through' only",
        ),
        (dict(dt=1e-3), TypeError, "no option 'dt'"),
        (dict(method="closed_form"), ValueError, "tau_mem = 2 tau_syn"),
    ],
)
@pytest.mark.parametrize("backend", ["reference", "auto"])
def test_bad_input(changes, error, message, backend):
    given = dict(
        times=torch.full((1, 1, 1), 1e-3, dtype=torch.float64),
        weights=torch.ones(1, 1, dtype=torch.float64),
        neuron=NEURONS["any"],
        t_max=T_MAX,
        max_spikes=3,
        backend=backend,
    )
    with pytest.raises(error, match=message):
        spike_time_layer(**(given | changes))


SEEDS = {"slow synapse": 13, "no reset": 2}
"""Small networks in which the output overflows its buffer."""
needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="needs triton")


@needs_triton
@pytest.mark.parametrize(
    ("name", "dtype"),
    [("quadratic", torch.float64), ("any", torch.float32), ("to value", torch.float64)]
    + [
        pytest.param(name, torch.float64, marks=pytest.mark.slow)
        for name in ("any", "equal", "slow synapse", "no reset")
    ],
    ids=str,
)
def test_triton_is_the_other_backends(name, dtype):
    """Two layers, the second with a buffer that is too short: in the slow interpreter, or on a GPU."""
    neuron = NEURONS[name]
    given, matrices = draw(neuron, (3, 5, 2), batch=1, k=2, seed=SEEDS.get(name, 0), strength=1.3)
    results = []
    for backend, device in (("reference", "cpu"), ("triton", "cuda" if ON_GPU else "cpu")):
        leaves = [torch.tensor(each, dtype=dtype, device=device) for each in (given, *matrices)]
        times, *weights = [each.requires_grad_() for each in leaves]
        kept = dict(backend=backend, overflow="drop", with_counts=True)
        hidden, first = spike_time_layer(times, weights[0], neuron, T_MAX, max_spikes=20, **kept)
        out, second = spike_time_layer(hidden, weights[1], neuron, T_MAX, max_spikes=2, **kept)
        wave(out).backward()
        every = (hidden, first, out, second, times.grad, *(each.grad for each in weights))
        results.append([each.detach().cpu() for each in every])
    assert int(results[0][3].max()) >= 2 and results[0][-1].any() and results[0][4].any()
    # additions in another order; float32 is rounded between the layers, and once more where a spike is sensitive
    tolerance = 1e-10 if dtype == torch.float64 else 1e-5
    for found, goal in zip(results[1], results[0], strict=True):
        scale = float(goal[goal.isfinite()].abs().max())
        torch.testing.assert_close(found, goal, rtol=tolerance, atol=tolerance * scale)


@needs_triton
def test_triton_blocks_silence_and_errors():
    device = "cuda" if ON_GPU else "cpu"
    neuron = NEURONS["quadratic"]
    times = torch.tensor([[[0.001, np.inf], [np.inf, np.inf]]], dtype=torch.float64, device=device)
    weights = torch.zeros(2, 130, dtype=torch.float64, device=device)  # a block and a rest
    weights[0, 129] = 0.05
    times.requires_grad_(), weights.requires_grad_()
    out = spike_time_layer(times, weights, neuron, T_MAX, max_spikes=30, backend="triton")
    fired = int(out.isfinite().sum())
    assert fired == int(out[0, 129].isfinite().sum()) > 0
    out.backward(torch.where(out.isfinite(), 1.0, torch.nan))
    assert int((weights.grad != 0).sum()) == 1
    assert float(times.grad[0, 0, 0]) == pytest.approx(fired, rel=1e-10)  # everything moves with the input
    with pytest.raises(SpikeLimitReached, match="neuron 129 in sample 0"):
        spike_time_layer(times, 40 * weights, neuron, T_MAX, max_spikes=1, backend="triton")
    with pytest.raises(ValueError, match="must rise"):
        spike_time_layer(times.flip(2), weights, neuron, T_MAX, max_spikes=1, backend="triton")
    with pytest.raises(ValueError, match="v_threshold > 0"):
        low = CubaLIF(0.02, 0.01, v_threshold=-1.0, v_reset=-2.0, reset="to_value")
        spike_time_layer(times, weights, low, T_MAX, max_spikes=1, backend="triton")


@needs_triton
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Triton compiles on Linux")
def test_the_kernels_compile_for_a_gpu():
    """The interpreter is kinder than the compiler: here the compiler itself, down to the machine code of a GPU."""
    code = """
import warnings
warnings.simplefilter("ignore")
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from snntheory.gradients import _triton_adjoint
shared = dict(times="*fp64", senders="*i64", n_events="*i64", weights="*fp32", constants="*fp64")
shared |= dict(spikes="*fp64", drives="*fp64", counts="*i64")
sizes = dict(most="i32", n_out="i32", room="i32")
back = dict(arriving="*fp32", to_weights="*fp64", to_times="*fp64")
for kernel, names, fixed in (
    ("_forward", shared | sizes | dict(limit="i32"), dict(QUADRATIC=True, RESETS=True)),
    ("_forward", shared | sizes | dict(limit="i32"), dict(QUADRATIC=False, RESETS=False)),
    ("_backward", shared | back | sizes, dict(WANT_TIMES=True)),
):
    fixed |= dict(BLOCK=128)
    source = ASTSource(getattr(_triton_adjoint, kernel), names | dict.fromkeys(fixed, "constexpr"), fixed)
    print(len(triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"]) > 1000)
"""
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True"] * 3
