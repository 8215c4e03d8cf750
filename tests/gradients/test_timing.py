"""Gradients through spike times on a grid: the published sum over all pairs, a surrogate, and the exact gradient."""

import tracemalloc

import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.gradients import _grid, _timing_naive, timing, weight_gradient

DT, T_MAX, SIZES = 1e-3, 0.05, (4, 5, 3)
SCHEMES = [("backward_euler", None), ("impulse_invariance", None), ("bilinear", None), ("parker_sochacki", 2)]


class Loss:
    """A smooth function of the spike times and, on the grid, a linear one of the trains."""

    def __init__(self, seed=0):
        self.seed = seed

    def __call__(self, outputs):
        rng = np.random.default_rng(self.seed)
        factors = [rng.normal(size=500)[: t.size] for t in outputs]
        value = sum(float(f @ np.sin(40 * t)) for f, t in zip(factors, outputs, strict=True))
        return value, [40 * f * np.cos(40 * t) for f, t in zip(factors, outputs, strict=True)]

    def on_grid(self, spikes, dt):
        factors = np.random.default_rng(self.seed).normal(size=spikes.shape)
        return float((factors * spikes).sum()), factors


def sample(seed=0, reset="subtract", sizes=SIZES, unit=0.012):
    rng = np.random.default_rng(seed)
    neuron = CubaLIF(0.012, 0.006, r=1.3, v_threshold=0.8, v_reset=-0.2, reset=reset)
    # several spikes within one step, and one on the grid
    inputs = [
        np.sort(np.append(rng.uniform(0, 0.04, 5), [0.0101, 0.0102, 0.0103, 0.02])) for _ in range(sizes[0])
    ]
    weights = [unit * rng.normal(0.7, 0.8, shape) for shape in zip(sizes, sizes[1:], strict=False)]
    return neuron, inputs, weights


def run(scheme, seed=3, reset="subtract", unit=0.012):
    neuron, inputs, weights = sample(seed, reset, unit=unit)
    return _grid.run(
        [neuron] * len(weights), inputs, weights, T_MAX, dt=DT, scheme=scheme[0], order=scheme[1], rounding="ceil"
    )  # fmt: skip


def gradient(seed=3, reset="subtract", scheme=SCHEMES[0], **options):
    neuron, inputs, weights = sample(seed, reset)
    return weight_gradient(
        neuron, inputs, weights, Loss(), "timing", t_max=T_MAX, dt=DT, scheme=scheme[0], order=scheme[1], **options
    )  # fmt: skip


def flat(parts):
    return np.concatenate([part.ravel() for part in parts])


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme[0])
@pytest.mark.parametrize("clamp", [None, 8.0])
@pytest.mark.parametrize("reset", ["subtract", "to_value"])
@pytest.mark.parametrize("direct", timing.DIRECT)
def test_equal_to_the_published_sum_over_all_pairs(direct, reset, clamp, scheme):
    layers = run(scheme, reset=reset)
    error = np.random.default_rng(1).normal(size=layers[-1].spikes.shape)
    expected = _timing_naive.weight_gradients(layers, error, direct, clamp)

    class Given(Loss):
        """Its errors on the grid are such that those of the spikes are ``error``."""

        def on_grid(self, spikes, dt):
            return 0.0, by_spike

    tau_syn = layers[-1].model.neuron.tau_syn
    by_spike = {"tssl_bp": error, "hu": -error * tau_syn / DT}.get(direct)
    if direct == "shift":  # e_k - e_{k+1} = error_k; the last step's spikes stay
        error[-1] = 0.0
        expected = _timing_naive.weight_gradients(layers, error, direct, clamp)
        by_spike = np.cumsum(error[::-1], 0)[::-1]
    neuron, inputs, weights = sample(3, reset)
    found = weight_gradient(
        neuron, inputs, weights, Given(), "timing",
        t_max=T_MAX, dt=DT, scheme=scheme[0], order=scheme[1], direct=direct, clamp=clamp, loss_on="grid",
    )  # fmt: skip
    assert layers[0].spikes.sum() > 10 and layers[1].spikes.sum() > 10
    for a, b in zip(found, expected, strict=True):
        assert np.abs(b).max() > 0
        # the same sums in another order; slopes of some 100 in two layers leave a few digits less than 1e-15
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10 * np.abs(b).max())


