"""What brings spikes to a layer of neurons: a matrix, a convolution, and pooling before either.

A layer of a :class:`snntheory.training.Network` is one :class:`Dense` or :class:`Conv`, behind any number of
:class:`Pool`. Pooling has no neurons and no weights to learn: it acts on the spikes of the layer before (or on the
input), in the same step, as P2 of 15C5-P2-40C5-P2-300-10 does in Yang (2020). All three act on each time step alone, so
that all steps of a batch are one call; time enters in the neurons only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

import torch
from torch.nn import functional

from .. import _check
from .kernels import average_pool, product

POOLINGS = ("average", "max")
Shape = tuple[int, ...]


class _Short:
    """A repr as it is written: what has no default by place, what differs from its default by name."""

    def __repr__(self) -> str:
        shown: list[str] = []
        for each in fields(self):  # type: ignore[arg-type]
            value = getattr(self, each.name)
            if each.default is MISSING:
                shown.append(repr(value))
            elif value != each.default:
                shown.append(f"{each.name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass(frozen=True, repr=False)
class Dense(_Short):
    """A layer of ``n`` neurons, each of which hears every neuron of the layer before.

    Parameters
    ----------
    n : int
        Neurons.
    recurrent : bool
        Whether the layer also hears itself, by a second matrix: a spike that a neuron sends in step ``n`` acts on the
        layer in step ``n + 1``.

    Notes
    -----
    Weights of shape (n_in, n); recurrent ones of shape (n, n), from row to column.
    """

    n: int
    recurrent: bool = False

    def __post_init__(self) -> None:
        _check.integer("n", self.n, minimum=1)
        if not isinstance(self.recurrent, bool):
            raise TypeError(f"recurrent must be True or False, got {self.recurrent!r}")


@dataclass(frozen=True, repr=False)
class Conv(_Short):
    """A layer of neurons in ``channels`` maps, each of which hears a square of all maps before; shared weights.

    Parameters
    ----------
    channels : int
        Maps of the layer.
    kernel_size : int
        Side of the square.
    stride, padding : int
        Distance between neighbouring squares; zeros around the maps before.

    Notes
    -----
    Weights of shape (channels, channels before, kernel_size, kernel_size): a cross-correlation, as in torch. The
    neurons are counted map by map, row by row.
    """

    channels: int
    kernel_size: int
    stride: int = 1
    padding: int = 0

    def __post_init__(self) -> None:
        for name, least in (("channels", 1), ("kernel_size", 1), ("stride", 1), ("padding", 0)):
            _check.integer(name, getattr(self, name), minimum=least)


@dataclass(frozen=True, repr=False)
class Pool(_Short):
    """Squares of ``kernel_size`` without overlap, each map by itself; what is left over at the border is dropped.

    Parameters
    ----------
    kernel_size : int
    kind : {"average", "max"}
        ``"average"``: the share of neurons that fire, so that a weight behind it is the area of the current pulse of a
        whole square that fires. ``"max"``: one spike where any fires; its gradient goes to the first of them.
    """

    kernel_size: int
    kind: str = "average"

    def __post_init__(self) -> None:
        _check.integer("kernel_size", self.kernel_size, minimum=1)
        _check.choice("kind", self.kind, POOLINGS)


Layer = Dense | Conv | Pool
KINDS: dict[str, Any] = {"dense": Dense, "conv": Conv, "pool": Pool}


@dataclass(frozen=True)
class Stage:
    """One layer of neurons and what leads to it; shapes are (channels, height, width) or (n,)."""

    pools: tuple[Pool, ...]
    connection: Dense | Conv
    before: Shape
    """Of the layer before, or of the input."""
    pooled: Shape
    shape: Shape
    """Of this layer."""

    @property
    def recurrent(self) -> bool:
        """Whether the layer hears itself."""
        return isinstance(self.connection, Dense) and self.connection.recurrent

    @property
    def is_linear(self) -> bool:
        """Whether what drives the layer is a weighted sum of the spikes before it."""
        return not self.recurrent and all(pool.kind == "average" for pool in self.pools)

    @property
    def weight_shapes(self) -> tuple[Shape, ...]:
        """One shape, or two of a recurrent layer."""
        if isinstance(self.connection, Conv):
            size = self.connection.kernel_size
            return ((self.connection.channels, self.pooled[0], size, size),)
        n = self.connection.n
        return ((math.prod(self.pooled), n), (n, n))[: 1 + self.recurrent]

    @property
    def fan_ins(self) -> tuple[int, ...]:
        """Connections that end at one neuron, by array of weights."""
        if isinstance(self.connection, Conv):
            return (math.prod(self.weight_shapes[0][1:]),)
        return tuple(shape[0] for shape in self.weight_shapes)


def stages(shape: Sequence[int], layers: Iterable[Layer]) -> tuple[Stage, ...]:
    """The layers of neurons that ``layers`` make of an input of a shape.

    Raises
    ------
    ValueError, TypeError
        No layer of neurons, one that is none, pooling behind the last, a shape without maps or too small for a square.
    """
    if not isinstance(shape, Iterable):
        raise TypeError(f"sizes must be the shape of the input, for example (1, 28, 28), got {shape!r}")
    now = tuple(_check.integer("sizes", size, minimum=1) for size in shape)
    if not now:
        raise ValueError("sizes must be the shape of the input, for example (1, 28, 28), got ()")
    if isinstance(layers, Layer) or not isinstance(layers, Iterable):
        raise TypeError(f"layers must be a sequence of Dense, Conv and Pool, got {layers!r}")
    before, pools, found = now, [], []
    for layer in layers:
        if not isinstance(layer, Layer):
            raise TypeError(f"layers must be Dense, Conv or Pool, got {layer!r}")
        if isinstance(layer, Dense):
            after: Shape = (layer.n,)
        else:
            after = _map_shape(layer, now)
        if isinstance(layer, Pool):
            pools.append(layer)
        else:
            found.append(Stage(tuple(pools), layer, before, now, after))
            before, pools = after, []
        now = after
    if not found or pools:
        raise ValueError(
            f"layers must end with Dense or Conv: a Pool has no neurons; got {list(pools) or 'no layer'}"
        )
    return tuple(found)


def _map_shape(layer: Conv | Pool, shape: Shape) -> Shape:
    if len(shape) != 3:
        raise ValueError(
            f"{layer} needs (channels, height, width) before it, got the shape {shape}; "
            "give the input's as (1, 28, 28), and put Conv and Pool before Dense"
        )
    stride, padding, channels = layer.kernel_size, 0, shape[0]
    if isinstance(layer, Conv):
        stride, padding, channels = layer.stride, layer.padding, layer.channels
    sides = [(side + 2 * padding - layer.kernel_size) // stride + 1 for side in shape[1:]]
    if min(sides) < 1:
        raise ValueError(f"{layer} is larger than the maps before it, of shape {shape}; take a smaller one")
    return (channels, *sides)


def drive(stage: Stage, spikes: torch.Tensor, weights: torch.Tensor, backend: str = "auto") -> torch.Tensor:
    """Summed weights ``S_n`` that reach each neuron in each step; differentiable.

    Parameters
    ----------
    stage : Stage
    spikes : torch.Tensor, shape (n_steps, batch, neurons before)
        Spikes or counts. A tensor that is the same in every step because it was expanded along the first dimension,
        such as that of :class:`snntheory.training.Constant`, is worked on once.
    weights : torch.Tensor
        Of the first shape of ``stage.weight_shapes``.
    backend : str
        As for :func:`snntheory.training.kernels.product`.

    Returns
    -------
    torch.Tensor, shape (n_steps, batch, neurons)
    """
    n_steps = len(spikes)
    if n_steps > 1 and spikes.stride(0) == 0:
        return drive(stage, spikes[:1], weights, backend).expand(n_steps, -1, -1)
    if not stage.pools and isinstance(stage.connection, Dense):
        return product(spikes, weights, backend)
    maps = spikes.reshape(-1, *stage.before)
    for pool in stage.pools:
        if pool.kind == "average":
            maps = average_pool(maps, pool.kernel_size, backend)
        else:
            maps = functional.max_pool2d(maps, pool.kernel_size)
    if isinstance(stage.connection, Dense):
        return product(maps.reshape(n_steps, spikes.shape[1], -1), weights, backend)
    if maps.device.type == "cpu":  # two to three times as fast there as maps one after another
        maps = maps.contiguous(memory_format=torch.channels_last)
    made = functional.conv2d(maps, weights, stride=stage.connection.stride, padding=stage.connection.padding)
    return made.reshape(n_steps, spikes.shape[1], -1)


def settings(layer: Layer) -> dict[str, Any]:
    """A layer as plain values (for files)."""
    return {"name": next(key for key, kind in KINDS.items() if isinstance(layer, kind)), **asdict(layer)}


def from_settings(values: dict[str, Any]) -> Layer:
    """The layer of :func:`settings`."""
    rest = dict(values)
    made: Layer = KINDS[_check.choice("layer", rest.pop("name"), KINDS)](**rest)
    return made
