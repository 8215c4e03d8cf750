"""Sweeps: every combination once, labelled; nothing is lost by errors, deaths, interruptions or a full disk."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from snntheory.training import SweepStopped, sweep
from snntheory.training.sweeps.display import Display
from snntheory.training.sweeps.local import Event
from snntheory.training.sweeps.runs import Job, execute, record_of

TASKS = """
import os, signal, time
from pathlib import Path

def product(settings, checkpoint, report):
    with open(os.environ["SWEEP_LOG"], "a") as log:  # one line a run that was begun
        log.write(f"{settings['a']} {settings['b']}\\n")
    report(epoch=1, epochs=1, accuracy=0.5)
    if settings["a"] == 2 and settings["b"] == "y":
        raise ValueError("b must not be y")
    return {"ab": settings["a"] * len(settings["b"]), "counts": {"layer": [settings["a"]] * settings["a"]}}

def deadly(settings, checkpoint, report):
    \"\"\"Half of the work, death, the other half.\"\"\"
    if not checkpoint.exists():
        checkpoint.write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
    return {"value": settings["a"] + (0.5 if checkpoint.read_text() == "half" else 0)}

def always_deadly(settings, checkpoint, report):
    if settings["a"] == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"value": settings["a"]}

def full_disk(settings, checkpoint, report):
    if settings["a"] == 2 and not Path(os.environ["SWEEP_LOG"]).exists():
        raise OSError(28, "No space left on device")
    return {"value": settings["a"]}

def slow(settings, checkpoint, report):
    Path(os.environ["SWEEP_LOG"]).touch()
    time.sleep(60)
    return {"value": 1}
"""
AXES = {"a": [1, 2, 3], "b": ["x", "yy", "y"]}


@pytest.fixture
def tasks(tmp_path, monkeypatch):
    """A module that processes of their own can import; they log what they begin."""
    (tmp_path / "sweep_tasks.py").write_text(TASKS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SWEEP_LOG", str(tmp_path / "log"))
    monkeypatch.delitem(sys.modules, "sweep_tasks", raising=False)
    return tmp_path / "log"


def begun(log):
    return sorted(log.read_text().splitlines()) if log.exists() else []


def assert_product(found):
    assert dict(found.sizes) == {"a": 3, "b": 3, "layer": 3}
    assert found["state"].values.tolist() == [["done"] * 3, ["done", "done", "refused"], ["done"] * 3]
    expected = np.outer([1, 2, 3], [1, 2, 1]).astype(float)
    expected[1, 2] = np.nan
    np.testing.assert_array_equal(found["ab"], expected)
    assert str(found["error"].sel(a=2, b="y").item()) == "b must not be y"
    np.testing.assert_array_equal(found["counts"].sel(a=2, b="x"), [2, 2, np.nan])


@pytest.mark.parametrize("workers", [0, 2])
def test_every_combination_once_and_labelled(tasks, tmp_path, workers):
    found = sweep("sweep_tasks:product", AXES, tmp_path / "out", workers=workers)
    assert_product(found)
    assert begun(tasks) == sorted(f"{a} {b}" for a in AXES["a"] for b in AXES["b"])
    with xr.open_dataset(tmp_path / "out" / "sweep.nc", engine="h5netcdf") as written:
        xr.testing.assert_identical(written.load(), found)
    # called again, nothing is done again; also what was refused is known
    assert_product(sweep("sweep_tasks:product", AXES, tmp_path / "out", workers=workers))
    assert len(begun(tasks)) == 9
    assert not list((tmp_path / "out" / "state").iterdir())


def test_an_axis_grows_and_what_was_refused_is_done_again_when_asked(tasks, tmp_path):
    sweep("sweep_tasks:product", {"a": [1, 2], "b": ["y"]}, tmp_path / "out", workers=0)
    assert begun(tasks) == ["1 y", "2 y"]
    assert_product(sweep("sweep_tasks:product", AXES, tmp_path / "out", workers=0))
    assert len(begun(tasks)) == 9
    assert_product(sweep("sweep_tasks:product", AXES, tmp_path / "out", workers=0, again=True))
    assert begun(tasks).count("2 y") == 2 and len(begun(tasks)) == 10


def test_combinations_that_agree_are_one_run(tasks, tmp_path):
    found = sweep(
        "sweep_tasks:product",
        {"a": [1, 2], "b": ["x", "yy"]},
        tmp_path / "out",
        workers=0,
        canonical=lambda given: given | {"a": 1},
    )
    assert begun(tasks) == ["1 x", "1 yy"]
    np.testing.assert_array_equal(found["ab"], [[1, 2], [1, 2]])


def test_a_worker_that_is_killed_goes_on_in_another(tasks, tmp_path):
    found = sweep("sweep_tasks:deadly", {"a": [1, 2, 3]}, tmp_path / "out", workers=2)
    assert found["state"].values.tolist() == ["done"] * 3
    np.testing.assert_array_equal(found["value"], [1.5, 2.5, 3.5])  # the half that was done was found
    assert not list((tmp_path / "out" / "state").iterdir())


def test_a_run_that_kills_every_worker_does_not_stop_the_others(tasks, tmp_path):
    found = sweep("sweep_tasks:always_deadly", {"a": [1, 2]}, tmp_path / "out", workers=1, attempts=2)
    assert found["state"].values.tolist() == ["failed", "done"]
    assert "ended by signal 9, 2 time(s)" in str(found["error"].values[0])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_full_disk_stops_the_sweep_and_it_goes_on_later(tasks, tmp_path, workers):
    axes = {"a": [1, 2, 3]}
    with pytest.raises(
        SweepStopped, match=r"after 1 of 3 runs: .*No space left on device; what is done is kept"
    ):
        sweep("sweep_tasks:full_disk", axes, tmp_path / "out", workers=workers)
    assert len(list((tmp_path / "out" / "runs").iterdir())) == 1
    tasks.touch()  # there is room again
    found = sweep("sweep_tasks:full_disk", axes, tmp_path / "out", workers=workers)
    assert found["value"].values.tolist() == [1, 2, 3]


def test_a_result_that_cannot_be_written_stops_the_sweep(tasks, tmp_path, monkeypatch):
    def no_room(path, record):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("snntheory.training.sweeps.runs.write", no_room)
    with pytest.raises(SweepStopped, match="after 0 of 2 runs: .*No space left"):
        sweep("sweep_tasks:always_deadly", {"a": [2, 3]}, tmp_path / "out", workers=0)
    assert not list((tmp_path / "out" / "runs").iterdir())


SCRIPT = """
import sys
from snntheory.training import sweep
if __name__ == "__main__":
    sweep("sweep_tasks:slow", {"a": [1, 2]}, sys.argv[1], workers=1)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_sweep_that_is_killed_leaves_no_process_and_goes_on(tasks, tmp_path, how):
    (tmp_path / "script.py").write_text(SCRIPT)
    running = subprocess.Popen(
        [sys.executable, tmp_path / "script.py", tmp_path / "out"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (tmp_path, *sys.path)))},
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # ignored where a shell runs this behind
    )
    try:
        assert_ends_and_goes_on(running, tasks, tmp_path, how)
    finally:
        running.kill()
        running.communicate()