@pytest.mark.parametrize("clamp", [None, 8.0, 1e4])
def test_between_neurons_it_is_a_surrogate(clamp):
    """The documented identity: slope min(1/|du|, clamp) at spikes, 0 elsewhere, no gradient through the reset."""
    sender, receiver = run(SCHEMES[0], unit=0.003)  # gentle: a spike a crossing
    errors = np.random.default_rng(0).normal(
        size=receiver.spikes.shape
    )  # dL/dv of the receivers, voltages held
    rise = np.where(sender.spikes == 1, sender.voltage - sender.before, 1.0)
    assert sender.spikes.sum() > 15 and (rise > 0).all()
    # the surrogate: through the receivers' equations to dL/ds, times the pseudo-derivative
    pseudo = sender.spikes * np.minimum(1 / np.abs(rise), np.inf if clamp is None else clamp)
    zero, one = np.zeros_like(errors), np.ones_like(errors)
    by_drive, _ = _grid.reverse_scan(receiver.model, zero, one, errors, zero)  # nothing passes the voltage
    surrogate = pseudo * (by_drive @ receiver.weights.T)
    # through times: |di_m/dt_k| = i_m/tau_syn by (38) and |dt/du| = dt/|du|, summed over m, in steps per tau_syn
    q, tau_syn = _timing_naive.responses(receiver.model, len(errors)), receiver.model.neuron.tau_syn
    by_time = np.zeros_like(pseudo)
    for k in range(len(errors)):
        by_time[k] = sum(errors[m] * q[m - k] / tau_syn for m in range(k, len(errors))) @ receiver.weights.T
    by_voltage = np.minimum(DT / np.abs(rise), np.inf if clamp is None else clamp * DT) * sender.spikes
    crossings = timing.Crossings.of(sender, clamp)
    np.testing.assert_allclose(crossings.slope, pseudo, rtol=1e-14)
    scale = np.abs(surrogate).max()
    np.testing.assert_allclose(tau_syn / DT * by_time * by_voltage, surrogate, rtol=0, atol=1e-12 * scale)
    # and what network_gradient does with it
    whole = _timing_naive.pairs(sender, receiver, "tssl_bp", clamp)
    compared = 0
    for i, train in enumerate(sender.spikes.T):
        for k in np.flatnonzero(train)[-1:]:  # no later spike: no path through the neuron itself
            found = np.einsum("mj,mj->", errors, whole[:, :, k, i])
            assert found == pytest.approx(surrogate[k, i], abs=1e-12 * scale)
            compared += 1
    assert compared >= 3


def test_hu_is_tssl_bp_times_a_negative_number_between_layers():
    options = dict(loss_on="times", reset="to_value")
    tssl, hu = (gradient(direct=each, **options) for each in ("tssl_bp", "hu"))
    np.testing.assert_array_equal(tssl[1], hu[1])  # the last layer sees the loss only
    # without the path through own spikes the first layers would be antiparallel
    layers = run(SCHEMES[0], reset="to_value")
    errors = np.random.default_rng(0).normal(size=layers[0].spikes.shape)
    ratio = timing.direct_term(errors, "hu", DT / 0.006) / timing.direct_term(errors, "tssl_bp", DT / 0.006)
    np.testing.assert_allclose(ratio, -DT / 0.006, rtol=1e-14)


def driven(seed, reset):
    """A small network that its inputs drive: one to three spikes a neuron, mostly at good slopes."""
    rng = np.random.default_rng(seed)
    neuron = CubaLIF(0.020, 0.0063, v_reset=-0.3, reset=reset)
    inputs = [np.sort(rng.uniform(0, 0.03, 3)) for _ in range(5)]
    weights = [0.0079 * rng.uniform(0.3, 1.0, (5, 4)), 0.0263 * rng.uniform(-0.2, 1.0, (4, 3))]
    return neuron, inputs, weights


