"""From images to spikes: on a grid of time steps (call an encoder), or as times (``encoder.times``)."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch

from .. import _check
from .._arrivals import ARRIVALS
from .datasets import EventSamples

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

    extra_inputs = 0

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

    def times(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Spike times in seconds of the Poisson process, shape (batch, n_inputs, most), sorted, padded with inf.

        Raises
        ------
        ValueError
            ``probability_per_step``: it has no rate per second.
        """
        if self.probability_per_step:
            raise ValueError("probability_per_step has no spike times: leave it out, or use a grid network")
        mean = _check_images(images).to(torch.float64) * (self.max_rate * self.window)
        counts = torch.poisson(mean, generator=generator).long()
        most = max(1, int(counts.max())) if counts.numel() else 1
        uniform = torch.rand(
            (*mean.shape, most), generator=generator, device=images.device, dtype=torch.float64
        )
        kept = torch.arange(most, device=images.device) < counts[..., None]
        return torch.where(kept, uniform * self.window, math.inf).sort(-1).values


@dataclass(frozen=True)
class Latency:
    """Time code: each input fires once, the earlier the stronger; intensity 0 is silent.

    Definition::

        t = first + (last - first)(1 - p)

    placed on the grid of step ends ``dt, 2 dt, ...``, or left as it is (:meth:`times`).

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
    first : float
        Time of the strongest spike in seconds, at most ``last``.
    zero_is_silent : bool
        Whether intensity 0 is silent, as for the background of an image, or a spike at ``last``, as for a feature.
    bias : tuple of float
        Times of spikes that are the same for every sample, each from an input of its own behind those of the image.

    Notes
    -----
    Times are compared with the grid to 1e-6 of a step, or to the rounding of a float32 intensity where that is
    more, so that the rounding of a float does not decide.
    """

    window: float = 0.2
    last: float = 0.1
    rounding: str = "ceil"
    first: float = 0.0
    zero_is_silent: bool = True
    bias: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _check.positive("window", self.window, "s")
        _check.positive("last", self.last, "s")
        _check.choice("rounding", self.rounding, ROUNDINGS)
        _check.number("first", self.first, "s", minimum=0.0)
        if self.last > self.window:
            raise ValueError(
                f"last must be at most window, got last={self.last:g} s, window={self.window:g} s"
            )
        if self.first > self.last:
            raise ValueError(f"first must be at most last, got first={self.first:g} s, last={self.last:g} s")
        bias = tuple(_check.number("bias", each, "s", minimum=0.0) for each in self.bias)
        if max(bias, default=0.0) > self.window:
            raise ValueError(f"bias must be at most window = {self.window:g} s, got {max(bias):g} s")
        object.__setattr__(self, "bias", bias)

    @property
    def extra_inputs(self) -> int:
        """Inputs of a network beside those of the image."""
        return len(self.bias)

    def times(self, images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Spike times in seconds, shape (batch, n_inputs + extra_inputs, 1), float64; inf where there is no spike."""
        values = _check_images(images).to(torch.float64)
        times = self.first + (self.last - self.first) * (1 - values)
        if self.zero_is_silent:
            times = times.masked_fill(values == 0, math.inf)
        if self.bias:
            bias = torch.tensor(self.bias, dtype=torch.float64, device=images.device)
            times = torch.cat([times, bias.expand(len(times), -1)], dim=1)
        return times[..., None]

    def __call__(self, images: torch.Tensor, dt: float, generator: torch.Generator) -> torch.Tensor:
        """Spikes, shape (n_steps, batch, n_inputs + extra_inputs), float32; one rounded past the window is lost."""
        times = self.times(images)[..., 0]
        fires = times.isfinite()
        position = torch.where(fires, times, 0.0) / dt
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
        spikes = torch.zeros((steps, *times.shape), dtype=torch.float32, device=images.device)
        fires = (fires & (index < steps)).to(torch.float32)
        spikes.scatter_(0, index.clamp(max=steps - 1)[None], fires[None])
        return spikes


@dataclass(frozen=True)
class Constant:
    """Direct input: every input kicks in every step by its intensity, the mean of the rate code without its noise.

    Definition::

        S_n = p max_rate dt

    Parameters
    ----------
    window : float
        Length of the input in seconds.
    max_rate : float
        Kicks per second of intensity 1, in spikes; ``1 / dt`` for the intensity itself in every step.

    Notes
    -----
    No spikes: the first layer is driven by a current. All steps are one and the same memory, which a
    :class:`snntheory.training.Network` works on once.
    """

    window: float = 0.1
    max_rate: float = 100.0

    extra_inputs = 0

    def __post_init__(self) -> None:
        _check.positive("window", self.window, "s")
        _check.positive("max_rate", self.max_rate, "Hz")

    def __call__(self, images: torch.Tensor, dt: float, generator: torch.Generator) -> torch.Tensor:
        """Kicks, shape (n_steps, batch, n_inputs), float32; no memory of its own for every step."""
        kick = _check_images(images).to(torch.float32) * (self.max_rate * dt)
        return kick.expand(n_steps(self.window, dt), *kick.shape)

    def times(self, images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Refused.

        Raises
        ------
        ValueError
            A current has no spike times.
        """
        raise ValueError("Constant input has no spike times: use Poisson or Latency, or a grid network")


@dataclass(frozen=True)
class Events:
    """Recorded events as they are: the images are ``samples.references()``, by which the samples are found.

    Parameters
    ----------
    samples : EventSamples
        As of ``datasets.load("n-mnist", "train")``.
    window : float
        Length of the input in seconds; later events are left out. N-MNIST's first saccade ends at 0.1 s.
    """

    samples: EventSamples | None
    window: float = 0.3

    def __post_init__(self) -> None:
        if self.samples is not None and not isinstance(self.samples, EventSamples):
            raise TypeError(f"samples must be EventSamples, got {type(self.samples).__name__}")
        _check.positive("window", self.window, "s")

    def _samples(self) -> EventSamples:
        if self.samples is None:
            raise ValueError(
                "the network was trained on events, which its file does not hold: give encoder=Events(samples, "
                f"window={self.window:g})"
            )
        return self.samples

    @property
    def extra_inputs(self) -> int:
        """Inputs of a network beside the one number by which a sample is found."""
        return self._samples().n_inputs - 1

    def times(self, images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Event times in seconds, shape (batch, n_inputs, most), float64, sorted, padded with inf."""
        samples = self._samples()
        times = samples.padded_times(samples.of_references(images.cpu()), self.window)
        return torch.from_numpy(times).to(images.device)

    def __call__(self, images: torch.Tensor, dt: float, generator: torch.Generator) -> torch.Tensor:
        """Event counts, shape (n_steps, batch, n_inputs), float32; step n ends at ``n dt``, as for Latency."""
        samples = self._samples()
        counts = samples.counts(samples.of_references(images.cpu()), dt, n_steps(self.window, dt))
        return torch.from_numpy(counts).to(images.device)


ENCODERS = {"poisson": Poisson, "latency": Latency, "constant": Constant, "events": Events}
Encoder = Poisson | Latency | Constant | Events


def settings(encoder: Encoder) -> dict[str, Any]:
    """The encoder as plain values (for files)."""
    name = next((key for key, kind in ENCODERS.items() if isinstance(encoder, kind)), None)
    if name is None:
        raise TypeError(
            f"encoder must be one of {', '.join(k.__name__ for k in ENCODERS.values())}, got {encoder!r}"
        )
    if isinstance(encoder, Events):  # the samples themselves stay out of files
        return {"name": name, "window": encoder.window, "samples": encoder._samples().digest()}
    values = {"name": name, **asdict(encoder)}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def from_settings(values: dict[str, Any]) -> Encoder:
    """The encoder of :func:`settings`."""
    rest = dict(values)
    if rest["name"] == "events":
        rest["samples"] = None  # only their digest is known
    if "bias" in rest:
        rest["bias"] = tuple(rest["bias"])
    return ENCODERS[_check.choice("encoder", rest.pop("name"), ENCODERS)](**rest)
