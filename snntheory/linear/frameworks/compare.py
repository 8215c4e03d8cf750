"""All frameworks beside each other, for one neuron and step; and which of them made a recorded response."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ... import _check
from ...neuron import CubaLIF
from .framework import RECIPES, Framework


@dataclass(frozen=True)
class Overview:
    """What a framework makes of a neuron at a time step.

    Attributes
    ----------
    framework : str
    recipe : {"usual", "exact"}
    tau_mem, tau_syn : float
        Time constants in seconds that it really has; ``tau_syn`` is 0 without a synapse.
    area : float
        ``sum_n u_n dt`` after one spike of the framework's weight 1, in units of voltage times seconds.
    delay : int
        Steps from a spike to the first voltage that it changes.
    weight_gain : float
        By which to multiply a canonical weight.
    """

    framework: str
    recipe: str
    tau_mem: float
    tau_syn: float
    area: float
    delay: int
    weight_gain: float


@dataclass(frozen=True)
class Match:
    """One explanation of a recorded response.

    Attributes
    ----------
    framework, recipe : str
    weight : float
        In the framework's unit.
    misfit : float
        Root of the share of the recording's sum of squares that is left.
    """

    framework: str
    recipe: str
    weight: float
    misfit: float


def overview(
    frameworks: Iterable[Framework], neuron: CubaLIF, dt: float, recipe: str = "usual"
) -> list[Overview]:
    """A row for each framework that can be typed ``neuron`` at ``dt`` with ``recipe``; the others are left out.

    Parameters
    ----------
    frameworks : iterable of Framework
    neuron : CubaLIF
    dt : float
        Seconds, above zero.
    recipe : {"usual", "exact"}

    Raises
    ------
    TypeError, ValueError
        ``neuron`` is no CubaLIF, ``dt`` is not positive, ``recipe`` is unknown.
    """
    dt = _check.positive("dt", dt, "s")
    _check.choice("recipe", recipe, RECIPES)
    rows = []
    for framework in frameworks:
        try:
            typed = framework.parameters_for(neuron, dt, recipe)
        except ValueError:
            continue  # its message says why, to whoever asks for this one framework
        model = framework.discretize(neuron, dt, recipe)
        mem, syn = model.effective_time_constants.tolist()
        rows.append(Overview(framework.name, recipe, mem, syn, model.area, model.delay, typed.weight_gain))
    return rows


def identify(frameworks: Iterable[Framework], voltage: ArrayLike, dt: float, neuron: CubaLIF) -> list[Match]:
    """Which framework and recipe explain a recorded response to one spike, best first.

    The weight is fitted by least squares. Frameworks whose updates differ only by a gain fit equally well; a
    recording of one spike cannot tell them apart.

    Parameters
    ----------
    frameworks : iterable of Framework
    voltage : array_like, shape (n,)
        Samples from the step of the spike on, without rest, noise or reset.
    dt : float
        Time step in seconds.
    neuron : CubaLIF
        The neuron that was meant.

    Raises
    ------
    TypeError, ValueError
        ``voltage`` is not one-dimensional, not finite or all zero; ``neuron`` is no CubaLIF; ``dt`` is not positive.
    """
    recorded = _check.array("voltage", voltage, ndim=1)
    size = float(np.linalg.norm(recorded))
    if size == 0:
        raise ValueError("voltage must hold a response, got zeros only: begin at the step of the spike")
    spike = np.zeros(recorded.size)
    spike[0] = 1.0
    candidates, matches = tuple(frameworks), []
    for recipe in RECIPES:
        able = {row.framework for row in overview(candidates, neuron, dt, recipe)}
        for framework in candidates:
            if framework.name not in able:
                continue
            response, _ = framework.discretize(neuron, dt, recipe).simulate(spike)
            weight = float(response @ recorded / (response @ response))
            misfit = float(np.linalg.norm(recorded - weight * response)) / size
            matches.append(Match(framework.name, recipe, weight, misfit))
    return sorted(matches, key=lambda match: match.misfit)
