"""Frameworks' declarations against formulas written by hand, the continuous neuron, and loops after their sources."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from snntheory import CubaLIF
from snntheory.linear import UnstableStep, frameworks, kernel, schemes, symbolic
from snntheory.linear.frameworks.lava_dl import STATE_SCALE, fixed_point

Z, D = symbolic.z, symbolic.delta_t
NEURON = CubaLIF(0.020, 0.010, r=1.5)


def p(name):
    return sympy.Symbol(name, positive=True)


def poles(mem, syn):
    return (1 - mem / Z) * (1 - syn / Z)


A_MEM, A_SYN = sympy.exp(-1 / p("tau_mem")), sympy.exp(-1 / p("tau_syn"))
B_MEM, B_SYN = sympy.exp(-D / p("tau_mem")), sympy.exp(-D / p("tau_syn"))
N_MEM, N_SYN = D * p("tau_mem_inv"), D * p("tau_syn_inv")
S_MEM, S_SYN = 1 - 2 ** -p("dash_mem"), 1 - 2 ** -p("dash_syn")
T_M, T_S = 1 / p("tau_m"), 1 / p("tau_s")
TABLE = {
    "snntorch.Leaky": 1 / (1 - p("beta") / Z),
    "snntorch.Synaptic": 1 / poles(p("beta"), p("alpha")),
    "norse.LIFCell": N_MEM / poles(1 - N_MEM, 1 - N_SYN),
    "norse.from_nir.CubaLIF": N_MEM * N_SYN / poles(1 - N_MEM, 1 - N_SYN),
    "spikingjelly.LIFNode": 1 / p("tau") / (1 - (1 - 1 / p("tau")) / Z),
    "spikingjelly.LIFNode(decay_input=False)": 1 / (1 - (1 - 1 / p("tau")) / Z),
    "spikingjelly.CUBALIFNode": 1 / poles(p("v_decay"), p("c_decay")),
    "sinabs.LIF": (1 - A_MEM) * A_SYN / poles(A_MEM, A_SYN),
    "sinabs.LIF(norm_input=False)": A_SYN / poles(A_MEM, A_SYN),
    "rockpool.LIFTorch": B_SYN / poles(B_MEM, B_SYN),
    "rockpool.LIFTorch(bitshifts)": S_SYN / poles(S_MEM, S_SYN),
    "lava_dl.cuba.Neuron": 1 / poles(1 - p("voltage_decay"), 1 - p("current_decay")),
    "tssl_bp": T_S / poles(1 - T_M, 1 - T_S),
    "yang": T_S / Z / poles(1 - T_M, 1 - T_S),
}
EXACT = [name for name in frameworks.names() if frameworks.get(name).exact is not None]
TWO_STATES = [name for name in frameworks.names() if frameworks.get(name).has_synapse]


def simulated(name, dt, recipe, inputs, neuron=NEURON):
    """Response of the framework to canonical weights, with the settings that we say to type."""
    framework = frameworks.get(name)
    typed = framework.parameters_for(neuron, dt, recipe)
    return frameworks.simulate(framework, typed.values, dt, typed.weight_gain * inputs, reset="none")[0]


def impulse(n):
    return np.r_[1.0, np.zeros(n - 1)]


@pytest.mark.parametrize("name", TABLE)
def test_transfer_function_is_that_derived_by_hand(name):
    difference = frameworks.get(name).transfer_function() - TABLE[name]
    shifts = {2 ** -p("dash_mem"): p("q_mem"), 2 ** -p("dash_syn"): p("q_syn")}
    assert sympy.simplify(difference.subs(shifts)) == 0


def test_simulators_scale_a_scheme_by_the_jump():
    for name in frameworks.names():
        framework = frameworks.get(name)
        if framework.physical is not None:
            ratio = (
                framework.scheme().transfer_function() / schemes.get(*framework.nearest).transfer_function()
            )
            assert sympy.simplify(ratio - symbolic.tau_syn) == 0, name
    assert set(TABLE) == {n for n in frameworks.names() if frameworks.get(n).physical is None}


@pytest.mark.parametrize("name", [n for n in TWO_STATES if not frameworks.get(n).quantised])
def test_nearest_scheme_has_the_same_response_up_to_a_gain_and_whole_steps(name):
    framework = frameworks.get(name)
    near = schemes.get(*framework.nearest)
    ratio = sympy.simplify(framework.scheme().transfer_function() / near.transfer_function())
    steps = sympy.simplify(Z * ratio.diff(Z) / ratio)
    assert steps == near.delay_steps - framework.scheme().delay_steps


@pytest.mark.parametrize("dt", [1e-4, 1e-3, 4e-3])
@pytest.mark.parametrize("neuron", [NEURON, CubaLIF(0.01, 0.03), CubaLIF(0.02, 0.02, r=0.7)], ids=str)
@pytest.mark.parametrize("name", EXACT)
def test_exact_recipe_gives_every_sample_of_the_potential(name, neuron, dt):
    framework = frameworks.get(name)
    voltage = simulated(name, dt, "exact", impulse(60), neuron)
    early = 1 - framework.scheme("exact").delay_steps
    expected = kernel(neuron, (np.arange(60) + early) * dt)
    if framework.quantised:
        # both decays are off by at most 2**-13, a share of 2**-13 tau / dt of a time constant: to first order
        tolerance = 2**-13 * 2 * max(neuron.tau_mem, neuron.tau_syn) / dt
    else:
        # a decay is typed to 2**-53, remembered for tau / dt steps
        tolerance = 1e-15 * (20 + max(neuron.tau_mem, neuron.tau_syn) / dt)
    np.testing.assert_allclose(voltage, expected, rtol=0, atol=tolerance * expected.max())


@pytest.mark.parametrize("name", TABLE)
def test_usual_recipe_gives_the_right_area(name):
    dt = 2e-3
    voltage = simulated(name, dt, "usual", impulse(400))
    # after 40 time constants nothing is left
    assert dt * voltage.sum() == pytest.approx(NEURON.r, rel=1e-12)


@pytest.mark.parametrize("name", [n for n in TWO_STATES if not frameworks.get(n).quantised])
def test_observed_order_is_the_declared_order(name):
    order = frameworks.get(name).scheme().order
    errors = []
    for dt in (1e-4, 5e-5):
        n = round(0.03 / dt)
        voltage = simulated(name, dt, "usual", impulse(n + 1))
        errors.append(np.abs(voltage - kernel(NEURON, np.arange(n + 1) * dt)).max())
    if order == sympy.oo:
        assert max(errors) < 1e-14 * 400 * kernel(NEURON, 0.0139)  # rounding, remembered for tau / dt steps
    else:
        assert np.log2(errors[0] / errors[1]) == pytest.approx(float(order), abs=0.05)


@pytest.mark.parametrize("name", [n for n in EXACT if not frameworks.get(n).quantised])
def test_exact_recipe_has_the_order_and_the_limits_of_exact_poles(name):
    """Whatever the scheme of the usual recipe: 1 where a spike acts a step early, none otherwise, and no limit."""
    framework = frameworks.get(name)
    model = framework.discretize(NEURON, 0.025, "exact")  # beyond twice the shorter time constant
    assert model.is_stable and model.max_stable_dt == model.max_monotone_dt == np.inf
    errors = []
    for dt in (1e-4, 5e-5):
        voltage = simulated(name, dt, "exact", impulse(round(0.03 / dt) + 1))
        errors.append(np.abs(voltage - kernel(NEURON, np.arange(voltage.size) * dt)).max())
    if model.delay == 0:
        assert framework.scheme("exact").order == 1
        assert np.log2(errors[0] / errors[1]) == pytest.approx(1.0, abs=0.05)
    else:
        assert framework.scheme("exact").order == sympy.oo
        assert max(errors) < 1e-14 * 400 * kernel(NEURON, 0.0139)  # rounding, remembered for tau / dt steps


@pytest.mark.parametrize("name", [n for n in frameworks.names() if not frameworks.get(n).quantised])
def test_limits_of_the_usual_recipe_are_those_of_its_poles(name):
    """Also without a synapse, whose time constant must not count."""
    framework, met = frameworks.get(name), 0
    for dt in np.linspace(0.0005, 0.06, 60):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UnstableStep)
                model = framework.discretize(NEURON, dt)
        except ValueError:  # not to be typed
            continue
        assert model.is_stable == (dt < model.max_stable_dt)
        assert not model.is_stable or (model.poles.min() < 0) == (dt > model.max_monotone_dt)
        met += 1
    assert met >= 10  # all steps below the shorter time constant


def test_an_unstable_framework_warns_once_with_its_limit_and_computes():
    norse = frameworks.get("norse.LIFCell")
    with pytest.warns(
        UnstableStep, match=r"dt=0\.021 s is not below the stability limit 0\.02 s of Norse"
    ) as seen:
        model = norse.discretize(NEURON, 0.021)
    assert len(seen) == 1 and seen[0].filename == __file__ and not model.is_stable
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "norse.LIFCell" not in {r.framework for r in frameworks.overview([norse], NEURON, 0.021)}


@pytest.mark.parametrize("tau", [0.0113, 0.02, 0.0159])
def test_bitshifts_do_not_come_nearer_with_a_shorter_step(tau):
    framework = frameworks.get("rockpool.LIFTorch(bitshifts)")
    assert framework.scheme().order == 0
    shares = []
    for dt in 1e-3 / 2.0 ** np.arange(0, 8, 0.25):
        values = framework.parameters_for(CubaLIF(tau, 2 * tau), dt, "usual").values
        shares.append(framework.neuron_of(values, dt)[0].tau_mem / tau)
    # rounding log2 to the next integer moves a time constant by up to a factor of sqrt(2); a quarter of an octave
    # between the steps, so some are off by at least 2**0.25 = 1.19 either way however short the step
    assert max(shares[16:]) > 1.15 and min(shares[16:]) < 0.87
    assert max(shares) < 1.001 * np.sqrt(2) and min(shares[16:]) > 0.995 / np.sqrt(2)


def test_bitshift_of_twenty_milliseconds_at_one():
    framework = frameworks.get("rockpool.LIFTorch(bitshifts)")
    values = framework.parameters_for(NEURON, 1e-3, "usual").values
    assert values == {"dash_mem": 4.0, "dash_syn": 3.0}
    neuron, _ = framework.neuron_of(values, 1e-3)
    assert neuron.tau_mem == pytest.approx(-1e-3 / np.log(15 / 16), rel=1e-12)


@settings(deadline=None)  # a busy machine is no failure
@given(
    name=st.sampled_from([n for n in EXACT if not frameworks.get(n).quantised]),
    tau_mem=st.floats(2e-3, 0.2),
    tau_syn=st.floats(2e-3, 0.2),
    r=st.floats(0.1, 10),
)
def test_settings_there_and_back(name, tau_mem, tau_syn, r):
    neuron, dt = CubaLIF(tau_mem, tau_syn, r), 1e-3
    typed = frameworks.get(name).parameters_for(neuron, dt)
    hidden, weight = frameworks.get(name).neuron_of(typed.values, dt)
    # a decay holds 2**-53, which is 2**-53 tau / dt <= 2e-14 of a time constant
    assert hidden.tau_mem == pytest.approx(tau_mem, rel=1e-13)
    assert hidden.tau_syn == pytest.approx(tau_syn, rel=1e-13)
    assert typed.weight_gain * weight == pytest.approx(r, rel=1e-12)


def test_hidden_neuron_of_norse_is_shorter_by_half_a_step():
    neuron, _ = frameworks.get("norse.LIFCell").neuron_of({"tau_mem_inv": 50.0, "tau_syn_inv": 100.0}, 1e-3)
    assert neuron.tau_mem == pytest.approx(-1e-3 / np.log(0.95), rel=1e-14)
    assert neuron.tau_syn == pytest.approx(-1e-3 / np.log(0.90), rel=1e-14)


def tssl_bp_loop(tau_m, tau_s, inputs, threshold):
    """functions/tsslbp.py: the layer below filters its spikes, the membrane adds them, fires and is set to 0."""
    trace, mem, mems = 0.0, 0.0, []
    for spike in inputs:
        trace = trace + (spike - trace) / tau_s
        mem = mem + (-1 / tau_m) * mem + trace
        mems.append(mem)
        mem = mem * (1 - float(mem > threshold))
    return np.array(mems)


def yang_loop(tau_m, tau_s, inputs, threshold):
    """Equations (1)-(3): U[t+1] from U[t], S[t] and a[t]; a[t+1] from a[t] and the spikes of t + 1."""
    voltage, trace = [0.0], [0.0]
    for spike in inputs:
        fired = float(voltage[-1] > threshold)
        voltage.append(voltage[-1] * (1 - 1 / tau_m) * (1 - fired) + trace[-1])
        trace.append(trace[-1] * (1 - 1 / tau_s) + spike / tau_s)
    return np.array(voltage[1:])


@pytest.mark.parametrize("threshold", [0.3, 1e9])
@pytest.mark.parametrize(("name", "loop"), [("tssl_bp", tssl_bp_loop), ("yang", yang_loop)])
def test_published_updates(name, loop, threshold):
    rng = np.random.default_rng(3)
    inputs = (rng.random(300) < 0.3) * rng.uniform(0, 1, 300)
    values = {"tau_m": 5.0, "tau_s": 3.0}
    voltage, _, spikes = frameworks.simulate(frameworks.get(name), values, 1.0, inputs, v_threshold=threshold)
    # the sums are the same but for their order
    np.testing.assert_allclose(voltage, loop(5.0, 3.0, inputs, threshold), rtol=0, atol=1e-14)
    assert (spikes.sum() > 20) == (threshold < 1)


def test_reset_by_hand():
    """beta = 1/2, alpha = 1/2, threshold 1, inputs 2, 0, 0, 4: every number follows with pencil and paper."""
    decays, inputs = {"alpha": 0.5, "beta": 0.5}, [2.0, 0.0, 0.0, 4.0]
    synaptic = frameworks.get("snntorch.Synaptic")
    late, current, spikes = frameworks.simulate(synaptic, decays, 1.0, inputs)
    np.testing.assert_array_equal(current, [2.0, 1.0, 0.5, 4.25])
    np.testing.assert_array_equal(late, [2.0, 1.0, 1.0, 4.75])  # 2 > 1: 2/2 + 1 - 1; then none is above 1
    np.testing.assert_array_equal(spikes, [1, 0, 0, 1])
    dropped, _, _ = frameworks.simulate(synaptic, decays, 1.0, inputs, reset="to_value")
    np.testing.assert_array_equal(dropped, [2.0, 0.0, 0.5, 4.5])  # the current 1.0 of step 2 is lost
    same, _, _ = frameworks.simulate(
        frameworks.get("spikingjelly.CUBALIFNode"), {"c_decay": 0.5, "v_decay": 0.5}, 1.0, inputs
    )
    np.testing.assert_array_equal(same, [0.0, 0.0, 0.5, 0.0])  # 2; then 1 >= 1 fires too
    typed = {"tau_mem": 1 / np.log(2), "tau_syn": 1 / np.log(2)}
    voltage, _, spikes = frameworks.simulate(
        frameworks.get("sinabs.LIF(norm_input=False)"), typed, 1.0, [4.5, 0.0]
    )
    np.testing.assert_allclose(voltage, [0.25, 0.25], rtol=1e-14)  # 2.25 - 2; 0.125 + 1.125 - 1
    np.testing.assert_array_equal(spikes, [2, 1])


@settings(deadline=None)  # a busy machine is no failure
@given(seed=st.integers(0, 2**32 - 1), beta=st.floats(0.5, 0.99), threshold=st.floats(0.5, 3))
def test_late_subtraction_is_a_larger_one_at_once(seed, beta, threshold):
    """snnTorch's default: theta one step late is theta / beta in the step of the spike."""
    inputs = np.random.default_rng(seed).random(300)
    values = {"alpha": 0.7, "beta": beta}
    late, current, spikes = frameworks.simulate(
        frameworks.get("snntorch.Synaptic"), values, 1.0, inputs, v_threshold=threshold
    )
    v, same = 0.0, np.zeros((2, 300))
    for n, i in enumerate(current):
        v = beta * v + i
        same[:, n] = v, v > threshold
        v -= same[1, n] * threshold / beta
    if np.abs(same[0] - threshold).min() > 1e-9:  # a rounding may not decide a spike
        np.testing.assert_array_equal(spikes, same[1])
        np.testing.assert_allclose(late, same[0], rtol=0, atol=1e-11 * np.abs(late).max())