def assert_ends_and_goes_on(running, tasks, tmp_path, how):
    wait_for(tasks.exists)
    children = children_of(running.pid)
    assert children
    with pytest.raises(ValueError, match="another sweep is running in"):
        sweep("sweep_tasks:slow", {"a": [1]}, tmp_path / "out", workers=0)
    running.send_signal(how)
    running.communicate(timeout=60)
    assert running.returncode != 0
    wait_for(lambda: not any(map(alive, children)))
    (tmp_path / "sweep_tasks.py").write_text(TASKS.replace("sleep(60)", "sleep(0)"))
    found = sweep("sweep_tasks:slow", {"a": [1, 2]}, tmp_path / "out", workers=1)
    assert found["value"].values.tolist() == [1, 1]


def children_of(process):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True)
    return [int(each) for each in listed.stdout.split()]


def alive(process):
    try:
        with open(f"/proc/{process}/stat") as stream:
            return stream.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_other_sources_are_refused(tasks, tmp_path):
    axes = {"a": [1], "b": ["x"]}
    sweep("sweep_tasks:product", axes, tmp_path / "out", workers=0)
    (tmp_path / "out" / "sweep-sources.txt").write_text("of another day")
    with pytest.raises(ValueError, match="holds work of sweep with other sources"):
        sweep("sweep_tasks:product", axes, tmp_path / "out", workers=0)


def test_sources_that_change_on_the_way_stop_the_sweep(tmp_path):
    job = Job("sweep_tasks:product", {"a": 1}, str(tmp_path), "token", sources="of another day")
    record = execute(job)
    assert record["state"] == "stopped" and "sources are not those" in record["error"]


def test_a_damaged_result_is_named(tasks, tmp_path):
    axes = {"a": [1], "b": ["x"]}
    sweep("sweep_tasks:product", axes, tmp_path / "out", workers=0)
    (path,) = (tmp_path / "out" / "runs").iterdir()
    path.write_text(path.read_text()[:30])
    with pytest.raises(ValueError, match=rf"{path.name} is damaged .*; remove it, and its run is done again"):
        sweep("sweep_tasks:product", axes, tmp_path / "out", workers=0)


