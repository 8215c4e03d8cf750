"""The block for a file of one's own in the chapter on choosing a time step."""

import re
from pathlib import Path

import chapters
import numpy as np
import pytest

from snntheory import CubaLIF, discretize, make_traces, save_traces

PAGE = Path(__file__).resolve().parents[2] / "book" / "choosing_a_time_step.md"


def test_the_loss_of_the_scheme_that_a_file_was_made_with(monkeypatch, tmp_path):
    import matplotlib

    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    chapter = chapters.read_chapter(PAGE)
    (block,) = re.findall(r"(?ms)^```python\n(.*?)^```$", chapter.prose.split("## On your own traces")[1])
    cells = [cell.source for cell in chapter.cells if "own-traces" in cell.metadata.get("tags", [])]
    assert cells
    voltage = discretize(CubaLIF(0.020, 0.010), 0.002, "backward_euler").simulate(np.eye(1, 50).ravel())[0]
    save_traces(make_traces(voltage, 0.002, dims=("time",)), tmp_path / "voltages.nc")
    names: dict = {}
    for source in (chapter.cells[0].source, block, *cells):
        exec(compile(source, PAGE.name, "exec"), names)
    x = 0.2  # by the chapter's formula, at the end of the first step
    assert names["summary"]["your scheme"] == pytest.approx(4 * x / ((2 + x) * (1 + x)), abs=1e-4)
    assert names["summary"]["best"] < 1e-9