def test_fixed_point_by_hand():
    """Decays of one half: 4096, 2048, 1024 ... and the tail ends where an integer is halved to 0."""
    voltage, current = fixed_point({"current_decay": 0.5, "voltage_decay": 0.5}, impulse(20))
    np.testing.assert_array_equal(current * STATE_SCALE, [2 ** (12 - n) if n < 13 else 0 for n in range(20)])
    np.testing.assert_array_equal(voltage[:3] * STATE_SCALE, [4096, 4096, 3072])
    assert voltage[-1] == 0  # a float would be 6e-6 of a step above it
    negative, _ = fixed_point({"current_decay": 0.5, "voltage_decay": 0.5}, -impulse(20))
    np.testing.assert_array_equal(negative, -voltage)  # towards zero, not down


def test_discrete_neuron_of_a_framework_is_analysed_like_a_scheme():
    model = frameworks.get("norse.LIFCell").discretize(NEURON, 1e-3)
    omega = np.array([0.0, 100.0, 1000.0])
    z = np.exp(1j * omega * 1e-3)
    expected = 0.05 / ((1 - 0.95 / z) * (1 - 0.9 / z))
    np.testing.assert_allclose(model.frequency_response(omega), expected, rtol=1e-13)
    assert model.delay == 0 and model.is_stable


