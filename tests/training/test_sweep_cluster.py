"""Sweeps on a Dask cluster: two worker processes, one killed half way; nothing is lost, nothing run twice."""

import os
import sys

import numpy as np
import pytest

from snntheory.training import checkpoint as checkpoints
from snntheory.training import setup, sweep
from snntheory.training.sweeps import cluster
from snntheory.training.sweeps.runs import Job, execute

pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Dask's own
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # a worker that is killed leaves its sockets open
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

TASKS = """
import os, signal, time
from pathlib import Path
from snntheory.training import setup

def training(settings, checkpoint, report):
    \"\"\"The real task; the first that gets half way kills its process, as a machine that fails.\"\"\"
    folder = Path(os.environ["SWEEP_LOG"])
    (folder / f"begun-{os.getpid()}-{time.monotonic_ns()}-{settings['seed']}").touch()

    def note(**numbers):
        if settings["seed"] == 1 and numbers["epoch"] == 2 and not (folder / "killed").exists():
            (folder / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
    found = setup.train(settings, checkpoint, note)
    return found | {"process": os.getpid()}

def deadly(settings, checkpoint, report):
    if settings["a"] == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"value": settings["a"]}
"""
SETTINGS = {"sizes": [784, 8, 10], "epochs": 4, "window": 0.02, "n_train": 60, "n_test": 40, "batch_size": 20}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tasks in a module that the workers can import, and a folder for what they note."""
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "cluster_tasks.py").write_text(TASKS)
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(folder)
    patch.setenv("SWEEP_LOG", str(folder))
    patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, sys.path)]))
    yield folder
    patch.undo()


@pytest.fixture(scope="module")
def address(folder):
    """A cluster of two processes that is there already."""
    import dask
    from distributed import LocalCluster

    with (
        dask.config.set(
            {"distributed.scheduler.allowed-failures": 1, "distributed.worker.use-file-locking": False}
        ),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=str(folder),
        ) as there,
    ):
        yield there.scheduler_address


def test_one_of_two_workers_is_killed_half_way(address, folder, tmp_path):
    axes = {"seed": [0, 1, 2]}
    found = sweep(
        "cluster_tasks:training", axes, tmp_path / "out", settings=SETTINGS, scheduler=address, keep=True
    )
    assert (folder / "killed").exists()  # it was killed
    assert found["state"].values.tolist() == ["done"] * 3  # nothing is lost
    begun = [each.name.rsplit("-", 1)[1] for each in folder.glob("begun-*")]
    assert begun.count("1") >= 2 and set(begun) == {"0", "1", "2"}
    assert (
        len(list((tmp_path / "out" / "runs").iterdir())) == 3
    )  # one result a run, however often it was begun
    # the killed one went on from its checkpoint, and all are what one process finds without an interruption
    alone = sweep(setup.train, axes, tmp_path / "alone", settings=SETTINGS, workers=0)
    for name in ("accuracy", "loss", "spikes", "train_loss"):
        np.testing.assert_array_equal(found[name], alone[name])
    kept = [len(checkpoints.load(each)["history"]) for each in (tmp_path / "out" / "state").iterdir()]
    assert kept == [4, 4, 4]
    # a second time nothing is begun
    again = sweep("cluster_tasks:training", axes, tmp_path / "out", settings=SETTINGS, scheduler=address)
    np.testing.assert_array_equal(again["loss"], found["loss"])
    assert len(list(folder.glob("begun-*"))) == len(begun)


def test_a_run_that_kills_its_workers_has_failed_and_the_others_are_done(address, tmp_path):
    found = sweep("cluster_tasks:deadly", {"a": [1, 2]}, tmp_path / "out", scheduler=address)
    assert found["state"].values.tolist() == ["failed", "done"]
    assert "deadly" in str(found["error"].values[0]) or "workers" in str(found["error"].values[0])
    assert len(list((tmp_path / "out" / "runs").iterdir())) == 2


def test_a_worker_that_does_not_see_the_folder_sends_its_result(tmp_path, monkeypatch):
    given = []

    def task(settings, checkpoint, report):
        given.append(checkpoint)
        return {"value": 1}

    monkeypatch.setattr("snntheory.training.sweeps.runs.find", lambda name: task)
    from snntheory import artefacts

    sources = artefacts.sources_digest()
    record = execute(Job("any:task", {"a": 1}, str(tmp_path / "elsewhere"), "token", sources))
    assert record["state"] == "done" and record["results"] == {"value": 1}
    assert given == [None] and not (tmp_path / "elsewhere").exists()
    # a folder of the same name that is another sweep's is not its own either
    (tmp_path / "sweep.json").write_text('{"token": "another"}')
    execute(Job("any:task", {"a": 1}, str(tmp_path), "token", sources))
    assert given == [None, None]


def test_nobody_answers(tmp_path):
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "200ms"}),
        pytest.raises(OSError, match="127.0.0.1:9"),
    ):
        sweep("cluster_tasks:deadly", {"a": [2]}, tmp_path / "out", scheduler="tcp://127.0.0.1:9")


def test_without_dask(monkeypatch):
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'snntheory\[cluster\]'"):
        next(cluster.on_cluster([], "tcp://x:1"))


def test_a_task_of_main_is_refused(tmp_path):
    with pytest.raises(ValueError, match="that the workers can import, got one of __main__"):
        sweep("__main__:task", {"a": [1]}, tmp_path / "out", scheduler="tcp://x:1")
