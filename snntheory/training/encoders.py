"""From images to spikes on a grid of time steps."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch

from .. import _check
from .._arrivals import ARRIVALS

ROUNDINGS = ("ceil", "nearest", "next")


def n_steps(window: float, dt: float) -> int:
    """Steps of ``dt`` that cover ``window`` seconds; a remainder of rounding (1e-9 of a step) is not a step.

    Raises
    ------
    ValueError
        ``window`` is shorter than one step.
    """
    if window < dt * (1 - 1e-9):
        raise ValueError(f"window must be at least dt = {dt:g} s, got {window:g} s; are both in seconds?")
    return math.ceil(window / dt - 1e-9)


def _check_images(images: torch.Tensor) -> torch.Tensor:
    if images.ndim != 2:
        raise ValueError(
            f"images must have shape (batch, n_inputs), got {tuple(images.shape)}; flatten them first"
        )
    if images.numel() and not (images.min() >= 0 and images.max() <= 1):  # NaN fails both
        raise ValueError(f"images must lie in [0, 1], got values from {images.min():g} to {images.max():g}")
    return images


@dataclass(frozen=True)
class Poisson:
    """Rate code: each input fires at random with a rate proportional to its intensity.

    Definition::

        P(spike in a step) = p max_rate dt                     arrivals "bernoulli": at most one spike a step
        spikes in a step ~ Poisson(p max_rate dt)              arrivals "poisson": counts, exact for any dt

    Parameters
    ----------
    window : float
        Length of the input in seconds.
    max_rate : float
        Rate of intensity 1 in hertz.
    arrivals : {"bernoulli", "poisson"}
        ``"bernoulli"`` needs ``max_rate * dt <= 1``; with ``q = p max_rate dt`` its counts have the variance
        ``q (1 - q)``, those of ``"poisson"`` ``q``.
    probability_per_step : bool
        Read ``max_rate * dt`` as one whatever ``dt``: each step fires with the intensity itself, as in Hu
        (2024). The rate per second then changes with ``dt``. Needs ``arrivals="bernoulli"``.
    """

    window: float = 0.1
    max_rate: float = 100.0
    arrivals: str = "bernoulli"
    probability_per_step: bool = False

    def __post_init__(self) -> None:
        _check.positive("window", self.window, "s")
        _check.positive("max_rate", self.max_rate, "Hz")
        _check.choice("arrivals", self.arrivals, ARRIVALS)
        if self.probability_per_step and self.arrivals != "bernoulli":
            raise ValueError("probability_per_step needs arrivals='bernoulli'")

    def mean_count(self, dt: float) -> float:
        """Mean number of spikes in a step at intensity 1.

        Raises
        ------
        ValueError
            Above one spike a step, with Bernoulli arrivals.
        """
        if self.probability_per_step:
            return 1.0
        mean = self.max_rate * dt
        if self.arrivals == "bernoulli" and mean > 1:
            raise ValueError(
                f"max_rate * dt must be at most 1 with Bernoulli arrivals, got {self.max_rate:g} Hz * {dt:g} s "
                f"= {mean:g}; use arrivals='poisson' or a smaller max_rate"
            )
        return mean

    def __call__(self, images: torch.Tensor, dt: float, generator: torch.Generator) -> torch.Tensor:
        """Spike counts, shape (n_steps, batch, n_inputs), float32, on the generator's device."""
        images = _check_images(images).to(torch.float32)
        steps = n_steps(self.window, dt)
        spikes = images.new_zeros((steps, *images.shape))
        bright = images.reshape(-1).nonzero()[:, 0]  # most pixels are black: no random numbers for them
        mean = images.reshape(-1)[bright] * self.mean_count(dt)
        if self.arrivals == "poisson":
            # a Poisson process: the number of spikes in the window, then a step for each
            counts = torch.poisson(mean * steps, generator=generator).long()
            pixel = bright.repeat_interleave(counts)
            step = torch.randint(steps, pixel.shape, generator=generator, device=images.device)
            index = step * images.numel() + pixel
            spikes.view(-1).index_add_(0, index, torch.ones_like(index, dtype=torch.float32))
        else:
            uniform = torch.rand((steps, len(bright)), generator=generator, device=images.device)
            spikes.view(steps, -1)[:, bright] = (uniform < mean).to(torch.float32)
        return spikes


@dataclass(frozen=True)
class Latency:
    """Time code: each input fires once, the earlier the stronger; intensity 0 is silent.

    Definition::

        t = last (1 - p)

    placed on the grid of step ends ``dt, 2 dt, ...``.

    Parameters
    ----------
    window : float
        Length of the input in seconds.
    last : float
        Time of the faintest spike in seconds, at most ``window``.
    rounding : {"ceil", "nearest", "next"}
        ``"ceil"``: the first step end not before the spike (causal). ``"nearest"``: the nearest, which may
        lie before it. ``"next"``: ``t + dt - mod(t, dt)`` of Cojocaru (2024), which moves a spike that
        already lies on the grid a whole step.

    Notes
    -----
    Times are compared with the grid to 1e-6 of a step, or to the rounding of a float32 intensity where that is
    more, so that the rounding of a float does not decide.
    """

    window: float = 0.2
    last: float = 0.1
    rounding: str = "ceil"

    def __post_init__(self) -> None:
        _check.positive("window", self.window, "s")
        _check.positive("last", self.last, "s")
        _check.choice("rounding", self.rounding, ROUNDINGS)
        if self.last > self.window:
            raise ValueError(
                f"last must be at most window, got last={self.last:g} s, window={self.window:g} s"
            )

    def __call__(self, images: torch.Tensor, dt: float, generator: torch.Generator) -> torch.Tensor:
        """Spikes, shape (n_steps, batch, n_inputs), float32; a spike rounded past the window is lost."""
        images = _check_images(images)
        position = self.last * (1 - images.to(torch.float64)) / dt
        nearest = position.round()
        tolerance = 1e-6 + 2**-24 * self.last / dt
        position = torch.where((position - nearest).abs() < tolerance, nearest, position)
        if self.rounding == "ceil":
            step = position.ceil()
        elif self.rounding == "nearest":
            step = position.round()
        else:
            step = position.floor() + 1
        index = (step.clamp(min=1) - 1).long()  # step n ends at n dt; a spike at 0 falls into the first
        steps = n_steps(self.window, dt)
        spikes = images.new_zeros((steps, *images.shape), dtype=torch.float32)
        fires = ((images > 0) & (index < steps)).to(torch.float32)
        spikes.scatter_(0, index.clamp(max=steps - 1)[None], fires[None])
        return spikes


ENCODERS = {"poisson": Poisson, "latency": Latency}
Encoder = Poisson | Latency


def settings(encoder: Encoder) -> dict[str, Any]:
    """The encoder as plain values (for files)."""
    name = next((key for key, kind in ENCODERS.items() if isinstance(encoder, kind)), None)
    if name is None:
        raise TypeError(
            f"encoder must be one of {', '.join(k.__name__ for k in ENCODERS.values())}, got {encoder!r}"
        )
    return {"name": name, **asdict(encoder)}


def from_settings(values: dict[str, Any]) -> Encoder:
    """The encoder of :func:`settings`."""
    rest = dict(values)
    return ENCODERS[_check.choice("encoder", rest.pop("name"), ENCODERS)](**rest)