def test_overview_leaves_out_what_cannot_be_typed():
    every = frameworks.every()
    assert len(frameworks.overview(every, NEURON, 1e-3)) == len(every)
    rows = {row.framework: row for row in frameworks.overview(every, NEURON, 0.015)}
    assert "spikingjelly.CUBALIFNode" not in rows  # the synapse's decay would be negative
    assert rows["norse.LIFCell"].delay == 0 and rows["brian2.euler"].delay == 1
    assert rows["snntorch.Leaky"].tau_syn == 0
    synaptic = rows["snntorch.Synaptic"]
    assert (synaptic.tau_mem, synaptic.tau_syn) == pytest.approx((0.020, 0.010), rel=1e-12)
    a_mem, a_syn = np.exp(-0.75), np.exp(-1.5)
    assert synaptic.area == pytest.approx(0.015 / ((1 - a_mem) * (1 - a_syn)), rel=1e-12)
    assert "spikingjelly.LIFNode" not in {
        row.framework for row in frameworks.overview(every, NEURON, 1e-3, "exact")
    }


@pytest.mark.parametrize(
    ("name", "recipe", "twins"),
    [
        ("norse.LIFCell", "usual", {"spikingjelly.CUBALIFNode", "tssl_bp", "norse.from_nir.CubaLIF"}),
        ("yang", "usual", {"brian2.euler"}),
        ("rockpool.LIFTorch(bitshifts)", "usual", set()),
        ("brian2.rk2", "usual", set()),
    ],
)
def test_framework_is_identified_from_its_response(name, recipe, twins):
    """Those with the same response but for a gain fit as well, and only those."""
    voltage = 0.37 * frameworks.get(name).discretize(NEURON, 2e-3, recipe).simulate(impulse(80))[0]
    matches = frameworks.identify(frameworks.every(), voltage, 2e-3, NEURON)
    best = {match.framework for match in matches if match.misfit < 1e-12}
    assert best == {name} | twins
    assert next(m.weight for m in matches if m.framework == name) == pytest.approx(0.37, rel=1e-12)
    assert [match.misfit for match in matches] == sorted(match.misfit for match in matches)


