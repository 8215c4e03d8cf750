"""Runs on a Dask cluster that is there already; Dask repeats what a worker that died had begun."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from importlib.util import find_spec

from .local import Event
from .runs import Job, execute, record_of


def on_cluster(jobs: Sequence[Job], address: str) -> Iterator[Event]:
    """Runs on the workers of a scheduler such as ``tcp://host:8786``.

    Raises
    ------
    ModuleNotFoundError
        The extra ``cluster`` is not installed.
    OSError
        Nobody answers at this address.
    """
    if find_spec("distributed") is None:
        raise ModuleNotFoundError(
            "a scheduler needs Dask: pip install 'snntheory[cluster]'", name="distributed"
        )
    from distributed import Client, KilledWorker, as_completed

    session = secrets.token_hex(4)
    with Client(address, set_as_default=False) as client:
        futures = {}
        for job in jobs:
            key = f"snntheory-{job.name}-{session}"
            futures[client.submit(execute, job, key=key, pure=False)] = job
            yield Event("started", job)
        try:
            for future in as_completed(list(futures), loop=client.loop):
                job = futures.pop(future)
                try:
                    record = future.result()
                except KilledWorker as error:
                    record = record_of(job, "failed", 0.0, error=" ".join(str(error).split()))
                except (ImportError, AttributeError) as error:
                    record = record_of(
                        job, "stopped", 0.0, error=f"a worker has not this version of snntheory ({error})"
                    )
                yield Event("ended", job, record)
        finally:
            if futures:
                client.cancel(list(futures), force=True)
