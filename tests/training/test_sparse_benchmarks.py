"""The benchmarks of latency-coded input and of sweeps run and compare like with like. No absolute times."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
FOLDER = Path(__file__).parents[2] / "benchmarks"
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


def run(script, *arguments):
    command = [sys.executable, str(FOLDER / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=ONE_THREAD)


def test_the_sparse_and_the_dense_step_do_the_same():
    done = run("latency_input.py", "--threads=1", "--batch=4", "--hidden=20", "--repetitions=1")
    assert done.returncode == 0, done.stderr + done.stdout  # 1 where the losses differ
    for name in ("step, sparse", "product, dense", "5.00%", "0.09%"):
        assert name in done.stdout.replace("\n", " ")


@pytest.mark.slow
def test_a_sweep_gives_the_accuracies_of_its_trainings(tmp_path):
    path = tmp_path / "results.json"
    done = run("sweep_overhead.py", "--runs=2", "--epochs=1", f"--json={path}")
    assert done.returncode == 0, done.stderr + done.stdout  # 1 where an accuracy differs
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["same"] and found["runs"] == 2
    assert found["processor_overhead"] == pytest.approx(found["swept_processor"] - found["alone_processor"])
    assert found["wall_overhead"] == pytest.approx(found["swept_wall"] - found["alone_wall"] / 2)
