"""Populations: error against seconds for densities, simulation and formulas, in one run.

    python benchmarks/population.py

Three tasks, for a membrane of 20 ms, a synapse of 5 ms, threshold 1, reset 0, mean 0.75 and noise 0.25:

- the rate with finite weights: density with jumps, and event-driven simulation (exact but for its scatter);
- the rate in the diffusion limit: density, and formulas for short synapses (ours and NNMT's);
- the free problem: variance of the voltage with the threshold far away, beside fplanck, which has no threshold.

The references are the densities of the two finest pairs of grids, extrapolated, and Campbell's theorem. NNMT and
fplanck are not needed by anything else: `pip install nnmt fplanck` in an environment of their own beside this package.
A row of one that is missing says so, as does one that fails: fplanck 0.2.2 wants NumPy 1, this package NumPy 2.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from snntheory import CubaLIF
from snntheory.population import (
    OutsideValidity,
    coloured_rate,
    event_driven_rate,
    free_moments,
    jump_density,
    siegert,
    stationary_density,
)

TAU_MEM, TAU_SYN, MU, SIGMA = 0.020, 0.005, 0.75, 0.25
NEURON = CubaLIF(TAU_MEM, TAU_SYN, reset="to_value")
RATE, WEIGHT = 450.0, 1 / 600
POINTS = 1000


def timed(task: Callable[[], float], repeats: int = 3) -> tuple[float, float]:
    """Result and shortest time in seconds."""
    shortest, value = float("inf"), float("nan")
    for _ in range(repeats):
        start = time.perf_counter()
        value = task()
        shortest = min(shortest, time.perf_counter() - start)
    return float(value), shortest


def extrapolated(rate: Callable[[int, int], float], grid: tuple[int, int]) -> float:
    coarse, fine = rate(*grid), rate(2 * grid[0], 2 * grid[1])
    return (4 * fine - coarse) / 3


def finite_weights(table: Table) -> None:
    def solve(n_u: int, n_i: int) -> float:
        return jump_density(NEURON, RATE, WEIGHT, n_u, n_i).rate

    reference = extrapolated(solve, (100, 88))
    for grid in ((60, 44), (120, 44), (120, 88)):
        add(
            table,
            "finite weights",
            f"density {grid[0]} x {grid[1]}",
            timed(lambda grid=grid: solve(*grid), 1),
            reference,
        )
    add(table, "", "density, two grids", timed(lambda: extrapolated(solve, (60, 44)), 1), reference)
    event_driven_rate(NEURON, RATE, WEIGHT, n_neurons=2, t_max=0.1, rng=np.random.default_rng(0))  # compile
    for seconds in (1000, 10_000):
        rng = np.random.default_rng(1)
        found, took = None, time.perf_counter()
        found = event_driven_rate(NEURON, RATE, WEIGHT, n_neurons=100, t_max=seconds / 100, rng=rng)
        took = time.perf_counter() - took
        name = f"event-driven, {seconds} s of neuron (standard error {100 * found.standard_error / found.rate:.1f} %)"
        add(table, "", name, (found.rate, took), reference)


def diffusion(table: Table) -> None:
    def solve(n_u: int, n_i: int) -> float:
        return stationary_density(NEURON, MU, SIGMA, n_u, n_i).rate

    reference = extrapolated(solve, (600, 120))
    for grid in ((75, 20), (150, 40), (600, 80)):
        add(
            table,
            "diffusion",
            f"density {grid[0]} x {grid[1]}",
            timed(lambda grid=grid: solve(*grid)),
            reference,
        )
    add(table, "", "density, two grids", timed(lambda: extrapolated(solve, (75, 20))), reference)
    mu = np.linspace(0.3, 1.5, POINTS)
    case = (SIGMA, 0.0, 1.0, TAU_MEM, 0.0)

    def ours() -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OutsideValidity)
            return float(np.interp(MU, mu, coloured_rate(mu, *case, tau_syn=TAU_SYN)))

    add(table, "", f"formula for short synapses, {POINTS} points", timed(ours), reference)
    add(
        table,
        "",
        f"Siegert (white noise), {POINTS} points",
        timed(lambda: np.interp(MU, mu, siegert(mu, *case))),
        reference,
    )
    try:
        import nnmt
    except ImportError:
        table.add_row("", "NNMT", "not installed: pip install nnmt", "", "")
        return
    ones = np.ones(POINTS)

    def shifted() -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rates = nnmt.lif.exp._firing_rate_shift(
                mu, SIGMA * ones, 0 * ones, ones, TAU_MEM * ones, 0 * ones, TAU_SYN * ones
            )
        return float(np.interp(MU, mu, rates))

    def white() -> float:
        rates = nnmt.lif.delta._firing_rates_for_given_input(
            mu, SIGMA * ones, 0 * ones, ones, TAU_MEM * ones, 0 * ones
        )
        return float(np.interp(MU, mu, rates))

    for name, task in (("formula for short synapses", shifted), ("Siegert (white noise)", white)):
        try:
            add(table, "", f"NNMT, {name}, {POINTS} points", timed(task), reference)
        except Exception as error:  # another version of the peer: the row says what happened
            table.add_row("", f"NNMT, {name}", f"{type(error).__name__}: {error}"[:60], "", "")


def free(table: Table) -> None:
    high = CubaLIF(TAU_MEM, TAU_SYN, v_threshold=3.0, v_reset=-1.0, reset="to_value")
    reference = free_moments(NEURON, RATE, WEIGHT)[1][0, 0]

    def variance(n_u: int, n_i: int) -> float:
        found = stationary_density(high, MU, SIGMA, n_u, n_i)
        masses = found.masses.sum(axis=1)
        return float(masses @ found.u**2 - (masses @ found.u) ** 2)

    for grid in ((100, 20), (200, 40)):
        add(
            table,
            "free variance",
            f"density {grid[0]} x {grid[1]}",
            timed(lambda grid=grid: variance(*grid)),
            reference,
        )
    add(table, "", "density, two grids", timed(lambda: extrapolated(variance, (100, 20))), reference)
    try:
        from fplanck import fokker_planck
        from scipy.constants import k as boltzmann
    except ImportError:
        table.add_row("", "fplanck", "not installed: pip install fplanck", "", "")
        return
    spread = np.sqrt(SIGMA**2 * TAU_MEM / (2 * TAU_SYN))

    def peer(n_u: int, n_i: int) -> float:
        extent = np.array([1.8, 10 * spread])
        width = extent / [n_u, n_i]
        # no noise along u is not possible there: as much as keeps its exponentials tame
        noise = np.array([extent[1] / TAU_MEM * width[0] / 2 / 4, spread**2 / TAU_SYN])

        def force(u: np.ndarray, i: np.ndarray) -> np.ndarray:
            return np.array([(i - u) / TAU_MEM / noise[0], -i / TAU_SYN / noise[1]])

        def drag(
            u: np.ndarray, i: np.ndarray
        ) -> np.ndarray:  # its vector form fails for want of an import in 0.2.2
            return np.array([np.full_like(u, 1 / noise[0]), np.full_like(i, 1 / noise[1])])

        system = fokker_planck(
            temperature=1 / boltzmann, drag=drag, extent=extent, resolution=width, force=force
        )
        masses = np.abs(system.steady_state())
        masses = masses.sum(axis=1) / masses.sum()
        axis = system.axes[0]
        return float(masses @ axis**2 - (masses @ axis) ** 2)

    for grid in ((100, 20), (200, 40)):
        try:
            add(
                table,
                "",
                f"fplanck {grid[0]} x {grid[1]}",
                timed(lambda grid=grid: peer(*grid), 1),
                reference,
            )
        except Exception as error:  # it is not made for noise in one variable
            table.add_row(
                "", f"fplanck {grid[0]} x {grid[1]}", f"{type(error).__name__}: {error}"[:60], "", ""
            )


def add(table: Table, task: str, name: str, found: tuple[float, float], reference: float) -> None:
    value, seconds = found
    table.add_row(task, name, f"{value:.5g}", f"{100 * (value / reference - 1):+.2f}", f"{seconds:.3g}")


def main() -> None:
    table = Table("task", "method", "value", "error (%)", "seconds")
    for part in (finite_weights, diffusion, free):
        part(table)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
