"""The report as one HTML page: nothing is loaded from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from .numbers import SHOWN

CHAPTERS = {
    "recording": "Your own traces",
    "spectrum": "The spectra of recorded voltages",
    "wavelets": "Wavelets of a voltage",
    "identification": "Telling the neuron and the step from a trace",
    "neurons": "The spectra of recorded voltages",
    "again": "Your own traces",
}
"""Titles of the chapters of the book that explain a section."""
STYLE = """
:root { color-scheme: light dark; --ink: #1d232b; --paper: #ffffff; --line: #d5dae1; --soft: #5a6472; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --paper: #14181d; --line: #38414c; --soft: #a5afbd; } }
body { color: var(--ink); background: var(--paper); font: 16px/1.5 system-ui, sans-serif; max-width: 52rem;
       margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } .scroll { overflow-x: auto; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number { white-space: nowrap; } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; } figure img { max-width: 100%; height: auto; background: #ffffff; border-radius: 4px; }
figcaption, .soft { color: var(--soft); font-size: .9rem; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid var(--line); border-radius: 4px; font-size: .85rem; }
.warning { border-left: 4px solid #b45309; padding-left: .75rem; } td:not(.number) { overflow-wrap: anywhere; }
"""


def code(
    file: Path | None, loaded: Mapping[str, Any], options: Mapping[str, Any], first: int, identified: bool
) -> str:
    """Python that makes the report's numbers and figures again from the file."""
    given = "".join(f", {name}={value!r}" for name, value in loaded.items())
    path = "FILE" if file is None else file.name
    trial, neuron, method = options["trial"], options["neuron"], options["method"]
    poles = (
        f"\nprint(identify(traces.isel(neuron=[{neuron}]), onset={options['skip']}))\n" if identified else ""
    )
    return f"""\
from snntheory import load_traces
from snntheory.plotting import psd_figure, scalogram_figure
from snntheory.spectral import band_power, cwt, global_wavelet_spectrum
from snntheory.spectral import identify, psd

traces = load_traces({path!r}{given})
after = traces.isel(time=slice({first}, None)).assign_attrs(traces.attrs)
spectrum = psd(after, method={method!r})
psd_figure(spectrum.mean(["trial", "neuron"]))
print(band_power(spectrum).mean("trial"))

one = after["voltage"].isel(trial={trial}, neuron={neuron})
interval = psd(one, method={method!r}, confidence=0.95)
shown = one.isel(time=slice({SHOWN}))
scalogram_figure(cwt(shown, norm="l1"))
print(global_wavelet_spectrum(cwt(shown)))
{poles}"""


def html(facts: Mapping[str, Any], python: str, folder: Path) -> str:
    """The page; the figures are read from ``folder`` and become part of it."""
    file, options = facts["file"], facts["options"]
    title = "Voltage traces" if file is None else file["name"]
    warned = "".join(f'<p class="warning">{escape(each)}</p>' for each in facts["warnings"])
    which = f"trial {options['trial']}, neuron {options['neuron']}"
    known = "theory" in " ".join(facts["spectrum"])
    drawn = (
        "Thin dark: theory for that neuron, scheme and time step."
        if known
        else "Shaded: the 5th to 95th percentile over the traces."
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}: spectra and wavelets</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p>What its voltages say: spectrum, time and frequency, bands, and each neuron in numbers.</p>
{warned}
<h2>The recording</h2>
{_pairs(facts["summary"])}
{_see("recording")}
<h2>Power spectral density</h2>
{
        _figure(
            folder / "psd.png",
            "Power spectral density of the voltage against frequency",
            f"Mean over trials and neurons, two-sided density on positive frequencies. {drawn} "
            "Numbers: spectrum.csv and psd.nc.",
        )
    }
{_see("spectrum")}
<h2>Time and frequency</h2>
{
        _figure(
            folder / "scalogram.png",
            "Amplitude of the wavelet transform over time and frequency",
            f"Analytic Morlet wavelet, amplitude, of {which}. What the ends of the record disturb is veiled.",
        )
    }
{_see("wavelets")}
<h2>Which neuron, which scheme?</h2>
{_identification(facts["identification"], options)}
{_see("identification")}
<h2>The neurons</h2>
<div class="scroll">{_columns(facts["neurons"])}</div>
<p class="soft">{
        _voltages(facts["unit"])
    }"low" and "high" are the variances below and above half of the Nyquist
frequency, mean over trials.</p>
{_see("neurons")}
<h2>Do it again</h2>
<pre><code>{escape(python)}</code></pre>
{_see("again")}
<h2>Provenance</h2>
{_pairs({**_flat(file or {}), **_flat(facts["made_with"]), **_flat(options), **_flat(facts["attributes"])})}
</body>
</html>
"""


def _see(section: str) -> str:
    return f'<p class="soft">In the book: the chapter <cite>{escape(CHAPTERS[section])}</cite>.</p>'


def _identification(found: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """Two poles from the spectrum of one neuron, and the schemes that they leave."""
    if "refused" in found:
        return f'<p class="soft">Not identified: {escape(found["refused"])}.</p>'
    rows = {"time constants": f"not identified: {found['doubt']}"}
    if not found["doubt"]:
        rows = {
            f"time constant {n + 1}": f"{1e3 * tau:.4g} ms ({1e3 * low:.4g} to {1e3 * high:.4g} ms)"
            for n, (tau, (low, high)) in enumerate(
                zip(found["time_constants_s"], found["intervals_s"], strict=True)
            )
        }
    if found["resets_seen"]:
        rows["steps that look like resets"] = f"{found['resets_seen']}: not the membrane's time constants"
    rows |= {
        "poles": found["poles"],
        "the membrane's": found["membrane"],
        "two poles fit with p": f"{found['misfit_p_value']:.2g}",
        "schemes that explain it": ", ".join(found["explained_by"]) or "none",
        "schemes ruled out": str(found["ruled_out"]),
    }
    text = (
        f"From the {found['uses']} of neuron {options['neuron']}, all trials, taken as the response of two poles to "
        f"white input; intervals at {100 * found['level']:g} %. Without the nominal constants most schemes explain any "
        "two poles, each with a neuron of its own. A scheme is the rule that carries a neuron over one time step, for "
        "example forward Euler."
    )
    return f'{_pairs(rows)}<p class="soft">{escape(text)}</p>'


def _voltages(unit: str) -> str:
    return f"Voltages in {escape(unit)}, variances in ({escape(unit)})². " if unit else ""


def _flat(values: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in values.items()}


def _pairs(rows: Mapping[str, str]) -> str:
    lines = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in rows.items())
    return f"<table>{lines}</table>"


def _columns(columns: Mapping[str, list[float]], most: int = 100) -> str:
    names = [name.replace("_", " ") for name in columns]
    head = "".join(f'<th class="number">{escape(name)}</th>' for name in names)
    rows = list(zip(*columns.values(), strict=True))
    body = "".join(
        "<tr>" + "".join(f'<td class="number">{value:.4g}</td>' for value in row) + "</tr>"
        for row in rows[:most]
    )
    rest = f'<p class="soft">{len(rows) - most} more in neurons.csv.</p>' if len(rows) > most else ""
    return f"<table><tr>{head}</tr>{body}</table>{rest}"


def _figure(path: Path, alt: str, caption: str) -> str:
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return (
        f'<figure><img alt="{escape(alt)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
