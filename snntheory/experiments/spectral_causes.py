"""Source 000 (Hu 2024), figure 5: which part of what it saw is the window, the drive, the integration, the network?

The source compares spectra of hidden voltages between time steps. Its window is fifty steps, its drive a spike
probability a *step* with the kick ``w dt / tau_syn``, its integration backward Euler, and its network trained anew at
each step. Here the weights stay the same, and one thing at a time is done as the source does it:

=============  ==================  =======================  ======================
condition      window              drive                    scheme
=============  ==================  =======================  ======================
``none``       fixed, in seconds   Poisson, Dirac kicks     exact
``window``     fifty steps         Poisson, Dirac kicks     exact
``drive``      fixed, in seconds   of the source            exact
``scheme``     fixed, in seconds   Poisson, Dirac kicks     backward Euler
``all``        fifty steps         of the source            backward Euler
=============  ==================  =======================  ======================

What is left in ``none`` is sampling: the same process seen at coarser times, with its resets on the grid. The weights
of the source's drive are those of the other times ``max_rate``, so that both drives have the same mean at every step.

A record ``u`` of ``N`` samples is tapered by Hann's window ``h`` and has the periodogram
``dt |sum h_n u_n exp(-i w n)|^2 / sum h_n^2`` (two-sided, per hertz), taken of every digit's voltage and averaged
("single"), or of the voltage averaged over the batch ("average"), which is what the source transforms. With the resets
added back a voltage is linear in its input, and the expectation of either is known: that of the mean response, from
rest, plus that of the input's noise.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .. import _check, artefacts
from .._arrivals import count_variance
from ..linear import DiscreteNeuron
from ..neuron import CubaLIF
from ..spectral.resets import without_resets
from ..training import CountCrossEntropy, Network, Poisson, datasets, fit, record
from .provenance import Report, plain

Floats = NDArray[np.float64]
CONDITIONS = ("none", "window", "drive", "scheme", "all")
NAME = "spectral-causes"


@dataclass(frozen=True)
class Settings:
    """All settings of the experiment, in one place; times in seconds."""

    neuron: CubaLIF = field(default_factory=lambda: CubaLIF(tau_mem=0.020, tau_syn=0.010))
    time_steps: tuple[float, ...] = (0.0005, 0.001, 0.002, 0.004, 0.008)
    window: float = 0.4
    steps: int = 50
    max_rate: float = 100.0
    batch: int = 50
    repeats: int = 8
    neurons: int = 12
    bands: int = 24
    hidden: int = 400
    train_dt: float = 0.001
    train_window: float = 0.1
    epochs: int = 4
    n_train: int = 8000
    learning_rate: float = 2e-3
    seed: int = 0

    def quick(self) -> Settings:
        """The same in seconds; its numbers are not the published ones."""
        return replace(self, time_steps=(0.002, 0.008), hidden=32, epochs=1, n_train=512, batch=10, repeats=2)


def run(
    settings: Settings,
    folder: Path,
    checkpoints: Path,
    command: str,
    report: Report = lambda text: None,
    progress: bool = False,
) -> list[Path]:
    """Train one network, take the spectra of its hidden neurons under all conditions, write one artefact.

    The training keeps its state in ``checkpoints``, so that a killed run goes on; the spectra take a minute.

    Raises
    ------
    ValueError
        The training in ``checkpoints`` was begun with other sources.
    """
    started, sources = time.monotonic(), artefacts.begin(checkpoints, NAME)
    weights = trained_weights(settings, checkpoints, progress)
    images, _ = datasets.mnist_subset("test")
    found = spectra(settings, weights, images[: settings.batch])
    gap = float(abs(found["measured"] / found["expected"] - 1).sel(voltage="resets added back").mean())
    report(f"{NAME}: resets added back, the mean deviation from theory is {100 * gap:.1f} %")
    path = artefacts.save(
        NAME,
        found,
        command=command,
        settings=plain(settings),
        wall_seconds=time.monotonic() - started,
        headline={"mean_deviation": gap},
        sources=sources,
        folder=folder,
    )
    return [path]


def trained_weights(settings: Settings, checkpoints: Path, progress: bool = False) -> Floats:
    """Canonical weights of some hidden neurons of a network trained in the right protocol, (784, neurons)."""
    network = Network((784, settings.hidden, 10), settings.neuron, settings.train_dt, seed=settings.seed)
    images, labels = (part[: settings.n_train] for part in datasets.mnist_subset("train"))
    checkpoints.mkdir(parents=True, exist_ok=True)
    fit(
        network,
        images,
        labels,
        encoder=Poisson(window=settings.train_window, max_rate=settings.max_rate, arrivals="poisson"),
        loss=CountCrossEntropy(temperature=5.0),
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        seed=settings.seed,
        checkpoint=checkpoints / f"{NAME}.pt",
        resume=True,
        progress=progress,
    )
    chosen = np.linspace(0, settings.hidden - 1, settings.neurons).astype(int)
    return network.weights()[0].numpy().astype(float)[:, chosen]


def setting_of(settings: Settings, condition: str, dt: float) -> tuple[int, bool, str]:
    """Steps of the record, whether the drive is the source's, and the scheme, of a condition."""
    _check.choice("condition", condition, CONDITIONS)
    steps = settings.steps if condition in ("window", "all") else round(settings.window / dt)
    scheme = "backward_euler" if condition in ("scheme", "all") else "impulse_invariance"
    return steps, condition in ("drive", "all"), scheme


