"""What a discretisation scheme declares about itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import sympy
from numpy.typing import ArrayLike
from sympy.codegen.rewriting import expm1_opt, optimize

from ..neuron import CubaLIF
from ._double_double import Floats
from .symbolic import delta_t, no_input, resistance, tau_mem, tau_syn, z


class Coefficients(NamedTuple):
    """Numbers of one update ``x_n = A x_{n-1} + b S_n + b_previous S_{n-1}``; arrays of one shape, or scalars.

    ``a_iu`` is zero. ``increment`` is ``A - 1`` on the diagonal, which keeps the digits that ``A`` rounds away when
    the step is short (the delta operator's coefficient, times the step).
    """

    a_uu: Floats
    a_ui: Floats
    a_ii: Floats
    increment_uu: Floats
    increment_ii: Floats
    b_u: Floats
    b_i: Floats
    previous_u: Floats
    previous_i: Floats


@dataclass(frozen=True, eq=False)
class Scheme:
    """One discretisation of the neuron below threshold, declared once in SymPy.

    Definition::

        x_n = A x_{n-1} + b S_n + b_previous S_{n-1},    x = (u, i)

    where ``S_n`` is the sum of the weights of all input spikes in step ``n``.

    Parameters
    ----------
    name : str
        The name that :func:`snntheory.discretize` takes.
    title : str
        The name in a sentence.
    propagator : sympy.ImmutableMatrix, shape (2, 2)
        ``A``; upper triangular, because the voltage never acts on the current.
    input, input_previous : sympy.ImmutableMatrix, shape (2, 1)
        ``b`` and ``b_previous``; the latter is zero except where a scheme smears a spike over a step.
    delay : str
        When a spike of step ``n`` is first seen by ``u``, in words.
    order : int or sympy.oo
        Order of the error of ``u`` at a fixed time, for spikes on the grid; ``oo`` when it is exact, 0 when the
        error does not vanish.
    stability_limit, monotonicity_limit : sympy.Expr
        Largest ``dt`` below which every pole has modulus below 1, and below which in addition no pole is negative: a
        current, and a voltage without a current, decay without changing sign. A voltage driven by a current of one
        sign keeps that sign where ``A_ui`` is positive as well: in every scheme below this limit, except for
        Parker-Sochacki of even order ``p``, whose ``A_ui = R dt/tau_mem`` times the mean of ``R_{p-1}`` between
        ``-dt/tau_mem`` and ``-dt/tau_syn`` (order 2: negative for ``dt/tau_mem + dt/tau_syn > 2``). ``oo`` where
        there is none.
    frequency_map : sympy.Expr, optional
        ``s(z)`` for a scheme that puts it for ``s`` into the continuous transfer function ``G``:
        ``Delta_t H(z) = z**lead G(s(z))``. None for a scheme that samples, which has images instead.
    lead : int
        Steps by which ``H`` is ahead of the substituted ``G``.
    by_increments : bool
        Whether a simulation adds ``(A - I) x`` to ``x`` instead of multiplying ``A x``.
    stable_numbers : callable, optional
        ``(tau_mem, tau_syn, r, dt) -> Coefficients`` without cancellation, arrays broadcast; where evaluating the
        expressions as they stand would lose digits.
    """

    name: str
    title: str
    propagator: sympy.ImmutableMatrix
    input: sympy.ImmutableMatrix
    delay: str
    order: int | sympy.Expr
    stability_limit: sympy.Expr
    monotonicity_limit: sympy.Expr
    input_previous: sympy.ImmutableMatrix = no_input
    frequency_map: sympy.Expr | None = None
    lead: int = 0
    by_increments: bool = False
    stable_numbers: Callable[..., Coefficients] | None = None

    @cached_property
    def _evaluate(self) -> Callable[..., list[Floats]]:
        a = self.propagator
        entries = [a[0, 0], a[0, 1], a[1, 1], a[0, 0] - 1, a[1, 1] - 1, *self.input, *self.input_previous]
        # factored, a difference such as 1 - dt/tau becomes (tau - dt)/tau, whose subtraction is exact near its zero
        stable = [optimize(sympy.factor(entry), [expm1_opt]) for entry in entries]
        return sympy.lambdify((tau_mem, tau_syn, resistance, delta_t), stable, modules="numpy", cse=True)

    def coefficients(
        self, tau_mem: ArrayLike, tau_syn: ArrayLike, r: ArrayLike, dt: ArrayLike
    ) -> Coefficients:
        """The update's numbers in float64 for arrays of neurons and steps, broadcast against each other.

        Accuracy: relative error below 1e-14 for any ratio of time constants and ``dt`` from ``1e-12 tau`` on;
        tests/linear/test_schemes.py compares with 50 digits.
        """
        evaluate = self.stable_numbers or self._evaluate
        parameters = [np.asarray(value, dtype=np.float64) for value in (tau_mem, tau_syn, r, dt)]
        return Coefficients(*np.broadcast_arrays(*evaluate(*parameters)))

    def numbers(self, neuron: CubaLIF, dt: float) -> tuple[Floats, Floats, Floats]:
        """``A``, ``b`` and ``b_previous`` in float64, of shapes (2, 2), (2,) and (2,)."""
        c = self.coefficients(neuron.tau_mem, neuron.tau_syn, neuron.r, dt)
        return (
            np.array([[c.a_uu, c.a_ui], [0.0, c.a_ii]], dtype=np.float64),
            np.array([c.b_u, c.b_i], dtype=np.float64),
            np.array([c.previous_u, c.previous_i], dtype=np.float64),
        )

    def transfer_function(self) -> sympy.Expr:
        """``H(z) = (1, 0)(I - A/z)^-1 (b + b_previous/z)`` as an expression in z, Delta_t, tau_mem, tau_syn, R.

        ``A`` is upper triangular, so the system is solved by substituting the current into the voltage.
        """
        kick = self.input + self.input_previous / z
        a = self.propagator
        current = kick[1] / (1 - a[1, 1] / z)
        return (kick[0] + a[0, 1] / z * current) / (1 - a[0, 0] / z)

    @cached_property
    def numerator(self) -> tuple[sympy.Expr, sympy.Expr, sympy.Expr]:
        """``n_0, n_1, n_2`` of ``H(z) = (n_0 + n_1/z + n_2/z**2) / ((1 - A_uu/z)(1 - A_ii/z))``."""
        a, b, previous = self.propagator, self.input, self.input_previous
        parts = (
            b[0],
            previous[0] - a[1, 1] * b[0] + a[0, 1] * b[1],
            a[0, 1] * previous[1] - a[1, 1] * previous[0],
        )
        # a product of declared entries is zero only where SymPy says so at once; factoring a long one takes minutes
        return tuple(sympy.factor(part) if part.is_Add else part for part in parts)

    @property
    def delay_steps(self) -> int:
        """Steps from a spike to the first voltage that it changes: the first coefficient of the numerator not zero."""
        return next(k for k, part in enumerate(self.numerator) if part != 0)

    def limit(self, expression: sympy.Expr, neuron: CubaLIF) -> float:
        """A declared limit in seconds for this neuron; ``inf`` where there is none."""
        return float(sympy.sympify(expression).subs({tau_mem: neuron.tau_mem, tau_syn: neuron.tau_syn}))
