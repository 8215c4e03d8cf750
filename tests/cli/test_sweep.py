"""The command sweep, and train with gradients of spike times."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from snntheory import cli
from snntheory.cli.options import named_values, value_of
from snntheory.training import checkpoint as checkpoints
from snntheory.training.setup import ON_TIMES

PAGE = Path(__file__).parents[2] / "book" / "sweeps.md"
SMALL = ["--sizes", "784,8,10", "--workers", "0"]
for each in ("epochs=1", "n_train=40", "n_test=30", "window=0.02"):
    SMALL += ["--set", each]


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Run ``snntheory`` with some arguments in this process: exit code, output, errors."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["snntheory", *map(str, arguments)])
        monkeypatch.setattr("snntheory.cli.console.out.width", 300, raising=False)
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    monkeypatch.chdir(tmp_path)
    return run


def opened(path):
    with xr.open_dataset(path, engine="h5netcdf") as found:
        return found.load()


def test_a_sweep(command, tmp_path):
    arguments = [
        "sweep",
        "--dt",
        "1e-3,2e-3",
        "--scheme",
        "zoh",
        "--seed",
        "0",
        *SMALL,
        "--out",
        tmp_path / "out",
    ]
    code, out, err = command(*arguments)
    assert (code, err) == (0, "")
    assert "2/2 dt 0.002, seed 0, scheme zoh: done, accuracy" in out
    assert f"wrote {tmp_path / 'out' / 'sweep.nc'}\n" in out
    found = opened(tmp_path / "out" / "sweep.nc")
    assert dict(found.sizes) == {"dt": 2, "seed": 1, "scheme": 1, "layer": 2, "epoch": 1}
    assert found["dt"].values.tolist() == [0.001, 0.002] and (found["state"] == "done").all()
    # called again nothing is trained, and the same is shown
    code, again, _ = command(*arguments)
    assert "2 of 2 runs are done already" in again
    xr.testing.assert_identical(opened(tmp_path / "out" / "sweep.nc"), found)


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_a_sweep_of_a_file(command, tmp_path, suffix):
    path = tmp_path / f"plan.{suffix}"
    settings = {"sizes": [784, 6, 10], "n_train": 40, "n_test": 20, "window": 0.02, "epochs": 3}
    if suffix == "json":
        path.write_text(json.dumps({"axes": {"learning_rate": [1e-3, 2e-3]}, "settings": settings}))
    else:
        lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
        path.write_text(f"[axes]\nlearning_rate = [1e-3, 2e-3]\n[settings]\n{lines}\n")
    # what is typed goes before what is in the file
    code, out, err = command("sweep", "--config", path, "--set", "epochs=1", "--workers", 0, "--out", "out")
    assert (code, err) == (0, "")
    found = opened(tmp_path / "out" / "sweep.nc")
    assert found["learning_rate"].values.tolist() == [1e-3, 2e-3] and found.sizes["epoch"] == 1
    record = json.loads(next((tmp_path / "out" / "runs").iterdir()).read_text())
    assert record["settings"]["sizes"] == [784, 6, 10] and record["settings"]["epochs"] == 1


def test_a_refused_combination_is_a_row(command):
    code, out, err = command("sweep", "--dt", "2e-3,0.1", "--scheme", "forward_euler", *SMALL, "--out", "out")
    assert (code, err) == (0, "")
    row = next(line for line in out.splitlines() if "0.1" in line and "refused" in line)
    assert "dt 0.1, scheme forward_euler: refused" in row


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to sweep over"),
        (["--set", "epochs"], "--set must look like NAME=VALUE,VALUE, got 'epochs'"),
        (["--seed", "0", "--set", "epoch=1"], "setting must be one of"),
        (["--seed", "0,0"], "each value of 'seed' once"),
        (["--gradient", "adjont"], "--gradient must be one of"),
        (["--seed", "0", "--config", "missing.toml"], "missing.toml: No such file"),
        (["--seed", "0", "--config", "bad.toml"], "bad.toml is no readable TOML file"),
        (["--seed", "0", "--config", "bad.json"], "bad.json is no readable JSON file"),
        (
            ["--seed", "0", "--config", "other.toml"],
            "must have the tables [axes] and [settings]; it has 'runs'",
        ),
    ],
)
def test_bad_input(command, tmp_path, arguments, message):
    (tmp_path / "bad.toml").write_text("[axes\n")
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "other.toml").write_text("[runs]\nseed = 1\n")
    code, out, err = command("sweep", "--out", "out", *arguments)
    assert code == 2 and err.count("\n") == 1 and message in err


@pytest.mark.parametrize("address", ["nonsense", "tcp://host", "tcp://a b:8786"])
def test_an_address_that_is_none(command, address):
    code, _, errors = command("sweep", "--dt", "1e-3,2e-3", *SMALL, "--out", "out", "--scheduler", address)
    assert code == 2 and "--scheduler must be an address such as tcp://host:8786" in errors


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "head-node:8786", "tls://[::1]:8786"])
def test_a_scheduler_that_does_not_answer(command, monkeypatch, address):
    def nobody(*_, scheduler, **__):
        raise TimeoutError(f"Timed out trying to connect to {scheduler} after 30 s")

    monkeypatch.setattr("snntheory.training.sweeps.sweep", nobody)
    code, _, errors = command("sweep", "--dt", "1e-3,2e-3", *SMALL, "--out", "out", "--scheduler", address)
    assert code == 2 and f"{address} does not answer" in errors and "dask scheduler" in errors


def test_a_full_disk(command, monkeypatch):
    def no_room(path, record):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("snntheory.training.sweeps.runs.write", no_room)
    code, _, err = command("sweep", "--seed", "0,1", *SMALL, "--out", "out")
    assert code == 2 and err.count("\n") == 1
    assert "the sweep stopped after 0 of 2 runs" in err and "No space left" in err


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("1e-3", 0.001), ("true", True), ("none", None), ("zoh", "zoh"), ("[1, 2]", [1, 2])],
)
def test_values(text, value):
    found = value_of(text)
    assert found == value and type(found) is type(value)
    assert named_values("option", [f"x={text}"]) == {"x": value}


@pytest.mark.parametrize("gradient", ["adjoint", "straight_through"])
def test_train_with_spike_times(command, tmp_path, gradient):
    images = np.random.default_rng(0).integers(0, 255, (20, 2, 3)).astype(np.uint8)
    np.savez(tmp_path / "mine.npz", images=images, labels=np.arange(20) % 3)
    own = ["--images", "mine.npz", "--sizes", "6,8,3", "--encoder", "latency", "--loss", "spike_count"]
    more = ["--option", "late=drop"] if gradient == "straight_through" else []
    code, out, err = command(
        "train", "model.pt", *own, "--gradient", gradient, "--epochs", 1, "--gain", 2, *more
    )
    assert (code, err) == (0, "")
    network, _, _ = checkpoints.load_network(tmp_path / "model.pt")
    assert network.method == gradient
    assert network.options == ({"dt": 0.002, "late": "drop"} if more else {})
    code, out, _ = command("evaluate", "model.pt", "--images", "mine.npz")
    assert code == 0 and "accuracy" in out
    code, _, err = command("train", "other.pt", *own, "--gradient", gradient, "--option", "speed=3")
    assert code == 2 and "has no option 'speed'" in err


def test_help_lists_the_gradients():
    import typer

    train = typer.main.get_command(cli.app).commands["train"]
    text = next(parameter.help for parameter in train.params if parameter.name == "gradient")
    assert set(re.findall(r"[a-z_]+", text)) >= {*ON_TIMES, "surrogate", "timing"}


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)


def test_commands_of_the_page(command, tmp_path):
    """Those that need no cluster and no second GPU, smaller."""
    (tmp_path / "plan.toml").write_text(blocks("toml")[0])
    lines = [shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()]
    ran = 0
    for words in (line for line in lines if line[:2] == ["snntheory", "sweep"] and "--scheduler" not in line):
        short = [*words[1:], *(SMALL[2:] if "--config" in words else SMALL), "--workers", "0"]
        code, _, err = command(*short)
        assert (code, err) == (0, ""), words
        ran += 1
    assert ran >= 2


@pytest.mark.slow
def test_python_of_the_page(tmp_path):
    for code in blocks("python"):
        small = code.replace('"epochs": 5', '"epochs": 1, "n_train": 40, "n_test": 30, "window": 0.02')
        assert small != code or "epochs" not in code
        (tmp_path / "script.py").write_text(small)
        done = subprocess.run(
            [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=500
        )
        assert done.returncode == 0, done.stderr
