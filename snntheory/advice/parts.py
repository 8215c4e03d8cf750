"""The parts of an answer: what was computed or read, as choices with the best first."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeVar

from ..neuron import CubaLIF
from . import computed, measured, trained
from .answer import Choice, Part
from .evidence import Evidence, NotMeasured, Recorded, plain, together

MEASURES = {
    "scheme": "largest error / height",
    "placement": "rms shift / tau_syn or share of unpaired spikes, the larger",
    "network": "accuracy lost, worst task",
    "gradient": "1 - cosine, worst task",
    "clocked": "accuracy lost against the exact propagator at its best step",
    "late": "accuracy lost against continuous time, worst task",
    "budget": "accuracy lost against the best of them",
}
ROUNDING = 5e-10
"""Losses of spike times below this are those of rounding, and shown as 0."""
FAR = 2.0
"""Further than this factor from the one step of the equal budget there is no advice."""
Records = Mapping[str, Recorded | None]
Loss = TypeVar("Loss")


def scheme(neuron: CubaLIF, dt: float, only: Collection[str] | None = None) -> Part:
    """Of :func:`snntheory.advice.computed.scheme_losses`; all, or those in ``only``."""
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
        for each in computed.scheme_losses(neuron, dt, only)
    ]
    choices.sort(
        key=lambda each: (round(each.loss, 9), -each.details["stable"])
    )  # equal ones stay in their order
    evidence = Evidence("computed", "linear.error.global_error of one spike, for this neuron")
    return Part("scheme", MEASURES["scheme"], tuple(choices), evidence)


def placement(neuron: CubaLIF, dt: float, seed: int, only: Collection[str] | None = None) -> Part:
    """Of :func:`snntheory.advice.computed.placement_losses`; all, or those in ``only``."""
    losses = computed.placement_losses(neuron, dt, seed=seed, only=only)
    if all(math.isnan(each.unpaired) for each in losses):
        return _empty("placement", "this neuron does not fire with such a drive")
    choices = [
        # without a pair all spikes are lost
        Choice(
            each.placement,
            math.inf if math.isnan(each.shift) else max(each.shift, each.unpaired),
            {"shift": plain(each.shift), "unpaired": plain(each.unpaired)},
        )
        for each in losses
    ]
    # of two without a loss beyond rounding, the one that sees more crossings
    order = list(computed.PLACEMENTS)
    choices.sort(key=lambda each: (max(each.loss, ROUNDING), -order.index(each.name)))
    evidence = Evidence(
        "computed", f"spiking.simulate beside exact_spike_times, for this neuron, seed {seed}"
    )
    return Part("placement", MEASURES["placement"], tuple(choices), evidence)


def network(x: float, records: Records) -> Part:
    """Of :func:`snntheory.advice.measured.transfer_losses`."""
    found = records[measured.TRANSFER]
    if found is None:
        return _absent("network", measured.TRANSFER)
    losses = _read("network", measured.transfer_losses, found, x)
    if isinstance(losses, Part):
        return losses
    choices = tuple(
        Choice(
            each.placement,
            max(0.0, round(each.accuracy_loss, 6)),  # accuracies are stored in single precision
            {"shift": plain(each.shift), "spikes": plain(each.spikes), "by_task": each.by_task},
        )
        for each in losses
    )
    samples = found.settings.get("n_test")
    quantity = "exact_accuracy - accuracy" + (f", {samples} samples each" if samples else "")
    return Part("network", MEASURES["network"], choices, found.evidence(quantity))


def gradient(x: float, records: Records) -> Part:
    """Of :func:`snntheory.advice.measured.gradient_losses`."""
    found = records[measured.FIDELITY]
    if found is None:
        return _absent("gradient", measured.FIDELITY)
    losses = _read("gradient", measured.gradient_losses, found, x)
    if isinstance(losses, Part):
        return losses
    choices = tuple(
        Choice(
            each.method,
            math.inf if math.isnan(each.cosine) else 1 - each.cosine,
            {"cosine": plain(each.cosine), "by_task": {task: plain(v) for task, v in each.by_task.items()}},
        )
        for each in losses
    )
    return Part(
        "gradient", MEASURES["gradient"], choices, found.evidence("cosine, stage 'trained', layer 'all'")
    )


def clocked(x: float, records: Records) -> Part:
    """Of :func:`snntheory.advice.trained.clocked_losses`."""
    found = records[trained.CLOCKED]
    if found is None:
        return _absent("clocked", trained.CLOCKED)
    losses = _read("clocked", trained.clocked_losses, found, x)
    if isinstance(losses, Part):
        return losses
    digits = f"{found.settings.get('n_train')} digits, surrogate gradient"
    quantity = f"accuracy in a window of one length, {digits}, {_seeds(losses)}"
    return Part("clocked", MEASURES["clocked"], _choices(losses), found.evidence(quantity))


def late(
    neuron: CubaLIF, dt: float, tolerance: float, records: Records, spikes: float | None, width: float | None
) -> Part:
    """Of :func:`snntheory.advice.trained.late_losses`, at ``spikes dt / width``."""
    at_hand = [records[name] for name in trained.LATE]
    if at_hand[0] is None:
        return _absent("late", trained.CAUSE)
    curves = trained.late_curves(at_hand)
    width = neuron.tau_syn if (volley := width is None) else width
    safe = width / dt
    demand = trained.compared_demand(curves) if spikes is None else spikes / safe
    kept = trained.safe_demand(curves, "drop", tolerance)
    n_kept = math.floor(kept * safe)
    note = (
        f"dropping keeps it up to {kept:.2g} W/dt, {n_kept or 'fewer than one'} spike{'s' * (n_kept > 1)}, with the "
        f"drive's width W = {1e3 * width:.3g} ms" + (" (one volley of input)" if volley else "")
    )
    if demand * safe < 1 - 1e-9:
        few = f"fewer than one spike fits into W = {1e3 * width:.3g} ms"
        few = few if spikes is None else f"fewer than one spike is asked for, {spikes:g}"
        return _empty("late", f"{few}, so none comes late; say spikes= and width= if you know more")
    try:
        losses = trained.late_losses(curves, demand)
    except NotMeasured as error:
        return _empty("late", f"{error}; {note}")
    measure = f"{MEASURES['late']}, where {demand:.2g} W/dt spikes are asked for, here {demand * safe:.2g}"
    cited = [each for each in at_hand if each is not None]
    quantity = f"test_accuracy of {', '.join(sorted({task for each in losses for task in each.by_task}))}"
    evidence = together([each.evidence(f"{quantity}, {_seeds(losses)}") for each in cited])
    if len(losses) < 2:
        note += f"; {'carried' if 'dropped' in losses[0].choice else 'dropped'} ones were not recorded so far"
    return Part("late", measure, _choices(losses), evidence, note)


def budget(x: float, records: Records) -> Part:
    """Of :func:`snntheory.advice.trained.budget_losses`; recorded at one step, named in the note; none far from it."""
    found = records[trained.BUDGET]
    if found is None:
        return _absent("budget", trained.BUDGET)
    measure = trained.budget_losses(found)
    away = abs(math.log(x / measure.step))
    note = f"recorded on a grid of {measure.step:.2g} of the shorter time constant" + (
        "" if away < math.log(1.05) else f", not at {x:.2g}; exact gradients have no step"
    )
    if away > math.log(FAR) + 1e-9:
        return _empty("budget", f"artefact {found.name}: {note}; ask at that step to see it")
    trials = len(next(iter(found.settings["trials"].values())))
    quantity = f"test_accuracy, best {measure.best:.3f}, {trials} trials each, {_seeds(measure.losses)}"
    return Part("budget", MEASURES["budget"], _choices(measure.losses), found.evidence(quantity), note)


def _choices(losses: Iterable[trained.TrainedLoss]) -> tuple[Choice, ...]:
    found = []
    for each in losses:
        details = {
            "accuracy_loss": plain(each.accuracy_loss),
            "spread": plain(each.spread),
            "seeds": each.n_seeds,
        }
        if each.by_task:
            details["by_task"] = each.by_task
        found.append(Choice(each.choice, max(0.0, round(each.accuracy_loss, 6)), details))
    return tuple(sorted(found, key=lambda each: each.details["accuracy_loss"]))


def _seeds(losses: Iterable[trained.TrainedLoss]) -> str:
    n = min(each.n_seeds for each in losses)
    return f"{n} seed{'s' * (n > 1)}"


def _read(
    kind: str, losses_at: Callable[[Recorded, float], list[Loss]], found: Recorded, x: float
) -> list[Loss] | Part:
    """The losses of an artefact at ``x``, or an empty part that says where it was measured."""
    try:
        return losses_at(found, x)
    except NotMeasured as error:
        return _empty(kind, f"artefact {found.name}: {error}")


def _empty(kind: str, note: str) -> Part:
    return Part(kind, MEASURES[kind], (), None, note)


def _absent(kind: str, name: str) -> Part:
    return _empty(
        kind, f"not recorded here: there is no artefact {name!r}; 'snntheory experiment {name}' makes it"
    )
