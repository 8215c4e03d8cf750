"""The block "On your own traces" of the chapter on gradients against the time step runs on a reader's file."""

import re
from pathlib import Path

import chapters
import numpy as np

from snntheory import make_traces, save_traces

PAGE = Path(__file__).resolve().parents[2] / "book" / "gradient_fidelity.md"


def test_slopes_of_a_saved_run(monkeypatch, tmp_path):
    """A voltage made of known rises: each crosses from 1 - rise/2 to 1 + rise/2, with rises of the theorem's law."""
    import matplotlib

    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    rises = np.sqrt(np.random.default_rng(2).random(4000))
    voltage = np.stack([0 * rises, 1 - rises / 2, 1 + rises / 2], axis=1).ravel()
    spikes = (voltage >= 1).astype(int)
    traces = make_traces(voltage, 1e-3, ("time",), spikes=spikes)
    traces.attrs["v_threshold"] = 1.0
    save_traces(traces, "voltages.nc")

    chapter = chapters.read_chapter(PAGE)
    (block,) = re.findall(r"(?ms)^```python\n(.*?)^```$", chapter.prose.split("## On your own traces")[1])
    cells = [cell.source for cell in chapter.cells if "own-traces" in cell.metadata.get("tags", [])]
    names: dict = {}
    for source in (chapter.cells[0].source, block, *cells):
        exec(compile(source, PAGE.name, "exec"), names)
    summary = names["summary"]
    assert summary["spikes"] == 4000
    # P(1/rise > 8) = 1/64, to three binomial errors; Hill's estimate from 400 values to three errors of 5 %
    assert abs(summary["beyond 8"] - 1 / 64) < 0.006 and abs(summary["exponent"] - 2) < 0.3
