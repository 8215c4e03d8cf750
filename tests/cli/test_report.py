"""The report on a recording: numbers known beforehand, a page that stands alone, code that does it again."""

import csv
import json
import re
from html import unescape

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from snntheory import load_traces, make_traces, save_traces
from snntheory.cli import report
from snntheory.spectral import psd, variance_from_psd

DT = 0.002


@pytest.mark.parametrize("method", ["welch", "multitaper"])
@pytest.mark.parametrize(("power_at_nyquist", "half"), [(0.4, 25.0), (0.6, 250.0)])
def test_half_of_the_power_of_two_sines(tmp_path, method, power_at_nyquist, half):
    """A sine of power 1/2 at 25 Hz and one at Nyquist's frequency, which counts once: half lies below the stronger.

    Counted as often as the others, 0.4 at Nyquist's frequency would outweigh the 1/4 that a two-sided density
    has at 25 Hz.
    """
    n = np.arange(2000)
    values = np.sin(2 * np.pi * 25 * DT * n) + np.sqrt(power_at_nyquist) * (-1.0) ** n
    summary = report.write_report(make_traces(values, DT, ("time",)), tmp_path, method)
    found = float(summary["half of the power lies below"].removesuffix(" Hz"))
    assert found == pytest.approx(half, abs=3)  # Hz: Welch's default segment resolves 1.1, the tapers 1


def test_a_unit_in_the_file_is_beside_its_numbers(tmp_path):
    table = np.stack([np.arange(400.0), -65 + np.random.default_rng(1).standard_normal(400)], axis=1)
    np.savetxt(tmp_path / "a.csv", table, delimiter=",", header="time (ms),soma (mV)", comments="")
    summary = report.write_report(load_traces(tmp_path / "a.csv"), tmp_path / "mv")
    assert summary["voltage, mean"].endswith(" mV") and summary["voltage, standard deviation"].endswith(" mV")
    assert "Voltages in mV, variances in (mV)²." in (tmp_path / "mv/report.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "mv/numbers.json").read_text(encoding="utf-8"))["unit"] == "mV"
    summary = report.write_report(make_traces(table[:, 1], DT, ("time",)), tmp_path / "none")
    assert float(summary["voltage, mean"]) == pytest.approx(-65, abs=0.2)  # standard error 0.05
    assert "Voltages in" not in (tmp_path / "none/report.html").read_text(encoding="utf-8")


def test_what_is_constant_or_short_is_said(tmp_path):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="every trace of the voltage is constant, the first at -65"):
        report.write_report(make_traces(np.full((2, 3, 200), -65.0), DT), tmp_path)
    values = rng.standard_normal((2, 3, 200))
    values[1, :2] = 0.0
    with pytest.warns(UserWarning, match="2 of 6 traces are constant"):
        report.write_report(make_traces(values, DT), tmp_path)
    with pytest.warns(UserWarning, match="20 samples are few"):
        summary = report.write_report(make_traces(rng.standard_normal((2, 3, 20)), DT), tmp_path)
    # segments of the least 16 samples overlap by half: one fits in 20
    assert summary["spectrum"] == "1 segments a trace, every 31.25 Hz"


@pytest.mark.parametrize(
    ("samples", "density", "place"),
    [
        (8, [0.6, 0.5, 0.0, 0.0, 0.0], 1),  # zero counts once: 0.6 against 1
        (8, [0.0, 0.5, 0.0, 0.0, 0.6], 1),  # and so does Nyquist's frequency
        (9, [0.0, 0.4, 0.0, 0.0, 0.5], 4),  # an odd number of samples has none: 0.8 against 1
    ],
)
def test_which_frequencies_count_once(samples, density, place):
    frequency = np.fft.rfftfreq(samples, DT)
    spectrum = xr.DataArray(density, dims="frequency", coords={"frequency": frequency}, attrs={"dt": DT})
    assert report.numbers.median_frequency(spectrum, DT) == frequency[place]
    below = spectrum.where(spectrum["frequency"] < frequency[place], 0.0)
    assert variance_from_psd(below) < 0.5 * variance_from_psd(spectrum)  # the other function agrees