def test_framework_does_not_load_torch():
    code = "import sys, snntheory.linear.frameworks as f; f.names(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_bad_input():
    norse, jelly = frameworks.get("norse.LIFCell"), frameworks.get("spikingjelly.LIFNode")
    with pytest.raises(ValueError, match="did you mean 'norse.LIFCell'"):
        frameworks.get("norse.LIFcell")
    with pytest.raises(TypeError, match="neuron must be a CubaLIF"):
        norse.parameters_for(0.02, 1e-3)
    with pytest.raises(ValueError, match="dt must be above 0"):
        norse.parameters_for(NEURON, 0.0)
    with pytest.raises(ValueError, match="recipe must be one of"):
        norse.parameters_for(NEURON, 1e-3, "best")
    with pytest.raises(ValueError, match="dt must be below 0.02 s"):
        norse.parameters_for(NEURON, 0.021, "usual")
    with pytest.raises(ValueError, match="tau of spikingjelly.LIFNode must lie between 1 and inf"):
        jelly.parameters_for(NEURON, 0.021, "usual")
    with pytest.raises(ValueError, match="it has no synapse"):
        jelly.parameters_for(NEURON, 1e-3)
    with pytest.raises(ValueError, match="is no CubaLIF; its membrane time constant is 0.0194957 s"):
        jelly.neuron_of({"tau": 20.0}, 1e-3)
    with pytest.raises(ValueError, match="none are known"):
        frameworks.get("brian2.rk2").parameters_for(NEURON, 1e-3)
    with pytest.raises(ValueError, match="must be exactly tau_mem_inv, tau_syn_inv; got tau_mem_inv"):
        norse.neuron_of({"tau_mem_inv": 50.0}, 1e-3)
    with pytest.raises(ValueError, match="poles must lie between 0 and 1"):
        norse.neuron_of({"tau_mem_inv": 50.0, "tau_syn_inv": 1500.0}, 1e-3)
    with pytest.raises(ValueError, match="inputs must have a time axis"):
        frameworks.simulate(jelly, {"tau": 2.0}, 1.0, 1.0)
    with pytest.raises(ValueError, match="voltage must hold a response"):
        frameworks.identify(frameworks.every(), np.zeros(5), 1e-3, NEURON)
    with pytest.raises(TypeError, match="neuron must be a CubaLIF"):
        frameworks.overview(frameworks.every(), "neuron", 1e-3)
    with pytest.raises(ValueError, match="inputs must have a time axis"):
        fixed_point({"current_decay": 0.5, "voltage_decay": 0.5}, 1.0)
    with pytest.raises(ValueError, match="reset must be one of 'to_value', 'none'"):
        frameworks.simulate(norse, {"tau_mem_inv": 5.0, "tau_syn_inv": 5.0}, 1e-3, [1.0], reset="subtract")
    with pytest.raises(ValueError, match="v_reset must lie below v_threshold"):
        frameworks.simulate(norse, {"tau_mem_inv": 5.0, "tau_syn_inv": 5.0}, 1e-3, [1.0], v_reset=1.0)