def spectra(settings: Settings, weights: Floats, images: np.ndarray) -> xr.Dataset:
    """Measured and expected periodograms of every condition and time step, in bands.

    Parameters
    ----------
    settings : Settings
    weights : ndarray, shape (784, neurons)
        Canonical.
    images : ndarray, shape (batch, 28, 28)

    Returns
    -------
    xarray.Dataset
        ``measured`` (condition, dt, of, voltage, band): ``of`` "single" or "average", ``voltage`` "recorded" or
        "resets added back"; ``expected``: for the latter, NaN elsewhere; ``frequency`` (condition, dt, band) in hertz;
        ``rate`` (condition, dt) in hertz.
    """
    shape = (len(CONDITIONS), len(settings.time_steps))
    measured = np.full((*shape, 2, 2, settings.bands), np.nan)
    expected, frequency = measured.copy(), np.full((*shape, settings.bands), np.nan)
    rate = np.zeros(shape)
    for c, condition in enumerate(CONDITIONS):
        for k, dt in enumerate(settings.time_steps):
            steps, literal, scheme = setting_of(settings, condition, dt)
            network = Network(
                (784, settings.neurons),
                settings.neuron,
                dt,
                scheme,
                input="sampled" if literal else "dirac",
                seed=settings.seed,
            )
            network.set_weights([weights * (settings.max_rate if literal else 1.0)])
            encoder = Poisson(
                window=steps * dt,
                max_rate=settings.max_rate,
                arrivals="bernoulli" if literal else "poisson",
                probability_per_step=literal,
            )
            bands, frequency[c, k] = _bands(steps, dt, settings.bands)
            each = []
            for repeat in range(settings.repeats):
                traces = record(network, images, encoder=encoder, seed=settings.seed + repeat)
                rate[c, k] += float(traces["spikes"].mean()) / dt / settings.repeats
                each.append([_both(part, dt) for part in (traces["voltage"], without_resets(traces))])
            measured[c, k] = np.swapaxes(np.mean(each, axis=0), 0, 1) @ bands.T
            areas = weights * (settings.max_rate * dt if literal else 1.0)
            theory = expected_periodograms(network.models[0], areas, images, encoder, steps)
            expected[c, k, :, 1] = [bands @ part for part in theory]
    dims = ("condition", "dt", "of", "voltage", "band")
    return xr.Dataset(
        {
            "measured": (dims, measured),
            "expected": (dims, expected),
            "frequency": (("condition", "dt", "band"), frequency, {"units": "Hz"}),
            "rate": (("condition", "dt"), rate, {"units": "Hz"}),
        },
        coords={
            "condition": list(CONDITIONS),
            "dt": ("dt", list(settings.time_steps), {"units": "s"}),
            "of": ["single", "average"],
            "voltage": ["recorded", "resets added back"],
        },
    )


