r"""Gradients of event-driven neurons whose spikes travel on a grid, by a straight-through estimator (Cojocaru, 2024).

Every neuron crosses its threshold and resets at the exact time ``t_k``; what it sends carries the time of the grid,
``t~_k = n_k dt``. Backwards the rounding is taken for the identity::

    t~_k = round(t_k)           (14) with "next": t + dt - mod(t, dt); "ceil" leaves a time on the grid where it is
    dt~_k/dt_k = 1              (15), true of the mean over the grid's phase; so dL/dt_k = dL/dt~_k   (16)

A neuron sends one spike a step. A crossing whose rounded time is not after the spike before it is **late**::

    "carry"   it resets at its time as any other and is sent in the first free step
    "drop"    no spike and no reset: the voltage goes on, and must fall below the threshold before it can cross again;
              what a program does that looks for the next crossing after the rounded time of the last spike

Two estimators, which differ in what the derivatives of a crossing are made of::

    "clean"       the exact derivatives of the neuron that was run: arrivals t~, own crossings t  (any time constants)
    "published"   section 3.2, for tau_mem = 2 tau_syn: the sums a and x of (8), (9) are those of the forward pass, over
                  arrivals t~_z < t_k; the exponentials and the condition t_z < t_k of (12), (13) take unrounded t_z

The published mixture differentiates no network: an arrival that was sent after ``t_k`` counts as if it had acted. As
``dt`` goes to 0 both tend to the exact gradient.

References: Cojocaru (2024), equations (8)-(16); Bacho and Chu (2023).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import _check
from ..neuron import CubaLIF
from ..spiking.crossing import crossing_time, factors
from ..spiking.layer import HALF_UNIT, LayerConstants
from ..spiking.rounding import ROUNDING, grid_index
from ..spiking.spike_batch import sorted_times
from . import adjoint, closed_form, exact

if TYPE_CHECKING:
    from .methods import Gradients, Loss

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]

LATE = ("carry", "drop")
ESTIMATORS = ("clean", "published")


@dataclass(frozen=True)
class Trains:
    """Spikes of a group of neurons: for each neuron the ``crossings`` and the ``sent`` times of the same spikes.

    Those sent within the window come first; ``inside`` says how many they are.
    """

    crossings: list[Floats]
    sent: list[Floats]
    inside: list[int]

    @classmethod
    def of(cls, crossings: list[Floats], steps: list[Steps], dt: float, last: int) -> Trains:
        """From the crossings, their steps and the last step of the window."""
        sent = [(part * dt).astype(np.float64) for part in steps]
        return cls(crossings, sent, [int((part <= last).sum()) for part in steps])

    @property
    def received(self) -> list[Floats]:
        """What the next layer receives: the sent times within the window."""
        return [part[:n] for part, n in zip(self.sent, self.inside, strict=True)]


def refuse(neuron: CubaLIF) -> None:
    """Nothing is refused; ``estimator="published"`` needs ``tau_mem = 2 tau_syn`` and a subtracting reset."""


def sent_steps(crossings: Floats, dt: float, rounding: str) -> Steps:
    """Step in which each crossing of one neuron is sent, one a step: ``n_k = max(round(t_k), n_{k-1} + 1)``."""
    steps = grid_index(crossings, dt, rounding)
    rank = np.arange(len(steps))
    return np.asarray(np.maximum.accumulate(steps - rank) + rank, dtype=np.int64)


def dropping(
    neuron: CubaLIF, times: Floats, weights: Floats, t_max: float, dt: float, rounding: str
) -> tuple[Floats, int]:
    """Crossings of one neuron that ignores late ones, and how many it ignored.

    Parameters
    ----------
    neuron : CubaLIF
    times, weights : ndarray, shape (n_inputs,)
        Arrivals in rising order.
    t_max, dt : float
        Seconds.
    rounding : {"ceil", "nearest", "next"}
    """
    tau_mem, tau_syn, _, threshold, after, u, drive = constants = LayerConstants.of(neuron)
    armed, now, free, dropped = u < threshold, 0.0, 0.0, 0
    found: list[float] = []
    half = 0.5 if rounding == "nearest" else 0.0
    for time, weight in [*zip(times.tolist(), weights.tolist(), strict=True), (t_max, 0.0)]:
        while now < time:
            blocked = now < free
            stop = min(free, time) if blocked else time
            span = stop - now
            s = crossing_time(u, drive, span + HALF_UNIT * stop, armed, threshold, tau_mem, tau_syn)
            fires = s < math.inf and not blocked
            dropped += s < math.inf and blocked
            passed = min(s, span) if fires else span
            mem, syn, coupled = factors(passed, tau_mem, tau_syn)
            u, drive = u * mem + drive * coupled, drive * syn
            if fires:
                found.append(min(now + passed, stop))
                step = int(sent_steps(np.array(found[-2:]), dt, rounding)[-1])
                free = (step + half) * dt
                u, armed = (threshold, False) if math.isnan(after) else (after, True)
                now = found[-1]
            else:
                armed = u < threshold if blocked else armed or u < threshold
                now = stop
        drive += constants.gain * weight
    return np.array(found), dropped


def layer_crossings(
    neuron: CubaLIF,
    senders: list[Floats],
    weights: Floats,
    t_max: float,
    *,
    dt: float,
    rounding: str = "ceil",
    late: str = "carry",
) -> tuple[list[Floats], int]:
    """Crossings of every neuron of a layer that receives ``senders``, times on the grid; and the late ones.

    With ``late="carry"`` those that are sent in a later step than their own, with ``"drop"`` those that are ignored.
    """
    if late == "carry":
        crossings = exact.layer_spikes(neuron, senders, weights, t_max)
        moved = [sent_steps(each, dt, rounding) != grid_index(each, dt, rounding) for each in crossings]
        return crossings, int(sum(each.sum() for each in moved))
    times, index = exact.events(senders)
    both = [dropping(neuron, times, weights[index, n], t_max, dt, rounding) for n in range(weights.shape[1])]
    return [found for found, _ in both], sum(dropped for _, dropped in both)


def published_gradients(
    neuron: CubaLIF, sent: Floats, times: Floats, weights: Floats, spikes: Floats, arriving: Floats
) -> tuple[Floats, Floats]:
    """As ``closed_form.spike_gradients``, with the sums ``a`` and ``b`` over ``sent`` and the rest over ``times``.

    Parameters
    ----------
    neuron : CubaLIF
        With ``tau_mem = 2 tau_syn`` and a subtracting reset.
    sent, times, weights : ndarray, shape (n_inputs,)
        Arrivals as they acted, and before their rounding; weights.
    spikes, arriving : ndarray, shape (n_spikes,)
        Crossings of the neuron and the derivative of the loss with respect to them.
    """
    tau_mem, tau_syn, theta = neuron.tau_mem, neuron.tau_syn, neuron.v_threshold
    gain, total = neuron.r / tau_syn, arriving.copy()
    to_weights, to_times = np.zeros_like(times), np.zeros_like(times)
    for k in range(spikes.size - 1, -1, -1):
        acted, counted = sent < spikes[k], times < spikes[k]
        own = np.exp((spikes[:k] - spikes[k]) / tau_mem)
        a = gain * weights[acted] @ np.exp((sent[acted] - spikes[k]) / tau_syn)
        b = gain * weights[acted] @ np.exp((sent[acted] - spikes[k]) / tau_mem) - theta * own.sum()
        x = np.sqrt(b * b - 4 * a * theta)
        f, h = tau_mem / a * (1 + theta / x), tau_mem / x
        fast = f * gain * np.exp((times[counted] - spikes[k]) / tau_syn)
        slow = h * gain * np.exp((times[counted] - spikes[k]) / tau_mem)
        to_weights[counted] += total[k] * (fast - slow)
        to_times[counted] += total[k] * weights[counted] * (fast / tau_syn - slow / tau_mem)
        total[:k] += total[k] * h * theta / tau_mem * own
    return to_weights, to_times


def crossing_gradient(
    neuron: CubaLIF,
    senders: Trains,
    weights: Floats,
    spikes: list[Floats],
    arriving: list[Floats],
    *,
    estimator: str = "clean",
) -> tuple[Floats, list[Floats]]:
    """``(dL/dweights, [dL/dtimes of each sender])`` from the derivatives with respect to the crossings ``spikes``.

    Senders' spikes beyond the window have derivative zero.
    """
    times, index = exact.events(senders.received)
    unrounded = np.concatenate([part[:n] for part, n in zip(senders.crossings, senders.inside, strict=True)])[
        np.argsort(np.concatenate(senders.received), kind="stable")
    ]
    gradient, late = np.zeros_like(weights), np.zeros_like(times)
    for n, (own, received) in enumerate(zip(spikes, arriving, strict=True)):
        if own.size and times.size:
            given = weights[index, n]
            if estimator == "clean":
                to_weights, to_times = adjoint.spike_gradients(neuron, times, given, own, received)
            else:
                to_weights, to_times = published_gradients(neuron, times, unrounded, given, own, received)
            np.add.at(gradient[:, n], index, to_weights)
            late += to_times
    padded = [np.zeros_like(part) for part in senders.crossings]
    for n, size in enumerate(senders.inside):
        padded[n][:size] = late[index == n]
    return gradient, padded


def network_gradient(
    neurons: list[CubaLIF],
    inputs: list[Floats],
    matrices: list[Floats],
    loss: Loss,
    t_max: float,
    *,
    dt: float,
    rounding: str = "ceil",
    late: str = "carry",
    estimator: str = "clean",
) -> Gradients:
    """Straight-through gradient of a loss of the output's sent spike times.

    Definition: that of this module.

    Parameters
    ----------
    neurons, inputs, matrices, loss, t_max
        As :func:`snntheory.gradients.weight_gradient` hands them on; the loss gets the times on the grid. Input spikes
        are rounded too; several of one input in one step stay several.
    dt : float
        Time step of the grid in seconds.
    rounding : {"ceil", "nearest", "next"}
        See :func:`snntheory.spiking.grid_index`.
    late : {"carry", "drop"}
    estimator : {"clean", "published"}

    Returns
    -------
    Gradients
        Its spike times are those sent within the window. ``diagnostics``: ``silent`` neurons (nothing sent); ``late``
        crossings; ``lost`` spikes of inputs and neurons, sent after the window's last step.

    Raises
    ------
    ValueError, TypeError
        An option is out of range; ``"published"`` with other time constants or another reset; the window is shorter
        than a step; of the loss.

    Accuracy: its error against the exact gradient falls in proportion to ``dt``, both estimators; "clean" is the exact
    gradient of a layer that receives spikes on the grid; tests/gradients/test_straight_through.py.

    References
    ----------
    Cojocaru (2024), equations (14)-(16) and section 3.2.
    """
    from .methods import Gradients, loss_gradients

    check_options(neurons, dt, rounding, late, estimator)
    last, end = window(t_max, dt)
    given = [sorted_times(f"input_times[{n}]", times) for n, times in enumerate(inputs)]
    latest = max((float(times[-1]) for times in given if times.size), default=0.0)
    if latest > t_max:
        raise ValueError(
            f"t_max must not lie before the last input spike at {latest:g} s, got {t_max:g} s; "
            "raise t_max or drop the later inputs"
        )
    layers = [Trains.of(given, [grid_index(times, dt, rounding) for times in given], dt, last)]
    count_late = 0
    for neuron, matrix in zip(neurons, matrices, strict=True):
        senders = layers[-1].received
        if matrix.shape[0] != len(senders):
            raise ValueError(f"weights must have one row a sender, {len(senders)}, got shape {matrix.shape}")
        crossings, count = layer_crossings(neuron, senders, matrix, end, dt=dt, rounding=rounding, late=late)
        layers.append(Trains.of(crossings, [sent_steps(each, dt, rounding) for each in crossings], dt, last))
        count_late += count
    value, by_sent = loss_gradients(loss, layers[-1].received)
    arriving = [np.zeros_like(part) for part in layers[-1].crossings]
    for part, received in zip(arriving, by_sent, strict=True):
        part[: received.size] = received
    gradients: list[Floats] = []
    for n in range(len(matrices) - 1, -1, -1):
        gradient, arriving = crossing_gradient(
            neurons[n], layers[n], matrices[n], layers[n + 1].crossings, arriving, estimator=estimator
        )
        gradients.insert(0, gradient)
    sent = [layer.received for layer in layers[1:]]
    lost = sum(part.size - n for layer in layers for part, n in zip(layer.sent, layer.inside, strict=True))
    silent = sum(train.size == 0 for trains in sent for train in trains)
    return Gradients(gradients, value, sent, {"silent": silent, "late": count_late, "lost": lost})


def layer_spikes(
    neuron: CubaLIF,
    senders: list[Floats],
    weights: Floats,
    t_max: float,
    *,
    dt: float,
    rounding: str = "ceil",
    late: str = "carry",
    estimator: str = "clean",
) -> list[Floats]:
    """Sent times within the window of a layer that is run by itself, for :mod:`snntheory.gradients.layers`.

    The senders' times are moved to the grid; those of a layer before stand there already.

    Raises
    ------
    ValueError
        ``rounding="next"``, which moves times on the grid, or ``estimator="published"``, which needs the crossings of
        the layer before.
    """
    _, trains = _run_layer(neuron, senders, weights, t_max, dt, rounding, late, estimator)
    return [np.minimum(part, t_max) for part in trains.received]


def layer_gradient(
    neuron: CubaLIF,
    senders: list[Floats],
    weights: Floats,
    spikes: list[Floats],
    arriving: list[Floats],
    t_max: float,
    *,
    dt: float,
    rounding: str = "ceil",
    late: str = "carry",
    estimator: str = "clean",
) -> tuple[Floats, list[Floats]]:
    """``(dL/dweights, [dL/dtimes of each sender])`` of :func:`layer_spikes`, whose crossings are found again."""
    given, trains = _run_layer(neuron, senders, weights, t_max, dt, rounding, late, estimator)
    padded = [np.zeros_like(part) for part in trains.crossings]
    for part, received in zip(padded, arriving, strict=True):
        part[: received.size] = received
    return crossing_gradient(neuron, given, weights, trains.crossings, padded)


def _run_layer(
    neuron: CubaLIF, senders: list[Floats], weights: Floats, t_max: float, dt: float, *rule: str
) -> tuple[Trains, Trains]:
    check_alone(neuron, dt, *rule)
    rounding, late, _ = rule
    last, end = window(t_max, dt)
    # a time of the grid that was rounded up to float32 stays on it
    steps = [grid_index(times * (1 - 2.0**-23), dt, rounding) for times in senders]
    given = Trains.of(senders, steps, dt, last)
    crossings, _ = layer_crossings(neuron, given.received, weights, end, dt=dt, rounding=rounding, late=late)
    return given, Trains.of(crossings, [sent_steps(each, dt, rounding) for each in crossings], dt, last)


def check_options(neurons: list[CubaLIF], dt: float, rounding: str, late: str, estimator: str) -> None:
    """Raise ValueError or TypeError for an option that is out of range or does not hold for a neuron."""
    _check.positive("dt", dt, "s")
    _check.choice("rounding", rounding, ROUNDING)
    _check.choice("late", late, LATE)
    if _check.choice("estimator", estimator, ESTIMATORS) == "published":
        for each in neurons:
            refuse_published(each)


def check_alone(neuron: CubaLIF, dt: float, rounding: str, late: str, estimator: str) -> None:
    """:func:`check_options` for a layer that knows only what it receives."""
    check_options([neuron], dt, rounding, late, "clean")
    if rounding == "next":
        raise ValueError(
            "a layer by itself has rounding 'ceil' or 'nearest', got 'next'; use weight_gradient"
        )
    if _check.choice("estimator", estimator, ESTIMATORS) == "published":
        raise ValueError("a layer by itself has estimator 'clean', got 'published'; use weight_gradient")


def window(t_max: float, dt: float) -> tuple[int, float]:
    """The last step of the window, and its end in seconds."""
    last = math.floor(_check.positive("t_max", t_max, "s") / dt + 1e-9)
    if last < 1:
        raise ValueError(
            f"t_max must be at least one step, dt={dt:g} s, got {t_max:g} s; are both in seconds?"
        )
    return last, max(t_max, last * dt)  # equal but for rounding where t_max is a multiple of dt


def refuse_published(neuron: CubaLIF) -> None:
    try:
        closed_form.refuse(neuron)
    except ValueError as error:
        text = str(error).replace("method 'closed_form'", "estimator='published'")
        raise ValueError(text.split("; use")[0] + "; use estimator='clean'") from None
