"""The current recovered from recorded voltages, and the measured density of (u, i) against the predicted one."""

import numpy as np
import pytest

from snntheory import CubaLIF, artefacts, discretize
from snntheory.population import compare_density, discrete_moments, recorded, recorded_state
from snntheory.spiking import simulate_inputs

RATE, WEIGHT = 3000.0, 0.0004  # a mean of 1.2


def run(scheme, reset="subtract", dt=0.001, trials=3, n=800, **options):
    neuron = CubaLIF(0.020, 0.010, v_reset=-0.1 if reset == "to_value" else 0.0, reset=reset)
    inputs = np.random.default_rng(5).poisson(RATE * dt, (trials, 1, n)) * WEIGHT
    return simulate_inputs(neuron, inputs, dt, scheme, **options)


@pytest.mark.parametrize("reset", ["subtract", "to_value", "none"])
@pytest.mark.parametrize(
    "scheme", ["backward_euler", "semi_implicit", "forward_euler", "exponential_euler", "impulse_invariance"]
)
def test_the_current_follows_from_the_voltages(scheme, reset):
    traces = run(scheme, reset)
    truth = traces["current"]
    assert int(traces["spikes"].sum()) > (3 if reset == "none" else 30)
    single = traces.drop_vars("current").assign(voltage=traces["voltage"].astype(np.float32))
    found = recorded_state(single)
    assert found.sizes["time"] == traces.sizes["time"] - 1
    own_step = scheme in ("backward_euler", "semi_implicit")
    assert (found.time[0] > traces.time[0]) == own_step
    # both voltages are rounded to half a unit of 2**-23; the factor is 1 / A_ui at most (A_ii < 1)
    bound = (
        2
        * 2.0**-24
        * float(np.abs(traces["voltage"]).max())
        / discretize(CubaLIF(0.020, 0.010), 0.001, scheme).A[0, 1]
    )
    gap = float(np.abs(found["current"] - truth.sel(time=found.time)).max())
    assert gap < bound < 1e-5
    # in double precision the same bound with 2**-53, and some operations more
    exact = recorded_state(traces.drop_vars("current"))
    assert float(np.abs(exact["current"] - truth.sel(time=exact.time)).max()) < 1e-12


def test_voltage_after_the_reset():
    traces = run("backward_euler")
    found = recorded_state(traces)
    seen = run("backward_euler", sample="after_reset")["voltage"].sel(time=found.time)
    # one subtraction of the threshold
    np.testing.assert_allclose(found["voltage"], seen, rtol=0, atol=1e-15)
    assert "after reset" in found.attrs["phase"]


@pytest.mark.parametrize("scheme", ["bilinear", "zoh"])
def test_schemes_that_leave_two_unknowns(scheme):
    with pytest.raises(ValueError, match=f"scheme='{scheme}' must be one whose voltage sees"):
        recorded_state(run(scheme))


def test_recordings_that_do_not_say_enough():
    traces = run("backward_euler", n=50)
    with pytest.raises(ValueError, match="must hold spikes"):
        recorded_state(traces.drop_vars("spikes"))
    with pytest.raises(ValueError, match="must say 'before reset'"):
        recorded_state(run("backward_euler", n=50, sample="after_reset"))
    with pytest.raises(ValueError, match="reset_at='next_step' must be 'grid'"):
        recorded_state(run("backward_euler", n=50, reset_at="next_step").assign_attrs(phase="before reset"))
    with pytest.raises(ValueError, match="constant_current must be 0"):
        recorded_state(run("backward_euler", n=50, constant_current=0.5))
    with pytest.raises(ValueError, match="at least 2 time steps"):
        recorded_state(traces.isel(time=[0]))
    del traces.attrs["scheme"]
    with pytest.raises(ValueError, match="attribute 'scheme'"):
        recorded_state(traces)


