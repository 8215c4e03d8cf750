"""The Yin-Yang benchmark runs and writes its numbers. No absolute times."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "yin_yang.py"


@pytest.mark.slow
def test_it_runs(tmp_path):
    path = tmp_path / "results.json"
    few = "--epochs=1 --surrogate-epochs=1 --samples=300 --threads=1".split()
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *few, f"--json={path}"],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "published over ours" in done.stdout and "surrogate on 100 steps over exact" in done.stdout
    results = json.loads(path.read_text(encoding="utf-8"))
    assert [row["method"] for row in results["rows"]] == ["exact", "surrogate"]
    for row in results["rows"]:
        assert row["seconds_of_300_epochs"] == pytest.approx(300 * row["seconds"])
        assert 0 < row["processor_seconds"] and 0 <= row["test_accuracy"] <= 1
    assert results["published_over_ours"] == pytest.approx(
        10800 / results["rows"][0]["seconds_of_300_epochs"]
    )
