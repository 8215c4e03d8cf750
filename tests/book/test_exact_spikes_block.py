"""The block "On your own traces" of the chapter on exact spikes runs on a reader's file."""

import re
from pathlib import Path

import chapters
import numpy as np
import pytest

from snntheory import CubaLIF, save_traces
from snntheory.spiking import simulate

PAGE = Path(__file__).resolve().parents[2] / "book" / "exact_spikes.md"


@pytest.mark.parametrize("dt", [1e-4, 1e-3])
def test_shifts_of_a_saved_run(monkeypatch, tmp_path, dt):
    import matplotlib

    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(11)
    times, weights = np.sort(rng.uniform(0, 1, 150)), rng.uniform(0.005, 0.03, 150)
    np.savetxt("inputs.txt", np.stack([times, weights], axis=1), fmt="%.18g")
    neuron = CubaLIF(0.020, 0.010)
    save_traces(simulate(neuron, times, weights, 1.0, dt, "impulse_invariance"), "spikes.nc")

    chapter = chapters.read_chapter(PAGE)
    (block,) = re.findall(r"(?ms)^```python\n(.*?)^```$", chapter.prose.split("## On your own traces")[1])
    cells = [cell.source for cell in chapter.cells if "own-traces" in cell.metadata.get("tags", [])]
    names: dict = {}
    for source in (chapter.cells[0].source, block, *cells):
        exec(compile(source, PAGE.name, "exec"), names)
    report = names["report"]
    assert len(report.shifts) > 90 and len(report.missed) + len(report.extra) <= 12
    # inputs and spikes are both rounded up, half a step each; flat crossings enlarge it
    assert 0.5 * dt < np.median(report.shifts) < 5 * dt
