"""Source 000 (Hu 2024), figure 3: the weight gradients of the first backward pass, and why they grow with the step.

The source's network of full layers sees a batch of digits for 50 steps of backward Euler; each pixel fires with its
intensity in each step, and a weight's kick is ``w dt / tau_syn``. It says that the gradient explodes because of
``1/u'``, the more the larger the time step, and clamps intermediate gradients at 1e4. Two protocols tell apart what the
step does by itself and what it does to the window:

``source``
    50 steps, one spike a step at full intensity, kick ``w dt / tau_syn``.
``physical``
    the window, the rates in hertz and the areas of the kicks that the source has at ``reference_dt``, as a Poisson
    process in continuous time that every step places on its grid.

The law of ``1/u'``: a voltage that lies anywhere below its threshold with the same density crosses it in a step with a
probability in proportion to its rise, so among crossings small rises are rare, ``P(rise < x) ~ x^2``. Hence::

    P(1/rise > s) ~ s^-2,    1/rise = 1/(u' dt)

the mean is finite, the variance is not (it grows with the logarithm of the number of spikes), and ``s`` scales with
``1/dt``. In continuous time Rice's formula, ``P(u' < x) ~ x^2`` at upcrossings, holds without a reset; at spikes it
holds for input of finite weights, and Gaussian noise has ``x^(5/2)``: a property of the exact gradient too.

The source does not give its time steps, the sizes of its layers or its loss. Here the layers are 784-100-10 and the
loss is the cross-entropy of spike counts. With Kaiming's weights (``gain = 1``) no output fires at any step: there is
no gradient to look at.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .. import _check
from ..gradients import _grid
from ..gradients.timing import Crossings, network_gradient
from ..neuron import CubaLIF
from ..training import CountCrossEntropy, datasets
from ..training.sample_loss import for_sample

Floats = NDArray[np.float64]
PROTOCOLS = ("source", "physical")
PROBABILITIES = (0.5, 0.9, 0.99, 0.999)
SLOPES = (*np.geomspace(1, 1e4, 33), 8.0)
"""At which the distribution of ``1/rise`` is taken; among them the clamps 1e4 and 8."""


@dataclass(frozen=True)
class Settings:
    """All settings, in one place; times in seconds. ``gain`` multiplies the standard deviation of Kaiming's weights."""

    neuron: CubaLIF = field(
        default_factory=lambda: CubaLIF(
            tau_mem=0.8, tau_syn=0.6, r=1.2, v_threshold=1.5, v_reset=1.0, reset="to_value"
        )
    )
    time_steps: tuple[float, ...] = (0.02, 0.04, 0.08, 0.16, 0.32)
    reference_dt: float = 0.08
    steps: int = 50
    hidden: int = 100
    batch: int = 3
    gain: float = 5.0
    temperature: float = 1.0
    clamp: float | None = 1e4
    direct: str = "hu"
    estimator: str = "discrete"
    seed: int = 0

    def quick(self) -> Settings:
        """Two steps and a small network."""
        return replace(self, time_steps=(0.08, 0.32), hidden=20, batch=2)


def weights(settings: Settings) -> list[Floats]:
    """Kaiming's normal weights of both layers times ``gain``, in the unit of the source."""
    rng, sizes = np.random.default_rng(settings.seed), (784, settings.hidden, 10)
    return [
        settings.gain * rng.normal(0, np.sqrt(2 / n_in), (n_in, n_out))
        for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True)
    ]


def inputs(settings: Settings, protocol: str, dt: float) -> tuple[list[list[Floats]], NDArray[np.int64]]:
    """Spike times of every pixel for each digit of the batch, and the labels."""
    _check.choice("protocol", protocol, PROTOCOLS)
    images, labels = (part[: settings.batch] for part in datasets.mnist_subset("train"))
    rng = np.random.default_rng(settings.seed + 1)
    window = settings.steps * settings.reference_dt
    found: list[list[Floats]] = []
    for pixels in images.reshape(settings.batch, -1) / 255.0:
        if protocol == "source":
            fired = rng.random((settings.steps, pixels.size)) < pixels
            found.append([(dt * (np.flatnonzero(column) + 1)).astype(np.float64) for column in fired.T])
        else:
            counts = rng.poisson(pixels * settings.steps)
            found.append([np.sort(rng.uniform(0, window, count)) for count in counts])
    return found, labels.astype(np.int64)