@pytest.fixture
def written(tmp_path):
    """A report on a file of two trials of three neurons, made as the command makes it."""
    rng = np.random.default_rng(4)
    values = rng.standard_normal((2, 3, 1500)).cumsum(-1) * 0.01
    spikes = (rng.random(values.shape) < 0.02).astype(np.uint8)
    file = tmp_path / "a <b> & c.nc"
    save_traces(make_traces(values, DT, spikes=spikes, attrs={"made_by": "<script>alert(1)</script>"}), file)
    folder = tmp_path / "report"
    report.write_report(load_traces(file), folder, "multitaper", 0.5, 1, 2, file, {"dt": DT, "dims": None})
    return file, folder


def test_the_page_stands_alone(written):
    file, folder = written
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert sorted(each.name for each in folder.iterdir()) == sorted(report.FILES)
    sources = re.findall(r"(?:src|href)=\"([^\"]{0,30})", text)
    assert len(sources) == 2 and all(each.startswith("data:image/png;base64,") for each in sources)
    assert not re.search(r"<script|https?://", text)  # what comes from the file is text
    assert "a &lt;b&gt; &amp; c.nc" in text and text.count(" alt=") == 2


def test_the_code_of_the_page_makes_its_numbers_again(written, monkeypatch, capsys):
    file, folder = written
    facts = json.loads((folder / "numbers.json").read_text(encoding="utf-8"))
    text = (folder / "report.html").read_text(encoding="utf-8")
    (code,) = re.findall(r"<pre><code>(.*?)</code></pre>", text, re.DOTALL)
    monkeypatch.chdir(file.parent)
    names: dict = {}
    exec(unescape(code), names)
    plt.close("all")
    mean = names["spectrum"].mean(["trial", "neuron"]).values
    np.testing.assert_allclose(facts["spectrum"]["voltage"], mean, rtol=1e-12)
    np.testing.assert_allclose(
        facts["spectrum"]["one_trace_upper"], names["interval"]["psd_upper"], rtol=1e-12
    )
    assert "frequency" in capsys.readouterr().out  # both printed arrays carry their labels


def test_tables_and_facts_agree(written):
    file, folder = written
    facts = json.loads((folder / "numbers.json").read_text(encoding="utf-8"))
    for name, columns in (("spectrum.csv", facts["spectrum"]), ("neurons.csv", facts["neurons"])):
        with (folder / name).open(newline="") as stream:
            head, *rows = csv.reader(stream)
        assert head == list(columns)
        np.testing.assert_allclose(
            np.array(rows, dtype=float), np.array(list(columns.values())).T, rtol=1e-12
        )
    traces = load_traces(file).isel(time=slice(250, None))
    neurons = facts["neurons"]
    np.testing.assert_allclose(neurons["firing_rate_Hz"], traces["spikes"].mean(["trial", "time"]) / DT)
    variance = variance_from_psd(psd(traces["voltage"].assign_attrs(dt=DT), method="multitaper")).mean(
        "trial"
    )
    total = np.add(neurons["variance_low"], neurons["variance_high"])
    np.testing.assert_allclose(total, variance, rtol=1e-12)  # the two bands are the whole
    assert facts["file"]["sha256"] and facts["made_with"]["snntheory"] and facts["options"]["skip"] == 0.5


