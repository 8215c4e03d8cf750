"""Time of source 003's Yin-Yang training: exact gradients beside its published hours and a surrogate on a grid.

    python benchmarks/yin_yang.py [--epochs 300] [--threads 2] [--json results.json]

Lee, Haghighatshoar and Karbasi (2023): 300 epochs of 5,000 samples in about 3 hours on 48 processors, 95.0 +- 0.83 %.
Both trainings are those of ``snntheory experiment yin-yang``: the same network, samples, batches and loss; the
surrogate takes a hundred steps for the window of the inputs. With fewer epochs than 300 the seconds are scaled up.
Processor seconds count all threads of this process and nothing of others. The exit status is 1 if a training of 300
epochs is less accurate than the published mean less one standard deviation.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from snntheory._files import replacing
from snntheory.experiments import yin_yang
from snntheory.training import evaluate


def measure(settings: yin_yang.Settings, method: str) -> dict[str, Any]:
    """Seconds and processor seconds of a training, and its test accuracy; compiling is not counted."""
    warm = replace(settings, epochs=1, surrogate_epochs=1, n_train=300)
    yin_yang.train(warm, method, 1)
    wall, processor = time.perf_counter(), time.process_time()
    network, history = yin_yang.train(settings, method, 0)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    result = evaluate(
        network,
        *yin_yang.samples("test", settings.n_test),
        encoder=yin_yang.encoder(settings),
        loss=yin_yang.loss(settings),
    )
    return {
        "method": method,
        "epochs": len(history),
        "seconds": wall,
        "processor_seconds": processor,
        "seconds_of_300_epochs": wall * 300 / len(history),
        "test_accuracy": result.accuracy,
        "hidden_spikes": result.spikes[0],
    }


def main() -> int:
    """Measure and print; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--surrogate-epochs", type=int, default=20)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    import numba

    torch.set_num_threads(arguments.threads)
    numba.set_num_threads(min(arguments.threads, numba.config.NUMBA_NUM_THREADS))
    settings = replace(
        yin_yang.Settings(),
        epochs=arguments.epochs,
        surrogate_epochs=arguments.surrogate_epochs,
        n_train=arguments.samples,
    )
    exact, surrogate = (measure(settings, method) for method in yin_yang.METHODS)
    print(f"{arguments.threads} thread(s) of {os.cpu_count()}, {arguments.samples} samples")
    for row in (exact, surrogate):
        print(
            f"{row['method']:>9}: {row['epochs']} epochs in {row['seconds']:.1f} s ({row['processor_seconds']:.1f} "
            f"processor seconds), 300 take {row['seconds_of_300_epochs']:.0f} s; test accuracy "
            f"{100 * row['test_accuracy']:.1f} %, {row['hidden_spikes']:.0f} hidden spikes a sample"
        )
    per_epoch = [row["seconds"] / row["epochs"] for row in (exact, surrogate)]
    results = {
        "rows": [exact, surrogate],
        "threads": arguments.threads,
        "published_over_ours": yin_yang.PUBLISHED_SECONDS / exact["seconds_of_300_epochs"],
        "surrogate_over_exact": per_epoch[1] / per_epoch[0],
    }
    print(f"published over ours: {results['published_over_ours']:.0f} (theirs on 48 processors)")
    print(f"surrogate on {settings.surrogate_steps} steps over exact: {results['surrogate_over_exact']:.2f}")
    if arguments.json is not None:
        with replacing(arguments.json) as temporary:
            temporary.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    mean, spread = yin_yang.PUBLISHED_ACCURACY
    complete = arguments.epochs >= 300 and arguments.samples == 5000
    return int(complete and exact["test_accuracy"] < mean - spread)


if __name__ == "__main__":
    sys.exit(main())
