"""Direction and size of a method's gradient against the exact one."""

import numpy as np
import pytest
import xarray as xr

from snntheory import CubaLIF
from snntheory.gradients import weight_gradient
from snntheory.gradients.fidelity import cosine, descent_limit, fidelity, norm_ratio

NEURON = CubaLIF(0.02, 0.01)
T_MAX = 0.1


def network(seed=3, n_samples=2):
    rng = np.random.default_rng(seed)
    inputs = [[np.sort(rng.uniform(0, 0.08, 4)) for _ in range(5)] for _ in range(n_samples)]
    weights = [rng.normal(0.02, 0.02, (5, 6)), rng.normal(0.02, 0.02, (6, 3))]
    return inputs, weights


def loss(times):
    return sum(float(np.sum(t**2)) for t in times), [2 * t for t in times]


def test_cosine_and_norm_ratio_of_known_vectors():
    assert cosine([3.0, 0.0], [5.0, 0.0]) == 1
    assert cosine([[1.0], [1.0]], [[0.0], [-2.0]]) == pytest.approx(-(0.5**0.5), rel=1e-15)
    assert norm_ratio([3.0, 4.0], [0.0, 2.0]) == 2.5
    assert np.isnan(cosine([0.0, 0.0], [1.0, 0.0])) and np.isnan(norm_ratio([1.0], [0.0]))
    assert cosine([1e-200, 1e-200], [1e200, 1e200]) == pytest.approx(1, rel=1e-15)  # squares would vanish
    with pytest.raises(ValueError, match="shape"):
        cosine([1.0], [1.0, 2.0])


def test_exact_methods_have_cosine_one_and_ratio_one():
    inputs, weights = network()
    found = fidelity(
        NEURON, inputs, weights, [loss, loss], {"bats": {"method": "closed_form"}}, [1e-3], t_max=T_MAX
    )
    assert found.sizes == {"method": 1, "dt": 1, "layer": 3, "sample": 2}
    for name in ("cosine", "norm_ratio", "sample_cosine", "sample_norm_ratio"):
        np.testing.assert_allclose(found[name], 1, rtol=1e-8)  # what the exact methods agree to
    assert float(found.loss[0, 0]) == pytest.approx(float(found.exact_loss), rel=1e-12)


def test_the_mean_gradient_and_the_layers_are_what_they_say():
    """Against the definition, with a method that is not exact: straight through at 4 ms."""
    inputs, weights = network()
    options = {"method": "straight_through"}
    counted = []
    found = fidelity(
        NEURON,
        inputs,
        weights,
        [loss, loss],
        {"ste": options},
        [4e-3],
        t_max=T_MAX,
        with_gradients=True,
        progress=lambda done, of: counted.append((done, of)),
    )
    ours = [weight_gradient(NEURON, x, weights, loss, dt=4e-3, t_max=T_MAX, **options) for x in inputs]
    exact = [weight_gradient(NEURON, x, weights, loss, "implicit", t_max=T_MAX) for x in inputs]
    for layer in (0, 1):
        mine, true = (np.mean([g[layer] for g in part], axis=0) for part in (ours, exact))
        assert float(found["cosine"][0, 0, layer]) == pytest.approx(cosine(mine, true), rel=1e-8)
        assert float(found["norm_ratio"][0, 0, layer]) == pytest.approx(norm_ratio(mine, true), rel=1e-8)
    assert 0 < float(found["cosine"].sel(layer="all")[0, 0]) < 1
    for name, part in (("gradient", ours), ("exact_gradient", exact)):
        flat = np.mean([np.concatenate([layer.ravel() for layer in g]) for g in part], axis=0)
        np.testing.assert_allclose(found[name].values.ravel(), flat, rtol=1e-8, atol=1e-12)
    total = [sum(t.size for g in part for layer in g.spike_times for t in layer) for part in (ours, exact)]
    assert float(found["spike_ratio"][0, 0]) == total[0] / total[1]
    firsts = [
        [np.argmin([t.min(initial=9) for t in g.spike_times[-1]]) for g in part] for part in (ours, exact)
    ]
    assert float(found["same_first"][0, 0]) == np.mean(np.equal(*firsts))
    assert counted[-1] == (4, 4) and len(counted) == 4


def test_a_silent_forward_pass_agrees_with_a_silent_one_only():
    """Exact spikes: output 0 fires first, or nothing fires. On a grid of one step nothing is in time."""
    found = fidelity(
        NEURON,
        [[[0.001]], [[]]],
        [np.array([[0.08, 0.06]])],
        [loss, loss],
        {"ste": {"method": "straight_through", "rounding": "next"}},
        [1e-3, 0.06],
        t_max=0.1,
    )
    np.testing.assert_array_equal(found["same_first"], [[1.0, 0.5]])


def test_rounding_less_means_a_truer_gradient():
    inputs, weights = network(seed=5)
    found = fidelity(
        NEURON,
        inputs,
        weights,
        [loss, loss],
        {"ste": {"method": "straight_through"}},
        [1e-6, 1e-3],
        t_max=T_MAX,
    )
    fine, coarse = found["cosine"].sel(layer="all").values[0]
    assert 1 - fine < 1e-3 and coarse < fine


def test_descent_limit_wants_every_smaller_step():
    cosines = xr.DataArray(
        [[0.9, 0.5, -0.1, 0.3], [-0.2, 0.4, 0.5, 0.6], [0.1, 0.1, 0.1, 0.1]],
        dims=("method", "dt"),
        coords={"dt": [1e-3, 2e-3, 4e-3, 8e-3]},
    )
    for shuffled in (cosines, cosines[:, ::-1]):
        np.testing.assert_array_equal(descent_limit(shuffled), [2e-3, np.nan, 8e-3])
    np.testing.assert_array_equal(descent_limit(cosines, 0.6), [1e-3, np.nan, np.nan])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": []}, "losses must be one"),
        ({"losses": [loss]}, "losses must be one"),
        ({"methods": {"x": {"method": "guess"}}}, "method"),
        ({"time_steps": 1e-3}, "time_steps"),
    ],
)
def test_bad_input_is_named(changes, message):
    inputs, weights = network()
    given = {
        "inputs": inputs,
        "weights": weights,
        "losses": [loss, loss],
        "methods": {"a": {"method": "adjoint"}},
        "time_steps": [1e-3],
    }
    with pytest.raises(ValueError, match=message):
        fidelity(NEURON, **(given | changes), t_max=T_MAX)
