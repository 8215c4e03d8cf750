"""The benchmark of spectra runs, names every contender, and says when one is not comparable. No absolute times."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "spectra.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=300
    )


def test_every_contender_has_a_row_and_gives_the_same_estimate(tmp_path):
    path = tmp_path / "results.json"
    done = run("--traces=2", "--samples=2048", "--repetitions=1", f"--json={path}")
    assert done.returncode == 0, done.stderr + done.stdout
    results = json.loads(path.read_text(encoding="utf-8"))
    names = {(row["task"], row["name"]) for row in results["rows"]}
    assert {("Welch", "SciPy"), ("cross-spectrum", "SciPy"), ("coherence", "SciPy")} <= names
    if find_spec("elephant") is None:
        assert "pip install elephant" in done.stdout
    for row in results["rows"]:
        assert row["name"] in done.stdout and min(row["seconds"]) > 0
        if row["name"] == "SciPy":
            assert row["difference"] < 1e-12  # one formula, another order of the sums
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_bad_arguments_are_refused_before_anything_runs(tmp_path):
    assert "--samples must be at least 2048" in run("--samples=100").stderr
    missing = run(f"--json={tmp_path / 'nowhere' / 'results.json'}")
    assert missing.returncode == 2 and "does not exist" in missing.stderr
