"""For a neuron and a time step: what is lost by scheme, by spike placement, by gradient method, and what keeps it."""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import dataclass
from typing import Any

from .. import _check, artefacts
from .._trace_checks import warn_of_milliseconds
from ..neuron import CubaLIF
from . import computed, measured
from .evidence import Evidence, NotMeasured, Recorded, plain, recorded

PARTS = ("scheme", "placement", "network", "gradient")
_TITLES = {
    "scheme": "below threshold: response to one spike",
    "placement": "output spikes of one neuron",
    "network": "a trained network of exact spikes, run on the grid",
    "gradient": "gradient of the weights",
}
_MEASURES = {
    "scheme": "largest error / height",
    "placement": "rms shift / tau_syn or share of spikes without a partner, the larger",
    "network": "accuracy lost",
    "gradient": "1 - cosine",
}


@dataclass(frozen=True)
class Choice:
    """One choice and what it loses at this time step.

    Attributes
    ----------
    name : str
    loss : float
        In the measure of its part; infinite where it does not work at all.
    details : dict of str to float
        What else was found.
    """

    name: str
    loss: float
    details: dict[str, Any]


@dataclass(frozen=True)
class Part:
    """All choices of one kind, the best first, and what their losses stand on.

    Attributes
    ----------
    kind : {"scheme", "placement", "network", "gradient"}
    measure : str
        What a loss is.
    choices : tuple of Choice
        Empty where nothing was measured.
    evidence : Evidence or None
    note : str
        Why there are no choices.
    """

    kind: str
    measure: str
    choices: tuple[Choice, ...]
    evidence: Evidence | None
    note: str = ""

    def kept(self, tolerance: float) -> tuple[Choice, ...]:
        """Choices that lose at most ``tolerance``."""
        return tuple(each for each in self.choices if each.loss <= tolerance)


@dataclass(frozen=True)
class Recommendation:
    """What a time step costs a neuron, and which choice keeps it; made by :func:`recommend`.

    Attributes
    ----------
    neuron : CubaLIF
    dt : float
        Seconds.
    tolerance : float
        A loss up to here counts as kept.
    parts : tuple of Part
    """

    neuron: CubaLIF
    dt: float
    tolerance: float
    parts: tuple[Part, ...]

    def __getitem__(self, kind: str) -> Part:
        """A part by its kind."""
        _check.choice("kind", kind, PARTS)
        return next(part for part in self.parts if part.kind == kind)

    def best(self, kind: str) -> Choice | None:
        """The choice of a kind that loses least; None where nothing was measured."""
        choices = self[kind].choices
        return choices[0] if choices else None

    def advice(self) -> dict[str, str]:
        """One sentence for each part: the choice that keeps most, what it loses, and the evidence."""
        found = {}
        for part in self.parts:
            if not part.choices:
                found[part.kind] = part.note
                continue
            best = part.choices[0]
            if best.loss <= self.tolerance:
                lead = f"{best.name} keeps it"
            else:
                lead = f"nothing keeps it within {self.tolerance:g}; {best.name} is nearest"
            found[part.kind] = f"{lead}: {part.measure} {_shown(best.loss)} ({part.evidence})"
        return found

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "neuron": {
                name: getattr(self.neuron, name) for name in ("tau_mem", "tau_syn", "r", "v_threshold")
            },
            "dt": self.dt,
            "dt_over_shorter_tau": _steps(self.neuron, self.dt),
            "tolerance": self.tolerance,
            "advice": self.advice(),
            "parts": {
                part.kind: {
                    "measure": part.measure,
                    "evidence": part.evidence.to_dict() if part.evidence else None,
                    "note": part.note,
                    "choices": [
                        {"name": each.name, "loss": _finite(each.loss), **each.details}
                        for each in part.choices
                    ],
                }
                for part in self.parts
            },
        }

    def __str__(self) -> str:
        mem, syn = 1e3 * self.neuron.tau_mem, 1e3 * self.neuron.tau_syn
        lines = [
            f"dt = {1e3 * self.dt:g} ms for tau_mem = {mem:g} ms, tau_syn = {syn:g} ms: "
            f"{_steps(self.neuron, self.dt):.3g} of the shorter; kept: loss at most {self.tolerance:g}"
        ]
        for part in self.parts:
            lines += ["", f"{_TITLES[part.kind]} ({part.measure})"]
            lines += [
                f"  {'keeps' if each.loss <= self.tolerance else 'loses'}  {_shown(each.loss):>8}  {each.name}"
                for each in part.choices
            ]
            lines.append(f"  {part.evidence}" if part.choices else f"  {part.note}")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from html import escape

        rows = []
        for part in self.parts:
            rows.append(
                f'<tr><th colspan="3" style="text-align:left">{_TITLES[part.kind]}: {escape(part.measure)}</th></tr>'
            )
            for each in part.choices:
                verdict = "keeps" if each.loss <= self.tolerance else "loses"
                rows.append(
                    f"<tr><td>{escape(each.name)}</td><td>{_shown(each.loss)}</td><td>{verdict}</td></tr>"
                )
            source = escape(str(part.evidence) if part.choices else part.note)
            rows.append(f'<tr><td colspan="3" style="text-align:left"><small>{source}</small></td></tr>')
        return f"<table><tbody>{''.join(rows)}</tbody></table>"


