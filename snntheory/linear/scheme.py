"""What a discretisation scheme declares about itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy
from numpy.typing import NDArray

from ..neuron import CubaLIF
from .symbolic import delta_t, no_input, resistance, tau_mem, tau_syn, z

Arrays = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


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
        Order of the error of ``u`` at a fixed time, for spikes on the grid; ``oo`` when it is exact.
    stability_limit, monotonicity_limit : sympy.Expr
        Largest ``dt`` below which every pole has modulus below 1, and below which in addition no pole
        is negative (the free voltage decays without changing sign); ``oo`` where there is none.
    stable_numbers : callable, optional
        ``(neuron, dt) -> (A, b, b_previous)`` without cancellation, where evaluating the expressions as
        they stand would lose digits.
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
    stable_numbers: Callable[[CubaLIF, float], Arrays] | None = None

    @cached_property
    def _evaluate(self) -> Callable[..., list[NDArray[np.float64]]]:
        parts = [sympy.Matrix(part) for part in (self.propagator, self.input, self.input_previous)]
        return sympy.lambdify((delta_t, tau_mem, tau_syn, resistance), parts, modules="numpy", cse=True)

    def numbers(self, neuron: CubaLIF, dt: float) -> Arrays:
        """``A``, ``b`` and ``b_previous`` in float64, of shapes (2, 2), (2,) and (2,)."""
        if self.stable_numbers is not None:
            return self.stable_numbers(neuron, dt)
        a, b, previous = self._evaluate(dt, neuron.tau_mem, neuron.tau_syn, neuron.r)
        return (
            np.asarray(a, dtype=np.float64),
            np.asarray(b, dtype=np.float64).ravel(),
            np.asarray(previous, dtype=np.float64).ravel(),
        )

    def transfer_function(self) -> sympy.Expr:
        """``H(z) = (1, 0)(I - A/z)^-1 (b + b_previous/z)`` as an expression in z, Delta_t, tau_mem, tau_syn, R.

        ``A`` is upper triangular, so the system is solved by substituting the current into the voltage.
        """
        kick = self.input + self.input_previous / z
        a = self.propagator
        current = kick[1] / (1 - a[1, 1] / z)
        return (kick[0] + a[0, 1] / z * current) / (1 - a[0, 0] / z)

    def limit(self, expression: sympy.Expr, neuron: CubaLIF) -> float:
        """A declared limit in seconds for this neuron; ``inf`` where there is none."""
        return float(sympy.sympify(expression).subs({tau_mem: neuron.tau_mem, tau_syn: neuron.tau_syn}))
