"""The benchmark of populations runs, with or without its peers, and its own rows are near their references."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "population.py"


@pytest.mark.slow
def test_it_runs():
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "nnmt" in done.stdout.lower() and "fplanck" in done.stdout.lower()
    two_grids = re.findall(r"density, two grids\s*│[^│]*│\s*([+-][\d.]+)", done.stdout)
    assert len(two_grids) == 3 and all(abs(float(error)) < 0.3 for error in two_grids)