@pytest.mark.parametrize("reset", ["subtract", "to_value"])
def test_only_shift_tends_to_the_exact_gradient(reset):
    """First layer of two: first order in dt with "shift"; "tssl_bp" keeps an angle, "hu" points the other way."""
    errors, cosines, compared = [], [], 0
    for seed in range(9):
        neuron, inputs, weights = driven(seed, reset)
        exact = weight_gradient(neuron, inputs, weights, Loss(seed), "adjoint", t_max=0.05)
        e, row = exact[0].ravel() / np.linalg.norm(exact[0]), []
        for direct, dt in (("shift", 4e-4), ("shift", 5e-5), ("tssl_bp", 5e-5), ("hu", 5e-5)):
            found = weight_gradient(
                neuron, inputs, weights, Loss(seed), "timing",
                t_max=0.05, dt=dt, direct=direct, scheme="impulse_invariance",
            )  # fmt: skip
            f = found[0].ravel() / np.linalg.norm(exact[0])
            row.append(np.linalg.norm(f - e) if direct == "shift" else f @ e / np.linalg.norm(f))
        compared += [t.size for p in found.spike_times for t in p] == [
            t.size for p in exact.spike_times for t in p
        ]
        errors.append(row[:2])
        cosines.append(row[2:])
    assert compared >= 7  # the others lose or win a grazing spike on the grid; medians are not moved by them
    coarse, fine = np.median(errors, 0)
    # an eighth of the step: 8 times smaller at first order; the spikes' phases in their steps scatter it
    assert fine < 0.05 and 3 < coarse / fine < 24
    tssl_bp, hu = np.median(cosines, 0)
    assert 0.4 < tssl_bp < 0.95
    assert hu == pytest.approx(
        -tssl_bp, abs=1e-9
    )  # the first layer's gradient is linear in the errors it gets


def test_estimators_differ_by_the_scheme_only():
    both = {
        scheme: [gradient(estimator=each, scheme=(scheme, None)) for each in timing.ESTIMATORS]
        for scheme in ("impulse_invariance", "backward_euler")
    }
    same = both["impulse_invariance"]
    np.testing.assert_allclose(flat(same[0]), flat(same[1]), rtol=0, atol=1e-12 * np.abs(flat(same[0])).max())
    discrete, continuous = both["backward_euler"]
    assert np.abs(flat(discrete) - flat(continuous)).max() > 0.01 * np.abs(flat(discrete)).max()


def test_continuous_estimator_is_the_kernel_at_the_steps():
    """One layer, subtracting reset: dL/dw = sum over spikes of dt/du dL/dt times the kernel of continuous time."""
    neuron, inputs, weights = sample(3, sizes=(4, 3))
    found = weight_gradient(
        neuron, inputs, weights, Loss(), "timing", t_max=T_MAX, dt=DT, estimator="continuous"
    )
    (layer,) = run_layers(neuron, inputs, weights)
    _, by_time = Loss()(layer.times)
    steps = np.arange(1, 51)
    since = DT * np.tril(steps[:, None] - steps)
    kernel = np.exp(-since / neuron.tau_mem) - np.exp(-since / neuron.tau_syn)  # zero at 0 and before
    traces = neuron.r / (neuron.tau_mem - neuron.tau_syn) * kernel @ layer.senders
    expected = np.zeros((4, 3))
    for j in range(3):
        # backwards: what a later spike's voltage loses when this one's reset comes earlier
        fired = np.flatnonzero(layer.spikes[:, j])
        passed = 0.0
        decay = layer.model.A[0, 0]
        for position in range(len(fired) - 1, -1, -1):
            k = fired[position]
            gap = fired[position + 1] - k if position + 1 < len(fired) else 0
            passed *= decay**gap
            u_dot = (layer.voltage[k, j] - layer.before[k, j]) / DT
            entering = -(by_time[j][position] - neuron.v_threshold / neuron.tau_mem * passed) / u_dot
            expected[:, j] += entering * traces[k]
            passed += entering
    np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def run_layers(neuron, inputs, weights):
    return _grid.run(
        [neuron], inputs, weights, T_MAX, dt=DT, scheme="backward_euler", order=None, rounding="ceil"
    )


