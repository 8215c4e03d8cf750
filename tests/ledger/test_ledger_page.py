"""The appendix: every source and every entry is on it, and the block for the reader's file finds what it promises."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from snntheory import CubaLIF, discretize, ledger, make_traces, save_traces
from snntheory.ledger.report import html_list

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def page():
    path = ROOT / "tests" / "book" / "chapters.py"
    spec = importlib.util.spec_from_file_location("chapters_of_the_ledger", path)
    chapters = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = chapters  # dataclasses look their module up
    spec.loader.exec_module(chapters)
    yield chapters.read_chapter(ROOT / "book" / "ledger.md")
    del sys.modules[spec.name]


def test_every_source_is_shown(page):
    shown = re.findall(r'html_list\(of_source\["(\w+)"\]\)', "\n".join(cell.source for cell in page.cells))
    assert sorted(shown) == sorted(ledger.SOURCES)


def test_every_entry_is_in_the_list():
    entries = ledger.entries("yang")
    html = html_list(ledger.run(entries))
    assert html.count("<dt") == len(entries)
    assert all(f">{entry.label}: " in html for entry in entries)


@pytest.mark.parametrize("literal", [False, True])
def test_share_of_the_drive_of_a_recording(page, literal, monkeypatch, tmp_path):
    """The input of (13) and (14) is told from the right one by the mean voltage of a file."""
    import matplotlib

    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    dt, rng = 0.02, np.random.default_rng(13)
    kicks = 0.3 * rng.poisson(5.0 * dt, (100, 2000)) * (dt if literal else 1)
    voltage = discretize(CubaLIF(0.8, 0.6, r=1.2), dt, "backward_euler").simulate(kicks)[0]
    save_traces(
        make_traces(voltage, dt, dims=("trial", "time"), phase="before reset"), tmp_path / "voltages.nc"
    )
    (block,) = re.findall(r"(?ms)^```python\n(.*?)^```$", page.prose.split("## On your own traces")[1])
    cells = [cell.source for cell in page.cells if "own-traces" in cell.metadata.get("tags", [])]
    names = {}
    for source in (page.cells[0].source, block, *cells):
        exec(compile(source, "ledger.md", "exec"), names)
    # 100 trials of 32 s at 5 Hz are 16000 spikes: a standard error of 0.8 %, five of them
    assert float(names["share"][0]) == pytest.approx(dt if literal else 1.0, rel=0.04)
