"""White noise on a grid: limits, orders, an independent simulation."""

import numpy as np
import pytest

from snntheory.population import grid_rate, siegert, transfer_operator
from snntheory.population.transfer_operator import step_of

TAU = 0.020
CASE = (15.0, 5.0, 0.0, 20.0, TAU)


def test_mass_and_flux():
    found = transfer_operator(*CASE, 0.001)
    assert found.weights @ found.density + found.at_reset == pytest.approx(1, rel=1e-12)
    assert found.at_reset == pytest.approx(found.rate * 0.001, rel=1e-12)
    assert found.density.min() >= 0
    # mean of one step of the stationary chain is the mean itself
    decay, mean, _ = step_of("exact", 15.0, 5.0, TAU, 0.001)
    average = found.weights @ (found.density * found.v)
    before = decay * average + mean  # before the reset, which takes away what lies above the threshold
    lost = before - average
    assert 20 * found.at_reset < lost < 23 * found.at_reset  # 20, and the overshoot of at most a few spreads


def test_the_root_of_dt_law():
    rates = np.array([transfer_operator(*CASE, dt).rate for dt in (4e-5, 1e-4, 4e-4)])
    laws = np.array([float(grid_rate(*CASE, dt=dt)) for dt in (4e-5, 1e-4, 4e-4)])
    loss = 1 - rates / float(siegert(*CASE))
    # the law's own neglected term is of the order of dt
    assert np.all(np.abs(rates / laws - 1) < 2 * np.array([4e-5, 1e-4, 4e-4]) / TAU)
    assert np.log(loss[2] / loss[0]) / np.log(10) == pytest.approx(0.5, abs=0.06)
    assert 0.17 < 1 - transfer_operator(*CASE, 0.001).rate / float(siegert(*CASE)) < 0.19


@pytest.mark.parametrize("form", ["exact", "forward_euler", "backward_euler"])
@pytest.mark.parametrize("reset", ["to_value", "subtract"])
def test_simulation_agrees(form, reset):
    rng, n, dt, steps = np.random.default_rng(6), 4000, 0.001, 3000
    decay, mean, spread = step_of(form, 18.0, 5.0, TAU, dt)
    v, spikes = np.zeros(n), 0
    for k in range(steps):
        v = decay * v + mean + spread * rng.standard_normal(n)
        fired = v >= 20
        v[fired] = v[fired] - 20 if reset == "subtract" else 0.0
        spikes += fired.sum() * (k >= 500)
    measured = spikes / (n * (steps - 500) * dt)
    found = transfer_operator(18.0, 5.0, 0.0, 20.0, TAU, dt, form=form, reset=reset)
    assert measured == pytest.approx(found.rate, rel=4 / np.sqrt(spikes))


def test_refractory_steps_lengthen_every_interval():
    free, held = (transfer_operator(*CASE, 0.001, refractory_steps=k).rate for k in (0, 5))
    assert 1 / held == pytest.approx(1 / free + 0.005, rel=1e-12)


def test_a_step_that_forgets_is_a_coin():
    # backward Euler at an endless step: every step draws anew, and spikes with one probability
    found = transfer_operator(0.0, 5.0, -1.0, 0.0, TAU, 20.0, form="backward_euler")
    # decay 0.001: the state before matters that little
    assert found.rate * 20 == pytest.approx(0.5, abs=2e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(dt=0.0), "dt must be above 0"),
        (dict(dt=1e-9), "dt is too short"),
        (dict(sigma=0.0), "sigma must be above 0"),
        (dict(v_reset=20.0), "v_reset must lie below"),
        (dict(form="euler"), "form must be one of"),
        (dict(form="forward_euler", dt=0.05), "dt must be below 0.04 s"),
        (dict(reset="subtract", refractory_steps=2), "refractory_steps must be 0"),
    ],
)
def test_bad_input(changes, message):
    call = dict(mu=15.0, sigma=5.0, v_reset=0.0, v_threshold=20.0, tau_mem=TAU, dt=0.001) | changes
    with pytest.raises(ValueError, match=message):
        transfer_operator(**call)
