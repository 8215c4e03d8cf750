"""Every command and every line of Python in the README runs."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SMALL = {
    "train": ["--sizes", "784,16,10", "--epochs", "1"],
    "record": ["--neurons", "4"],
    "sweep": ["--sizes", "784,16,10", "--set", "epochs=1"],
}


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "voltage.npy", rng.standard_normal((1000, 4, 2)).cumsum(0) * 0.01)
    return tmp_path


@pytest.mark.parametrize("code", blocks("python"))
def test_python_of_the_readme(folder, code):
    assert len(code.strip().splitlines()) <= 13, "a dozen lines"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        env=quiet_matplotlib(),
    )
    assert done.returncode == 0, done.stderr
    for name in re.findall(r"savefig\(.(\w+\.png)", code):
        assert (folder / name).stat().st_size > 5000
    assert done.stdout.count("\n") >= code.count("print(")


def test_commands_of_the_readme(folder):
    lines = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith("snntheory")]
    assert len(commands) == 11
    for command in commands:
        extra = SMALL.get(command[1], [])  # the same command, smaller
        done = subprocess.run(
            [sys.executable, "-m", *command, *extra],
            cwd=folder,
            capture_output=True,
            text=True,
            env=quiet_matplotlib(),
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"


def test_first_two_commands_are_book_and_test():
    assert [line.split()[:2] for line in blocks("sh")[0].splitlines()] == [["make", "book"], ["make", "test"]]


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)]+)\)", README))
def test_links_of_the_readme(link):
    assert (ROOT / link).exists()


def quiet_matplotlib():
    import os

    return os.environ | {"MPLBACKEND": "agg"}
