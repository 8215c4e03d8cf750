"""The command line: help, the whole chain on real digits, errors in one line."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from snntheory import cli, gradients, load_traces, make_traces
from snntheory.cli.report import FILES
from snntheory.linear import schemes as linear_schemes
from snntheory.training import checkpoint as checkpoints
from snntheory.training import datasets

COMMANDS = (
    "train",
    "sweep",
    "evaluate",
    "record",
    "analyse",
    "ledger",
    "experiment",
    "artefacts",
    "datasets",
)
TRAIN = ["--sizes", "784,16,10", "--window", "0.04", "--dt", "0.004", "--batch-size", "50"]
TRAIN += ["--learning-rate", "0.01"]


@pytest.fixture
def command(monkeypatch, capsys):
    """Run ``snntheory`` with some arguments in this process: exit code, output, errors."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["snntheory", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


@pytest.fixture(scope="module")
def digits_file(tmp_path_factory):
    """200 of the shipped digits as a user's .npz."""
    path = tmp_path_factory.mktemp("digits") / "digits.npz"
    images, labels = datasets.mnist_subset("train")
    np.savez(path, images=images[:200], labels=labels[:200])
    return path


@pytest.fixture(scope="module")
def model(digits_file, tmp_path_factory):
    """A checkpoint of six epochs, made by ``python -m snntheory`` in a process of its own."""
    path = tmp_path_factory.mktemp("model") / "model.pt"
    arguments = ["train", path, *TRAIN, "--epochs", "6", "--images", digits_file]
    done = subprocess.run(
        [sys.executable, "-m", "snntheory", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "epoch 6: loss" in done.stdout and f"wrote {path}\n" in done.stdout
    assert done.stderr == ""
    return path


def assert_refused(result, *parts):
    """Exit code 2, nothing written to stdout, one line on stderr that holds the parts."""
    code, out, err = result
    assert code == 2, (out, err)
    assert err.startswith("Error: ") and err.endswith("\n") and err.count("\n") == 1, err
    assert "Traceback" not in out + err
    assert not re.search(r"\w\(['\w]|\b\w+=['\d(]", err), err  # options, not calls and arguments of Python
    for part in parts:
        assert str(part) in err, err


def number(text, name):
    """The number beside ``name`` in a table."""
    return float(re.search(rf"{re.escape(name)}\W+([-\d.]+)", text)[1])


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command(command, name):
    code, out, err = command(name, "--help")
    assert code == 0 and err == ""
    assert "Usage: " in out and name in out and "--help" in out


def test_help_and_version(command):
    code, out, _ = command("--help")
    assert code == 0
    assert all(name in out for name in COMMANDS)
    assert command("--version")[1].startswith("snntheory 0.")
    assert "Usage" in "".join(command()[1:])  # without a command: the help


def test_every_option_is_explained():
    import typer

    for name, declared in typer.main.get_command(cli.app).commands.items():
        assert declared.help, name
        for parameter in declared.params:
            assert parameter.help, f"{name} {parameter.name}"


@pytest.mark.parametrize(
    ("option", "names"), [("scheme", linear_schemes.names()), ("surrogate", gradients.SURROGATES)]
)
def test_help_of_train_lists_what_there_is(option, names):
    """The help is typed by hand, because the rooms that know the names load too slowly for it."""
    import typer

    train = typer.main.get_command(cli.app).commands["train"]
    text = next(parameter.help for parameter in train.params if parameter.name == option)
    listed = text.split(":")[1].strip(" .").split(", ")
    assert sorted(listed) == sorted(names)


def test_evaluate(command, model, digits_file):
    code, out, _ = command("evaluate", model, "--images", digits_file)
    assert code == 0
    assert number(out, "accuracy") > 50  # of the 200 that it was trained on; chance is 10
    assert number(out, "samples") == 200
    assert number(out, "spikes a sample, layer 1") > 0
    assert command("evaluate", model, "--images", digits_file)[1] == out  # the same seed, the same numbers
    assert command("evaluate", model, "--images", digits_file, "--seed", 1)[1] != out


def test_evaluate_with_another_time_step_and_scheme(command, model, digits_file):
    images = ("--images", digits_file)
    out = command("evaluate", model, *images, "--dt", "0.002", "--scheme", "bilinear")[1]
    assert "0.002 s, bilinear" in out and number(out, "accuracy") > 40
    assert "0.004 s, impulse_invariance" in out  # what it was trained with
    series = command("evaluate", model, *images, "--scheme", "parker_sochacki", "--order", "3")[1]
    assert "parker_sochacki of order 3" in series
    assert_refused(command("evaluate", model, *images, "--order", "3"), "leave it out")
    assert_refused(command("evaluate", model, *images, "--scheme", "parker_sochacki"), "needs order")


def test_evaluate_with_another_input(command, model, digits_file):
    images = ("--images", digits_file)
    coarse = ("--dt", "0.02")  # two spikes a step of a white pixel
    refused = command("evaluate", model, *images, *coarse)
    assert_refused(refused, "max_rate * --dt must be at most 1", "--arrivals poisson")
    code, out, err = command("evaluate", model, *images, *coarse, "--arrivals", "poisson")
    assert code == 0 and err == "" and number(out, "accuracy") > 10
    assert_refused(command("evaluate", model, *images, "--arrivals", "poison"), "did you mean 'poisson'")


def test_a_warning_is_one_line(command, model, digits_file):
    """Beyond the stability limit of forward Euler, 2 tau_syn, the test runs but the user is told."""
    options = ("--dt", "0.03", "--scheme", "forward_euler", "--arrivals", "poisson")
    code, out, err = command(
        "evaluate",
        model,
        "--images",
        digits_file,
        *options,
    )
    assert code == 0 and number(out, "samples") == 200
    assert set(err.splitlines()) == {err.splitlines()[0]}  # one for each layer's neuron at most
    assert re.fullmatch(r"Warning: .*stability limit 0.02 s.*", err.splitlines()[0])


def test_evaluate_the_shipped_test_digits(command, model):
    out = command("evaluate", model)[1]
    assert number(out, "samples") == 2000 and number(out, "accuracy") > 30  # chance is 10


def test_evaluate_other_images_in_idx_files(command, model, tmp_path):
    folder = Path(os.environ.get("SNNTHEORY_DATA", Path(__file__).parents[3] / "shared" / "data"))
    folder = folder / "fashion-mnist"
    if not folder.is_dir():
        pytest.skip("fashion-mnist is not at hand; set SNNTHEORY_DATA to the folder that holds it")
    labels = folder / "t10k-labels-idx1-ubyte.gz"
    code, out, _ = command(
        "evaluate", model, "--images", folder / "t10k-images-idx3-ubyte.gz", "--labels", labels
    )
    assert code == 0 and number(out, "samples") == 10_000
    assert number(out, "accuracy") < 40  # clothes are no digits


def test_record_and_analyse(command, model, tmp_path):
    traces_file = tmp_path / "traces.nc"
    code, out, err = command(
        "record", model, traces_file, "--samples", "3", "--repeats", "2", "--neurons", "4", "--window", "0.4"
    )
    assert code == 0 and err == "" and "6 trials, 4 neurons, 100 steps of 0.004 s" in out
    traces = load_traces(traces_file)
    assert traces["voltage"].shape == (6, 4, 100)
    np.testing.assert_array_equal(traces["label"][::2], datasets.mnist_subset("test")[1][:3])
    code, out, err = command("analyse", traces_file)
    assert code == 0 and err == ""
    folder = tmp_path / "traces"
    assert sorted(each.name for each in folder.iterdir()) == sorted(FILES)
    assert all((folder / name).read_bytes()[:4] == b"\x89PNG" for name in ("psd.png", "scalogram.png"))
    assert number(out, "voltage, mean") == pytest.approx(float(traces["voltage"].mean()), rel=1e-3)  # printed


def test_record_the_output_layer_of_ones_own_images(command, model, digits_file, tmp_path):
    arguments = ("--images", digits_file, "--samples", "2", "--layers", "1, 2")
    assert command("record", model, tmp_path / "both.npz", *arguments)[0] == 0
    traces = load_traces(tmp_path / "both.npz")
    finer = ("--dt", "0.002", "--scheme", "bilinear", "--arrivals", "poisson")
    out = command("record", model, tmp_path / "finer.nc", *arguments, *finer)[1]
    assert "20 steps of 0.002 s" in out
    attrs = load_traces(tmp_path / "finer.nc").attrs
    assert attrs["scheme"] == "bilinear" and '"arrivals": "poisson"' in attrs["encoder"]
    assert traces["layer"].values.tolist() == [1] * 16 + [2] * 10
    np.testing.assert_array_equal(traces["label"], datasets.mnist_subset("train")[1][:2])


def test_analyse_a_recording_from_elsewhere(command, tmp_path):
    # a sine of 25 Hz with half of its power below, as an array without labels: time, trial, neuron
    t = 0.002 * np.arange(1000)
    values = np.sin(2 * np.pi * 25 * t)[:, None, None] * np.ones((1000, 2, 3))
    np.save(tmp_path / "mine.npy", values)
    bare = command("analyse", tmp_path / "mine.npy")
    assert_refused(bare, "snntheory analyse mine.npy --dims time,trial,neuron --dt 0.001")
    assert_refused(command("analyse", tmp_path / "mine.npy", "--dims", "time,trial,neuron"), "dt")
    assert os.listdir(tmp_path) == ["mine.npy"]
    described = ("--dims", "time, trial,neuron", "--dt", "0.002", "--out", tmp_path / "figures")
    code, out, _ = command("analyse", tmp_path / "mine.npy", *described, "--neuron", "2", "--trial", "1")
    assert code == 0 and "2 x 3 x 1000" in out
    assert number(out, "half of the power lies below") == pytest.approx(
        25, abs=4
    )  # resolution of the estimate
    assert (tmp_path / "figures" / "psd.nc").exists()
    for option, message in [
        ("--neuron", "--neuron must lie in 0 .. 2, got 3"),
        ("--trial", "--trial must lie in"),
    ]:
        assert_refused(command("analyse", tmp_path / "mine.npy", *described, option, "3"), message)
    assert_refused(command("analyse", tmp_path / "mine.npy", *described, "--method", "wlech"), "did you mean")


def test_analyse_names_spikes_and_times(command, tmp_path):
    rng = np.random.default_rng(0)
    spikes, times = rng.integers(0, 2, (3, 400)), 0.002 * np.arange(400)
    np.savez(tmp_path / "mine.npz", mem=rng.random((3, 400)), spk=spikes, clock=times, w=np.ones(2))
    options = ("--dims", "neuron,time", "--variable", "mem")
    assert_refused(
        command("analyse", tmp_path / "mine.npz", *options, "--spikes", "spikes"), "correct --spikes"
    )
    code, out, err = command("analyse", tmp_path / "mine.npz", *options, "--spikes", "spk", "--time", "clock")
    assert code == 0 and number(out, "firing rate, mean") == pytest.approx(spikes.mean() / 0.002, rel=1e-3)
    assert err.startswith("Warning: ") and "'w' left out" in err and err.count("\n") == 1


def test_analyse_resamples_irregular_times(command, tmp_path):
    times = np.delete(2.0 * np.arange(600), [7, 8, 300])  # three samples lost
    values = np.random.default_rng(0).standard_normal(times.size)
    rows = np.stack([times, values], axis=1)
    np.savetxt(tmp_path / "v.csv", rows, delimiter=",", header="time (ms),v", comments="")
    said = "snntheory analyse FILE --dt 0.00201 --resample linear"
    assert_refused(command("analyse", tmp_path / "v.csv"), said)
    code, out, _ = command("analyse", tmp_path / "v.csv", "--dt", "0.002", "--resample", "linear")
    assert code == 0 and "1 x 1 x 600" in out


def test_transfer_to_another_time_step(command, model, digits_file, tmp_path):
    start = ("--init-from", model, "--images", digits_file, "--epochs", "0")
    assert command("train", tmp_path / "fine.pt", *TRAIN, "--dt", "0.001", *start)[0] == 0
    old, new = (checkpoints.network_of(checkpoints.load(path)) for path in (model, tmp_path / "fine.pt"))
    assert (old.dt, new.dt) == (0.004, 0.001)
    for a, b in zip(old.weights(), new.weights(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=0)  # float32
    assert_refused(
        command("train", tmp_path / "big.pt", *TRAIN, "--sizes", "784,17,10", *start),
        "weights[0] must have shape (784, 17), got (784, 16)",
    )
    # areas of current are kept, also from a network whose kicks are w dt / tau_syn
    content = checkpoints.load(model)
    sampled = old.variant(input="sampled")
    content |= {"network": sampled.settings(), "weights": sampled.state_dict()}
    checkpoints.save(tmp_path / "sampled.pt", content)
    arguments = ("--init-from", tmp_path / "sampled.pt", "--images", digits_file, "--epochs", "0")
    assert command("train", tmp_path / "dirac.pt", *TRAIN, *arguments)[0] == 0
    again = checkpoints.network_of(checkpoints.load(tmp_path / "dirac.pt"))
    for a, b in zip(old.weights(), again.weights(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=0)


@pytest.mark.slow
def test_every_choice_trains(command, digits_file, tmp_path):
    common = (*TRAIN, "--images", digits_file, "--epochs", "1")
    for number_, choices in enumerate(
        [
            ("--encoder", "latency", "--loss", "first_spike", "--reset", "to_value", "--v-reset", "-0.2"),
            ("--encoder", "latency", "--last", "0.02", "--loss", "spike_count", "--reset", "none"),
            ("--arrivals", "poisson", "--max-rate", "400", "--scheme", "parker_sochacki", "--order", "2"),
            ("--surrogate", "boxcar", "--width", "1", "--reset-gradient", "detached", "--scheme", "bilinear"),
        ]
    ):
        path = tmp_path / f"{number_}.pt"
        assert command("train", path, *common, *choices)[0] == 0, choices
        assert len(checkpoints.load(path)["history"]) == 1


def test_a_checkpoint_is_not_overwritten_by_chance(command, model, digits_file):
    before = model.read_bytes()
    result = command("train", model, *TRAIN, "--images", digits_file)
    assert_refused(result, "model.pt exists; give --resume")
    assert model.read_bytes() == before


def test_resume_with_other_settings(command, model, digits_file):
    other = (*TRAIN[:-1], "0.02", "--images", digits_file, "--resume")
    said = "belongs to another training: --learning-rate was 0.01, now 0.02; resume with"
    assert_refused(command("train", model, *other), said)
    other = (*TRAIN, "--images", digits_file, "--resume", "--dt", "0.002", "--tau-mem", "0.03")
    said = "network layer 1 tau_mem was 0.02, now 0.03"
    result = command("train", model, *other)
    assert_refused(result, said.replace("tau_mem", "--tau-mem"), "network --dt was 0.004, now 0.002")
    assert "sizes" not in result[2] and "encoder" not in result[2]


def test_resume_of_what_is_done(command, model, digits_file, tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(model.read_bytes())
    for epochs in ("6", "2"):
        arguments = (*TRAIN, "--images", digits_file, "--resume", "--epochs", epochs)
        code, out, _ = command("train", path, *arguments)
        assert code == 0 and f"has 6 epochs already, {epochs} were asked for: nothing was trained" in out
    assert path.read_bytes() == model.read_bytes()
    code, out, _ = command("train", path, *TRAIN, "--images", digits_file, "--resume", "--epochs", "7")
    assert code == 0 and f"wrote {path}" in out and "no test images" in out


def test_errors_of_train(command, digits_file, tmp_path):
    new = tmp_path / "new.pt"
    (tmp_path / "file").write_text("")
    for arguments, parts in [
        (["--sizes", "784,a,10"], ["--sizes must be integers separated by commas, got '784,a,10'"]),
        (["--sizes", "784"], ["--sizes must name the input and at least one layer"]),
        (["--sizes", "100,10"], ["--images must have 100 values each"]),
        (["--window", "0.003"], ["--window must be at least --dt = 0.004 s, got 0.003 s"]),
        (["--dt", "-0.001"], ["--dt must be above 0 s"]),
        (["--dt", "nan"], ["--dt must be finite"]),
        (["--dt", "0.02"], ["--max-rate * --dt must be at most 1", "--arrivals poisson"]),
        (["--tau-mem", "0"], ["--tau-mem must be above 0 s"]),
        (["--scheme", "rk4"], ["--scheme must be one of"]),
        (
            ["--scheme", "forward_euler", "--tau-syn", "0.001"],
            ["--dt must be below 0.002 s", "backward_euler"],
        ),
        (["--surrogate", "sigmod"], ["did you mean 'sigmoid'"]),
        (["--reset", "to_value", "--v-reset", "2"], ["--v-reset must lie below --v-threshold"]),
        (["--encoder", "latency", "--last", "1"], ["--last must be at most --window"]),
        (["--temperature", "0"], ["--temperature must be above 0"]),
        (["--epochs", "-1"], ["--epochs must be at least 0"]),
        (["--learning-rate", "0"], ["--learning-rate must be above 0"]),
        (["--device", "tpu"], ["--device must be 'cpu'"]),
        (["--labels", digits_file], ["--labels needs --images"]),
        (["--images", tmp_path / "none.npz"], ["none.npz", "No such file"]),
        (["--images", tmp_path / "file"], ["--labels must be given"]),
        (["--init-from", tmp_path / "file"], ["is no whole checkpoint"]),
        (["--init-from", tmp_path / "none.pt"], ["there is no checkpoint at"]),
    ]:
        images = [] if {"--images", "--labels"} & set(arguments) else ["--images", digits_file]
        assert_refused(command("train", new, *TRAIN, *images, *arguments), *parts)
        assert not new.exists()
    for place in ("missing/new.pt", "file/new.pt"):
        result = command("train", tmp_path / place, *TRAIN, "--images", digits_file)
        # found before the first epoch: nothing is printed about one
        assert_refused(result, tmp_path / place, "there is no folder")
        assert "epoch" not in result[1]
    assert os.listdir(tmp_path) == ["file"]


def test_errors_of_the_readers(command, model, digits_file, tmp_path):
    (tmp_path / "text.pt").write_text("epoch,loss\n")
    cut = tmp_path / "cut.pt"
    cut.write_bytes(model.read_bytes()[:-100])
    traces = tmp_path / "traces.nc"
    for arguments, part in [
        (["evaluate", tmp_path / "none.pt"], "there is no checkpoint at"),
        (["evaluate", tmp_path / "text.pt"], "is no whole checkpoint"),
        (["evaluate", cut], "use an earlier one or train again"),
        (["evaluate", tmp_path], "is no whole checkpoint"),
        (["evaluate", model, "--device", "cuda:99x"], "--device must be"),
        (["evaluate", model, "--dt", "0"], "--dt must be above 0"),
        (["record", cut, traces], "is no whole checkpoint"),
        (["record", model, tmp_path / "traces.txt", "--samples", "1"], ".txt"),
        (["record", model, tmp_path / "no" / "traces.nc", "--samples", "1"], "no/traces.nc"),
        (["record", model, traces, "--layers", "3"], "--layers must lie in 1 .. 2"),
        (["record", model, traces, "--layers", "one"], "--layers must be integers"),
        (["record", model, traces, "--neurons", "17"], "--neurons must lie in 0 .. 15"),
        (
            ["record", model, traces, "--samples", "2001"],
            "--samples must be at most 2000, the images there are",
        ),
        (["record", model, traces, "--window", "0.002"], "--window must be at least --dt = 0.004 s"),
        (["record", model, traces, "--labels", digits_file], "--labels needs --images"),
        (["evaluate", model, "--labels", digits_file], "--labels needs --images"),
        (["record", model, traces, "--samples", "0"], "--samples must be at least 1"),
        (["record", model, traces, "--window", "-1"], "--window must be above 0"),
        (["record", model, traces, "--memory-limit", "0.001"], "choose fewer samples"),
        (["analyse", traces], "traces.nc"),
        (["analyse", tmp_path / "text.pt"], "text.pt"),
        (["experiment", "time-step-spectrum"], "did you mean 'time-step-spectra'"),
        (["experiment", "xor", "--full"], "leave it out"),
        (["experiment", "xor", "--full", "--quick"], "not both"),
        (["artefacts", "--folder", tmp_path], "there are no artefacts in"),
    ]:
        assert_refused(command(*arguments), part)
    assert sorted(os.listdir(tmp_path)) == ["cut.pt", "text.pt"]


def test_usage_errors_have_no_traceback(command):
    for arguments in (["train"], ["fly"], ["train", "x.pt", "--epochs", "many"], ["train", "x.pt", "--fast"]):
        code, out, err = command(*arguments)
        assert code == 2 and "Traceback" not in out + err
        assert "--help" in err


def test_artefacts_are_listed_and_verified(command, tmp_path):
    from snntheory import artefacts

    for name in ("b-2", "a-1"):
        artefacts.save(
            name,
            make_traces(np.zeros((1, 1, 8)), 0.001),
            command="snntheory experiment [x]",
            settings={},
            wall_seconds=1.0,
            headline={},
            folder=tmp_path,
        )
    code, out, _ = command("artefacts", "--folder", tmp_path)
    assert code == 0
    assert [line.split(":")[0] for line in out.splitlines()] == ["a-1", "b-2"]
    assert "`snntheory experiment [x]`" in out
    (tmp_path / "a-1.nc").write_bytes(b"other")
    assert_refused(command("artefacts", "--folder", tmp_path), "a-1.nc is not the recorded file")


def test_ledger(command, tmp_path, monkeypatch):
    from dataclasses import replace

    from snntheory.ledger import Verdict, yang

    code, out, err = command("ledger", "--source", "yang", "--json", tmp_path / "yang.json")
    assert code == 0 and f"{len(yang.ENTRIES)} entries" in out and "Error" not in err
    assert len(json.loads((tmp_path / "yang.json").read_text())) == len(yang.ENTRIES)
    assert_refused(command("ledger", "--source", "yung"), "--source must be one of", "did you mean 'yang'")
    first = yang.ENTRIES[0]
    other = next(verdict for verdict in Verdict if verdict is not first.recorded)
    monkeypatch.setattr(yang, "ENTRIES", (replace(first, recorded=other),))
    code, _, err = command("ledger", "--source", "yang")
    assert code == 1 and f"recorded {other.value!r}" in " ".join(err.split())


@pytest.mark.slow
def test_the_experiment_in_miniature(command, tmp_path, monkeypatch):
    from dataclasses import replace

    from snntheory.experiments.time_step_spectra import Settings

    tiny = replace(
        Settings(),
        time_steps=(0.004,),
        hidden=8,
        epochs=1,
        n_train=64,
        n_test=32,
        record_window=0.1,
        record_neurons=2,
        record_batch=3,
        record_repeats=1,
    )
    monkeypatch.setattr(Settings, "quick", lambda self: tiny)
    code, out, _ = command("experiment", "time-step-spectra", "--quick", "--out", tmp_path / "results")
    assert code == 0 and "hidden-source-4ms: test accuracy" in out
    code, out, _ = command("artefacts", "--folder", tmp_path / "results")
    assert code == 0 and out.count("`snntheory experiment time-step-spectra --quick`") == 2


@pytest.mark.slow
def test_experiments_of_one_folder_keep_their_work_apart(command, tmp_path, monkeypatch):
    """The sweep's trainings and those on Fashion-MNIST have the same names; the collapse goes on from the sweep's."""
    from snntheory import artefacts

    still = artefacts.Sources("0" * 64, None)  # somebody may be at work on the sources
    monkeypatch.setattr(artefacts, "current_sources", lambda: still)
    monkeypatch.setattr(artefacts, "sources_digest", lambda: still.digest)
    for name in ("time-step-fashion", "time-step-sweep", "collapse"):
        code, _, err = command("experiment", name, "--quick", "--out", tmp_path)
        assert (code, err) == (0, ""), name
    state = tmp_path / "state-quick"
    assert sorted(each.name for each in state.iterdir()) == ["time-step-fashion", "time-step-sweep"]
    assert (state / "time-step-sweep" / "collapse-sources.txt").exists()
