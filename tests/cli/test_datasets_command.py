"""The commands about data sets, and --dataset of the others."""

import sys
from pathlib import Path

import numpy as np
import pytest

from snntheory import cli
from snntheory.training import datasets

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))
import small_datasets

TRAIN = ["--window", "0.02", "--dt", "0.004", "--batch-size", "30", "--epochs", "1"]


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Run ``snntheory`` in this process with an empty folder of data sets: exit code, output, errors."""
    monkeypatch.setenv("SNNTHEORY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "data").mkdir()

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["snntheory", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


@pytest.fixture
def stored(monkeypatch, tmp_path):
    def store(name):
        files = small_datasets.content(name)
        monkeypatch.setitem(datasets.ENTRIES, name, small_datasets.miniature(name, files))
        return small_datasets.written(tmp_path / "data" / name, files)

    return store


def test_the_list(command, stored, tmp_path):
    stored("cifar-10")
    code, out, _ = command("datasets")
    assert code == 0
    for name in datasets.ENTRIES:
        assert name in out
    assert "1 published in" in out and "4 missing" in out and f"folder: {tmp_path / 'data'}" in out
    assert "mnist-subset, yin-yang, iris" in out


def test_fetching_what_is_there_verifies_it(command, stored):
    folder = stored("shd")
    code, out, _ = command("datasets", "fetch", "shd")
    assert code == 0 and f"verified {folder / 'shd_train.h5.gz'}" in out
    assert "licence: CC BY 4.0; cite Cramer" in out
    (folder / "shd_train.h5.gz").write_bytes(b"half")
    code, _, err = command("datasets", "fetch", "shd")
    assert code == 2 and "is not the published file" in err and "--replace" in err and err.count("\n") == 1
    code, _, err = command("datasets", "fetch", "shdd")
    assert code == 2 and "did you mean 'shd'" in err


def test_training_and_testing_on_a_data_set_by_name(command, stored, tmp_path):
    stored("fashion-mnist")
    model = tmp_path / "images.pt"
    code, out, err = command("train", model, "--dataset", "fashion-mnist", "--sizes", "784,8,10", *TRAIN)
    assert code == 0, err
    assert "test accuracy" in out
    code, out, err = command("evaluate", model, "--dataset", "fashion-mnist")
    assert code == 0 and "50" in out, err
    stored("shd")
    model = tmp_path / "events.pt"
    code, out, err = command("train", model, "--dataset", "shd", "--sizes", "700,8,20", *TRAIN)
    assert code == 0 and "evaluate" in out and "--dataset" in out, err
    code, out, err = command("evaluate", model, "--dataset", "shd")
    assert code == 0 and "samples" in out, err
    code, _, err = command("evaluate", model)
    assert code == 2 and "name their data set with --dataset" in err
    traces = tmp_path / "voltages.nc"
    code, _, err = command("record", model, traces, "--dataset", "shd", "--samples", "2")
    assert code == 0 and traces.exists(), err


def test_what_excludes_itself_or_is_not_there(command, tmp_path):
    code, _, err = command("train", tmp_path / "m.pt", "--dataset", "mnist", "--images", "x.npz")
    assert code == 2 and "exclude each other" in err
    code, _, err = command("train", tmp_path / "m.pt", "--dataset", "mnits")
    assert code == 2 and "did you mean 'mnist'" in err


def test_a_class_without_a_sample_is_reported(command, tmp_path):
    images, labels = datasets.mnist_subset("train")
    kept = np.flatnonzero(labels[:100] != 3)
    np.savez(tmp_path / "nine.npz", images=images[kept], labels=labels[kept])
    code, _, err = command(
        "train", tmp_path / "m.pt", "--images", tmp_path / "nine.npz", "--sizes", "784,8,10", *TRAIN
    )
    assert code == 0 and "no sample of class 3: the network has 10 outputs" in err
