"""An answer in words: a sentence for a part, a table with a line for each part, all choices, and HTML."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from .answer import Choice, Part, Recommendation, steps
from .reach import USUAL, Reach

TITLES = {
    "scheme": "response to one spike",
    "placement": "spikes of one neuron",
    "network": "exact network on a grid",
    "gradient": "direction of the gradient",
    "clocked": "clocked training",
    "late": "event-driven training",
    "budget": "gradient, equal budget",
}
CHAPTER = (
    "More: the book's chapter 'What a time step costs, and what keeps it' (book/choosing_a_time_step.md)"
)
LEGEND = {
    "order n": "a power series of the solution in the time step, cut after n terms (parker_sochacki)",
    "grid, none": "a spike is sent at the end of the step in which the threshold was crossed",
    "linear, cubic": "a crossing is found on a line or a cubic between two grid points",
    "series": "a crossing is found as a root of the solution itself",
    "extrema": "crossings that go back within the step are found, too",
    "inputs too": "input spikes act at their own times, not at the end of a step",
    "surrogate, width w": "a function of the voltage, w thresholds wide, in place of the derivative of a spike",
    "late crossings": "those in a step that an earlier spike has taken: dropped, or carried to the next free one",
    "W": "how long a neuron is driven: the integral of its drive over its peak",
    "W/dt": "that in steps, about the number of spikes that can be sent one a step",
    "worst task": "of the recorded tasks the one that loses most; --json has all",
}
"""Words in the names of choices and measures; for :func:`listing`."""
_CLEARER = {"none": "spikes on the grid"}


def sentence(part: Part, tolerance: float) -> str:
    """The choice that keeps most, what it loses, and the evidence."""
    if not part.choices:
        return part.note
    best, usual = part.choices[0], _usual(part)
    if usual and alike(best, usual):
        lead = f"no difference found between {best.name} and {usual.name} ({_found(usual)})"
        lead += "" if best.loss <= tolerance else f", none keeps it within {tolerance:g}"
    elif best.loss <= tolerance:
        lead = f"{best.name} keeps it"
    else:
        lead = f"nothing keeps it within {tolerance:g}; {best.name} is nearest"
    note = "".join(f"; {each}" for each in (part.note, part.unlike) if each)
    return f"{lead}: {part.measure} {_found(best)}{note} ({part.evidence})"


def alike(one: Choice, other: Choice) -> bool:
    """Whether two losses differ by no more than the larger of their standard deviations over seeds; without, no."""
    spreads = [each.details.get("spread") for each in (one, other)]
    return abs(one.loss - other.loss) <= max((each for each in spreads if each is not None), default=-1.0)


def table(found: Recommendation) -> str:
    """One line a part: the best choice, a usual one, their losses; below them the measures and the evidence."""
    rows = [("what is lost", "take", "loss", "instead of", "loss")]
    notes = []
    for number, part in enumerate(found.parts, 1):
        title = f"[{number}] {TITLES[part.kind]}"
        notes.append(f"[{number}] {source(part, found.reach)}")
        if not part.choices:
            rows.append((title, "not measured", "-", "", ""))
            continue
        rows.append((title, *_cells(part, found.tolerance)))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [
        f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:<{widths[3]}}  {e:>{widths[4]}}".rstrip()
        for a, b, c, d, e in rows
    ]
    said = [unlike(found)] if unlike(found) else []
    return "\n".join([heading(found) + " (! more)", "", *lines, "", *said, *notes, "", CHAPTER])


def unlike(found: Recommendation) -> str:
    """Which parts were recorded at other ratios of the time constants only; empty if none."""
    far = [
        (f"[{number}]", part.unlike)
        for number, part in enumerate(found.parts, 1)
        if part.choices and part.unlike
    ]
    by_text = {text: " ".join(number for number, each in far if each == text) for _, text in far}
    said = "; ".join(f"{numbers} {text}" for text, numbers in by_text.items())
    return f"! recorded for other neurons: {said}" if said else ""


def listing(found: Recommendation) -> str:
    """Every choice of every part, and what its losses stand on; a legend."""
    lines = [heading(found)]
    for part in found.parts:
        lines += ["", f"{TITLES[part.kind]} ({part.measure})"]
        lines += [
            f"  {_verdict(each, found.tolerance)}  {shown(each.loss):>8}  {each.name}{_seeds(each)}"
            for each in part.choices
        ]
        far = f"! {part.unlike}" if part.choices and part.unlike else ""
        kept = reached(found.reach.get(part.kind, {}))
        lines += [f"  {line}" for line in (kept, far, part.note, str(part.evidence or "")) if line]
    width = max(map(len, LEGEND))
    words = [f"  {word:<{width}}  {meaning}" for word, meaning in LEGEND.items()]
    return "\n".join([*lines, "", "words", *words, "", CHAPTER])


def html(found: Recommendation) -> str:
    """The table, its evidence as a numbered list, and all choices folded."""
    rows, cited, folded = list[list[str]](), list[str](), list[list[str]]()
    for part in found.parts:
        cells = [f"[{len(cited) + 1}] {TITLES[part.kind]}", *["not measured", "", "", ""]]
        if part.choices:
            cells[1:] = _cells(part, found.tolerance)
        rows.append(cells)
        cited.append(f"<li><small>{escape(source(part, found.reach))}</small></li>")
        folded += [
            [TITLES[part.kind], each.name + _seeds(each), shown(each.loss), _verdict(each, found.tolerance)]
            for each in part.choices
        ]
    return (
        f"<p>{escape(heading(found))} (! more)</p>"
        f"{_html_table(('what is lost', 'take', 'loss', 'instead of', 'loss'), rows)}<ol>{''.join(cited)}</ol>"
        f"{f'<p>{escape(unlike(found))}</p>' if unlike(found) else ''}"
        f"<p>{escape(CHAPTER)}</p><details><summary>All choices</summary>"
        f"{_html_table(('what is lost', 'choice', 'loss', 'verdict'), folded)}</details>"
    )


def _html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    left = ' style="text-align:left"'
    lines = ["".join(f"<th{left}>{each}</th>" for each in head)]
    for row in rows:  # a mark stays with its number
        lines.append("".join(f"<td{left}>{escape(each).replace('! ', '!&nbsp;')}</td>" for each in row))
    body = "".join(f"<tr>{line}</tr>" for line in lines[1:])
    return f'<table class="dataframe"><thead><tr>{lines[0]}</tr></thead><tbody>{body}</tbody></table>'


def heading(found: Recommendation) -> str:
    """The question."""
    mem, syn = 1e3 * found.neuron.tau_mem, 1e3 * found.neuron.tau_syn
    return (
        f"dt = {1e3 * found.dt:g} ms for tau_mem = {mem:g} ms, tau_syn = {syn:g} ms: "
        f"{steps(found.neuron, found.dt):.3g} of the shorter; kept: loss at most {found.tolerance:g}"
    )


def reached(kept: Mapping[str, Reach]) -> str:
    """Up to which step the best choice and the usual one keep their part; empty where that is not known."""
    said = []
    for choice, (dt, end, first) in kept.items():
        name = _CLEARER.get(choice, choice)
        span = (
            f"up to dt = {1e3 * dt:.3g} ms" if not first else f"from {1e3 * first:.3g} to {1e3 * dt:.3g} ms"
        )
        span = span if dt else "at no step known"
        said.append(f"{span} by {name}" + (" (the coarsest known)" if end and dt else ""))
    return f"kept {', '.join(said)}" if said else ""


def source(part: Part, reach: Mapping[str, Mapping[str, Reach]]) -> str:
    """Reach, measure, note and evidence of a part, in one line."""
    lead = f"{part.measure}; {part.note}" if part.choices and part.note else part.note or part.measure
    usual = _usual(part)
    if usual and alike(part.choices[0], usual):
        lead = f"{part.choices[0].name} and {usual.name} differ by less than their spread over seeds; {lead}"
    kept = reached(reach.get(part.kind, {}))
    lead = f"{kept}; {lead}" if kept else lead
    return f"{lead}. {part.evidence}" if part.evidence else lead


def shown(value: float) -> str:
    """A loss, short."""
    if math.isinf(value):
        return "fails"
    return "0" if value < 5e-10 else f"{value:.2g}" if value < 1e-3 else f"{value:.3f}"


def _usual(part: Part) -> Choice | None:
    return next((each for each in part.choices[1:] if each.name == USUAL[part.kind]), None)


def _cells(part: Part, tolerance: float) -> tuple[str, str, str, str]:
    best, usual = part.choices[0], _usual(part)
    cells = *_marked(best, tolerance), *_marked(usual, tolerance)
    return ("no difference found", *cells[1:]) if usual and alike(best, usual) else cells


def _found(choice: Choice) -> str:
    n, spread = choice.details.get("seeds"), choice.details.get("spread")
    more = "" if n is None else f" ±{spread:.3f}" if spread is not None else " (1 seed)" if n == 1 else ""
    return shown(choice.loss) + more


def _marked(choice: Choice | None, tolerance: float) -> tuple[str, str]:
    if choice is None:
        return "", ""
    return _CLEARER.get(choice.name, choice.name), ("" if choice.loss <= tolerance else "! ") + _found(choice)


def _verdict(choice: Choice, tolerance: float) -> str:
    return "keeps" if choice.loss <= tolerance else "loses"


def _seeds(choice: Choice) -> str:
    n, spread = choice.details.get("seeds"), choice.details.get("spread")
    if n is None:
        return ""
    return f" ({n} seeds, spread {spread:.3f})" if spread is not None else f" ({n} seed{'s' * (n > 1)})"