def driven(mean=1.0):
    traces = run("impulse_invariance", dt=0.0002, trials=16, n=10_000)
    shape = ("trial", "neuron"), np.ones((16, 1))
    return traces.assign(
        drive_mean=(shape[0], mean * RATE * WEIGHT * shape[1]),
        drive_power=(shape[0], RATE * WEIGHT**2 * shape[1]),
    )


def test_a_known_drive_has_the_predicted_density():
    found = compare_density(driven(), range(16), 0)
    assert float(found["measured"].sum()) == pytest.approx(1) and float(
        found["predicted"].sum()
    ) == pytest.approx(1)
    # 16 trials of 2 s: sampling, and 0.03 for kicks of a quarter of the current's noise and a step of 0.2 ms
    assert float(found["distance"]) < 1.5 * float(found["sampling"]) + 0.03
    gap = np.abs(found["moment_measured"] - found["moment_predicted"])
    # sampling, and 0.005 (3 % of the current's noise, 0.155) for the step and the kicks
    assert np.all(gap < 4 * found["moment_error"] + 0.005)


def test_a_wrong_drive_is_seen():
    found = compare_density(driven(mean=1.15), range(16), 0)
    # the mean of the current is off by 1.2 of its standard deviations
    assert float(found["distance"]) > 4 * float(found["sampling"]) + 0.1


def test_the_share_of_sampling_in_a_distance():
    rng = np.random.default_rng(3)
    p = rng.dirichlet(np.ones(60)).reshape(6, 10)
    pairs = []
    for _ in range(40):
        each = rng.multinomial(400, p.ravel(), size=12).reshape(12, 6, 10) / 400
        pairs.append((recorded._distance(each.mean(axis=0), p), recorded._sampling(each)))
    true, estimated = np.mean(pairs, axis=0)
    # a Gaussian's argument: exact for many counts in a bin; here 80 on average
    assert estimated == pytest.approx(true, rel=0.05)


def test_a_trained_layer_has_the_predicted_densities():
    recording = artefacts.load("hidden-physical-1ms")
    samples, dt = recording["sample"].values, recording.attrs["dt"]
    model = discretize(CubaLIF(0.020, 0.010), dt, "backward_euler")
    counts = recording["spikes"].sel(time=slice(0.1, None)).sum("time").values
    checked = 0
    for sample in np.unique(samples):
        trials = np.flatnonzero(samples == sample)
        for neuron in range(recording.sizes["neuron"]):
            if counts[trials, neuron].sum() < 12:
                continue
            found = compare_density(recording, trials, neuron)
            # what a step of 1 ms shifts at 200 Hz (overshoots of 0.1 after a reset), on top of the sampling
            assert float(found["distance"]) < 1.5 * float(found["sampling"]) + 0.08
            # spikes leave the current alone: exact moments of the chain, whose standard error 12 trials estimate
            power = float(recording["drive_power"][trials[0], neuron])
            exact = discrete_moments(model, 1.0, np.sqrt(power))[1][1, 1] ** 0.5
            error = found["moment_error"].sel(moment=["mean_i", "sd_i"]).values
            gap = found["moment_measured"].sel(moment=["mean_i", "sd_i"]).values - [found.attrs["mu"], exact]
            assert np.all(np.abs(gap) < 6 * error)
            checked += 1
    assert checked >= 8


def test_what_cannot_be_compared():
    recording = artefacts.load("hidden-physical-1ms")
    with pytest.raises(ValueError, match="at least 4"):
        compare_density(recording, [0, 1, 2], 0)
    with pytest.raises(ValueError, match="one input in common"):
        compare_density(recording, range(36), 0)
    with pytest.raises(ValueError, match="shorter than the recording"):
        compare_density(recording, range(12), 0, onset=5.0)
    with pytest.raises(ValueError, match="must hold drive_mean"):
        compare_density(recording.drop_vars("drive_mean"), range(12), 0)
    with pytest.raises(ValueError, match="needle"):
        compare_density(recording.assign(drive_power=0 * recording["drive_power"]), range(12), 0)
