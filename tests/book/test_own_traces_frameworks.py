"""The block that a reader of the chapter on frameworks pastes: it names the framework of a real file."""

import numpy as np
import pytest
from test_own_traces_blocks import run_on_file

from snntheory import CubaLIF, make_traces, save_traces
from snntheory.linear import frameworks


@pytest.mark.parametrize(
    "name", ["snntorch.Synaptic", "norse.LIFCell", "rockpool.LIFTorch(bitshifts)", "yang"]
)
def test_framework_from_a_saved_response(monkeypatch, tmp_path, name):
    dt = 1e-3
    impulse = np.r_[1.0, np.zeros(99)]
    voltage, _ = frameworks.get(name).discretize(CubaLIF(0.020, 0.010), dt).simulate(impulse)
    save_traces(make_traces(voltage.astype(np.float32), dt, t0=0.0, dims=("time",)), tmp_path / "psp.nc")
    matches = run_on_file("frameworks", monkeypatch, tmp_path)["matches"]
    # single precision leaves 2**-24 of each sample
    assert name in {match.framework for match in matches if match.misfit < 1e-7}
    assert matches[-1].misfit > 0.01
