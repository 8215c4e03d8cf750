"""The atlas of time steps: one interactive figure in one piece of HTML, without a network or a library."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property

from ... import _check
from ...linear import DiscreteNeuron, discretize, schemes
from ...neuron import CubaLIF
from ..discretisation import SCHEME_COLOURS
from ..style import format_dt
from .fragment import fragment, unique_name
from .javascript import MAX_ORDER, equations
from .still import still_svg

# Positions of a slider in one decade: about equal factors, and only values that one would write down.
_MANTISSAS = (
    *(1 + k / 10 for k in range(10)),
    *(2 + k / 5 for k in range(10)),
    *(4 + k / 2 for k in range(12)),
)


def slider_values(low: float, high: float, *wanted: float) -> list[float]:
    """Round values from ``low`` to ``high``, 32 in a decade, and each of ``wanted``; ascending.

    Two sliders with one list can be set to exactly equal time constants.
    """
    low, high = _check.positive("low", low), _check.positive("high", high)
    decades = range(_exponent(low), _exponent(high) + 1)
    values = {float(f"{mantissa:.3g}e{decade}") for decade in decades for mantissa in _MANTISSAS}
    return sorted({value for value in values if low <= value <= high} | set(wanted))


def _exponent(value: float) -> int:
    return int(f"{value:e}".split("e")[1])


@dataclass(frozen=True)
class Atlas:
    """The figure that :func:`atlas` returns; a notebook shows it by itself.

    Attributes
    ----------
    model : DiscreteNeuron
        The setting at which it starts.
    """

    model: DiscreteNeuron

    @cached_property
    def still(self) -> str:
        """The starting setting as an SVG file's text."""
        return still_svg(self.model)

    @property
    def html(self) -> str:
        """The figure as a fragment of HTML, in which nothing is fetched."""
        names = ("figure.css", "decays.js", "panels.js", "atlas.js")
        return fragment("atlas", self._data(), names, self.still, self._alternative(), equations())

    def _data(self) -> dict:
        model, neuron = self.model, self.model.neuron
        name = model.scheme.name
        taus = sorted((neuron.tau_mem, neuron.tau_syn))
        initial = {
            "dt": model.dt,
            "tauMem": neuron.tau_mem,
            "tauSyn": neuron.tau_syn,
            "r": neuron.r,
            "scheme": name,
            "order": int(model.scheme.order) if name == "parker_sochacki" else 2,
        }
        return {
            "uid": unique_name("atlas", initial),
            "initial": initial,
            "maxOrder": MAX_ORDER,
            "steps": slider_values(min(taus[0] / 200, model.dt), max(3 * taus[1], model.dt), model.dt),
            "taus": slider_values(taus[0] / 10, taus[1] * 5, *taus),
            "schemes": [self._scheme(name) for name in schemes.names()],
        }

    @staticmethod
    def _scheme(name: str) -> dict[str, str]:
        declared = schemes.get(name, 1 if name == "parker_sochacki" else None)
        title = "Parker-Sochacki" if name == "parker_sochacki" else declared.title
        return {"name": name, "title": title, "delay": declared.delay, "colour": SCHEME_COLOURS[name]}

    def _alternative(self) -> str:
        model = self.model
        state = "stable" if model.is_stable else "unstable"
        return (
            f"Poles, response to one spike, gain and phase of the {model.scheme.title} scheme at a time step "
            f"of {format_dt(model.dt)}, which is {state}, beside those of the neuron in continuous time."
        )

    def _repr_html_(self) -> str:
        return self.html

    def _repr_svg_(self) -> str:
        return self.still


def atlas(
    neuron: CubaLIF, dt: float = 0.001, scheme: str = "backward_euler", order: int | None = None
) -> Atlas:
    """Interactive figure: what a time step and a scheme make of a neuron below threshold.

    Sliders for the time step and both time constants and a choice of schemes; poles and zeros, the response to one
    spike, gain and phase on the grid beside those in continuous time; below them the hidden time constants, the
    area, limits and delay. Put the object last in a notebook cell, or write its ``html`` into a page.

    Parameters
    ----------
    neuron : CubaLIF
    dt : float
        Time step in seconds.
    scheme : str
        One of :func:`snntheory.linear.schemes.names`.
    order : int, optional
        Order of ``"parker_sochacki"``, 1 to 12.

    Returns
    -------
    Atlas
        With ``html``, ``still`` (SVG) and ``model``.

    Raises
    ------
    TypeError, ValueError
        As :func:`snntheory.discretize`; and an order above 12.

    Accuracy: the script's equations are generated from the declarations of the schemes;
    tests/book/test_atlas_in_browser.py compares its numbers with `discretize` to 1e-9.
    """
    if order is not None and _check.integer("order", order, minimum=1) > MAX_ORDER:
        raise ValueError(
            f"order must be at most {MAX_ORDER} in the atlas, got {order}; use discretize for more"
        )
    with warnings.catch_warnings():  # the figure itself says that a choice is unstable
        warnings.simplefilter("ignore")
        return Atlas(discretize(neuron, dt, scheme, order))
