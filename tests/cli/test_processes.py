"""The command in processes of its own: what a shell sees, a training that is killed, one that is interrupted."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from snntheory.training import CheckpointError, datasets
from snntheory.training import checkpoint as checkpoints

ONE_THREAD = os.environ | {
    "OMP_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
}  # small networks gain nothing from more
TRAIN = ["--sizes", "784,16,10", "--window", "0.04", "--dt", "0.004", "--batch-size", "50"]


@pytest.fixture(scope="module")
def digits_file(tmp_path_factory):
    """200 of the shipped digits as a user's .npz."""
    path = tmp_path_factory.mktemp("digits") / "digits.npz"
    images, labels = datasets.mnist_subset("train")
    np.savez(path, images=images[:200], labels=labels[:200])
    return path


def process(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "snntheory", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env=ONE_THREAD,
    )


def test_errors_in_a_process_of_its_own(tmp_path):
    done = process("evaluate", tmp_path / "none [red].pt")
    assert done.returncode == 2 and done.stdout == ""
    # brackets are text, not markup, and a long line is not broken
    assert done.stderr == f"Error: there is no checkpoint at {tmp_path / 'none [red].pt'}\n"


@pytest.mark.slow
def test_a_training_killed_with_signal_9_goes_on_as_if_it_had_not_been(digits_file, tmp_path):
    arguments = (*TRAIN, "--epochs", "60", "--images", digits_file)
    whole, killed = tmp_path / "whole.pt", tmp_path / "killed.pt"
    assert process("train", whole, *arguments).returncode == 0
    running = subprocess.Popen(
        [sys.executable, "-m", "snntheory", "train", killed, *map(str, arguments)],
        env=ONE_THREAD,
        stdout=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 90
        while not (killed.exists() and epochs_of(killed) >= 1):
            assert running.poll() is None and time.monotonic() < end, "ended, or stuck, before it was killed"
            time.sleep(0.05)
    finally:
        running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    assert 1 <= epochs_of(killed) < 60  # whole, and not done
    resumed = process("train", killed, *arguments, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    a, b = (checkpoints.load(path) for path in (whole, killed))
    assert all(torch.equal(a["weights"][key], b["weights"][key]) for key in a["weights"])
    moments = [content["optimiser"]["state"][0]["exp_avg_sq"] for content in (a, b)]
    assert torch.equal(*moments)
    assert [entry["loss"] for entry in a["history"]] == [entry["loss"] for entry in b["history"]]


def epochs_of(path):
    try:
        return len(checkpoints.load(path)["history"])
    except CheckpointError as error:
        raise AssertionError(f"a checkpoint was seen half-written: {error}") from error


def test_interrupting_is_no_traceback(digits_file, tmp_path):
    # a job in the background of a shell inherits an ignored SIGINT; a user's terminal does not
    start = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import snntheory.__main__"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", start, "train", tmp_path / "model.pt", *TRAIN, "--epochs", "100000"]
        + ["--images", str(digits_file)],
        env=ONE_THREAD,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        end = time.monotonic() + 60
        while not (tmp_path / "model.pt").exists() and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.3)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130
    assert "Traceback" not in err
    checkpoints.load(tmp_path / "model.pt")
    assert os.listdir(tmp_path) == ["model.pt"]
