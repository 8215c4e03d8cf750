"""One training step of snntheory beside the same step of snnTorch, Norse and SpikingJelly, in one process.

    python benchmarks/training_step.py [--json results.json]

README.md in this folder says what is compared, and how to install the peers.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from task import Contender, Model, Task, make_task, optimiser, training_step

from snntheory._files import replacing

PEERS = {"snntorch": "snnTorch", "norse": "Norse", "spikingjelly": "SpikingJelly"}
COMPARABLE = 2.0
"""Hidden spikes of a contender may differ from ours by this factor, else the rows do not do the same work."""


def contenders() -> list[Contender]:
    """Ours first, then every peer; a peer that cannot be imported stands in the list without a model."""
    found = list(importlib.import_module("peers.ours").CONTENDERS)
    for package, label in PEERS.items():
        if find_spec(package) is None:
            found.append(Contender(label, package, None, f"not installed: pip install {package}"))
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # deprecations inside the peers are not our subject
                found += importlib.import_module(f"peers.{package}_peer").CONTENDERS
        except ImportError as error:
            note = f"installed, but its import failed ({error}): pip install {error.name or package}"
            found.append(Contender(label, package, None, note))
    return found


def check(model: Model, task: Task) -> dict[str, Any]:
    """Hidden and output spikes per sample at the initial weights, and each weight matrix's gradient norm."""
    output, hidden = model(task.spikes, with_hidden=True)
    loss = torch.nn.functional.cross_entropy(output.sum(0), task.labels)
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    batch = task.spikes.shape[1]
    return {
        "hidden_spikes": hidden.sum().item() / batch,
        "output_spikes": output.sum().item() / batch,
        "gradient_norms": [(each.norm() * model.scale).item() for each in gradients],
        "loss": loss.item(),
    }


