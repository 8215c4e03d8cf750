"""What a framework's neuron declares about itself: its update, its parameters, and what to type into it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy.codegen.rewriting import expm1_opt, optimize

from ... import _check
from ...neuron import CubaLIF
from .. import schemes
from ..continuous import coupling
from ..discrete import DiscreteNeuron, matrices, warn_if_unstable
from ..scheme import Coefficients, Scheme
from ..symbolic import delta_t, no_input, resistance, tau_mem, tau_syn

RECIPES = ("usual", "exact")


@dataclass(frozen=True)
class Reset:
    """When a framework resets, and to what, with its default settings.

    Attributes
    ----------
    kinds : tuple of {"subtract", "to_value"}
        The kinds that it offers, the default first.
    step : {"same", "next"}
        Whether the reset acts in the step of the spike or in the one after it.
    comparison : {">", ">="}
        Between the voltage and the threshold.
    several : bool
        Whether one step can emit several spikes (``floor(u / v_threshold)``).
    recorded : {"before", "after"}
        Whether the voltage that a user reads in the step of a spike is that before or after the reset.
    drops_input : bool
        For ``step="next"`` and ``"to_value"``: whether the voltage that is set includes the input of that step.
    """

    kinds: tuple[str, ...]
    step: str = "same"
    comparison: str = ">"
    several: bool = False
    recorded: str = "after"
    drops_input: bool = False


@dataclass(frozen=True)
class Settings:
    """What to type into a framework; made by :meth:`Framework.parameters_for`.

    Attributes
    ----------
    framework : str
    dt : float
        Time step in seconds.
    values : dict of float
        The framework's own parameters by name. Thresholds are typed as they are.
    weight_gain : float
        Framework's weight over canonical weight: multiply a canonical weight by it.
    """

    framework: str
    dt: float
    values: dict[str, float]
    weight_gain: float


@dataclass(frozen=True, eq=False, repr=False)
class Framework:
    """The sub-threshold update of one framework's neuron, declared once in its own parameters.

    Definition::

        x_n = A x_{n-1} + b S_n + b_previous S_{n-1},    x = (u, i)

    where ``S_n`` is the sum of the *framework's* weights of all input spikes in step ``n``.

    Parameters
    ----------
    name : str
        ``library.Class``.
    title : str
        The name in a table.
    version : str
        Library and version whose source was read; see ``checked``.
    update : str
        One step in words and symbols, in the order in which the framework computes it.
    propagator, input, input_previous : sympy.ImmutableMatrix
        ``A``, ``b`` and ``b_previous`` in the framework's parameters and ``Delta_t``.
    usual : mapping of str to sympy.Expr
        What its documentation, or its NIR export, says to type for ``tau_mem, tau_syn, R, Delta_t``.
    nearest : tuple of (str, int or None)
        Scheme (and its order) with the same poles as ``usual``: the same ``H(z)`` up to a gain and whole steps.
    reset : Reset
    exact : mapping of str to sympy.Expr, optional
        What to type so that both poles are those of the exact solution; None where no value does it.
    physical : mapping of sympy.Symbol to sympy.Expr, optional
        ``tau_mem, tau_syn, R``, in this order, in the framework's parameters: for a simulator that applies the
        scheme ``nearest`` to the neuron's equations. Its numbers then come from that scheme.
    bounds : mapping of str to (float, float)
        Open intervals that parameters must lie in.
    has_synapse : bool
        False for a neuron of first order: its input goes straight to the voltage and ``i`` stays 0.
    quantised : bool
        Whether the recipes round to the values that the framework can hold: then the poles are near those of
        ``nearest`` only, and the error does not vanish with ``Delta_t``.
    checked : str
        How the declaration was verified.
    remark : str
        What else a user should know.
    """

    name: str
    title: str
    version: str
    update: str
    propagator: sympy.ImmutableMatrix
    input: sympy.ImmutableMatrix
    usual: Mapping[str, sympy.Expr]
    nearest: tuple[str, int | None]
    reset: Reset
    exact: Mapping[str, sympy.Expr] | None = None
    input_previous: sympy.ImmutableMatrix = no_input
    physical: Mapping[sympy.Symbol, sympy.Expr] | None = None
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    has_synapse: bool = True
    quantised: bool = False
    checked: str = "driven in tests/interop"
    remark: str = ""

    def __repr__(self) -> str:
        return f"Framework({self.name}: {self.update}; after {self.version})"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the framework's own parameters."""
        return tuple(self.usual)

    def transfer_function(self) -> sympy.Expr:
        """``H(z)`` from the framework's weights to ``u`` in ``z``, its own parameters and ``Delta_t``."""
        return self._composed({}).transfer_function()

    def scheme(self, recipe: str = "usual") -> Scheme:
        """The update as a scheme in ``Delta_t, tau_mem, tau_syn, R``, with the parameters that ``recipe`` types."""
        return _scheme(self, _check.choice("recipe", recipe, RECIPES))

    def discretize(self, neuron: CubaLIF, dt: float, recipe: str = "usual") -> DiscreteNeuron:
        """What the framework integrates when ``recipe`` types ``neuron`` into it; ``S_n`` in the framework's weights.

        Raises
        ------
        TypeError, ValueError
            As :meth:`parameters_for`, but for an unstable step.

        Warns
        -----
        UnstableStep
            As :func:`snntheory.discretize`.
        """
        model = self._model(neuron, dt, recipe)
        warn_if_unstable(model, stacklevel=3)
        return model

    def _model(self, neuron: CubaLIF, dt: float, recipe: str) -> DiscreteNeuron:
        _, dt = self._typed(neuron, dt, recipe)
        declaration = self.scheme(recipe)
        numbers = declaration.coefficients(neuron.tau_mem, neuron.tau_syn, neuron.r, dt)
        return DiscreteNeuron(neuron, dt, declaration, *matrices(numbers))

    def parameters_for(self, neuron: CubaLIF, dt: float, recipe: str = "exact") -> Settings:
        """What to type so that the framework is ``neuron`` at the time step ``dt``.

        Parameters
        ----------
        neuron : CubaLIF
        dt : float
            Seconds, above zero.
        recipe : {"exact", "usual"}
            ``"exact"``: both poles are exact, and the gain makes every sample of the post-synaptic potential exact
            (a framework that reacts within the step of a spike is one step early). ``"usual"``: what its
            documentation says; the gain makes the area, hence the mean voltage, exact. For a simulator it is the
            jump ``1 / tau_syn``, as documented, whatever the area.

        Returns
        -------
        Settings

        Raises
        ------
        TypeError, ValueError
            ``neuron`` is no CubaLIF, ``dt`` is not positive, a parameter falls out of the framework's range, or
            no parameters make it exact, or the framework is unstable at ``dt``.
        """
        values, dt = self._typed(neuron, dt, recipe)
        model = self._model(neuron, dt, recipe)
        if not model.is_stable:
            raise ValueError(
                f"dt must be below {model.max_stable_dt:g} s, where {self.name} becomes unstable, got {dt:g} s; "
                "choose a smaller dt"
            )
        if recipe == "usual":
            gain = neuron.r / model.area if self.physical is None else 1 / neuron.tau_syn
            return Settings(self.name, dt, values, gain)
        first = model.b[0] if self.scheme(recipe).delay_steps == 0 else model.A[0, 1] * model.b[1]
        return Settings(self.name, dt, values, float(coupling(neuron, dt)) / neuron.tau_syn / float(first))

    def neuron_of(self, values: Mapping[str, float], dt: float) -> tuple[CubaLIF, float]:
        """The physical neuron that the framework is with these parameters, and the canonical weight of its weight 1.

        The neuron's exact post-synaptic potential, times that weight, passes through every sample of the
        framework's (up to whole steps). It has ``r = 1``: ``r`` and the weights are only known as a product.

        Parameters
        ----------
        values : mapping of str to float
            The framework's own parameters by name.
        dt : float
            Seconds that one step stands for.

        Raises
        ------
        ValueError
            A name is missing or unknown, a value is out of range, a pole does not lie between 0 and 1, or the
            framework has no synapse or no single hidden neuron.
        """
        dt = _check.positive("dt", dt, "s")
        a, b, _ = self.numbers(values, dt)
        if not self.has_synapse:
            raise ValueError(
                f"{self.name} has no synapse, so it is no CubaLIF; its membrane time constant is "
                f"{-dt / np.log(a[0, 0]):.6g} s"
            )
        poles = np.diag(a)
        if np.any(poles <= 0) or np.any(poles >= 1):
            raise ValueError(
                f"poles must lie between 0 and 1 for a hidden neuron, got {poles[0]:g} and {poles[1]:g}; "
                "a negative pole rings and one of 1 or more does not decay"
            )
        membrane, synapse = (-dt / np.log(poles)).tolist()
        neuron = CubaLIF(membrane, synapse)
        first = b[0] if b[0] else a[0, 1] * b[1]
        return neuron, float(first * neuron.tau_syn / coupling(neuron, dt))

    def numbers(
        self, values: Mapping[str, float], dt: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """``A``, ``b`` and ``b_previous`` for the framework's own parameters, of shapes (2, 2), (2,), (2,).

        Raises
        ------
        TypeError, ValueError
            As :meth:`neuron_of`.
        """
        dt = _check.positive("dt", dt, "s")
        given = self._checked(values)
        if self.physical is not None:
            typed = {parameter(name): value for name, value in given.items()}
            neuron = [float(value.subs(typed)) for value in self.physical.values()]
            near = _with_input(schemes.get(*self.nearest), self.input)
            a, b, previous, _ = matrices(near(*neuron, dt))
            return a, b, previous
        a, b, previous = self._evaluate(dt, *given.values())
        return (
            np.asarray(a, dtype=np.float64),
            np.asarray(b, dtype=np.float64).ravel(),
            np.asarray(previous, dtype=np.float64).ravel(),
        )

    @cached_property
    def _evaluate(self) -> Any:
        symbols = [sympy.Symbol(name, positive=True) for name in self.parameters]
        parts = [sympy.Matrix(part) for part in (self.propagator, self.input, self.input_previous)]
        return sympy.lambdify((delta_t, *symbols), parts, modules="numpy", cse=True)

    def _checked(self, values: Mapping[str, float]) -> dict[str, float]:
        wrong = [
            name for name in (*self.parameters, *values) if name not in values or name not in self.parameters
        ]
        if wrong:
            raise ValueError(
                f"values of {self.name} must be exactly {', '.join(self.parameters)}; got {', '.join(values)}"
            )
        checked = {name: _check.positive(name, values[name]) for name in self.parameters}
        for name, (low, high) in self.bounds.items():
            if not low < checked[name] < high:
                raise ValueError(
                    f"{name} of {self.name} must lie between {low:g} and {high:g}, got {checked[name]:g}; "
                    "a time constant must be longer than the time step: choose a smaller dt"
                )
        return checked

    def _typed(self, neuron: CubaLIF, dt: float, recipe: str) -> tuple[dict[str, float], float]:
        """The parameters' values, checked, and ``dt`` as a float."""
        if not isinstance(neuron, CubaLIF):
            raise TypeError(f"neuron must be a CubaLIF, got {type(neuron).__name__}")
        dt = _check.positive("dt", dt, "s")
        expressions = self._recipe(recipe)
        with np.errstate(all="ignore"):
            numbers = _recipe_numbers(self, recipe)(neuron.tau_mem, neuron.tau_syn, neuron.r, dt)
        return self._checked(dict(zip(expressions, map(float, numbers), strict=True))), dt

    def _recipe(self, recipe: str) -> Mapping[str, sympy.Expr]:
        if _check.choice("recipe", recipe, RECIPES) == "usual":
            return self.usual
        if self.exact is None:
            lack = "it has no synapse" if not self.has_synapse else "none are known that give the exact poles"
            raise ValueError(
                f"no parameters make {self.name} exact: {lack}; take recipe='usual', or another framework"
            )
        return self.exact

    def _composed(self, values: Mapping[str, sympy.Expr], exact: bool = False) -> Scheme:
        """The update as a scheme; ``exact`` says that ``values`` give the poles of the exact solution."""
        exchange = {sympy.Symbol(name, positive=True): value for name, value in values.items()}
        near = schemes.get("impulse_invariance") if exact else schemes.get(*self.nearest)
        return Scheme(
            name=self.name,
            title=self.title,
            propagator=self.propagator.subs(exchange, simultaneous=True),
            input=self.input.subs(exchange, simultaneous=True),
            input_previous=self.input_previous.subs(exchange, simultaneous=True),
            delay="within step n" if self.input[0] != 0 else "in step n + 1",
            order=0 if self.quantised else (near.order if self.input[0] == 0 else sympy.Min(near.order, 1)),
            stability_limit=self._limit(near.stability_limit),
            monotonicity_limit=self._limit(near.monotonicity_limit),
            stable_numbers=self._physical_numbers(exchange),
        )

    def _limit(self, of_scheme: sympy.Expr) -> sympy.Expr:
        """A limit of the scheme for this framework: rounded leaks have none, and only poles that exist count."""
        if self.quantised:
            return sympy.oo
        return of_scheme if self.has_synapse else sympy.sympify(of_scheme).subs(tau_syn, tau_mem)

    def _physical_numbers(
        self, exchange: Mapping[sympy.Symbol, sympy.Expr]
    ) -> Callable[..., Coefficients] | None:
        """Numbers of a simulator: those of its scheme, for the neuron that the recipe types."""
        if self.physical is None:
            return None
        typed = [_stable(value.subs(exchange, simultaneous=True)) for value in self.physical.values()]
        neuron = sympy.lambdify((tau_mem, tau_syn, resistance, delta_t), typed, modules="numpy")
        near = _with_input(schemes.get(*self.nearest), self.input)
        return lambda *where: near(*neuron(*where), where[-1])


def _stable(expression: sympy.Expr) -> sympy.Expr:
    """With ``expm1`` where a difference from 1 would cancel."""
    return optimize(expression, [expm1_opt])


def _with_input(scheme: Scheme, kick: sympy.ImmutableMatrix) -> Callable[..., Coefficients]:
    """The scheme's numbers with another ``b``."""
    b_u, b_i = (np.array(float(part)) for part in kick)
    return lambda *where: scheme.coefficients(*where)._replace(b_u=b_u, b_i=b_i)


@cache
def _scheme(framework: Framework, recipe: str) -> Scheme:
    return framework._composed(framework._recipe(recipe), exact=recipe == "exact")


@cache
def _recipe_numbers(framework: Framework, recipe: str) -> Any:
    expressions = [_stable(value) for value in framework._recipe(recipe).values()]
    return sympy.lambdify((tau_mem, tau_syn, resistance, delta_t), expressions, modules="numpy")


def parameter(name: str) -> sympy.Symbol:
    """A parameter's symbol: positive, so that SymPy simplifies."""
    return sympy.Symbol(name, positive=True)


def two_states(
    mem: Any, syn: Any, kick: Any = 1, drive: Any = 1, decays_kick: bool = False
) -> tuple[sympy.ImmutableMatrix, sympy.ImmutableMatrix]:
    """``A`` and ``b`` of the update that most libraries share.

    Definition::

        i_n = syn i_{n-1} + kick S_n,          or  i_n = syn (i_{n-1} + kick S_n)  when decays_kick
        u_n = mem u_{n-1} + drive i_n
    """
    jump = syn * kick if decays_kick else kick
    return (
        sympy.ImmutableMatrix([[mem, drive * syn], [0, syn]]),
        sympy.ImmutableMatrix([drive * jump, jump]),
    )


DECAY_MEM, DECAY_SYN = sympy.exp(-delta_t / tau_mem), sympy.exp(-delta_t / tau_syn)
LEAK_MEM, LEAK_SYN = 1 - DECAY_MEM, 1 - DECAY_SYN