def _both(voltage: xr.DataArray, dt: float) -> list[Floats]:
    """Mean periodogram of the single voltages, and of their average over the batch."""
    values = voltage.transpose("neuron", "trial", "time").values.astype(float)
    averages = values.mean(axis=1, keepdims=True)
    return [periodogram(part, dt).mean(axis=(0, 1)) for part in (values, averages)]


def taper(steps: int) -> Floats:
    """Hann's window without its zeros."""
    return np.sin(np.pi * (np.arange(steps) + 1) / (steps + 1)) ** 2


def periodogram(values: Floats, dt: float) -> Floats:
    """Tapered periodogram along the last axis, two-sided density at the frequencies of ``rfft``."""
    window = taper(values.shape[-1])
    return np.asarray(dt * np.abs(np.fft.rfft(window * values)) ** 2 / np.sum(window**2))


def impulse_response(model: DiscreteNeuron, steps: int) -> Floats:
    """Voltage after a kick of one in the first step, shape (steps,)."""
    state, found = model.b.copy(), []
    for n in range(steps):
        found.append(state[0])
        state = model.A @ state + (model.b_previous if n == 0 else 0.0)
    return np.array(found)


def expected_periodograms(
    model: DiscreteNeuron, areas: Floats, images: np.ndarray, encoder: Poisson, steps: int
) -> tuple[Floats, Floats]:
    """Expectation of the periodogram of a linear voltage from rest: of single digits, and of the batch's average.

    Definition, with ``h`` the response to one kick, ``m`` and ``s^2`` the mean and variance of a step's kick::

        E|X|^2 = |F[taper (m sum_{k<=n} h_k)]|^2 + s^2 sum_j |F[taper h_{n-j}]|^2
    """
    pixels = images.reshape(len(images), -1) / 255.0
    mean = pixels * encoder.mean_count(model.dt)
    kick_mean = mean @ areas
    kick_variance = count_variance(mean, encoder.arrivals) @ areas**2
    response, window = impulse_response(model, steps), taper(steps)
    onset = np.fft.rfft(window * np.cumsum(response))
    noise = np.zeros(onset.size)
    for j in range(steps):
        late = np.zeros(steps)
        late[j:] = response[: steps - j]
        noise += np.abs(np.fft.rfft(window * late)) ** 2
    scale = model.dt / np.sum(window**2)
    single = np.mean(kick_mean**2) * np.abs(onset) ** 2 + np.mean(kick_variance) * noise
    average = np.mean(kick_mean.mean(0) ** 2) * np.abs(onset) ** 2
    average = average + np.mean(kick_variance.mean(0)) / len(images) * noise
    return scale * single, scale * average


def _bands(steps: int, dt: float, n: int) -> tuple[Floats, Floats]:
    """A matrix that averages the bins of a record into ``n`` bands, and the bands' frequencies; NaN for empty ones."""
    frequency = np.fft.rfftfreq(steps, dt)
    edges = np.geomspace(1.5, steps / 2 + 0.51, n + 1)  # the lowest bins hold the mean
    of = np.digitize(np.arange(frequency.size), edges) - 1
    matrix = np.array([of == band for band in range(n)], dtype=float)
    filled = matrix.sum(1, keepdims=True)
    matrix = np.divide(matrix, filled, out=np.full_like(matrix, np.nan), where=filled > 0)
    return matrix, matrix @ frequency
