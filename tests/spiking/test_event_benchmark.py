"""The benchmark of event-driven spikes runs and prints every contender. No absolute times."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")
SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "event_driven.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=300
    )


def test_every_contender_has_a_row_and_its_spikes_are_compared():
    done = run("--batch=2", "--neurons=20", "--repetitions=1", "--threads=1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("events, ") == done.stdout.count("readable form") == 3
    assert done.stdout.count("clocked, dt = 0.1 ms") == 3
    readable = [line for line in done.stdout.splitlines() if "readable form" in line]
    assert all("0.0 %" in line for line in readable)  # the same number of spikes in every neuron


def test_bad_arguments_are_refused():
    done = run("--batch=0")
    assert done.returncode == 2 and "at least 1" in done.stderr