def first_backward(settings: Settings, protocol: str, dt: float) -> tuple[list[Floats], Floats, Floats]:
    """The first backward pass of one batch.

    Parameters
    ----------
    settings : Settings
    protocol : {"source", "physical"}
    dt : float
        Time step in seconds.

    Returns
    -------
    gradients : list of ndarray
        Mean over the batch, of each layer, by weights in the unit of the source.
    slopes : ndarray, shape (n_spikes,)
        ``1 / (v_k - p_{k-1})`` of every spike of both layers, not clamped.
    spikes : ndarray, shape (2,)
        Spikes a neuron of each layer.
    """
    trains, labels = inputs(settings, protocol, dt)
    area = dt if protocol == "source" else settings.reference_dt
    t_max = settings.steps * area
    canonical = [area * part for part in weights(settings)]
    loss = CountCrossEntropy(settings.temperature)
    neurons = [settings.neuron] * 2
    found, slopes, spikes = [], [], []
    grid = {"dt": dt, "scheme": "backward_euler", "order": None, "rounding": "ceil"}
    for sample, label in zip(trains, labels, strict=True):
        layers = _grid.run(neurons, sample, canonical, t_max, **grid)  # type: ignore[arg-type]
        each = [Crossings.of(layer, None).slope for layer in layers]
        slopes.append(np.concatenate([part[part > 0] for part in each]))
        spikes.append([layer.spikes.sum() / layer.spikes.shape[1] for layer in layers])
        found.append(
            network_gradient(
                neurons,
                sample,
                canonical,
                for_sample(loss, int(label), t_max),
                t_max,
                dt=dt,
                scheme="backward_euler",
                direct=settings.direct,
                clamp=settings.clamp,
                estimator=settings.estimator,
                loss_on="grid",
            )
        )
    gradients = [area * np.mean([sample[n] for sample in found], axis=0) for n in range(2)]
    return gradients, np.concatenate(slopes), np.mean(spikes, axis=0)


def study(settings: Settings) -> xr.Dataset:
    """The first backward pass at every time step, in both protocols.

    Returns
    -------
    xarray.Dataset
        ``gradient`` (protocol, dt, layer, probability): quantiles of the size of the weight gradients that are not
        zero; ``norm`` (protocol, dt, layer); ``beyond`` (protocol, dt, slope): the share of spikes with ``1/rise``
        beyond a slope; ``spikes`` (protocol, dt, layer) a neuron.
    """
    layers, slopes = ("hidden", "output"), np.sort(SLOPES)
    shape = (len(PROTOCOLS), len(settings.time_steps))
    gradient, beyond = (
        np.full((*shape, 2, len(PROBABILITIES)), np.nan),
        np.full((*shape, slopes.size), np.nan),
    )
    norm, spikes = np.zeros((2, *shape, 2))
    for p, protocol in enumerate(PROTOCOLS):
        for k, dt in enumerate(settings.time_steps):
            found, seen, spikes[p, k] = first_backward(settings, protocol, dt)
            for n, part in enumerate(found):
                norm[p, k, n] = np.linalg.norm(part)
                if part.any():
                    gradient[p, k, n] = np.quantile(np.abs(part[part != 0]), PROBABILITIES)
            if seen.size:
                beyond[p, k] = np.mean(seen[:, None] > slopes, axis=0)
    dims = ("protocol", "dt")
    return xr.Dataset(
        {
            "gradient": ((*dims, "layer", "probability"), gradient),
            "norm": ((*dims, "layer"), norm),
            "beyond": ((*dims, "slope"), beyond),
            "spikes": ((*dims, "layer"), spikes),
        },
        coords={
            "protocol": list(PROTOCOLS),
            "dt": ("dt", list(settings.time_steps), {"units": "s"}),
            "layer": list(layers),
            "probability": list(PROBABILITIES),
            "slope": slopes,
        },
    )
