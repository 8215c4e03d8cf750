"""Advice: what is computed at once against closed forms, what is read against the artefacts, nothing beyond them."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from snntheory import CubaLIF, artefacts, cli
from snntheory.advice import (
    NotMeasured,
    computed,
    costs,
    evidence,
    measured,
    parts,
    ratios,
    recommend,
    wording,
)
from snntheory.advice.answer import PARTS, Choice, Part, Recommendation
from snntheory.advice.costs import VARYING
from snntheory.advice.recommendation import records
from snntheory.linear import frameworks

NEURON = CubaLIF(tau_mem=0.020, tau_syn=0.010)


@pytest.fixture(scope="module")
def at_1_ms():
    return recommend(NEURON, 1e-3)


@pytest.fixture(scope="module")
def fine():
    """At a step at which every part was recorded; twice that of the equal budget."""
    return recommend(NEURON, 0.04 * NEURON.tau_syn)


@pytest.fixture(scope="module")
def transfers(tmp_path_factory):
    """An artefact as of the experiment integration-order, with numbers that are known."""
    folder = tmp_path_factory.mktemp("artefacts")
    steps, labels = np.array([0.1, 0.2, 0.4]), ["none", "linear", "series"]
    ratio = np.array([[0.01, 0.1, 1.0], [0.02, 0.2, 0.9]])  # each task over a tau_syn of its own
    lost = np.array([[0.0, 0.1, 0.5], [0.0, 0.02, 0.2], [np.nan, np.nan, np.nan]])
    series = np.array([[0.0, 0.0, 0.9], [0.0, 0.0, 0.9], [0.0, 0.0, np.nan]])
    accuracy = np.stack([0.9 - np.stack([lost, series]), 0.95 - 2 * np.stack([lost, series])])
    nothing = np.zeros_like(accuracy)
    data = xr.Dataset(
        {
            "accuracy": (("task", "integrator", "interpolation", "step"), accuracy),
            "rms_shift": (("task", "integrator", "interpolation", "step"), nothing + 0.25),
            "hidden_spikes": (("task", "integrator", "interpolation", "step"), nothing + 90.0),
            "exact_accuracy": ("task", [0.9, 0.95]),
            "exact_hidden_spikes": ("task", [100.0, 90.0]),
        },
        {
            "task": ["slow", "fast"],
            "integrator": ["impulse_invariance", "order 6"],
            "interpolation": labels,
            "dt": ("step", steps),
            "dt_over_tau_syn": (("task", "step"), ratio),
        },
    )
    settings = {"n_test": 50}
    options = {"command": "x", "settings": settings, "wall_seconds": 1.0, "headline": {}, "folder": folder}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(artefacts, "sources_digest", lambda: "0" * 64)  # nothing here depends on the sources
        artefacts.save(measured.TRANSFER, data, **options)
    return folder


def test_schemes_against_closed_forms():
    dt = 1e-3
    found = {each.label: each for each in computed.scheme_losses(NEURON, dt)}
    assert found["impulse_invariance"].psp_error < 1e-14 and found["delta"].psp_error < 1e-13  # rounding
    forward = found["forward_euler"]
    # its poles are 1 - dt/tau
    assert forward.tau_mem == pytest.approx(-dt / math.log(1 - dt / 0.020), rel=1e-12)
    assert forward.tau_syn == pytest.approx(-dt / math.log(1 - dt / 0.010), rel=1e-12)
    backward = found["backward_euler"]
    assert backward.tau_mem == pytest.approx(dt / math.log(1 + dt / 0.020), rel=1e-12)
    # by hand: after the spike's step backward Euler has u = r dt / ((tau_mem + dt)(tau_syn + dt)), in truth it is 0;
    # the height of the kernel with tau_mem = 2 tau_syn is r / (4 tau_syn)
    first = dt / ((0.020 + dt) * (0.010 + dt)) / (1 / (4 * 0.010))
    assert backward.psp_error == pytest.approx(first, rel=1e-12)
    assert len(found) == 11 and "scaled_impulse" not in found


def test_schemes_that_fail():
    found = {each.label: each for each in computed.scheme_losses(NEURON, 0.025)}
    assert not found["forward_euler"].stable and found["forward_euler"].psp_error == math.inf
    assert found["backward_euler"].stable and found["backward_euler"].monotone
    between_limits = {each.label: each for each in computed.scheme_losses(NEURON, 0.015)}["forward_euler"]
    assert between_limits.stable and not between_limits.monotone  # the pole of the synapse is -0.5
    assert math.isnan(between_limits.gain)
    with pytest.raises(ValueError, match="dt must be at least .* for this neuron, got 1e-09 s"):
        computed.scheme_losses(NEURON, 1e-9)


@pytest.mark.parametrize("dt", [1e-3, 5e-3, 0.03])
def test_placements_of_one_neuron(dt):
    found = {each.placement: each for each in computed.placement_losses(NEURON, dt)}
    # exact propagation, roots of the series and extrema: the exact spikes, to the rounding of the roots
    assert found["series, extrema"].shift < 1e-7 and found["series, extrema"].unpaired == 0
    assert max(found["grid"][1:]) > max(found["cubic, extrema"][1:])
    if dt == 1e-3:
        # a spike on the grid is late by half a step on average, rms dt / sqrt(3); that moves the later ones too
        assert found["grid"].shift > 0.9 * dt / math.sqrt(3) / NEURON.tau_syn
        assert max(found["linear"][1:]) < max(found["grid"][1:])
    part = {each.name: each for each in parts.placement(NEURON, dt, 0).choices}
    assert all(part[name].loss == max(each.shift, each.unpaired) for name, each in found.items())
    if dt == 0.03:  # crossings within a step are lost where only its end is looked at
        assert found["series"].unpaired > 0.3 > found["series"].shift


def test_the_drive_lies_on_the_grid_and_makes_the_neuron_fire():
    times, weights, t_max = computed.drive(NEURON, 1e-3)
    np.testing.assert_allclose(times / 1e-3, np.rint(times / 1e-3), rtol=0, atol=1e-9)
    # mean voltage r * rate * w = 1.5: five standard errors of the number of arrivals
    n = 40 * 10
    assert weights.sum() / t_max == pytest.approx(1.5, rel=5 / math.sqrt(n))
    assert 10 <= len(computed.exact_spike_times(NEURON, times, weights, t_max)) <= 200


def test_gradients_are_those_of_the_artefact():
    stored = artefacts.load(measured.FIDELITY)
    found = evidence.recorded(measured.FIDELITY)
    for step in (0.01, 0.1, 0.8):
        rows = measured.gradient_losses(found, step)
        assert len(rows) == stored.sizes["method"]
        assert [each.cosine for each in rows] == sorted((each.cosine for each in rows), reverse=True)
        for each in rows:
            where = {"stage": "trained", "layer": "all", "method": each.method, "step": step}
            plain = stored["cosine"].sel(where)
            assert each.cosine == pytest.approx(float(plain.min()), abs=1e-12)
            assert each.by_task["digits"] == pytest.approx(float(plain.sel(task="digits")), abs=1e-12)
    half = {each.method: each.cosine for each in measured.gradient_losses(found, math.sqrt(0.1 * 0.2))}
    for name in half:  # half way in the logarithm, task by task
        where = {"stage": "trained", "layer": "all", "method": name, "step": [0.1, 0.2]}
        ends = stored["cosine"].sel(where).mean("step")
        assert half[name] == pytest.approx(float(ends.min()), abs=1e-6)
    for outside in (0.009, 0.81):
        with pytest.raises(
            NotMeasured, match="was not measured: recorded are 0.01 to 0.8; no value is guessed"
        ):
            measured.gradient_losses(found, outside)


def test_transferred_networks(transfers):
    found = evidence.recorded(measured.TRANSFER, transfers)
    rows = {each.placement: each for each in measured.transfer_losses(found, 0.1)}
    # slow: measured at 0.1; fast: between 0.02 and 0.2, at log10(5) of the way
    share = math.log10(5)
    assert rows["none"].by_task == pytest.approx({"slow": 0.1, "fast": 2 * 0.1 * share})
    assert rows["none"].accuracy_loss == pytest.approx(2 * 0.1 * share)
    assert rows["none"].spikes == pytest.approx(-0.1) and rows["none"].shift == 0.25
    assert list(rows) == ["series (order 6)", "linear", "none"]
    # only one task was measured there; the series has no value beside its gap
    assert set(measured.transfer_losses(found, 0.95)[0].by_task) == {"slow"}
    assert [each.placement for each in measured.transfer_losses(found, 0.95)] == ["linear", "none"]
    with pytest.raises(NotMeasured, match="measured in 0 of 2 tasks: recorded are 0.01 to 1"):
        measured.transfer_losses(found, 2.0)


def test_between_measured_steps():
    at, values = [1.0, 10.0, 100.0], [[0.0, 1.0], [2.0, np.nan], [4.0, 3.0]]
    np.testing.assert_allclose(evidence.between(math.sqrt(10), at, values), [1.0, np.nan])
    np.testing.assert_allclose(evidence.between(100.0, at[::-1], values[::-1]), [4.0, 3.0])
    assert evidence.between(1.0, at, [5.0, np.nan, np.nan]) == 5.0  # its neighbour does not matter
    for x in (0.5, 101.0):
        with pytest.raises(NotMeasured, match="1 to 100"):
            evidence.between(x, at, [1, 2, 3])


def test_every_advice_cites_its_measurement(at_1_ms):
    advice = at_1_ms.advice()
    assert set(advice) == set(PARTS)
    assert advice["scheme"].startswith("impulse_invariance keeps it") and "computed: " in advice["scheme"]
    # of those without a loss, the one that sees more crossings
    assert advice["placement"].startswith("series, extrema keeps it")
    digest = artefacts.provenance("gradient-fidelity")["sha256"][:12]
    assert f"[{digest}]" in advice["gradient"] and "artefact gradient-fidelity" in advice["gradient"]
    for part in at_1_ms.parts:
        assert bool(part.choices) == (part.evidence is not None)
        assert part.note if not part.choices or part.kind in ("late", "budget") else not part.note
        losses = [each.loss for each in part.choices]
        assert all(a <= b + 1e-6 for a, b in zip(losses, losses[1:], strict=False))
        assert part.kept(math.inf) == part.choices and part.kept(-1.0) == ()
    assert at_1_ms.best("scheme").name == "impulse_invariance"
    with pytest.raises(ValueError, match="kind must be one of 'scheme'"):
        at_1_ms["schema"]


def test_beyond_the_measurements_it_says_so_and_gives_no_number(tmp_path):
    found = recommend(NEURON, 0.03)
    assert found.best("gradient") is None and found["gradient"].evidence is None
    assert "dt/tau_syn = 3 was not measured" in found.advice()["gradient"]
    assert "nothing keeps it" not in found.advice()["scheme"]
    none = recommend(NEURON, 1e-3, folder=tmp_path)
    absent = {
        "network": "integration-order",
        "gradient": "gradient-fidelity",
        "clocked": "step-size-accuracy",
    }
    for kind, name in (absent | {"late": "collapse", "budget": "yin-yang-surrogates"}).items():
        assert none[kind].choices == () and f"'snntheory experiment {name}' makes it" in none[kind].note


def test_a_damaged_artefact_gives_no_advice(transfers, tmp_path):
    for file in transfers.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with open(tmp_path / f"{measured.TRANSFER}.nc", "ab") as stream:
        stream.write(b"x")
    with pytest.raises(artefacts.ArtefactError, match="is not the recorded file"):
        recommend(NEURON, 1e-3, folder=tmp_path)


def test_the_network_part_of_the_advice(transfers):
    found = recommend(NEURON, 1e-3, folder=transfers, tolerance=0.01)
    assert [each.name for each in found["network"].choices] == ["series (order 6)", "linear", "none"]
    assert [each.name for each in found["network"].kept(0.01)] == ["series (order 6)"]
    assert "artefact integration-order" in found.advice()["network"]
    assert "50 samples each" in found.advice()["network"]


def test_as_plain_values_text_and_html(at_1_ms):
    plain = json.loads(json.dumps(at_1_ms.to_dict(), allow_nan=False))
    assert plain["dt"] == 1e-3 and plain["dt_over_shorter_tau"] == pytest.approx(0.1)
    assert set(plain["parts"]) == set(PARTS)
    gradient = plain["parts"]["gradient"]
    assert gradient["choices"][0]["cosine"] == pytest.approx(1 - gradient["choices"][0]["loss"])
    text = at_1_ms.listing()
    for part in at_1_ms.parts:
        assert wording.TITLES[part.kind] in text and bool(part.choices) == (part.kind != "budget")
        for each in part.choices:
            assert each.name in text and each.name in at_1_ms._repr_html_()


def test_printed_it_is_short_and_cites(at_1_ms):
    text = str(at_1_ms)
    assert text == repr(at_1_ms) and text.startswith("dt = 1 ms for tau_mem = 20 ms, tau_syn = 10 ms")
    lines = text.splitlines()
    assert len(lines) == 6 + 2 * len(PARTS)  # a line a part, and its evidence; at last the chapter
    for number, part in enumerate(at_1_ms.parts, 1):
        line = next(line for line in lines if line.startswith(f"[{number}] {wording.TITLES[part.kind]}"))
        if part.kind == "budget":  # recorded at another step
            assert "not measured" in line and part.note in text
            continue
        usual = next(each for each in part.choices if each.name == wording.USUAL[part.kind])
        best = part.choices[0]
        same = best != usual and wording.alike(best, usual)
        first = "no difference found" if same else best.name
        assert first in line and wording.shown(best.loss) in line
        assert ("!" in line) == any(
            each.loss > 0.05 for each in part.choices if each.name in (best.name, usual.name)
        )
        assert len(line) <= 120  # the columns of a wide terminal
        cited = next(line for line in lines[4 + len(PARTS) :] if line.startswith(f"[{number}] "))
        assert str(part.evidence) in cited and part.measure in cited
        assert wording.USUAL[part.kind] in {each.name for each in part.choices}


def test_a_ratio_of_time_constants_that_nobody_recorded_is_named(fine):
    assert all(part.choices and not part.unlike for part in fine.parts if part.kind != "network")
    assert "recorded for other neurons" not in str(fine)
    far = recommend(CubaLIF(0.200, 0.001), 5e-4)
    read = {part.kind for part in far.parts if part.unlike}
    assert read == set(PARTS) - {"scheme", "placement"} == set(ratios.RATIOS)  # these two are this neuron's
    (line,) = (line for line in str(far).splitlines() if "recorded for other neurons" in line)
    assert "[3] [4] of tau_mem/tau_syn = 1 and 2, not 200" in line and "[7]" not in line  # empty there
    assert "not 200" in far.advice()["gradient"] and "not 200" in far.listing()
    assert "not 200" in far._repr_html_() and "not 200" in far.to_dict()["parts"]["late"]["unlike"]
    for kind, known in ratios.RATIOS.items():
        for each in known:  # a factor of two is near, more is not, a slower synapse never is
            assert not ratios.unlike(CubaLIF(0.01 * each, 0.01), kind)
        assert not ratios.unlike(CubaLIF(0.01 * 2 * known[-1], 0.01), kind)
        assert ratios.unlike(CubaLIF(0.01 * 2.01 * known[-1], 0.01), kind)
        assert ratios.unlike(CubaLIF(0.01, 0.02), kind)


def test_the_recorded_ratios_are_the_experiments():
    clocked = artefacts.provenance("step-size-accuracy")["settings"]["neuron"]
    assert ratios.RATIOS["clocked"] == pytest.approx([clocked["tau_mem"] / clocked["tau_syn"]])
    cell = artefacts.provenance("yin-yang-surrogates")["settings"]["task"]["cell"]
    assert ratios.RATIOS["budget"] == pytest.approx([cell["alpha"] / cell["beta"]], rel=2e-3)
    tasks = pytest.importorskip("snntheory.experiments.integration_tasks")
    from snntheory.experiments import gradient_fidelity, time_step_sweep

    neurons = [each for name in tasks.TASKS for each in tasks.task_of(name, 2).network.neurons]
    assert {round(ratios.ratio(each), 2) for each in neurons} == set(ratios.RATIOS["network"])
    assert "``tau_mem = 2 tau_syn``" in gradient_fidelity.__doc__
    assert time_step_sweep.TAU_MEM / time_step_sweep.TAU_SYN == ratios.RATIOS["late"][0]


def test_no_advice_on_less_than_one_spike_or_far_from_the_budgets_step():
    at_hand = records()
    coarse = parts.late(NEURON, 0.05, 0.05, at_hand, None, None)
    assert coarse.choices == () and "fewer than one spike fits into W = 10 ms" in coarse.note
    assert "is asked for, 0.5" in parts.late(NEURON, 1e-3, 0.05, at_hand, 0.5, None).note
    assert parts.late(NEURON, 1e-3, 0.05, at_hand, 1.0, None).choices
    for x in (0.0102, 0.0398):  # recorded at 0.02; a factor of two is near
        assert parts.budget(x, at_hand).choices
    for x in (0.0098, 0.041, 5.0):
        assert parts.budget(x, at_hand).choices == () and "ask at that step" in parts.budget(x, at_hand).note


def test_losses_within_the_spread_over_seeds_do_not_differ():
    def choice(name, loss, spread, n=3):
        return Choice(name, loss, {"accuracy_loss": loss, "spread": spread, "seeds": n})

    near = choice("impulse_invariance", 0.005, 0.017), choice("backward_euler", 0.012, 0.020)
    far = near[0], choice("backward_euler", 0.030, 0.020)
    alone = choice("impulse_invariance", 0.005, None, 1), choice("backward_euler", 0.012, None, 1)
    cited = evidence.Evidence("computed", "nothing")
    for pair, expected in ((near, True), (far, False), (alone, False)):
        assert wording.alike(*pair) == wording.alike(*pair[::-1]) == expected
        part = Part("clocked", "accuracy lost", pair, cited)
        found = Recommendation(NEURON, 1e-3, 0.05, (part,))
        for text in (wording.table(found), wording.html(found)):
            assert ("no difference found" in text) == expected
            assert ("±0.020" in text) == (pair is not alone) and ("1 seed" in text) == (pair is alone)
        assert ("no difference found" in wording.sentence(part, 0.05)) == expected
    part = Part("clocked", "accuracy lost", near, cited)
    assert "none keeps it within 0.001" in wording.sentence(part, 1e-3)


def test_a_neuron_that_fires_never_or_backwards():
    silent = CubaLIF(0.020, 0.010, reset="none")
    assert recommend(silent, 1e-3)["placement"].choices  # crossings are spikes without a reset too
    slow_synapse = CubaLIF(0.010, 0.020)
    assert recommend(slow_synapse, 1e-3).to_dict()["dt_over_shorter_tau"] == pytest.approx(0.1)


def test_what_is_no_question():
    with pytest.raises(TypeError, match="neuron must be a CubaLIF, got dict"):
        recommend({"tau_mem": 0.02}, 1e-3)
    with pytest.raises(
        TypeError, match=r"unpack it: neuron, weight = .*neuron_of\(...\); recommend\(neuron, dt\)"
    ):
        recommend(frameworks.get("snntorch.Synaptic").neuron_of({"alpha": 0.9, "beta": 0.95}, 1e-3), 1e-3)
    for dt in (0.0, -1e-3, math.nan):
        with pytest.raises(ValueError, match="dt must be"):
            recommend(NEURON, dt)
    for name in ("tolerance", "spikes", "width"):
        with pytest.raises(ValueError, match=f"{name} must be above 0"):
            recommend(NEURON, 1e-3, **{name: 0.0})
    with pytest.warns(UserWarning, match="did you mean milliseconds") as caught:
        recommend(NEURON, 1.0)
    assert len(caught) == 1


def test_the_command_prints_the_short_answer_or_all_choices(monkeypatch, capsys):
    given = ["--dt", "0.002", "--tau-syn", "0.005", "--spikes", "2", "--width", "0.05"]
    expected = recommend(CubaLIF(0.020, 0.005), 0.002, spikes=2, width=0.05)
    for extra, text in (([], str(expected)), (["--all"], expected.listing())):
        monkeypatch.setattr(sys, "argv", ["snntheory", "recommend", *given, *extra])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert not ended.value.code
        assert capsys.readouterr().out.split() == text.split()  # lines are wrapped or not, words are the same


def test_the_command_and_no_torch(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "snntheory", "recommend", "--dt", "0.002", "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["dt"] == 0.002
    code = (
        "import sys; from snntheory import CubaLIF; from snntheory.advice import recommend; "
        "recommend(CubaLIF(0.02, 0.01), 0.005); print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.split() == ["False", "False"], done.stderr


def test_costs_are_the_recommendations_side_by_side(transfers):
    steps = [1e-3, 5e-3, 0.03]
    found = costs(NEURON, steps, folder=transfers, tolerance=0.02)
    assert found.attrs["tolerance"] == 0.02 and found["step"].values == pytest.approx([0.1, 0.5, 3.0])
    for column, dt in enumerate(steps):
        one = recommend(NEURON, dt, folder=transfers)
        for kind in VARYING:
            part = found.isel(choice=found["kind"].values == kind, dt=column)
            losses = dict(zip(part["name"].values.tolist(), part["loss"].values.tolist(), strict=True))
            expected = {each.name: each.loss for each in one[kind].choices}
            assert {name: loss for name, loss in losses.items() if not math.isnan(loss)} == expected
    assert "artefact integration-order" in found.attrs["evidence_network"]
    assert "makes it" in found.attrs["note_gradient"] and "evidence_gradient" not in found.attrs
    with pytest.raises(ValueError, match="steps must not be empty"):
        costs(NEURON, [])
