"""A task for every combination of the values of some settings."""

from __future__ import annotations

import itertools
import json
import os
import secrets
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xarray as xr

from ... import _check, _files, artefacts
from ..._version import __version__
from . import labelled
from .cluster import on_cluster
from .display import Display
from .local import Event, in_processes, in_this_process
from .runs import FINAL, Job, Record, SweepStopped, Task, read, task_name, write


def sweep(
    task: Task | str,
    axes: Mapping[str, Sequence[Any]],
    folder: str | os.PathLike[str],
    *,
    settings: Mapping[str, Any] | None = None,
    canonical: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    threads: int = 1,
    attempts: int = 3,
    again: bool = False,
    keep: bool = False,
    show: bool = False,
) -> xr.Dataset:
    """Do a task for every combination of the values of ``axes``, each once, and label the results.

    Every result is a small file of its own in ``folder``, written in one step when its run is done, so that an
    interrupted sweep goes on where it was: call it again. Values may be added to an axis later.

    Parameters
    ----------
    task : callable or str
        ``task(settings, checkpoint, report) -> dict``, a function of a module or its name, ``"module:function"``.
        ``settings`` are the run's; ``checkpoint`` is a path for its unfinished work, which a repeated run finds again,
        or None on a machine that does not see ``folder``; ``report(epoch=3, epochs=10, accuracy=0.9)`` shows numbers.
        It returns numbers, or lists of them with the name of their dimension, ``{"spikes": {"layer": [410.0, 18.0]}}``.
        :func:`snntheory.training.setup.train` is one.
    axes : mapping of str to sequence
        Settings and their values: numbers, texts, lists.
    folder : path
        For results (``runs/``), unfinished work (``state/``) and the data set (``sweep.nc``); made if it is not there.
    settings : mapping, optional
        The other settings, the same for all runs.
    canonical : callable, optional
        From a run's settings to those that decide its result: combinations that agree in them are one run.
    workers : int, optional
        Processes on this machine, by default its cores divided by ``threads``; 0 does the runs in this process, as a
        notebook needs for a function of its own. A script that starts processes stands behind
        ``if __name__ == "__main__":``.
    scheduler : str, optional
        Address of a Dask scheduler, ``tcp://host:8786``: its workers are used instead.
    threads : int
        Of each process, for torch and numba.
    attempts : int
        How often a run is begun whose process dies (Dask counts itself: ``allowed-failures``).
    again : bool
        Do runs again that were refused or failed.
    keep : bool
        Keep the unfinished work of runs that are done: the checkpoints of their trainings.
    show : bool
        Show a live table; in a file or a pipe, a line for every run.

    Returns
    -------
    xarray.Dataset
        Every number that the task returned, over the axes (and its own dimension), NaN where there is none;
        ``state``: ``"done"``, ``"refused"``, ``"failed"`` or ``"missing"``; ``error``, the reason; ``seconds``.

    Raises
    ------
    ValueError, TypeError
        An axis without values, with repeated ones or one of the settings; the folder belongs to another task, to other
        sources of this package, or is in use; ``canonical`` refuses the settings.
    SweepStopped
        Results cannot be written, as on a full disk, or the sources have changed. What is done is kept.

    Assumptions
    -----------
    The result of a run depends on its settings alone. A file that they name is not looked into.

    Examples
    --------
    ::

        from snntheory.training import setup, sweep

        axes = {"dt": [0.001, 0.002], "seed": [0, 1, 2], "scheme": ["forward_euler", "impulse_invariance"]}
        found = sweep(setup.train, axes, "results", settings={"epochs": 5})
        found["accuracy"].mean("seed")  # over dt and scheme

    A task of one's own, in a module ``tasks.py``::

        def count(settings, checkpoint, report):
            return {"squared": settings["a"] ** 2, "powers": {"power": [settings["a"], settings["a"] ** 2]}}

        sweep("tasks:count", {"a": [1, 2, 3]}, "results", workers=2)

    Accuracy: an interrupted sweep, dying workers and a full disk change no result; tests/training/test_sweep.py.
    """
    name = task_name(task)
    checked = _checked_axes(axes, settings or {})
    threads = _check.integer("threads", threads, minimum=1)
    attempts = _check.integer("attempts", attempts, minimum=1)
    if workers is None:
        workers = max(1, (os.cpu_count() or 1) // threads)
    workers = _check.integer("workers", workers, minimum=0)
    if name.startswith("__main__") and scheduler is not None:
        raise ValueError(
            "task must be a function of a module that the workers can import, got one of __main__"
        )
    path = Path(folder).absolute()
    sources, token = _begin(path, name)
    limit = None if workers == 0 and scheduler is None else threads
    jobs: dict[tuple[int, ...], Job] = {}
    labels: dict[str, dict[str, Any]] = {}
    for index in itertools.product(*(range(len(values)) for values in checked.values())):
        chosen = {axis: values[n] for (axis, values), n in zip(checked.items(), index, strict=True)}
        given = {**(settings or {}), **chosen}
        given = given if canonical is None else canonical(given)
        jobs[index] = Job(name, _json(given), str(path), token, sources.digest, limit, keep)
        labels.setdefault(jobs[index].name, chosen)
    with _alone_in(path):
        unique = {job.name: job for job in jobs.values()}
        records = _known(unique, again)
        missing = [job for each, job in unique.items() if each not in records]
        display = Display(list(checked), labels, len(unique), len(records), max(workers, 1)) if show else None
        stopped = ""
        try:
            with display or nullcontext(), closing(_events(missing, workers, scheduler, attempts)) as events:
                for event in events:
                    stopped = _take(event, records)
                    if display is not None:
                        display.take(event)
                    if stopped:
                        raise SweepStopped(
                            f"the sweep stopped after {len(records)} of {len(unique)} runs: {stopped}; what is done "
                            f"is kept in {path}, the same call goes on"
                        )
        finally:
            found = labelled.dataset(
                checked, {index: records[job.name] for index, job in jobs.items() if job.name in records}
            )
            found.attrs = {
                "task": name,
                "settings": json.dumps(_json(dict(settings or {})), sort_keys=True),
                "sources_sha256": sources.digest,
                "git_commit": sources.git_commit or "",
                "version": __version__,
                "made": datetime.now(UTC).strftime("%Y-%m-%d"),
            }
            if not stopped:  # also of a sweep that is interrupted
                with _files.replacing(path / "sweep.nc") as temporary:
                    found.to_netcdf(temporary, engine="h5netcdf")
    return found


def _known(jobs: Mapping[str, Job], again: bool) -> dict[str, Record]:
    """Results that are there already; with ``again`` those of runs that were not done are removed."""
    records = {name: read(job.result) for name, job in jobs.items() if job.result.exists()}
    if again:
        for name in [name for name, record in records.items() if record["state"] != "done"]:
            jobs[name].result.unlink()
            del records[name]
    return records


def _events(
    jobs: Sequence[Job], workers: int, scheduler: str | None, attempts: int
) -> Generator[Event, None, None]:
    if not jobs:
        return
    if scheduler is not None:
        yield from on_cluster(jobs, scheduler)
    elif workers:
        yield from in_processes(jobs, min(workers, len(jobs)), attempts)
    else:
        yield from in_this_process(jobs)


def _take(event: Event, records: dict[str, Record]) -> str:
    """Keep the result of a run that has ended; the reason if the sweep has to stop."""
    if event.record is None:
        return ""
    if event.record["state"] not in FINAL:
        return str(event.record["error"])
    if not event.job.result.exists():  # its process was killed, or does not see the folder
        try:
            write(event.job.result, event.record)
        except OSError as error:
            return str(error)
    records[event.job.name] = event.record
    return ""


def _begin(path: Path, task: str) -> tuple[artefacts.Sources, str]:
    """The folder of a sweep, with what says whose it is; the sources, which are those that it began with."""
    for each in (path, path / "runs", path / "state"):
        each.mkdir(parents=True, exist_ok=True)
    sources = artefacts.begin(path, "sweep")
    mark = path / "sweep.json"
    if not mark.exists():
        with _files.replacing(mark) as temporary:
            temporary.write_text(json.dumps({"task": task, "token": secrets.token_hex(8)}), encoding="utf-8")
    try:
        said = json.loads(mark.read_text(encoding="utf-8"))
        owner, token = said["task"], said["token"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{mark} is damaged ({error}); remove it") from None
    if owner != task:
        raise ValueError(f"folder must be another: {path} holds a sweep of {owner}, not of {task}")
    return sources, str(token)


@contextmanager
def _alone_in(path: Path) -> Iterator[None]:
    """Two sweeps in one folder would do the same runs."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        yield
        return
    with open(path / "sweep.lock", "w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValueError(f"folder must be free: another sweep is running in {path}") from None
        yield


def _checked_axes(axes: Mapping[str, Sequence[Any]], settings: Mapping[str, Any]) -> dict[str, list[Any]]:
    if not isinstance(axes, Mapping) or not axes:
        raise ValueError(
            f"axes must name settings and their values, such as {{'seed': [0, 1]}}, got {axes!r}"
        )
    found = {}
    for name, values in axes.items():
        if isinstance(values, str) or not hasattr(values, "__iter__"):
            raise TypeError(f"axes must have a list of values for {name!r}, got {values!r}")
        listed = [_json(each) for each in values]
        if not listed:
            raise ValueError(f"axes must have at least one value for {name!r}")
        twice = [each for n, each in enumerate(listed) if each in listed[:n]]
        if twice:
            raise ValueError(f"axes must have each value of {name!r} once, got {twice[0]!r} twice")
        if name in settings:
            raise ValueError(f"axes and settings both have {name!r}: leave it out of one of them")
        found[str(name)] = listed
    return found


def _json(value: Any) -> Any:
    """The value as files keep it: tuples and arrays as lists, NumPy's numbers as Python's."""
    if isinstance(value, Mapping):
        return {str(key): _json(each) for key, each in value.items()}
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_json(each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"settings must be numbers, texts or lists, got {value!r} ({type(value).__name__})")
