"""What a sweep shows while it runs: a live table on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from .local import Event

LATEST = 8
"""Runs that have ended and are still shown."""


class Display:
    """Runs with their settings, state, accuracy and seconds, and how long the others may take.

    Parameters
    ----------
    axes : sequence of str
        Settings that are shown.
    labels : mapping
        Their values by the name of a run.
    total, done : int
        Runs, and those that had a result before.
    workers : int
        Runs at a time.
    """

    def __init__(
        self,
        axes: Sequence[str],
        labels: Mapping[str, Mapping[str, Any]],
        total: int,
        done: int,
        workers: int,
        console: Console | None = None,
    ) -> None:
        self.axes, self.labels, self.workers = axes, labels, workers
        self.total, self.before, self.ended = total, done, 0
        self.states = {"done": 0, "refused": 0, "failed": 0, "stopped": 0}
        self.rows: dict[str, tuple[str, float, dict[str, float]]] = {}
        self.times: list[float] = []
        self.console = console or Console()
        self.live = Live(self, console=self.console, refresh_per_second=2, auto_refresh=True)

    def __enter__(self) -> Display:
        if self.console.is_terminal:
            self.live.start()
        elif self.before:
            self._say(f"{self.before} of {self.total} runs are done already")
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self.live.stop()

    def take(self, event: Event) -> None:
        """Show what happened."""
        name, now = event.job.name, time.monotonic()
        state, since, numbers = self.rows.get(name, ("waiting", now, {}))
        if event.kind == "started":
            state, since, numbers = "running", now, {}
        elif event.kind == "progress":
            numbers = event.numbers or {}
        elif event.kind == "repeated":
            self._say(f"{self._settings(name)}: {event.text}")
        elif event.record is not None:
            state = event.record["state"]
            numbers = event.record["results"]
            since = event.record["seconds"]
            self.ended += 1
            self.states[state] += 1
            if state == "done":
                self.times.append(since)
            if not self.console.is_terminal:
                self._say(self._line(event))
        self.rows.pop(name, None)
        self.rows[name] = (state, since, numbers)

    def _line(self, event: Event) -> str:
        record = event.record or {}
        accuracy = record["results"].get("accuracy")
        said = f", accuracy {100 * accuracy:.2f} %" if accuracy is not None else ""
        why = f" ({record['error']})" if record["error"] else ""
        return (
            f"{self.before + self.ended}/{self.total} {self._settings(event.job.name)}: {record['state']}{said}"
            f"{why}, {record['seconds']:.1f} s"
        )

    def _settings(self, name: str) -> str:
        return ", ".join(f"{axis} {self.labels[name][axis]}" for axis in self.axes)

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)

    def remaining(self) -> float | None:
        """Seconds that the runs without a result may take; None before the first has one."""
        if not self.times:
            return None
        left = self.total - self.before - self.ended
        return left * sum(self.times) / len(self.times) / self.workers

    def __rich__(self) -> Table:
        """The table as it is now."""
        table = Table(*self.axes, "state", "epoch", "accuracy", "seconds", title=self._title())
        running = [name for name, row in self.rows.items() if row[0] == "running"][: 2 * LATEST]
        ended = [name for name, row in self.rows.items() if row[0] not in ("running", "waiting")][-LATEST:]
        for name in (*ended, *running):
            state, since, numbers = self.rows[name]
            seconds = time.monotonic() - since if state == "running" else since
            accuracy, epoch = numbers.get("accuracy"), numbers.get("epoch")
            table.add_row(
                *(escape(str(self.labels[name][axis])) for axis in self.axes),
                state,
                "" if epoch is None else f"{epoch:.0f}/{numbers.get('epochs', float('nan')):.0f}",
                "" if accuracy is None else f"{100 * accuracy:.2f} %",
                f"{seconds:.0f}",
            )
        return table

    def _title(self) -> str:
        counted = ", ".join(f"{n} {state}" for state, n in self.states.items() if n and state != "done")
        left = self.remaining()
        return (
            f"{self.before + self.ended} of {self.total} runs"
            + (f" ({counted})" if counted else "")
            + (f", about {_duration(left)} left" if left else "")
        )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
