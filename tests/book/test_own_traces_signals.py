"""The blocks under "On your own traces" of the chapters on signals: a reader's file gives what was put into it."""

import re
from pathlib import Path

import chapters
import numpy as np
import pytest

from snntheory import CubaLIF, discretize, make_traces, save_traces

BOOK = Path(__file__).resolve().parents[2] / "book"


def pasted(name, monkeypatch, folder):
    """What the chapter's one block for the reader's file leaves behind, run where the file lies."""
    import matplotlib

    matplotlib.use("agg")
    monkeypatch.chdir(folder)
    chapter = chapters.read_chapter(BOOK / f"{name}.md")
    (block,) = re.findall(r"(?ms)^```python\n(.*?)^```$", chapter.prose.split("## On your own traces")[1])
    names: dict = {}
    exec(compile(block, f"{name}.md", "exec"), names)
    return names


def voltage(dt=0.001, steps=2200, trials=1, seed=0):
    """Backward Euler below threshold, Poisson input of 800 Hz and weight 0.002, onset cut off."""
    kicks = 0.002 * np.random.default_rng(seed).poisson(800 * dt, (trials, steps))
    return discretize(CubaLIF(0.020, 0.010), dt, "backward_euler").simulate(kicks)[0][:, 200:]


def test_significance_finds_the_sine(monkeypatch, tmp_path):
    values = voltage()
    values = values + 0.1 * values.std() * np.sin(2 * np.pi * 160 * 0.001 * np.arange(values.shape[1]))
    save_traces(make_traces(values, 0.001, ("trial", "time")), tmp_path / "mine.nc")
    result = pasted("significance", monkeypatch, tmp_path)["result"]
    found = result["frequency"].values[result["significant"].values]
    assert np.any(np.abs(found - 160) < 5)
    assert found.size < 8  # the peak's three bins, and few false ones


def test_wavelets_say_what_the_record_holds(monkeypatch, tmp_path):
    save_traces(make_traces(voltage(), 0.001, ("trial", "time")), tmp_path / "mine.nc")
    spectrum = pasted("wavelets", monkeypatch, tmp_path)["spectrum"]
    # 2.7 / T with T = 2 s, to the next of 12 an octave
    assert float(spectrum["frequency"][0]) == pytest.approx(2.74 / 2, rel=0.07)


def test_two_steps_compared(monkeypatch, tmp_path):
    """At the low end, per noise power, backward Euler's spectra at two steps agree."""
    for name, dt in (("fine.nc", 0.001), ("coarse.nc", 0.002)):
        values = voltage(dt, 200 + round(1.2 / dt), trials=60)
        attrs = {**vars(CubaLIF(0.020, 0.010)), "scheme": "backward_euler"}
        traces = make_traces(values, dt, ("trial", "time"), spikes=np.zeros(values.shape), phase="before reset",
                             attrs=attrs)  # fmt: skip
        traces["drive_power"] = (("trial", "neuron"), np.full((60, 1), 800 * 0.002**2))
        save_traces(traces, tmp_path / name)
    spectra = pasted("step_size_spectra", monkeypatch, tmp_path)["spectra"]
    low = [float(spectra[name].mean(["trial", "neuron"])[1:3].mean()) for name in ("fine.nc", "coarse.nc")]
    # 60 trials of 3 segments, two bins: 6 % standard error each
    assert low[0] == pytest.approx(low[1], rel=0.3) and 0.3 < low[0] < 1.1


def test_identification_of_a_file(monkeypatch, tmp_path):
    save_traces(make_traces(voltage(trials=20), 0.001, ("trial", "time")), tmp_path / "mine.nc")
    found = pasted("identification", monkeypatch, tmp_path)["found"]
    hidden = discretize(CubaLIF(0.020, 0.010), 0.001, "backward_euler").effective_time_constants
    # 40 s of voltage alone: some ten per cent
    np.testing.assert_allclose(found.time_constants, hidden, rtol=0.35)


def test_report_of_a_file(monkeypatch, tmp_path):
    save_traces(make_traces(voltage(), 0.001, ("trial", "time")), tmp_path / "mine.nc")
    pasted("your_own_traces", monkeypatch, tmp_path)
    assert (tmp_path / "mine" / "report.html").stat().st_size > 10_000
