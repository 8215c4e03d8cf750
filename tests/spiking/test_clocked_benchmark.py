"""The benchmark of the clocked simulation runs, names Brian2, and its errors are those of the conventions."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "clocked.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=300
    )


def test_every_contender_has_a_row_with_its_error(tmp_path):
    path = tmp_path / "results.json"
    done = run("--neurons=5", "--duration=0.1", "--repetitions=1", f"--json={path}")
    assert done.returncode == 0, done.stderr + done.stdout
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    assert {"snntheory, grid", "snntheory, cubic + restart", "Brian2 runtime, numpy"} <= set(rows)
    grid, cubic = rows["snntheory, grid"], rows["snntheory, cubic + restart"]
    assert grid["spikes"] > 10 and grid["same_as_grid"] == rows["snntheory, readable, grid"]["spikes"]
    # rounding up alone moves a spike by up to a step; the cubic errs by its fourth power
    assert 2e-5 < grid["rms_shift"] < 2e-3 and cubic["rms_shift"] < 1e-8
    assert cubic["missed"] + cubic["extra"] == 0
    for name, row in rows.items():
        assert name in done.stdout and ("seconds" in row or row["note"] in done.stdout)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_bad_arguments_are_refused_before_anything_runs(tmp_path):
    assert "--neurons must be at least 1" in run("--neurons=0").stderr
    missing = run(f"--json={tmp_path / 'nowhere' / 'results.json'}")
    assert missing.returncode == 2 and "does not exist" in missing.stderr
