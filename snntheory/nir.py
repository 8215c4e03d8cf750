"""Neurons to and from NIR, the intermediate representation that frameworks exchange, and how they read it.

NIR carries the equations of the neuron in continuous time and no time step. Scheme, step and what a spike is travel
here in the node's metadata, under the key ``"snntheory"``, which other readers ignore. NIR cannot carry a soft
reset: its neurons are set to ``v_reset``.

The package ``nir`` is imported only when a node is made: ``pip install nir``.

References
----------
Pedersen et al., Nature Communications 15:8122 (2024).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _check
from .neuron import RESETS, CubaLIF

if TYPE_CHECKING:
    import nir  # type: ignore[import-not-found,unused-ignore]

KEY = "snntheory"
INPUTS = ("dirac", "sampled")
FIXED_DT = 1e-4
"""Time step in seconds that snnTorch assumes of every NIR file."""


class LostInNIR(UserWarning):
    """The node does not say everything about the neuron to a reader that ignores its metadata."""


@dataclass(frozen=True, eq=False)
class FromNIR:
    """Neurons of one node, made by :func:`from_nir`.

    Attributes
    ----------
    neurons : tuple of CubaLIF
        In C order of the node's arrays; voltages are measured from ``v_leak``.
    weights : ndarray, shape (n,)
        Canonical weight of a spike of weight 1 arriving at each neuron.
    v_leak : ndarray, shape (n,)
        What was subtracted from the voltages.
    shape : tuple of int
        Of the node's arrays.
    dt : float or None
        Time step in seconds, when the metadata say it.
    scheme, order : str or None, int or None
        Discretisation, when the metadata say it.
    input : {"dirac", "sampled"}
        See :func:`to_nir`; ``"dirac"`` when the metadata do not say it.
    """

    neurons: tuple[CubaLIF, ...]
    weights: NDArray[np.float64]
    v_leak: NDArray[np.float64]
    shape: tuple[int, ...]
    dt: float | None
    scheme: str | None
    order: int | None
    input: str


@dataclass(frozen=True)
class Reading:
    """How a library reads a CubaLIF node: a name in :mod:`snntheory.linear.frameworks` and what it sets.

    Attributes
    ----------
    framework : str
    values : dict of float
        The framework's parameters.
    dt : float
        The step in seconds that the library takes the node to have.
    weight : float
        Framework's weight of a spike of weight 1.
    """

    framework: str
    values: dict[str, float]
    dt: float
    weight: float


def to_nir(
    neurons: CubaLIF | Sequence[CubaLIF],
    weights: ArrayLike = 1.0,
    *,
    dt: float | None = None,
    scheme: str | None = None,
    order: int | None = None,
    input: str = "dirac",
    v_leak: ArrayLike = 0.0,
    shape: tuple[int, ...] | None = None,
) -> nir.CubaLIF:
    """A NIR node of these neurons.

    Definition::

        tau_syn I' = -I + w_in S,    tau_mem v' = v_leak - v + r I

    With ``input="dirac"``, ``S`` is a train of Dirac impulses and ``w_in`` is the canonical weight: NIR's equations as
    they stand. The readers of NIR treat ``S`` as a current that is 1 for one step; with ``input="sampled"``,
    ``w_in`` is the canonical weight over ``dt``, which gives it back its area.

    Parameters
    ----------
    neurons : CubaLIF or sequence of CubaLIF
    weights : array_like, shape () or (n,)
        Canonical weight of a spike of weight 1.
    dt : float, optional
        Time step in seconds, for the metadata; needed by ``"sampled"``.
    scheme, order : str and int, optional
        Discretisation, for the metadata: a name of :func:`snntheory.linear.schemes.names`.
    input : {"dirac", "sampled"}
    v_leak : array_like, shape () or (n,)
        Added to threshold and reset.
    shape : tuple of int, optional
        Of the node's arrays; ``(n,)`` when left out.

    Raises
    ------
    ImportError
        ``nir`` is not installed.
    TypeError, ValueError
        A neuron is no CubaLIF, the neurons differ in their kind of reset, a shape does not fit, ``dt`` is missing for
        ``"sampled"``, the scheme is unknown, or an order is given without one.

    Warns
    -----
    LostInNIR
        The reset is not to a value.
    """
    group = tuple(neurons) if isinstance(neurons, Sequence) else (neurons,)
    if not group or not all(isinstance(neuron, CubaLIF) for neuron in group):
        raise TypeError("neurons must be a CubaLIF or a sequence of at least one")
    resets = {neuron.reset for neuron in group}
    if len(resets) > 1:
        raise ValueError(f"neurons must share one kind of reset, got {sorted(resets)}; make one node of each")
    reset = resets.pop()
    _check.choice("input", input, INPUTS)
    shape = (len(group),) if shape is None else tuple(shape)
    if int(np.prod(shape)) != len(group):
        raise ValueError(f"shape must hold {len(group)} neurons, got {shape}")
    if scheme is not None:
        from .linear import schemes

        schemes.get(scheme, order)
    elif order is not None:
        raise ValueError(f"order={order!r} needs a scheme: give scheme='parker_sochacki', or leave it out")
    if dt is not None:
        dt = _check.positive("dt", dt, "s")
    w_in, leak = (
        _per_neuron(name, value, len(group)) for name, value in (("weights", weights), ("v_leak", v_leak))
    )
    if input == "sampled":
        if dt is None:
            raise ValueError("dt must be given with input='sampled': w_in is the weight over dt")
        w_in = w_in / dt
    if reset != "to_value":
        warnings.warn(
            f"NIR has no reset {reset!r}: readers that ignore the metadata will set the voltage to v_leak",
            LostInNIR,
            stacklevel=2,
        )

    def array(values: ArrayLike) -> NDArray[np.float64]:
        return np.array(values, dtype=np.float64).reshape(shape)

    known = {"dt": dt, "scheme": scheme, "order": order, "input": input, "reset": reset}
    own: dict[str, Any] = {name: value for name, value in known.items() if value is not None}
    own["v_reset"] = array([neuron.v_reset for neuron in group])
    target = np.array([neuron.v_reset if reset == "to_value" else 0.0 for neuron in group])
    return _library().CubaLIF(
        tau_syn=array([neuron.tau_syn for neuron in group]),
        tau_mem=array([neuron.tau_mem for neuron in group]),
        r=array([neuron.r for neuron in group]),
        v_leak=array(leak),
        v_threshold=array(leak + [neuron.v_threshold for neuron in group]),
        v_reset=array(leak + target),
        w_in=array(w_in),
        metadata={KEY: own},
    )


def from_nir(node: Any, tau_syn: float | None = None) -> FromNIR:
    """The neurons of a NIR node ``CubaLIF``, ``CubaLI``, ``LIF`` or ``LI``.

    A ``CubaLI`` or ``LI`` has no threshold: its neurons get ``reset="none"`` and a threshold that means nothing.

    Parameters
    ----------
    node : nir.CubaLIF, nir.CubaLI, nir.LIF or nir.LI
    tau_syn : float, optional
        For ``LIF`` and ``LI``, which have no synapse: time constant in seconds of one put before them.

    Raises
    ------
    TypeError, ValueError
        The node is of another kind, a value is out of range, or ``tau_syn`` is missing or superfluous.
    """
    kind = type(node).__name__
    if kind not in ("CubaLIF", "CubaLI", "LIF", "LI"):
        raise TypeError(f"node must be a nir CubaLIF, CubaLI, LIF or LI, got {kind}")
    if kind.startswith("Cuba") == (tau_syn is not None):
        raise ValueError(
            f"{kind} has {'its own' if tau_syn is not None else 'no'} synapse: "
            f"{'leave tau_syn out' if tau_syn is not None else 'give the tau_syn of one put before it'}"
        )
    shape = np.shape(node.r)
    n = int(np.prod(shape))

    def values(name: str, otherwise: Any = None) -> NDArray[np.float64]:
        given = getattr(node, name, otherwise)
        return np.broadcast_to(_check.array(name, given), shape).reshape(n).astype(np.float64)

    own = _metadata(node)
    fires = kind.endswith("F")
    reset = _check.choice("reset", str(own.get("reset", "to_value")), RESETS) if fires else "none"
    leak = values("v_leak")
    threshold = values("v_threshold", 1.0) - leak if fires else np.ones(n)
    target = values("v_reset", 0.0) - leak if reset == "to_value" else np.zeros(n)
    if reset != "to_value" and "v_reset" in own:
        target = np.broadcast_to(np.asarray(own["v_reset"], dtype=np.float64), shape).reshape(n)
    mem = values("tau_mem" if kind.startswith("Cuba") else "tau")
    syn = values("tau_syn") if tau_syn is None else np.full(n, _check.positive("tau_syn", tau_syn, "s"))
    dt = own.get("dt")
    spike = _check.choice("input", str(own.get("input", "dirac")), INPUTS)
    weights = values("w_in", 1.0)
    if spike == "sampled":
        if dt is None:
            raise ValueError("the node's metadata say input='sampled' but not dt; add it")
        weights = weights * float(dt)
    rows = zip(
        mem.tolist(), syn.tolist(), values("r").tolist(), threshold.tolist(), target.tolist(), strict=True
    )
    return FromNIR(
        neurons=tuple(CubaLIF(*row, reset) for row in rows),  # type: ignore[arg-type]
        weights=weights,
        v_leak=leak,
        shape=shape,
        dt=None if dt is None else float(dt),
        scheme=None if own.get("scheme") is None else str(own["scheme"]),
        order=None if own.get("order") is None else int(own["order"]),
        input=spike,
    )


def read_as(node: Any, library: str, dt: float | None = None) -> Reading:
    """What a library makes of a CubaLIF node with one neuron.

    ``node`` is a ``nir.CubaLIF``, or a :class:`snntheory.CubaLIF` for the node of it with ``w_in = 1``.

    - ``"norse"`` (1.1.0) takes ``dt`` from its caller, 1 ms by default; a spike is a current of one step.
    - ``"snntorch"`` (1.0.0) assumes ``dt = 1e-4 s`` and refuses an ``r`` other than ``tau_mem / dt``.
    - ``"spikingjelly"`` (2.0.0) takes ``dt`` from its caller, 0.1 ms by default, and refuses an ``r`` other than
      ``tau_mem / dt`` and a ``w_in`` other than ``tau_syn / dt``.
    - ``"rockpool"`` (3.1.0) guesses ``dt = tau_mem / (1 + r)`` and ignores ``w_in``.

    Raises
    ------
    TypeError, ValueError
        The node is no CubaLIF of one neuron, the library is unknown, refuses the node, or takes no ``dt``.
    """
    name = _check.choice("library", library, ("norse", "snntorch", "spikingjelly", "rockpool"))
    if type(node).__name__ != "CubaLIF" or np.size(node.r) != 1:  # nir.CubaLIF or our own, by the same names
        raise TypeError(f"node must be a nir.CubaLIF of one neuron, got {type(node).__name__}")
    mem, syn, r, w_in, leak = (
        float(np.asarray(getattr(node, field, default)).item())
        for field, default in (("tau_mem", 0), ("tau_syn", 0), ("r", 0), ("w_in", 1), ("v_leak", 0))
    )
    if dt is not None and name in ("snntorch", "rockpool"):
        raise ValueError(f"{name} takes no dt from its caller, got {dt:g}; leave it out")
    step = {"norse": 1e-3, "snntorch": FIXED_DT, "spikingjelly": FIXED_DT, "rockpool": mem / (1 + r)}[name]
    step = step if dt is None else _check.positive("dt", dt, "s")
    if name == "norse":
        rates = {"tau_mem_inv": 1 / mem, "tau_syn_inv": 1 / syn}
        return Reading("norse.from_nir.CubaLIF", rates, step, w_in * r)
    if name == "rockpool":
        return Reading("rockpool.LIFTorch", {"tau_mem": mem, "tau_syn": syn}, step, 1.0)
    needed = {"r": (r, mem / step), "v_leak": (leak, 0.0)}
    if name == "spikingjelly":
        needed["w_in"] = (w_in, syn / step)
    for field, (value, must) in needed.items():
        if not np.isclose(value, must):
            raise ValueError(
                f"{name} refuses a node with {field}={value:g}: at dt={step:g} s it must be {must:g}"
            )
    decays = (1 - step / syn, 1 - step / mem)
    if name == "spikingjelly":
        return Reading(
            "spikingjelly.CUBALIFNode", dict(zip(("c_decay", "v_decay"), decays, strict=True)), step, 1.0
        )
    return Reading(
        "snntorch.Synaptic", dict(zip(("alpha", "beta"), decays, strict=True)), step, w_in * step / syn
    )


def _per_neuron(name: str, value: ArrayLike, n: int) -> NDArray[np.float64]:
    array = _check.array(name, value)
    try:
        return np.broadcast_to(array, (n,)).astype(np.float64)
    except ValueError:
        raise ValueError(
            f"{name} must be a number or have one entry per neuron ({n}), got {array.shape}"
        ) from None


def _metadata(node: Any) -> Mapping[str, Any]:
    own = getattr(node, "metadata", {}).get(KEY, {})
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in own.items()}


def _library() -> ModuleType:
    try:
        import nir
    except ImportError:
        raise ImportError("to_nir needs the package nir: pip install nir") from None
    return nir
