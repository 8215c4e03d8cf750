"""Importing the package is cheap, and the core needs no torch."""

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "snntheory"


def run(code: str, cwd) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)], cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_loads_nothing_heavy(tmp_path):
    loaded = run("import sys, snntheory; print(' '.join(sys.modules))", tmp_path).split()
    assert not {"torch", "sympy", "matplotlib", "scipy", "xarray", "numba"} & set(loaded)


def test_import_costs_little_more_than_numpy(tmp_path):
    seconds = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
    best = {
        name: min(float(run(seconds.format(name), tmp_path)) for _ in range(5))
        for name in ("numpy", "snntheory")
    }
    assert best["snntheory"] < best["numpy"] + 0.3  # it takes about 0.01 s; 0.3 s is what users are promised


def imported(path):
    """Modules that a file of the package imports, wherever in it, by their full names."""
    here = ("snntheory", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = here[: len(here) - node.level + 1] if node.level else ()
            base = ".".join((*start, *([node.module] if node.module else [])))
            yield from (f"{base}.{each.name}" for each in node.names)


@pytest.mark.parametrize("room", ["experiments", "plotting", "cli"])
def test_nothing_but_the_command_line_builds_on(room):
    """Dependencies point one way: what shows and what records stands above all other rooms."""
    above = {"cli", room, "__main__.py"}
    wrong = [
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in above
        for name in imported(path)
        if f"{name}.".startswith(f"snntheory.{room}.")
    ]
    assert not wrong


def test_modules_of_linear_are_loaded_when_used(tmp_path):
    code = """
        import sys
        from snntheory import linear
        rooms = ("error", "frameworks", "norms", "order", "stability", "symbolic")
        assert set(rooms) <= set(dir(linear))
        assert not {f"snntheory.linear.{room}" for room in ("frameworks", "stability", "error")} & set(sys.modules)
        for room in rooms:
            assert getattr(linear, room).__name__ == f"snntheory.linear.{room}"
        try:
            linear.stabilty
        except AttributeError as error:
            assert "stabilty" in str(error)
        else:
            raise SystemExit("a name that does not exist was found")
    """
    run(code, tmp_path)


BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "numba"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Block())
"""


def test_core_works_without_torch(tmp_path):
    code = BLOCK + textwrap.dedent(
        """
        import numpy as np
        from snntheory import CubaLIF, discretize, load_traces, make_traces, save_traces
        import snntheory.linear, snntheory.artefacts, snntheory.gradients, snntheory.plotting
        from snntheory.spectral import cwt, psd, theory_psd
        from snntheory.spectral.resets import without_resets
        from snntheory.training import datasets
        neuron = CubaLIF(0.02, 0.01)
        discretize(neuron, 1e-3, "zoh").frequency_response([1.0])
        voltage = np.random.default_rng(0).standard_normal((2, 3, 256))
        for ending in ("nc", "npz", "csv"):
            save_traces(make_traces(voltage, 1e-3), f"v.{ending}")
            traces = load_traces(f"v.{ending}")
            assert np.array_equal(traces["voltage"], voltage)
        psd(traces), psd(traces, method="multitaper"), cwt(traces)
        theory_psd(neuron, 100.0, 0.1, [1.0], dt=1e-3, scheme="zoh")
        datasets.yin_yang("test"), datasets.mnist_subset("test")
        """
    )
    run(code, tmp_path)


@pytest.mark.parametrize("name", ["Network", "fit", "record"])
def test_the_trainer_says_what_to_install(tmp_path, name):
    code = f"""
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "torch" else real(name, package)
import snntheory.training
try:
    snntheory.training.{name}
except ModuleNotFoundError as error:
    print(error)
"""
    assert "pip install 'snntheory[train]'" in run(code, tmp_path)


def test_unknown_names_are_attribute_errors():
    import snntheory

    with pytest.raises(AttributeError, match="has no attribute 'CubaLif'"):
        _ = snntheory.CubaLif
    assert {"CubaLIF", "discretize", "load_traces", "save_traces"} <= set(dir(snntheory))
