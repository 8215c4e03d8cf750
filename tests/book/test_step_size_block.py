"""The block of the chapter on step size and accuracy that a reader pastes: it runs on a real file."""

import numpy as np
import pytest
from test_own_traces_blocks import run_on_file

from snntheory import make_traces, save_traces


def test_share_of_the_final_drive_and_the_two_halves(monkeypatch, tmp_path):
    """40 steps of 1 ms of the block's neuron, 20 and 10 ms: ``S/R = 1 - 2 exp(-2) + exp(-4)``; rates by counting."""
    spikes = np.zeros((3, 2, 40))
    spikes[:, :, [4, 21, 30, 39]] = 1
    save_traces(make_traces(np.zeros_like(spikes), 0.001, spikes=spikes), tmp_path / "voltages.nc")
    names = run_on_file("step_size_and_accuracy", monkeypatch, tmp_path)
    assert float(names["share"]) == pytest.approx(1 - 2 * np.exp(-2) + np.exp(-4), rel=1e-12)
    assert names["rates"] == pytest.approx([1 / 0.020, 3 / 0.020])
