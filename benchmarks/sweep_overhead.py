"""A sweep of eight small trainings on two local processes beside the same trainings one after another.

    python benchmarks/sweep_overhead.py [--workers 2] [--runs 8] [--epochs 4] [--json results.json]

Both do the same runs with one thread each: in one process one after another, by the function that the sweep calls; then
by `snntheory.training.sweep` in its own processes, which start, import, keep checkpoints and report. Overhead is what
the sweep takes beyond the trainings' time over the number of processes, in wall seconds on an idle machine; and, on a
busy machine too, the processor seconds of all processes beyond those of the trainings. The exit status is 1 if an
accuracy differs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numba
import torch

from snntheory._files import replacing
from snntheory.training import setup, sweep


def settings(epochs: int) -> dict[str, Any]:
    """Of one training: some seconds."""
    return {"sizes": [784, 64, 10], "epochs": epochs, "n_train": 1000, "n_test": 500, "dt": 0.002}


def one_after_another(runs: int, epochs: int) -> list[float]:
    """Accuracies of the trainings, in this process."""
    chosen = [setup.canonical(settings(epochs) | {"seed": seed}) for seed in range(runs)]
    return [float(setup.train(each, None, lambda **_: None)["accuracy"]) for each in chosen]


def swept(folder: Path, runs: int, epochs: int, workers: int) -> list[float]:
    """Accuracies of the same trainings, by a sweep."""
    found = sweep(
        setup.train,
        {"seed": list(range(runs))},
        folder,
        settings=settings(epochs),
        canonical=setup.canonical,
        workers=workers,
        threads=1,
        show=False,
    )
    return [float(value) for value in found["accuracy"].values]


def timed(call: Any, *arguments: Any) -> tuple[list[float], float, float]:
    """What a call returns, its wall seconds, and the processor seconds of this process and of its children."""
    start, before = time.perf_counter(), _processor()
    found = call(*arguments)
    return found, time.perf_counter() - start, _processor() - before


def _processor() -> float:
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in parts)


def main(argv: list[str] | None = None) -> int:
    """Measure and print; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("workers", 2), ("runs", 8), ("epochs", 4)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        one_after_another(1, 1)  # compiles, reads the digits
        alone, wall, processor = timed(one_after_another, arguments.runs, arguments.epochs)
        together, swept_wall, swept_processor = timed(
            swept, Path(name), arguments.runs, arguments.epochs, arguments.workers
        )
    rows = {
        "runs": arguments.runs,
        "workers": arguments.workers,
        "alone_wall": wall,
        "alone_processor": processor,
        "swept_wall": swept_wall,
        "swept_processor": swept_processor,
        "wall_overhead": swept_wall - wall / arguments.workers,
        "processor_overhead": swept_processor - processor,
        "load_average": os.getloadavg()[0],
        "same": alone == together,
    }
    print(f"{arguments.runs} trainings one after another: {wall:.1f} s, {processor:.1f} processor seconds")
    print(
        f"by a sweep on {arguments.workers} processes: {swept_wall:.1f} s, {swept_processor:.1f} processor seconds"
    )
    print(
        f"overhead: {rows['wall_overhead']:.1f} s beyond 1/{arguments.workers} of the time, "
        f"{rows['processor_overhead']:.1f} processor seconds ({rows['processor_overhead'] / processor:.0%}), "
        f"{rows['processor_overhead'] / arguments.workers:.1f} a process; load average {rows['load_average']:.1f}"
    )
    if not rows["same"]:
        print(f"the accuracies differ: {alone} alone, {together} by the sweep")
    if arguments.json is not None:
        with replacing(arguments.json) as temporary:
            temporary.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return int(not rows["same"])


if __name__ == "__main__":
    sys.exit(main())
