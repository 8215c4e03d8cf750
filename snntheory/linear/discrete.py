"""From a neuron, a time step and a scheme to the discrete neuron that a computer runs."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..neuron import CubaLIF
from . import schemes
from .poles import effective_time_constant, inside_unit_circle
from .scheme import Coefficients, Floats, Scheme

if TYPE_CHECKING:
    import control
    import scipy.signal
    import sympy


_BLOCK = 4096


class UnstableStep(UserWarning):
    """The time step lies beyond the scheme's stability limit: the free voltage or current grows."""


@dataclass(frozen=True, repr=False)
class DiscreteNeuron:
    """A neuron on a grid of time steps, below threshold; made by :func:`discretize`.

    Definition::

        x_n = A x_{n-1} + b S_n + b_previous S_{n-1},    x = (u, i)

    Attributes
    ----------
    neuron : CubaLIF
    dt : float
        Time step in seconds.
    scheme : Scheme
        The declaration: order, delay convention, limits.
    A, b, b_previous : ndarray, shapes (2, 2), (2,), (2,)
        Read-only.
    increment : ndarray, shape (2, 2)
        ``A - I`` without the rounding of ``A``: its entries keep all digits however short the step is. Read-only.
    """

    neuron: CubaLIF
    dt: float
    scheme: Scheme
    A: Floats = field(compare=False)  # follows from the other three, and arrays have no truth value
    b: Floats = field(compare=False)
    b_previous: Floats = field(compare=False)
    increment: Floats = field(compare=False)

    def __post_init__(self) -> None:
        for part in (self.A, self.b, self.b_previous, self.increment):
            part.setflags(write=False)

    def __repr__(self) -> str:
        mem, syn = self.poles
        hidden = self.effective_time_constants * 1e3
        return (
            f"DiscreteNeuron({self.scheme.title}, dt={self.dt * 1e3:g} ms: "
            f"poles {mem:.6g} (membrane) and {syn:.6g} (synapse), "
            f"effective time constants {hidden[0]:.6g} and {hidden[1]:.6g} ms "
            f"for {self.neuron.tau_mem * 1e3:g} and {self.neuron.tau_syn * 1e3:g} ms, "
            f"{'stable' if self.is_stable else 'unstable'})"
        )

    @property
    def poles(self) -> Floats:
        """Poles of ``H(z)``, shape (2,): that of the membrane, that of the synapse."""
        return np.diag(self.A).copy()

    @property
    def numerator(self) -> Floats:
        """``n_0, n_1, n_2`` of ``H(z) = (n_0 + n_1/z + n_2/z**2) / ((1 - p_m/z)(1 - p_s/z))``, shape (3,).

        Exactly zero where :attr:`Scheme.numerator` is.
        """
        (b_u, b_i), (previous_u, previous_i) = self.b, self.b_previous
        couple, decay = self.A[0, 1], self.A[1, 1]
        parts = (b_u, previous_u - decay * b_u + couple * b_i, couple * previous_i - decay * previous_u)
        return np.where([part == 0 for part in self.scheme.numerator], 0.0, parts)

    @property
    def zeros(self) -> Floats:
        """Finite zeros of ``H(z)``, those at ``z = 0`` included; shape (n,), at most 2, all real."""
        n0, n1, n2 = self.numerator
        if n0 == 0:
            return np.array([-n2 / n1]) if n1 else np.empty(0)
        # discriminant of a double zero (bilinear: twice -1) is rounding of its two products
        squared = n1 * n1 - 4 * n0 * n2
        root = 0.0 if abs(squared) < 16 * np.finfo(np.float64).eps * n1 * n1 else np.sqrt(squared)
        return np.array([-n1 - root, -n1 + root]) / (2 * n0)

    @property
    def delay(self) -> int:
        """Steps from a spike to the first voltage that it changes: 0 or 1."""
        return self.scheme.delay_steps

    @property
    def is_stable(self) -> bool:
        """Whether both poles lie inside the unit circle."""
        return bool(inside_unit_circle(self.increment))

    @property
    def max_stable_dt(self) -> float:
        """Time step in seconds below which the scheme is stable for this neuron; ``inf`` when always."""
        return self.scheme.limit(self.scheme.stability_limit, self.neuron)

    @property
    def max_monotone_dt(self) -> float:
        """Time step in seconds below which no pole is negative; ``inf`` when always.

        Below it a free voltage (no current) keeps its sign; :class:`Scheme` says when a driven one does.
        """
        return self.scheme.limit(self.scheme.monotonicity_limit, self.neuron)

    @property
    def effective_time_constants(self) -> Floats:
        """Time constants ``-dt / ln|pole|`` in seconds that the grid really has, shape (2,): membrane, synapse.

        A pole at 0 forgets within a step (0), a pole on the unit circle never (``inf``); outside it grows (negative).
        """
        return effective_time_constant(np.diag(self.increment), self.poles, self.dt)

    @property
    def area(self) -> float:
        """``sum_n u_n dt`` after one spike of unit weight, ``dt H(1)``; ``r`` for a scheme that keeps the area."""
        if not self.is_stable:
            return float("inf")
        mem, syn = np.diag(self.increment)
        return float(self.numerator.sum() / mem * (self.dt / syn))

    def transfer_function(self, z: ArrayLike) -> NDArray[np.complex128]:
        """``H(z)`` from ``S_n`` to ``u_n``, for an array of complex ``z`` of any shape.

        Raises
        ------
        TypeError, ValueError
            ``z`` holds no numbers, is not finite, is 0 or is a pole.
        """
        z = _check.complex_array("z", z)
        if np.any(z == 0) or any(np.any(z == pole) for pole in self.poles):
            raise ValueError(f"z must be neither 0 nor a pole ({self.poles[0]:g}, {self.poles[1]:g})")
        return self._response(z - 1)

    def _response(self, delta: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """``H(1 + delta)``; ``z - pole`` is ``delta - increment``, without cancellation near z = 1."""
        n0, n1, n2 = self.numerator
        mem, syn = np.diag(self.increment)
        above = (n0 + n1 + n2) + delta * ((2 * n0 + n1) + n0 * delta) if n0 else (n1 + n2) + n1 * delta
        below = delta - mem
        below *= delta - syn
        return above / below

    def frequency_response(self, omega: ArrayLike) -> NDArray[np.complex128]:
        """``H`` at ``z = exp(j omega dt)`` for angular frequencies ``omega`` in rad/s.

        ``dt * frequency_response(omega)`` tends to the continuous
        :func:`snntheory.linear.frequency_response` as ``dt`` goes to 0: on a grid a unit spike is a
        sample of height 1, in time it is an area of 1.

        Raises
        ------
        ValueError
            ``omega`` is not finite.
        """
        omega = _check.array("omega", omega)
        response = np.empty(omega.shape, dtype=np.complex128)
        given, taken = omega.reshape(-1), response.reshape(-1)
        for start in range(0, given.size, _BLOCK):  # all temporaries of a block stay in the cache
            half = given[start : start + _BLOCK] * (self.dt / 2)
            sine = np.sin(half)
            delta = np.empty(half.shape, dtype=np.complex128)  # exp(jx) - 1 without cancellation
            delta.real, delta.imag = -2 * sine**2, 2 * sine * np.cos(half)
            taken[start : start + _BLOCK] = self._response(delta)
        return response

    def phase(self, omega: ArrayLike) -> Floats:
        """Phase of ``H`` in rad, continuous from 0 at ``omega = 0`` on, for ``|omega| <= pi/dt`` and stable schemes.

        Where :attr:`area` is negative (Parker-Sochacki of even order at a long step) it begins at ``pi``.
        """
        x = _check.array("omega", omega) * self.dt
        w = np.exp(-1j * x)
        n = self.numerator[self.delay :]
        numerator = np.angle(np.polynomial.polynomial.polyval(w, n)) - self.delay * x
        return numerator - sum(np.angle(1 - pole * w) for pole in self.poles)

    def group_delay(self, omega: ArrayLike) -> Floats:
        """``-d phase / d omega`` in seconds: by how much an envelope at ``omega`` (rad/s) is late.

        At 0 it tends to ``tau_mem + tau_syn`` as the step goes to 0.
        """
        x = _check.array("omega", omega) * self.dt
        w = np.exp(-1j * x)
        n = self.numerator
        late = np.polynomial.polynomial.polyval(w, n * np.arange(3))
        with np.errstate(
            divide="ignore", invalid="ignore"
        ):  # at a zero on the circle the group delay has no value
            total = (late / np.polynomial.polynomial.polyval(w, n)).real
        half = np.sin(x / 2)
        for pole, change in zip(self.poles, np.diag(self.increment), strict=True):
            # Re[pole w / (1 - pole w)] with 1 - pole w = 2 sin^2(x/2) + j sin x - increment w
            total = total + (pole * w / (2 * half * (half + 1j * np.cos(x / 2)) - change * w)).real
        return self.dt * total

    def warped(self, omega: ArrayLike) -> NDArray[np.complex128]:
        """Point ``s`` (rad/s) of the complex plane at which ``exp(j omega dt)`` reads the continuous neuron.

        Definition::

            dt H(exp(j omega dt)) = exp(j omega dt)**lead G(s)

        On the imaginary axis a scheme keeps the kind of response and moves frequencies (bilinear:
        ``j 2/dt tan(omega dt/2)``); off the axis it changes the response as well (the Euler schemes). A scheme that
        samples has no such point: it adds images, see :func:`snntheory.linear.aliased_response`.

        Raises
        ------
        ValueError
            The scheme samples.
        """
        x = _check.array("omega", omega) * self.dt
        if self.scheme.frequency_map is None:
            raise ValueError(
                f"{self.scheme.title} has no frequency map: it samples the response and adds images; "
                "use snntheory.linear.aliased_response"
            )
        import sympy

        from . import symbolic

        read = sympy.lambdify((symbolic.z, symbolic.delta_t), self.scheme.frequency_map, modules="numpy")
        return np.asarray(read(np.exp(1j * x), self.dt), dtype=np.complex128)

    def symbolic_transfer_function(self) -> sympy.Expr:
        """``H(z)`` as a SymPy expression in ``z, Delta_t, tau_mem, tau_syn, R``."""
        return self.scheme.transfer_function()

    def state_space(self) -> tuple[Floats, Floats, Floats, Floats]:
        """``A, B, C, D`` of ``y_{n+1} = A y_n + B S_n``, ``u_n = C y_n + D S_n``: the standard form of control theory.

        The state ``y_n`` is ``A x_{n-1} + b_previous S_{n-1}``, that is ``x_n`` before the kick of step ``n``.
        Shapes (2, 2), (2, 1), (1, 2), (1, 1).
        """
        kick = self.A @ self.b + self.b_previous
        return self.A.copy(), kick[:, None], np.array([[1.0, 0.0]]), self.b[:1, None].copy()

    def to_scipy(self) -> scipy.signal.dlti:
        """``scipy.signal.StateSpace`` with ``dt``, from ``S_n`` to ``u_n``.

        Its impulse response is the response to one spike of unit weight. ``scipy.signal.cont2discrete`` with
        ``method="impulse"`` returns ``dt`` times as much; compare with ``"scaled_impulse"``.
        """
        from scipy.signal import StateSpace

        return StateSpace(*self.state_space(), dt=self.dt)

    def to_control(self) -> control.StateSpace:
        """``control.StateSpace`` with ``dt``, from ``S_n`` to ``u_n``; needs the package ``control``.

        Its ``impulse_response`` feeds an impulse of height ``1/dt``; multiply by ``dt`` for that of one spike.

        Raises
        ------
        ImportError
            ``control`` is not installed.
        """
        try:
            import control
        except ImportError:
            raise ImportError("to_control needs python-control: pip install control") from None
        return control.ss(*self.state_space(), self.dt)

    def simulate(self, inputs: ArrayLike, v0: ArrayLike = 0.0, i0: ArrayLike = 0.0) -> tuple[Floats, Floats]:
        """Voltage and current below threshold for summed weights ``S_n``.

        Parameters
        ----------
        inputs : array_like, shape (..., n_steps)
            ``S_1, S_2, ...``: the sum of the weights of all spikes in each step.
        v0, i0 : array_like
            State at step 0, broadcast against the leading dimensions.

        Returns
        -------
        voltage, current : ndarray, shape (..., n_steps)
            The states after steps 1, 2, ...

        Raises
        ------
        ValueError
            ``inputs`` has no time axis or is not finite.
        """
        inputs = _check.array("inputs", inputs)
        if inputs.ndim == 0:
            raise ValueError("inputs must have a time axis: shape (..., n_steps), got a scalar")
        u, i = (_initial(name, value, inputs.shape[:-1]) for name, value in (("v0", v0), ("i0", i0)))
        before = np.zeros(inputs.shape[:-1])
        voltage, current = np.empty_like(inputs), np.empty_like(inputs)
        keep, by = (1.0, self.increment) if self.scheme.by_increments else (0.0, self.A)
        for n in range(inputs.shape[-1]):
            now = inputs[..., n]
            u = keep * u + (by[0, 0] * u + by[0, 1] * i + self.b[0] * now + self.b_previous[0] * before)
            i = keep * i + (by[1, 1] * i + self.b[1] * now + self.b_previous[1] * before)
            voltage[..., n], current[..., n], before = u, i, now
        return voltage, current


def _initial(name: str, value: ArrayLike, shape: tuple[int, ...]) -> Floats:
    array = _check.array(name, value)
    try:
        return np.broadcast_to(array, shape).copy()
    except ValueError:
        raise ValueError(
            f"{name} must fit the inputs without their time axis, {shape}, got {array.shape}"
        ) from None


def matrices(c: Coefficients) -> tuple[Floats, Floats, Floats, Floats]:
    """``A``, ``b``, ``b_previous`` and ``A - I`` of shapes (..., 2, 2), (..., 2), (..., 2), (..., 2, 2)."""
    zero = np.zeros_like(c.a_uu)
    upper = [
        np.stack([np.stack([top, c.a_ui], -1), np.stack([zero, low], -1)], -2)
        for top, low in ((c.a_uu, c.a_ii), (c.increment_uu, c.increment_ii))
    ]
    return upper[0], np.stack([c.b_u, c.b_i], -1), np.stack([c.previous_u, c.previous_i], -1), upper[1]


def discretize(neuron: CubaLIF, dt: float, scheme: str, order: int | None = None) -> DiscreteNeuron:
    """The discrete neuron that ``scheme`` makes of ``neuron`` with time step ``dt``.

    Parameters
    ----------
    neuron : CubaLIF
    dt : float
        Time step in seconds, above zero.
    scheme : str
        One of :func:`snntheory.linear.schemes.names`.
    order : int, optional
        Order of ``"parker_sochacki"``, at least 1; must be left out for the others.

    Returns
    -------
    DiscreteNeuron

    Raises
    ------
    TypeError, ValueError
        ``neuron`` is no CubaLIF, ``dt`` is not positive, the scheme is unknown, the order missing or unused.

    Warns
    -----
    UnstableStep
        ``dt`` lies beyond the scheme's stability limit; the numbers are right, the neuron is not.

    Examples
    --------
    >>> model = discretize(CubaLIF(0.020, 0.010), 0.001, "forward_euler")
    >>> model.poles.tolist()
    [0.95, 0.9]
    """
    if not isinstance(neuron, CubaLIF):
        raise TypeError(f"neuron must be a CubaLIF, got {type(neuron).__name__}")
    dt = _check.positive("dt", dt, "s")
    declaration = schemes.get(scheme, order)
    model = DiscreteNeuron(
        neuron,
        dt,
        declaration,
        *matrices(declaration.coefficients(neuron.tau_mem, neuron.tau_syn, neuron.r, dt)),
    )
    warn_if_unstable(model, stacklevel=3)
    return model


def warn_if_unstable(model: DiscreteNeuron, stacklevel: int) -> None:
    """Issue :class:`UnstableStep` where the step lies beyond the stability limit."""
    if not model.is_stable and model.dt >= model.max_stable_dt:
        warnings.warn(
            f"dt={model.dt:g} s is not below the stability limit {model.max_stable_dt:g} s of {model.scheme.title} "
            f"for tau_mem={model.neuron.tau_mem:g} s and tau_syn={model.neuron.tau_syn:g} s: the state grows from "
            "step to step",
            UnstableStep,
            stacklevel=stacklevel,
        )