@pytest.mark.parametrize(
    ("task", "axes", "more", "message"),
    [
        ("sweep_tasks:product", {}, {}, "axes must name settings"),
        ("sweep_tasks:product", {"a": []}, {}, "at least one value for 'a'"),
        ("sweep_tasks:product", {"a": [1, 1]}, {}, "each value of 'a' once, got 1 twice"),
        ("sweep_tasks:product", {"a": "xy"}, {}, "a list of values for 'a', got 'xy'"),
        ("sweep_tasks:product", {"a": [1]}, {"settings": {"a": 1}}, "axes and settings both have 'a'"),
        ("sweep_tasks:product", {"a": [object()]}, {}, "settings must be numbers, texts or lists"),
        ("sweep_tasks", {"a": [1]}, {}, "task must be a function or 'module:function'"),
        (lambda *_: {}, {"a": [1]}, {}, "task must be a function of a module"),
        ("sweep_tasks:product", {"a": [1]}, {"workers": -1}, "workers must be at least 0"),
    ],
)
def test_bad_input(tasks, tmp_path, task, axes, more, message):
    with pytest.raises((ValueError, TypeError), match=message):
        sweep(task, axes, tmp_path / "out", **more)


def test_a_folder_of_another_task(tasks, tmp_path):
    sweep("sweep_tasks:always_deadly", {"a": [2]}, tmp_path / "out", workers=0)
    with pytest.raises(
        ValueError, match="folder must be another: .* holds a sweep of sweep_tasks:always_deadly"
    ):
        sweep("sweep_tasks:product", {"a": [2]}, tmp_path / "out", workers=0)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("3", "must return a dict of numbers"),
        ({"x": "text"}, "must return numbers"),
        ({"x": [1]}, "must return numbers"),
    ],
)
def test_what_a_task_returns_is_checked(tmp_path, monkeypatch, returned, message):
    monkeypatch.setattr("snntheory.training.sweeps.runs.find", lambda name: lambda *_: returned)
    found = sweep("any:task", {"a": [1]}, tmp_path / "out", workers=0)
    assert found["state"].item() == "refused" and message in str(found["error"].item())


def test_infinities_and_nan_are_missing(tmp_path, monkeypatch):
    values = {"x": np.inf, "y": {"layer": [1.0, np.nan]}}
    monkeypatch.setattr("snntheory.training.sweeps.runs.find", lambda name: lambda *_: values)
    found = sweep("any:task", {"a": [1]}, tmp_path / "out", workers=0)
    assert np.isnan(found["x"].item())
    np.testing.assert_array_equal(found["y"].isel(a=0), [1, np.nan])
    (path,) = (tmp_path / "out" / "runs").iterdir()
    assert json.loads(path.read_text())["results"] == {"x": None, "y": {"layer": [1.0, None]}}


class TestDisplay:
    job = Job("m:f", {"a": 1}, ".", "t", "s")

    def shown(self, terminal):
        console = Console(force_terminal=terminal, record=True, width=100, file=open(os.devnull, "w"))
        display = Display(["a"], {self.job.name: {"a": 1}}, total=3, done=1, workers=2, console=console)
        with display:
            display.take(Event("started", self.job))
            display.take(Event("progress", self.job, numbers={"epoch": 2, "epochs": 5, "accuracy": 0.25}))
            middle = Console(width=100, record=True, file=open(os.devnull, "w"))
            middle.print(display)
            display.take(Event("repeated", self.job, text="its process ended"))
            record = record_of(self.job, "done", 8.0, {"accuracy": 0.5})
            display.take(Event("ended", self.job, record))
        console.file.close()
        return console.export_text(), middle.export_text(), display

    @pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
    def test_on_a_terminal_a_table(self):
        text, middle, display = self.shown(True)
        assert "2/5" in middle and "25.00 %" in middle and "running" in middle
        assert display.remaining() == 8.0 * 1 / 2  # one run is left, for two workers
        assert "2 of 3 runs" in text and "50.00 %" in text

    @pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
    def test_elsewhere_lines(self):
        text, _, _ = self.shown(False)
        assert text.splitlines() == [
            "1 of 3 runs are done already",
            "a 1: its process ended",
            "2/3 a 1: done, accuracy 50.00 %, 8.0 s",
        ]


def test_no_thread_is_left(tasks, tmp_path):
    before = threading.active_count()
    sweep("sweep_tasks:product", {"a": [1], "b": ["x"]}, tmp_path / "out", workers=1)
    assert threading.active_count() == before