def test_memory_is_linear_in_the_steps():
    """Ten times the steps: ten times the memory, where all pairs need a hundred times."""
    neuron, inputs, weights = sample(3, sizes=(20, 20, 10), unit=0.002)
    peaks = []
    for n_steps in (50, 500):
        tracemalloc.start()
        weight_gradient(neuron, inputs, weights, Loss(), "timing", t_max=n_steps * DT, dt=DT)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 12 * peaks[0]
    assert peaks[1] < 8 * 500**2 * 20 * 10 / 50  # bytes: far less than all pairs in float64, 400 MB


def test_clamped_and_falling_spikes_are_counted():
    neuron, inputs, weights = sample(3, unit=0.003)
    free, tight = (
        weight_gradient(neuron, inputs, weights, Loss(), "timing", t_max=T_MAX, dt=DT, clamp=clamp)
        for clamp in (None, 1.0)
    )
    assert free.diagnostics["clamped"] == 0 and free.diagnostics["falling"] == 0
    layers = run(SCHEMES[0], unit=0.003)
    by_hand = sum(int((layer.spikes * (layer.voltage - layer.before < 1.0)).sum()) for layer in layers)
    assert tight.diagnostics["clamped"] == by_hand > 0
    # one huge weight: above threshold for many steps, also while the voltage falls after the first reset
    flood = weight_gradient(
        CubaLIF(0.01, 0.001), [[0.0]], [np.array([[1.0]])], Loss(), "timing", t_max=T_MAX, dt=DT
    )
    assert flood.diagnostics["falling"] > 10
    assert np.isfinite(flood[0]).all()


def test_degenerate_inputs():
    neuron, _, weights = sample(0)
    for inputs in ([[]] * 4, [[T_MAX]] * 4, [[0.0, 0.0]] * 4):
        for dt in (DT, 0.025, 0.05):  # longer than the time constants
            for direct in timing.DIRECT:
                found = weight_gradient(
                    neuron, inputs, weights, Loss(), "timing", t_max=T_MAX, dt=dt, direct=direct
                )
                assert [part.shape for part in found] == [(4, 5), (5, 3)]
                assert all(np.isfinite(part).all() for part in found)
    silent = weight_gradient(neuron, [[]] * 4, weights, Loss(), "timing", t_max=T_MAX, dt=DT)
    assert silent.diagnostics["silent"] == 8 and not flat(silent).any()


def test_a_silent_layer_stops_the_gradient():
    neuron, inputs, weights = sample(3)
    weights[0] = -np.abs(weights[0])
    found = weight_gradient(neuron, inputs, weights, Loss(), "timing", t_max=T_MAX, dt=DT)
    assert found.diagnostics["silent"] == 8 and not flat(found).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(neuron=CubaLIF(0.02, 0.01, reset="none")), "needs reset='subtract' or 'to_value'"),
        (dict(direct="tsslbp"), "direct must be one of.*did you mean 'tssl_bp'"),
        (dict(estimator="mixed"), "estimator must be one of"),
        (dict(loss_on="train"), "loss_on must be one of"),
        (dict(clamp=0.0), "clamp must be above 0"),
        (dict(loss=lambda times: (0.0, [t * 0 for t in times]), loss_on="grid"), "loss.on_grid"),
        (dict(dt=-1.0), "dt must be above 0"),
    ],
)
def test_bad_input(changes, message):
    neuron, inputs, weights = sample()
    given = dict(neuron=neuron, input_times=inputs, weights=weights, loss=Loss(), t_max=T_MAX, dt=DT)
    with pytest.raises(ValueError, match=message):
        weight_gradient(**(given | changes), method="timing")