def measure(
    models: dict[str, Model], task: Task, warmup: int, repetitions: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds and processor seconds of every step of every model.

    Interleaved (A B C A B C ...), so that all meet the same disturbances. Processor seconds count all threads
    of this process and nothing of others; with one thread they are what the step takes on an idle machine.
    """
    adams = {name: optimiser(model) for name, model in models.items()}
    seconds: dict[str, list[float]] = {name: [] for name in models}
    processor: dict[str, list[float]] = {name: [] for name in models}
    for repetition in range(warmup + repetitions):
        for name, model in models.items():
            gc.collect()
            start, start_processor = time.perf_counter(), time.process_time()
            training_step(model, adams[name], task)
            elapsed, used = time.perf_counter() - start, time.process_time() - start_processor
            if repetition >= warmup:
                seconds[name].append(elapsed)
                processor[name].append(used)
    return seconds, processor


def peak_memory(contender: Contender, task: Task) -> float | None:
    """Bytes by which the resident memory peaks above its level before the steps; None where the system won't tell.

    To be called in a process of its own. A step on two samples comes first, so that compilers have run.
    """
    small = Task(task.neuron, task.dt, task.spikes[:, :2].contiguous(), task.labels[:2], task.weights)
    training_step(warm := contender.build(small), optimiser(warm), small)  # type: ignore[misc]
    model = contender.build(task)  # type: ignore[misc]
    adam = optimiser(model)
    gc.collect()
    try:
        Path("/proc/self/clear_refs").write_text("5")  # Linux: forget the peak so far
        before = _status("VmRSS")
        for _ in range(2):
            training_step(model, adam, task)
        return float(_status("VmHWM") - before)
    except OSError:
        return None


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return 1024 * int(line.split()[1])
    raise OSError(f"/proc/self/status has no {field}")


def settings(arguments: argparse.Namespace, task: Task) -> dict[str, Any]:
    """What a reader needs to judge the numbers."""
    versions = {}
    for package in ("snntheory", "torch", "numpy", "numba", *PEERS):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {
        "sizes": list(task.sizes),
        "n_steps": task.spikes.shape[0],
        "batch": task.spikes.shape[1],
        "input_density": task.spikes.mean().item(),
        "threads": arguments.threads,
        "repetitions": arguments.repetitions,
        "warmup": arguments.warmup,
        "load_average_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "cores": os.cpu_count(),
        "processor": _processor(),
        "python": platform.python_version(),
        "versions": versions,
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def table(rows: list[dict[str, Any]], facts: dict[str, Any]) -> Table:
    """The rows as a table; the ratio is the median over ours with the numba backend (or the first that ran)."""
    title = (
        f"{'-'.join(map(str, facts['sizes']))}, {facts['n_steps']} steps, batch {facts['batch']}, "
        f"CPU, {facts['threads']} thread(s), input density {100 * facts['input_density']:.1f} %"
    )
    out = Table(title=title)
    out.add_column("contender", no_wrap=True)
    out.add_column("version", no_wrap=True)
    for name in ("median ms", "min - max ms", "ratio", "CPU ms", "ratio", "hidden spikes"):
        out.add_column(name, justify="right", no_wrap=True)
    with_memory = any("memory" in row for row in rows)
    if with_memory:
        out.add_column("peak MiB", justify="right", no_wrap=True)
    for row in rows:
        if row["seconds"] is None:
            cells = [row["name"], facts["versions"][row["package"]] or "-", "not installed", *[""] * 5]
            out.add_row(*cells, *([""] if with_memory else []))
            continue
        low, high = (1e3 * extreme(row["seconds"]) for extreme in (min, max))
        cells = [
            row["name"],
            facts["versions"][row["package"]] or "-",
            f"{1e3 * row['median']:.1f}",
            f"{low:.1f} - {high:.1f}",
            f"{row['ratio']:.2f}",
            f"{1e3 * row['median_processor']:.1f}",
            f"{row['ratio_processor']:.2f}",
            f"{row['hidden_spikes']:.0f}" + ("" if row["comparable"] else " !"),
        ]
        memory = row.get("memory")
        if with_memory:
            cells.append("-" if memory is None else f"{memory / 2**20:.0f}")
        out.add_row(*cells)
    return out


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default, text in (
        ("steps", 50, "time steps of 2 ms"),
        ("batch", 128, "samples in the batch"),
        ("hidden", 400, "hidden neurons"),
        ("repetitions", 20, "timed steps of each contender"),
        ("warmup", 3, "untimed steps of each contender before"),
        ("threads", os.cpu_count() or 1, "threads of torch and of numba"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{text} (default {default})")
    parser.add_argument(
        "--max-rate", type=float, default=100.0, help="rate in Hz of a white pixel, at most 500 (default 100)"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write settings and all times to PATH")
    parser.add_argument(
        "--memory", action="store_true", help="also measure peak memory, a process for each (Linux)"
    )
    parser.add_argument("--only", metavar="TEXT", help="only contenders whose name contains TEXT, and ours")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    for name, least in (
        ("steps", 1),
        ("batch", 2),
        ("hidden", 1),
        ("repetitions", 1),
        ("warmup", 0),
        ("threads", 1),
    ):
        if getattr(arguments, name) < least:
            parser.error(f"--{name} must be at least {least}, got {getattr(arguments, name)}")
    if not 0 < arguments.max_rate <= 500:
        parser.error(
            f"--max-rate must be above 0 and at most 500 Hz (steps are 2 ms), got {arguments.max_rate:g}"
        )
    if arguments.json and not arguments.json.resolve().parent.is_dir():
        parser.error(f"--json: the folder {arguments.json.resolve().parent} does not exist; create it first")
    return arguments


def use_threads(n: int) -> None:
    """The same number of threads for torch and for numba."""
    torch.set_num_threads(n)
    if find_spec("numba") is not None:
        import numba

        numba.set_num_threads(min(n, numba.config.NUMBA_NUM_THREADS))


def main(argv: list[str] | None = None) -> int:
    """Measure, print, write; 1 if a contender did not do comparable work."""
    arguments = parse(argv)
    use_threads(arguments.threads)
    task = make_task(arguments.steps, arguments.batch, arguments.hidden, arguments.max_rate)
    entries = contenders()
    if arguments.memory_of:
        chosen = next(each for each in entries if each.name == arguments.memory_of)
        print(json.dumps(peak_memory(chosen, task)))
        return 0
    if arguments.only:
        ours_name = next(each.name for each in entries if each.build is not None)
        wanted = arguments.only.lower()
        entries = [each for each in entries if each.name == ours_name or wanted in each.name.lower()]

    console = Console(width=None if sys.stdout.isatty() else 140)
    facts = settings(arguments, task)
    models = {e.name: e.build(task) for e in entries if e.build is not None}
    checks = {name: check(model, task) for name, model in models.items()}
    seconds, processor = measure(models, task, arguments.warmup, arguments.repetitions)
    first = next(iter(models))
    ours = statistics.median(seconds[first])
    rows = []
    for entry in entries:
        row: dict[str, Any] = {
            "name": entry.name,
            "package": entry.package,
            "note": entry.note,
            "seconds": None,
        }
        if entry.name in models:
            times = seconds[entry.name]
            row |= {"seconds": times, "processor_seconds": processor[entry.name], **checks[entry.name]}
            row["median"] = statistics.median(times)
            row["median_processor"] = statistics.median(processor[entry.name])
            row["ratio"] = row["median"] / ours
            row["ratio_processor"] = row["median_processor"] / statistics.median(processor[first])
            row["comparable"] = comparable(checks[entry.name], checks[first])
            if arguments.memory:
                row["memory"] = memory_of(entry.name, arguments)
        rows.append(row)
    facts["load_average_after"] = os.getloadavg()[0] if hasattr(os, "getloadavg") else None

    if arguments.json:  # first, so that a reader who closes the pipe (head) does not lose it
        with replacing(arguments.json) as path:
            path.write_text(json.dumps({"settings": facts, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    console.print(table(rows, facts))
    console.print(
        f"ratio: median over that of {first}. CPU ms: median processor time of all threads; threads that wait count. "
        "hidden spikes: per sample, at the initial weights.",
        soft_wrap=True,
    )
    for row in rows:
        console.print(f"{row['name']}: {row['note']}", soft_wrap=True)
    load = facts["load_average_before"]
    if load is not None and load > 0.3:
        console.print(
            f"Something else was running (load average {load:.1f} on {facts['cores']} cores): then threads wait for "
            "each other, and libraries of many small operations look slower than they are. Repeat on an idle machine.",
            soft_wrap=True,
        )
    unlike = [row["name"] for row in rows if row["seconds"] is not None and not row["comparable"]]
    if unlike:
        console.print(
            f"Not comparable (marked !): {', '.join(unlike)}; their times mean nothing beside ours."
        )
    return 1 if unlike else 0


def comparable(one: dict[str, Any], ours: dict[str, Any]) -> bool:
    """Whether a contender spikes within :data:`COMPARABLE` of ours and has a gradient in every layer."""
    spikes = one["hidden_spikes"], ours["hidden_spikes"]
    gradients_live = all(0 < each < float("inf") for each in one["gradient_norms"])
    return gradients_live and max(spikes) <= COMPARABLE * min(spikes) and min(spikes) > 0


def memory_of(name: str, arguments: argparse.Namespace) -> float | None:
    """:func:`peak_memory` of one contender in a fresh process."""
    same = [f"--{key}={getattr(arguments, key)}" for key in ("steps", "batch", "hidden", "threads")]
    command = [sys.executable, __file__, *same, f"--max-rate={arguments.max_rate}", f"--memory-of={name}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    raise SystemExit(main())
