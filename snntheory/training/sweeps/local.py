"""Runs in processes of this machine; a process that dies is noticed, and its run repeated in another."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from .runs import Job, Record, execute, record_of


@dataclass(frozen=True)
class Event:
    """What happened to a run: ``"started"``, ``"progress"``, ``"repeated"`` or ``"ended"``."""

    kind: str
    job: Job
    record: Record | None = None
    numbers: dict[str, float] | None = None
    text: str = ""


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    job: Job | None = None


def in_this_process(jobs: Sequence[Job]) -> Iterator[Event]:
    """One run after the other, here."""
    for job in jobs:
        yield Event("started", job)
        yield Event("ended", job, execute(job))


def in_processes(jobs: Sequence[Job], workers: int, attempts: int) -> Iterator[Event]:
    """Runs in ``workers`` processes; one whose process died ``attempts`` times has failed."""
    waiting, deaths = deque(jobs), dict.fromkeys((job.name for job in jobs), 0)
    team: list[_Worker] = []
    try:
        while waiting or any(each.job for each in team):
            while waiting and len(team) < workers:
                team.append(_start())
            for worker in team:
                if worker.job is None and waiting:
                    job = waiting.popleft()
                    worker.job = job
                    with suppress(OSError):  # it died while it had nothing to do; its end is seen below
                        worker.connection.send(job)
                    yield Event("started", job)
            ready = wait([each.connection for each in team] + [each.process.sentinel for each in team])
            for worker in list(team):
                if worker.connection not in ready and worker.process.sentinel not in ready:
                    continue
                yield from _heard(worker)
                if worker.process.is_alive():
                    continue
                team.remove(worker)
                worker.connection.close()
                if worker.job is not None:
                    yield _after_death(worker, waiting, deaths, attempts)
    finally:
        for worker in team:
            worker.process.kill()
        for worker in team:
            worker.process.join()
            worker.connection.close()


def _start() -> _Worker:
    # spawned, not forked: torch's threads do not survive a fork
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _heard(worker: _Worker) -> list[Event]:
    """What a worker has said; nothing of what it had no time to finish saying."""
    events: list[Event] = []
    try:
        while worker.job is not None and worker.connection.poll():
            kind, content = worker.connection.recv()
            if kind == "ended":
                events.append(Event("ended", worker.job, content))
                worker.job = None
            else:
                events.append(Event("progress", worker.job, numbers=content))
    except (EOFError, OSError):
        worker.process.join()
    return events


def _after_death(worker: _Worker, waiting: deque[Job], deaths: dict[str, int], attempts: int) -> Event:
    job, code = worker.job, worker.process.exitcode
    assert job is not None
    deaths[job.name] += 1
    died = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
    if deaths[job.name] < attempts:
        waiting.appendleft(job)
        return Event("repeated", job, text=f"its process ended {died}; it is done again")
    error = f"its process ended {died}, {deaths[job.name]} time(s); was there too little memory?"
    return Event("ended", job, record_of(job, "failed", 0.0, error=error))


def _serve(connection: Connection) -> None:
    """What a worker does: one run after the other, until its connection is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return

        def report(**numbers: Any) -> None:
            connection.send(("progress", numbers))

        connection.send(("ended", execute(job, report)))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)  # a sweep that was killed leaves no process behind that would train on
