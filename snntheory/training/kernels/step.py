"""The numbers that one time step of a layer needs."""

from __future__ import annotations

from dataclasses import dataclass

from ... import _check
from ...gradients.surrogate import SURROGATES
from ...linear import DiscreteNeuron

INPUTS = ("dirac", "sampled")


@dataclass(frozen=True)
class LayerStep:
    """Propagator, kick, threshold, reset and pseudo-derivative of a layer; made by :meth:`of`."""

    propagator: tuple[float, float, float]
    """``A_uu``, ``A_ui``, ``A_ii``; ``A_iu`` is zero."""
    kick: tuple[float, float]
    kick_previous: tuple[float, float]
    threshold: float
    reset: str
    v_reset: float
    surrogate: str
    width: float
    detach_reset: bool

    @classmethod
    def of(
        cls,
        model: DiscreteNeuron,
        surrogate: str = "fast_sigmoid",
        width: float = 0.5,
        detach_reset: bool = False,
        input: str = "dirac",
    ) -> LayerStep:
        """From a discrete neuron.

        ``input="dirac"`` kicks the current by ``S_n / tau_syn``: spikes are areas, the drive per second does
        not depend on ``dt``. ``input="sampled"`` kicks by ``S_n dt / tau_syn``, as Hu (2024) writes his
        equations (13) and (14): spikes are samples of height one, and for a given number of spikes per
        second the drive vanishes with ``dt``.
        """
        _check.choice("surrogate", surrogate, SURROGATES)
        _check.choice("input", input, INPUTS)
        scale = model.dt if input == "sampled" else 1.0
        return cls(
            propagator=(float(model.A[0, 0]), float(model.A[0, 1]), float(model.A[1, 1])),
            kick=(float(model.b[0]) * scale, float(model.b[1]) * scale),
            kick_previous=(float(model.b_previous[0]) * scale, float(model.b_previous[1]) * scale),
            threshold=model.neuron.v_threshold,
            reset=model.neuron.reset,
            v_reset=model.neuron.v_reset,
            surrogate=surrogate,
            width=_check.positive("width", width),
            detach_reset=bool(detach_reset),
        )