def recommend(
    neuron: CubaLIF,
    dt: float,
    *,
    tolerance: float = 0.05,
    folder: str | os.PathLike[str] = artefacts.FOLDER,
    seed: int = 0,
) -> Recommendation:
    """What a time step costs a neuron, by scheme, spike placement and gradient method, and which choice keeps it.

    Parameters
    ----------
    neuron : CubaLIF
    dt : float
        Time step in seconds.
    tolerance : float
        A loss up to here counts as kept.
    folder : path
        Of the artefacts; by default those that ship with the package.
    seed : int
        Of the input that the one neuron is driven with.

    Returns
    -------
    Recommendation
        Four parts. ``"scheme"`` and ``"placement"`` are computed at once, for this neuron:
        :func:`snntheory.advice.computed.scheme_losses`, :func:`~snntheory.advice.computed.placement_losses`.
        ``"network"`` and ``"gradient"`` are read from recorded experiments at ``dt / tau_syn``:
        :func:`snntheory.advice.measured.transfer_losses`, :func:`~snntheory.advice.measured.gradient_losses`.

    Raises
    ------
    ValueError, TypeError
        ``dt`` or ``tolerance`` is not positive, or ``dt`` is too short to compute with.

    Assumptions
    -----------
    Recorded networks have time constants of their own, ``tau_syn`` the shorter one; what is carried over is ``dt`` over
    the shorter one. Nothing is extrapolated: beyond the recorded steps a part is empty and says so.
    """
    return with_records(neuron, dt, tolerance, records(folder), seed)


def records(folder: str | os.PathLike[str] = artefacts.FOLDER) -> dict[str, Recorded | None]:
    """The artefacts that :func:`recommend` reads, by name; None for one that is not there."""
    return {name: recorded(name, folder) for name in (measured.TRANSFER, measured.FIDELITY)}


def with_records(
    neuron: CubaLIF, dt: float, tolerance: float, at_hand: dict[str, Recorded | None], seed: int = 0
) -> Recommendation:
    """:func:`recommend` with artefacts that have been read."""
    if not isinstance(neuron, CubaLIF):
        raise TypeError(f"neuron must be a CubaLIF, got {type(neuron).__name__}")
    dt, tolerance = _check.positive("dt", dt, "s"), _check.positive("tolerance", tolerance)
    warn_of_milliseconds(dt, {"tau_mem": neuron.tau_mem, "tau_syn": neuron.tau_syn})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that has been said, and unstable schemes are an answer
        at_once = _scheme_part(neuron, dt), _placement_part(neuron, dt, seed)
    x = _steps(neuron, dt)
    networks = _network_part(x, at_hand[measured.TRANSFER]), _gradient_part(x, at_hand[measured.FIDELITY])
    return Recommendation(neuron, dt, tolerance, (*at_once, *networks))


