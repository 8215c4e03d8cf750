"""Recording a network: voltages, currents and spikes of chosen layers, neurons and samples, as traces."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
import xarray as xr

from .. import _check
from .._arrivals import count_variance
from .._version import __version__
from ..traces import make_traces
from . import connections, encoders
from .network import PHASE, Network
from .trainer import as_inputs, device_of, generator, inputs_of

_RECORD = 4
_BYTES = 4 + 4 + 1
"""Of one neuron in one step: voltage and current in float32, spikes in uint8."""


def record(
    network: Network,
    images: Any,
    *,
    encoder: encoders.Encoder,
    labels: Any = None,
    layers: Sequence[int] = (1,),
    samples: Sequence[int] | None = None,
    neurons: Sequence[int] | None = None,
    repeats: int = 1,
    seed: int = 0,
    device: str = "cpu",
    memory_limit: float = 1e9,
) -> xr.Dataset:
    """Present images and record what chosen neurons do.

    Parameters
    ----------
    network : Network
    images : array_like, shape (n, ...)
        As for :func:`snntheory.training.fit`.
    encoder : Poisson or Latency
        Its window is the length of the recording.
    labels : array_like of int, shape (n,), optional
        Stored beside the trials.
    layers : sequence of int
        Layers of neurons, 1 for the first hidden one, ``network.n_layers`` for the output.
    samples : sequence of int, optional
        Which images; all by default.
    neurons : sequence of int, optional
        Which neurons of each chosen layer; all by default.
    repeats : int
        Presentations of each image, each with random input of its own.
    seed : int
        Seed of the encoder.
    device : str
        ``"cpu"`` or ``"cuda"``.
    memory_limit : float
        Largest recording in bytes; the work beside it stays below the same limit.

    Returns
    -------
    xarray.Dataset
        Traces (see :mod:`snntheory.traces`): voltage, current, spikes of dimensions (trial, neuron, time).
        Coordinates ``sample``, ``repeat`` and, with labels, ``label`` of a trial; ``layer`` and ``unit`` of a
        neuron. The sample at ``time = n dt`` is the state after step n, before its reset. Attributes name
        the neuron, scheme, encoder, conventions and the digest of the weights. A recording of the first
        layer alone with Poisson input also has ``drive_mean`` and ``drive_power`` (trial, neuron), see
        :func:`drive_statistics`.

    Raises
    ------
    ValueError, TypeError
        An index is out of range, or the recording would exceed ``memory_limit``; the message says by how
        much and what to choose fewer of.
    """
    if not isinstance(network, Network):
        raise TypeError(
            f"network must be a Network on a grid, got {type(network).__name__}; record network.on_grid(dt)"
        )
    encoders.settings(encoder)  # refuses what is no encoder
    target = device_of(device)
    inputs = inputs_of(network, images, encoder)
    chosen_layers = _indices("layers", layers, 1, network.n_layers)
    chosen = _indices("samples", range(len(inputs)) if samples is None else samples, 0, len(inputs) - 1)
    units = {
        layer: _indices(
            "neurons",
            range(network.sizes[layer]) if neurons is None else neurons,
            0,
            network.sizes[layer] - 1,
        )
        for layer in chosen_layers
    }
    classes = None if labels is None else np.asarray(labels)
    if classes is not None and classes.shape != (len(inputs),):
        raise ValueError(f"labels must be one for each of {len(inputs)} images, got shape {classes.shape}")
    repeats = _check.integer("repeats", repeats, minimum=1)
    seed = _check.integer("seed", seed, minimum=0)
    memory_limit = _check.positive("memory_limit", memory_limit, "bytes")
    steps = encoders.n_steps(encoder.window, network.dt)
    n_neurons = sum(map(len, units.values()))
    n_trials = len(chosen) * repeats
    size = n_trials * n_neurons * steps * _BYTES
    if size > memory_limit:
        raise ValueError(
            f"the recording needs {size / 1e6:.0f} MB ({n_trials} trials x {n_neurons} neurons x {steps} steps), "
            f"more than memory_limit = {memory_limit / 1e6:.0f} MB; choose fewer samples, neurons, layers or "
            "repeats, or raise memory_limit"
        )
    voltage, current = (np.empty((n_trials, n_neurons, steps), np.float32) for _ in range(2))
    spikes = np.empty((n_trials, n_neurons, steps), np.uint8)
    per_trial = 4 * steps * (2 * network.sizes[0] + 4 * sum(network.sizes[1:]))
    at_once = max(1, min(n_trials, int(memory_limit // per_trial)))
    network.to(target)
    trial_samples = np.repeat(chosen, repeats)
    for first in range(0, n_trials, at_once):
        part = slice(first, min(first + at_once, n_trials))
        # a generator for each trial: what is recorded does not depend on how many go at once, but for rounding
        batch = torch.cat(
            [
                encoder(
                    inputs[s][None].to(target),
                    network.dt,
                    generator(target, seed, _RECORD, int(s), t % repeats),
                )
                for t, s in zip(range(part.start, part.stop), trial_samples[part].tolist(), strict=True)
            ],
            dim=1,
        )
        states = network.states(batch)
        column = 0
        for layer, own in units.items():
            columns = slice(column, column + len(own))
            column += len(own)
            state = states[layer - 1]
            for store, signal in ((voltage, state.voltage), (current, state.current), (spikes, state.spikes)):
                store[part, columns] = signal[:, :, own].permute(1, 2, 0).cpu().numpy()
    traces = make_traces(
        voltage,
        network.dt,
        t0=network.dt,
        current=current,
        spikes=spikes,
        phase=PHASE,
        attrs=_attributes(network, encoder, chosen_layers, seed),
    )
    coordinates: dict[str, Any] = {
        "sample": ("trial", trial_samples),
        "repeat": ("trial", np.tile(np.arange(repeats), len(chosen))),
        "layer": ("neuron", np.concatenate([np.full(len(own), layer) for layer, own in units.items()])),
        "unit": ("neuron", np.concatenate([np.asarray(own) for own in units.values()])),
    }
    if classes is not None:
        coordinates["label"] = ("trial", classes[trial_samples])
    if isinstance(encoder, encoders.Poisson) and chosen_layers == [1] and network.stages[0].is_linear:
        mean, power = drive_statistics(network, inputs.numpy(), encoder)
        for name, values in (("drive_mean", mean), ("drive_power", power)):
            traces[name] = (("trial", "neuron"), values[trial_samples][:, units[1]])
    return traces.assign_coords(coordinates)


def drive_statistics(
    network: Network, images: Any, encoder: encoders.Poisson
) -> tuple[np.ndarray, np.ndarray]:
    """What random input drives the first layer with: mean and noise power, for each image and neuron.

    Definition, with ``p_j`` the mean spikes of input j in a step and ``w_jk`` the canonical weights::

        mean_k  = sum_j w_jk p_j / dt
        power_k = sum_j w_jk^2 v_j / dt,    v_j = p_j (Poisson) or p_j (1 - p_j) (Bernoulli)

    ``r mean`` is the mean voltage below threshold; ``power dt^2 |H_d|^2`` its spectrum: pass ``rate=power,
    weight=1`` to :func:`snntheory.spectral.theory_psd`. Weights of a ``"sampled"`` network count as areas ``w dt``.

    Parameters
    ----------
    network : Network
    images : array_like, shape (n, ...)
        As for :func:`snntheory.training.fit`.
    encoder : Poisson

    Returns
    -------
    mean : ndarray, shape (n, n_neurons), voltage per unit of ``r``
    power : ndarray, shape (n, n_neurons), hertz times weight squared

    Raises
    ------
    TypeError, ValueError
        The encoder is not a :class:`Poisson` encoder; the first layer is recurrent, or behind a maximum.
    """
    if not isinstance(encoder, encoders.Poisson):
        raise TypeError(
            f"encoder must be a Poisson encoder, got {type(encoder).__name__}: it has no stationary rate"
        )
    stage = network.stages[0]
    if not stage.is_linear:
        raise ValueError(
            f"drive_statistics needs a first layer that is neither recurrent nor behind Pool(kind='max'), got {stage}"
        )
    count = as_inputs(images).numpy().astype(np.float64) * encoder.mean_count(network.dt)
    variance = count_variance(count, encoder.arrivals)
    area = network.dt if network.input == "sampled" else 1.0
    weights = network.weights()[0].cpu().double() * area
    shares = math.prod(each.kernel_size for each in stage.pools) ** -2  # an average squares its share, too

    def summed(values: np.ndarray, by: torch.Tensor) -> np.ndarray:
        result: np.ndarray = connections.drive(stage, torch.from_numpy(values)[None], by, "reference")[
            0
        ].numpy()
        return result / network.dt

    return summed(count, weights), summed(variance, weights**2) * shares


def weights_digest(network: Network) -> str:
    """SHA-256 of the canonical weights of all layers."""
    digest = hashlib.sha256()
    for weights in network.weights():
        digest.update(np.ascontiguousarray(weights.cpu().numpy()).tobytes())
    return digest.hexdigest()


def _indices(name: str, values: Sequence[int], first: int, last: int) -> list[int]:
    result = [_check.integer(name, value, minimum=first) for value in values]
    if not result:
        raise ValueError(f"{name} must not be empty; leave it out for all")
    if max(result) > last:
        raise ValueError(f"{name} must lie in {first} .. {last}, got {max(result)}")
    if len(set(result)) != len(result):
        raise ValueError(f"{name} must not repeat an index, got {result}")
    return result


def _attributes(network: Network, encoder: encoders.Encoder, layers: list[int], seed: int) -> dict[str, Any]:
    neurons = [asdict(network.neurons[layer - 1]) for layer in layers]
    same = all(each == neurons[0] for each in neurons)
    neuron = neurons[0] if same else {key: json.dumps([each[key] for each in neurons]) for key in neurons[0]}
    return {
        **neuron,
        "scheme": network.scheme,
        **({} if network.order is None else {"order": network.order}),
        "input": network.input,
        "encoder": json.dumps(encoders.settings(encoder)),
        "sizes": list(network.sizes),
        **({} if network.layers is None else {"shapes": json.dumps(network.shapes)}),
        "seed": seed,
        "weights_sha256": weights_digest(network),
        "source": f"snntheory {__version__}",
    }
