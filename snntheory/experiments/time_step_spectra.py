"""Source 000 (Hu 2024), section 4.3: does the time step move the spectrum of the hidden voltages?

The source simulates 50 steps whatever the time step, lets a pixel fire with its intensity in *each step*, and
kicks the current by ``w dt / tau_syn``. So the length of the window, the input's rate per second and the kick all
change with ``dt`` beside the integration. Two protocols tell these apart:

``source``
    50 steps, one spike a step at full intensity, kick ``w dt / tau_syn``: what the source's equation (13) and
    section 4.1 say of window, input and kick. Neuron, data, batch and optimiser are those of the other protocol, not
    the source's, so that the protocols differ in these three things alone.
``physical``
    one window in seconds, rates in hertz, Poisson counts, kick ``w / tau_syn``: only the integration changes.
    (At most one spike a step would thin the input as ``dt`` grows: its variance is ``p (1 - p)``.)

For each protocol and time step a network is trained on the digits and its hidden layer recorded; in the physical
protocol the recording presents an image for longer than the training did, to resolve low frequencies.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import xarray as xr

from .. import _check, artefacts, training  # torch is loaded with the first network, not here
from ..neuron import CubaLIF
from ..spectral import cwt, global_wavelet_spectrum, psd
from ..spectral.resets import without_resets
from ..training import datasets
from .provenance import Report, plain

PROTOCOLS = ("physical", "source")


@dataclass(frozen=True)
class Settings:
    """All settings of the experiment, in one place.

    ``source_gain`` scales the initial weights of the source's protocol, whose unit is the weight that holds the
    voltage at one with a spike in every step; at 1 most hidden neurons stay silent at first.
    """

    neuron: CubaLIF = field(default_factory=lambda: CubaLIF(tau_mem=0.020, tau_syn=0.010))
    scheme: str = "backward_euler"
    time_steps: tuple[float, ...] = (0.0005, 0.001, 0.002, 0.004, 0.008)
    hidden: int = 400
    window: float = 0.1
    max_rate: float = 100.0
    steps: int = 50
    source_gain: float = 3.0
    epochs: int = 12
    batch_size: int = 128
    learning_rate: float = 2e-3
    decay: float = 0.9
    temperature: float = 5.0
    seed: int = 0
    n_train: int = 8000
    n_test: int = 2000
    record_window: float = 0.612
    record_samples: int = 3
    record_repeats: int = 12
    record_neurons: int = 12
    record_batch: int = 50

    def quick(self) -> Settings:
        """The same experiment in seconds: fewer digits, neurons and epochs. Its numbers are not the published ones."""
        return replace(
            self,
            time_steps=(0.002, 0.008),
            hidden=64,
            epochs=3,
            learning_rate=5e-3,
            n_train=1024,
            n_test=256,
            record_repeats=2,
        )


def artefact_name(protocol: str, dt: float) -> str:
    """Name of the recording of one protocol and time step."""
    return f"hidden-{_check.choice('protocol', protocol, PROTOCOLS)}-{dt * 1e3:g}ms"


def run(
    settings: Settings,
    folder: Path,
    checkpoints: Path,
    command: str,
    report: Report = lambda text: None,
    progress: bool = False,
) -> list[Path]:
    """Train and record every protocol and time step; what is already trained in ``checkpoints`` is taken up again.

    Parameters
    ----------
    settings : Settings
    folder : Path
        Where the artefacts go.
    checkpoints : Path
        Where the trainings keep their state; a killed run goes on from there.
    command : str
        What to type to do it again, for the provenance.
    report : callable
        Called with one line a recording.
    progress : bool
        Show the trainings' progress bars.

    Returns
    -------
    list of Path
        The recordings.

    Raises
    ------
    ValueError
        The trainings in ``checkpoints`` were begun with other sources.
    """
    sources = artefacts.begin(checkpoints, "time-step-spectra")
    written = []
    for protocol in PROTOCOLS:
        for dt in settings.time_steps:
            started = time.monotonic()
            traces, headline = train_and_record(settings, protocol, dt, checkpoints, progress)
            name = artefact_name(protocol, dt)
            written.append(
                artefacts.save(
                    name,
                    traces,
                    command=command,
                    settings={**plain(settings), "protocol": protocol, "dt": dt},
                    # a resumed run counts the seconds of all its epochs
                    wall_seconds=max(time.monotonic() - started, headline["training_seconds"]),
                    headline=headline,
                    sources=sources,
                    folder=folder,
                )
            )
            report(f"{name}: test accuracy {100 * headline['test_accuracy']:.2f} %")
    return written


def network_and_encoder(
    settings: Settings, protocol: str, dt: float
) -> tuple[training.Network, training.Poisson]:
    """The untrained network of a protocol and time step, and the encoder that it is trained with."""
    source = _check.choice("protocol", protocol, PROTOCOLS) == "source"
    network = training.Network(
        (784, settings.hidden, 10),
        settings.neuron,
        dt,
        settings.scheme,
        input="sampled" if source else "dirac",
        gain=settings.source_gain if source else 1.0,
        seed=settings.seed,
    )
    if source:
        return network, training.Poisson(window=settings.steps * dt, probability_per_step=True)
    return network, training.Poisson(window=settings.window, max_rate=settings.max_rate, arrivals="poisson")


def train_and_record(
    settings: Settings, protocol: str, dt: float, checkpoints: Path, progress: bool = False
) -> tuple[xr.Dataset, dict[str, float]]:
    """One training and its recording: traces of hidden neurons, and the headline numbers."""
    network, encoder = network_and_encoder(settings, protocol, dt)
    loss = training.CountCrossEntropy(temperature=settings.temperature)
    images, labels = (part[: settings.n_train] for part in datasets.mnist_subset("train"))
    test_images, test_labels = (part[: settings.n_test] for part in datasets.mnist_subset("test"))
    checkpoints.mkdir(parents=True, exist_ok=True)
    history = training.fit(
        network,
        images,
        labels,
        encoder=encoder,
        loss=loss,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        decay=settings.decay,
        seed=settings.seed,
        checkpoint=checkpoints / f"{artefact_name(protocol, dt)}.pt",
        resume=True,
        progress=progress,
    )
    result = training.evaluate(
        network, test_images, test_labels, encoder=encoder, loss=loss, seed=settings.seed
    )
    physical = protocol == "physical"
    n_samples = settings.record_samples if physical else settings.record_batch
    long = replace(encoder, window=settings.record_window) if physical else encoder
    shown = test_images[:n_samples]
    neurons = np.linspace(0, settings.hidden - 1, settings.record_neurons).astype(int).tolist()
    traces = training.record(
        network,
        shown,
        encoder=long,
        labels=test_labels[:n_samples],
        neurons=neurons,
        repeats=settings.record_repeats if physical else 1,
        seed=settings.seed,
    ).drop_vars("current")
    traces.attrs["protocol"] = protocol
    headline = {
        "test_accuracy": result.accuracy,
        "hidden_spikes": result.spikes[0],
        "output_spikes": result.spikes[1],
        "training_seconds": sum(entry["seconds"] for entry in history),
    }
    return traces, headline


def linear_spectrum(traces: xr.Dataset, onset: float = 0.1, segment: float = 0.256) -> xr.DataArray:
    """Measured density of the voltages with the resets added back, per unit of noise power ``P``.

    Parameters
    ----------
    traces : xarray.Dataset
        A recording of the physical protocol, with ``drive_power``.
    onset : float
        Seconds to leave out at the start, after the resets have been added back.
    segment : float
        Welch's segment in seconds.

    Returns
    -------
    DataArray (frequency,)
    """
    free = without_resets(traces).sel(time=slice(onset, None)).assign_attrs(dt=traces.attrs["dt"])
    return psd(free, segment=segment).mean(["trial", "neuron"]) / float(traces["drive_power"].mean())


def batch_amplitude(traces: xr.Dataset) -> xr.DataArray:
    """The source's quantity: mean wavelet amplitude ("l1") of the voltage averaged over the batch.

    Returns
    -------
    DataArray (frequency,)
    """
    average = traces["voltage"].mean("trial").assign_attrs(dt=traces.attrs["dt"])
    return abs(cwt(average, norm="l1")).mean(["time", "neuron"])


def band_density(traces: xr.Dataset, low: float, high: float) -> float:
    """Density of the voltage in a band fixed in hertz, from wavelets outside the cone of influence.

    NaN where the recording is too short to have anything outside the cone at ``low``.
    """
    voltage = traces["voltage"].assign_attrs(dt=traces.attrs["dt"])
    transform = cwt(voltage, frequencies=np.geomspace(low, high, 12))
    return float(
        global_wavelet_spectrum(transform, density=True).mean(["trial", "neuron"]).mean(skipna=False)
    )