def _steps(neuron: CubaLIF, dt: float) -> float:
    """The step over the shorter time constant."""
    return dt / min(neuron.tau_mem, neuron.tau_syn)


def _scheme_part(neuron: CubaLIF, dt: float) -> Part:
    choices = [
        Choice(
            each.label,
            each.psp_error,
            {
                "stable": each.stable,
                "monotone": each.monotone,
                "tau_mem": plain(each.tau_mem),
                "tau_syn": plain(each.tau_syn),
                "gain": plain(each.gain),
                "delay": plain(each.delay),
            },
        )
        for each in computed.scheme_losses(neuron, dt)
    ]
    choices.sort(
        key=lambda each: (round(each.loss, 9), -each.details["stable"])
    )  # equal ones stay in their order
    evidence = Evidence("computed", "snntheory.linear.error.global_error of one spike, for this neuron")
    return Part("scheme", _MEASURES["scheme"], tuple(choices), evidence)


def _placement_part(neuron: CubaLIF, dt: float, seed: int) -> Part:
    losses = computed.placement_losses(neuron, dt, seed=seed)
    if all(math.isnan(each.unpaired) for each in losses):
        return Part(
            "placement", _MEASURES["placement"], (), None, "this neuron does not fire with such a drive"
        )
    choices = [
        # without a pair all spikes are lost
        Choice(
            each.placement,
            math.inf if math.isnan(each.shift) else each.shift,
            {"unpaired": plain(each.unpaired)},
        )
        for each in losses
    ]
    choices.sort(key=lambda each: (each.details["unpaired"] or 0.0) + each.loss)
    evidence = Evidence(
        "computed",
        f"snntheory.spiking.simulate with impulse_invariance beside exact_spike_times, for this neuron, seed {seed}",
    )
    return Part("placement", _MEASURES["placement"], tuple(choices), evidence)


def _network_part(x: float, found: Recorded | None) -> Part:
    measure = _MEASURES["network"]
    if found is None:
        return Part("network", measure, (), None, _absent(measured.TRANSFER))
    try:
        losses = measured.transfer_losses(found, x)
    except NotMeasured as error:
        return Part("network", measure, (), None, f"artefact {found.name}: {error}")
    choices = tuple(
        Choice(
            each.placement,
            max(0.0, round(each.accuracy_loss, 6)),  # accuracies are stored in single precision
            {"shift": plain(each.shift), "spikes": plain(each.spikes), "by_task": each.by_task},
        )
        for each in losses
    )
    samples = found.settings.get("n_test")
    quantity = "exact_accuracy - accuracy, worst task" + (f", {samples} samples each" if samples else "")
    return Part("network", measure, choices, found.evidence(quantity))


def _gradient_part(x: float, found: Recorded | None) -> Part:
    measure = _MEASURES["gradient"]
    if found is None:
        return Part("gradient", measure, (), None, _absent(measured.FIDELITY))
    try:
        losses = measured.gradient_losses(found, x)
    except NotMeasured as error:
        return Part("gradient", measure, (), None, f"artefact {found.name}: {error}")
    choices = tuple(
        Choice(
            each.method,
            math.inf if math.isnan(each.cosine) else 1 - each.cosine,
            {"cosine": plain(each.cosine), "by_task": {task: plain(v) for task, v in each.by_task.items()}},
        )
        for each in losses
    )
    return Part(
        "gradient", measure, choices, found.evidence("cosine, stage 'trained', layer 'all', worst task")
    )


def _absent(name: str) -> str:
    return f"not recorded here: there is no artefact {name!r}; 'snntheory experiment {name}' makes it"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _shown(value: float) -> str:
    if math.isinf(value):
        return "fails"
    return "0" if value < 5e-10 else f"{value:.2g}" if value < 1e-3 else f"{value:.3f}"
