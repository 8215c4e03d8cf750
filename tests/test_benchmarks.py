"""The benchmark runs, names every peer, and its checks of comparable work can fail. No absolute times."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
FOLDER = Path(__file__).parents[1] / "benchmarks"
TINY = "--steps=20 --batch=4 --hidden=40 --repetitions=2 --warmup=1 --threads=1".split()


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(FOLDER / script), *arguments], capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("benchmark") / "results.json"
    done = run("training_step.py", *TINY, f"--json={path}")
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout, json.loads(path.read_text(encoding="utf-8")), path


def test_every_contender_has_a_row(tiny):
    printed, results, _ = tiny
    packages = {row["package"] for row in results["rows"]}
    assert packages == {"snntheory", "snntorch", "norse", "spikingjelly"}
    for row in results["rows"]:
        assert printed.count(row["name"]) >= 2  # in the table and among the notes
        if row["seconds"] is None:
            assert "not installed" in printed and f"pip install {row['package']}" in row["note"]


def test_ours_ran_as_often_as_asked_with_both_backends(tiny):
    _, results, _ = tiny
    ours = [row for row in results["rows"] if row["package"] == "snntheory"]
    assert [row["name"] for row in ours] == ["snntheory, numba", "snntheory, reference"]
    for row in ours:
        assert len(row["seconds"]) == 2 and min(row["seconds"]) > 0
        assert row["hidden_spikes"] > 0 and all(norm > 0 for norm in row["gradient_norms"])
    # two backends of one operation on the same input: the same loss but for float32's rounding
    assert ours[0]["loss"] == pytest.approx(ours[1]["loss"], rel=1e-5)
    assert ours[0]["ratio"] == 1.0


def test_nothing_half_written_is_left(tiny):
    _, _, path = tiny
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_bad_arguments_are_refused_before_anything_runs(tmp_path):
    missing = run("training_step.py", *TINY, f"--json={tmp_path / 'nowhere' / 'results.json'}")
    assert missing.returncode == 2 and "does not exist" in missing.stderr
    too_fast = run("training_step.py", *TINY, "--max-rate=501")  # above one spike in a step of 2 ms
    assert too_fast.returncode == 2 and "at most 500 Hz" in too_fast.stderr


def test_breakdown_prints_every_part_of_the_step():
    done = run("breakdown.py", *TINY)
    assert done.returncode == 0, done.stderr
    for part in (
        "matrix product, forward",
        "matrix products, backward",
        "scan, forward",
        "scan, backward",
        "Adam",
        "whole step",
    ):
        assert part in done.stdout


@pytest.fixture
def benchmark_modules(monkeypatch):
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(FOLDER))
    import task
    import training_step

    yield task, training_step
    for name in set(sys.modules) - before:
        if name in ("task", "training_step") or name.split(".")[0] == "peers":
            del sys.modules[name]


def test_peak_of_the_psp_is_that_of_the_closed_form(benchmark_modules):
    task, _ = benchmark_modules
    alpha, beta = math.exp(-0.1), math.exp(-0.05)  # u_n = sum_k beta^(n-k) alpha^k, a geometric sum
    closed = max((beta ** (n + 1) - alpha ** (n + 1)) / (beta - alpha) for n in range(200))
    peak = task.psp_peak(lambda u, i, x: (beta * u + alpha * i + x, alpha * i + x))
    assert peak == pytest.approx(closed, rel=1e-12)  # 200 roundings in double precision


def test_unlike_work_is_told_apart(benchmark_modules):
    _, training_step = benchmark_modules
    ours = {"hidden_spikes": 100.0, "gradient_norms": [1.0, 1.0]}
    assert training_step.comparable(ours | {"hidden_spikes": 199.0}, ours)
    assert not training_step.comparable(ours | {"hidden_spikes": 201.0}, ours)
    assert not training_step.comparable(ours | {"hidden_spikes": 49.0}, ours)
    assert not training_step.comparable(ours | {"hidden_spikes": 0.0}, ours)
    assert not training_step.comparable(ours | {"gradient_norms": [0.0, 1.0]}, ours)
    assert not training_step.comparable(ours | {"gradient_norms": [math.nan, 1.0]}, ours)


@pytest.mark.slow
def test_event_gradient_agrees_with_the_closed_form():
    done = run("event_gradient.py", "--threads=1", "--repetitions=1", "--batch=3", "--hidden=200")
    assert done.returncode == 0, done.stderr + done.stdout  # 1 where the two event-driven gradients differ
    for contender in ("events, adjoint (numba)", "gathered (torch)", "surrogate (numba)", "bytes a spike"):
        assert contender in done.stdout
    refused = run("event_gradient.py", "--batch=0")
    assert refused.returncode == 2 and "at least 1" in refused.stderr


def test_timing_memory_compares_both_forms(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import timing_memory

    rows = timing_memory.one_sample(20)  # it raises where the two gradients differ
    assert set(rows) == {"reverse scan, 30-20-10", "all pairs, 30-20-10"}
    assert all(mebibytes > 0 and seconds > 0 for mebibytes, seconds in rows.values())
    del sys.modules["timing_memory"]
    one = run("timing_memory.py", "--one", "4", "timing")
    assert one.returncode == 0, one.stderr
    assert len(json.loads(one.stdout)) == 2