def test_the_neuron_and_the_scheme_of_a_simulation_are_told(tmp_path):
    """A neuron of 20 and 10 ms on backward Euler at 2 ms, driven by white input, with its constants in the file."""
    from scipy.signal import lfilter

    rng, dt = np.random.default_rng(8), 0.002
    poles = [1 / (1 + dt / tau) for tau in (0.020, 0.010)]
    values = lfilter([1.0], np.poly(poles), rng.standard_normal((4, 1, 4000)), axis=-1)[..., 500:]
    attrs = {
        "tau_mem": 0.020,
        "tau_syn": 0.010,
        "r": 1.0,
        "v_threshold": 1e9,
        "v_reset": 0.0,
        "reset": "subtract",
    }
    summary = report.write_report(make_traces(values, dt, attrs=attrs), tmp_path)
    facts = json.loads((tmp_path / "numbers.json").read_text(encoding="utf-8"))["identification"]
    effective = sorted((-dt / np.log(poles)).tolist(), reverse=True)
    for tau, (low, high) in zip(effective, facts["intervals_s"], strict=True):
        assert 0.9 * low < tau < 1.1 * high  # a 95 % interval of one fixed draw, with a tenth to spare
    assert "backward_euler" in facts["explained_by"] and "forward_euler" not in facts["explained_by"]
    assert "ms" in summary["time constants (95 %)"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "backward_euler" in page


def test_why_nothing_was_identified_is_said(tmp_path):
    rng = np.random.default_rng(9)
    values, spikes = rng.standard_normal((1, 1, 300)), (rng.random((1, 1, 300)) < 0.1).astype(np.uint8)
    summary = report.write_report(make_traces(values, DT, spikes=spikes), tmp_path)
    assert "what a spike does" in summary["time constants"]
    with pytest.warns(UserWarning, match="few"):
        summary = report.write_report(make_traces(values[..., :40], DT), tmp_path)
    assert "50" in summary["time constants"]
    assert "Not identified" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_files_of_the_laboratory_are_read_by_the_command(tmp_path):
    neo = pytest.importorskip("neo")
    pytest.importorskip("nixio")
    assert neo
    from typer.testing import CliRunner

    from snntheory.cli import app
    from snntheory.interop import to_nix

    values = np.random.default_rng(2).standard_normal((2, 1, 400))
    to_nix(make_traces(values, DT, value_unit="mV"), tmp_path / "cell.nix")
    result = CliRunner().invoke(app, ["analyse", str(tmp_path / "cell.nix")])
    assert result.exit_code == 0 and "2 x 1 x 400" in result.output
    assert (tmp_path / "cell" / "report.html").exists()
    result = CliRunner().invoke(app, ["analyse", str(tmp_path / "cell.nix"), "--dims", "time"])
    assert result.exit_code != 0 and "dims" in str(result.exception)


def test_every_section_names_its_chapter_by_its_title(written):
    from pathlib import Path

    book = Path(__file__).parents[2] / "book"
    titles = {
        line.removeprefix("# ")
        for chapter in book.glob("*.md")
        for line in chapter.read_text(encoding="utf-8").splitlines()
        if line.startswith("# ")
    }
    assert set(report.page.CHAPTERS.values()) <= titles
    text = (written[1] / "report.html").read_text(encoding="utf-8")
    sections = text.split("<h2>")[1:-1]  # the last is the provenance
    assert len(sections) == len(report.page.CHAPTERS)
    for section, title in zip(sections, report.page.CHAPTERS.values(), strict=True):
        assert f"<cite>{title}</cite>" in section
    assert "unknown: the file does not say whether before or after a reset" in text
    assert "A scheme is the rule" in text or "Not identified" in text


def test_resets_and_misfits_are_on_the_page(tmp_path):
    """Forward Euler, 20 and 10 ms, that fires: in the page's warning and beside its numbers."""
    rng, dt = np.random.default_rng(3), 0.001
    kicks, v, i = 0.2 * rng.poisson(0.1, 3000), 0.0, 0.0
    values = np.empty(3000)
    for n in range(3000):
        i += dt / 0.010 * (0.7 - i) + kicks[n]
        v += dt / 0.020 * (i - v)
        v = 0.0 if v >= 1 else v
        values[n] = v
    with pytest.warns(UserWarning, match="looks reset"):
        summary = report.write_report(make_traces(values, dt, ("time",)), tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '<p class="warning">the voltage looks reset' in text and "steps that look like resets" in text
    assert "not the membrane" in summary["time constants (95 %)"]
    facts = json.loads((tmp_path / "numbers.json").read_text(encoding="utf-8"))["identification"]
    assert facts["resets_seen"] > 5
    with pytest.warns(UserWarning, match="look like spikes"):
        spikes = (rng.random((1, 1, 600)) < 0.1).astype(float)
        report.write_report(make_traces(spikes, dt), tmp_path)
    assert "Not identified: these look like spikes" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_of_a_long_record_the_scalogram_shows_a_part_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(report.numbers, "SHOWN", 500)
    values = np.random.default_rng(2).standard_normal((1, 2000))
    traces = make_traces(values, DT, ("neuron", "time"))
    with pytest.warns(UserWarning, match=r"the scalogram shows 1 s of 4 s, from the start; .* --skip"):
        found = report.numbers.analyse(traces)
    assert found.scalogram.sizes["time"] == 500 and found.voltage.sizes["time"] == 2000
    monkeypatch.setattr(report.numbers, "SHOWN", 2000)
    assert report.numbers.analyse(traces).scalogram.sizes["time"] == 2000  # whole, and no warning
