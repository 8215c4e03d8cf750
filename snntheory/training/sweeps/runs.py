"""One run of a sweep: its settings, the name that they give it, its result in a file of its own."""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ... import _files, artefacts

SCHEMA = "snntheory-run/1"
FINAL = ("done", "refused", "failed")
Report = Callable[..., None]
"""What a task may call with numbers, such as ``report(epoch=3, epochs=10, accuracy=0.9)``, to be shown."""
Task = Callable[[dict[str, Any], Path | None, Report], Mapping[str, Any]]
"""``task(settings, checkpoint, report)``; see :func:`snntheory.training.sweep`."""
Record = dict[str, Any]


class SweepStopped(OSError):
    """A sweep that could not go on, for example on a full disk; what is done is kept, and it can be resumed."""


@dataclass(frozen=True)
class Job:
    """A run as it is sent to the process that does it; all of it plain values."""

    task: str
    """``module:function``."""
    settings: dict[str, Any]
    folder: str
    token: str
    """What the folder's ``sweep.json`` says, where the process sees that folder."""
    sources: str
    threads: int | None = None
    keep: bool = False

    @property
    def name(self) -> str:
        """Digest of task and settings."""
        text = json.dumps([self.task, self.settings], sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    @property
    def result(self) -> Path:
        """Of its result."""
        return Path(self.folder) / "runs" / f"{self.name}.json"

    @property
    def checkpoint(self) -> Path:
        """Of its unfinished work."""
        return Path(self.folder) / "state" / f"{self.name}.pt"


def task_name(task: Task | str) -> str:
    """A task as ``module:function``.

    Raises
    ------
    TypeError
        It is a lambda or a function within another: other processes could not find it.
    """
    if isinstance(task, str):
        if task.count(":") != 1:
            raise ValueError(f"task must be a function or 'module:function', got {task!r}")
        return task
    name = getattr(task, "__qualname__", "")
    if not callable(task) or not name.isidentifier() or name == "<lambda>":
        raise TypeError(f"task must be a function of a module, so that other processes find it, got {task!r}")
    return f"{task.__module__}:{name}"


def find(task: str) -> Task:
    """The function of a task's name."""
    module, function = task.split(":")
    found: Task = getattr(import_module(module), function)
    return found


def read(path: Path) -> Record:
    """A result.

    Raises
    ------
    ValueError
        It is damaged.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is damaged ({error}); remove it, and its run is done again") from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise ValueError(f"{path} is no result of schema {SCHEMA!r}; remove it")
    return record


def write(path: Path, record: Record) -> None:
    """Write a result in one step."""
    with _files.replacing(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1, sort_keys=True, allow_nan=False), encoding="utf-8")


def record_of(job: Job, state: str, seconds: float, results: Any = None, error: str = "") -> Record:
    """What is kept of a run."""
    return {
        "schema": SCHEMA,
        "task": job.task,
        "settings": job.settings,
        "sources_sha256": job.sources,
        "state": state,
        "seconds": round(seconds, 3),
        "results": {} if results is None else results,
        "error": error,
    }


def execute(job: Job, report: Report = lambda **numbers: None) -> Record:
    """Do a run and write its result; it never raises, what went wrong is in the record.

    Its state is ``"done"``; ``"refused"``: settings that the task refuses, or a training that diverges, which would
    happen again; ``"failed"``: any other error; or ``"stopped"``, which is not written: nothing can be written, or the
    sources are not those that the sweep began with.
    """
    here = _sees_folder(job)
    if here and job.result.exists():  # a process that died after it had written it
        found = read(job.result)
        if found["state"] == "done":
            return found
    started = time.monotonic()
    results, error, state = None, "", "done"
    try:
        if artefacts.sources_digest() != job.sources:
            return record_of(job, "stopped", 0.0, error="the sources are not those that the sweep began with")
        if job.threads is not None:
            _limit_threads(job.threads)
        results = _plain(find(job.task)(job.settings, job.checkpoint if here else None, report))
    except Exception as problem:  # of a task that we do not know
        state, error = _state_of(problem), _text(problem)
    record = record_of(job, state, time.monotonic() - started, results, error)
    if here and state in FINAL:
        try:
            write(job.result, record)
            if state == "done" and not job.keep and job.checkpoint.is_file():
                job.checkpoint.unlink()
        except OSError as problem:
            return record_of(job, "stopped", 0.0, error=_text(problem))
    return record


def _state_of(problem: Exception) -> str:
    damaged = getattr(sys.modules.get("snntheory.training.checkpoint"), "CheckpointError", ())
    if isinstance(problem, (FileNotFoundError, ConnectionError, TimeoutError, damaged)):
        return "failed"
    if isinstance(problem, OSError):
        return "stopped"
    return "refused" if isinstance(problem, ValueError | TypeError | FloatingPointError) else "failed"


def _text(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return (
        text
        if isinstance(error, ValueError | TypeError | OSError) and text
        else f"{type(error).__name__}: {text}"
    )


def _sees_folder(job: Job) -> bool:
    """Whether this process has the sweep's folder: a worker on another machine may not."""
    try:
        said = json.loads((Path(job.folder) / "sweep.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and said.get("token") == job.token


def _limit_threads(threads: int) -> None:
    """Of the libraries that are loaded, and of those that the task may load."""
    torch, numba = sys.modules.get("torch"), sys.modules.get("numba")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if torch is not None:
        torch.set_num_threads(threads)
    if numba is None:
        os.environ["NUMBA_NUM_THREADS"] = str(threads)
    else:
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))


def _plain(results: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers, and lists of them under the name of their dimension; NaN and infinities as None.

    Raises
    ------
    TypeError
        Something else.
    """
    if not isinstance(results, Mapping):
        raise TypeError(f"a task must return a dict of numbers, got {type(results).__name__}")
    found: dict[str, Any] = {}
    for name, value in results.items():
        if isinstance(value, Mapping) and len(value) == 1:
            dimension, values = next(iter(value.items()))
            found[name] = {str(dimension): [_number(name, each) for each in np.asarray(values).tolist()]}
        else:
            found[name] = _number(name, value)
    return found


def _number(name: str, value: Any) -> float | None:
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, int | float):
        raise TypeError(
            f"a task must return numbers, or lists such as {{'layer': [1, 2]}}, got {value!r} for {name!r}"
        )
    return value if math.isfinite(value) else None
