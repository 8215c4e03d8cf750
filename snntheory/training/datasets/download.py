"""Files of a data set from their mirrors: resumed where they broke off, verified, then named."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ... import _check
from .catalogue import ENTRIES, Entry, File

VARIABLE = "SNNTHEORY_DATA"
ATTEMPTS = 3
"""Rounds over the mirrors."""
PAUSE = 1.0
"""Seconds before the second round; it doubles with each."""
TIMEOUT = (10.0, 60.0)
"""Seconds to wait for a connection, and for data."""
_INSTALL = "fetching data sets needs pooch: pip install 'snntheory[train]'"


class DatasetUnavailable(OSError):
    """A data set is neither on disk nor to be had; the message says which files to put where."""


def home() -> Path:
    """Where data sets are kept: the folder that ``SNNTHEORY_DATA`` names, or this user's cache.

    Raises
    ------
    ModuleNotFoundError
        ``SNNTHEORY_DATA`` is not set and pooch, which knows where caches are, is not installed.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    return Path(_pooch().os_cache("snntheory"))


def find(file: File, name: str, folder: str | os.PathLike[str] | None = None) -> Path | None:
    """A file of data set ``name`` on disk, packed or unpacked: in ``folder/name`` or ``folder``; None if not there."""
    try:
        base = home() if folder is None else Path(folder)
    except ModuleNotFoundError:
        return None
    plain = file.name.removesuffix(".gz")
    places = (where / each for where in (base / name, base) for each in (file.name, plain))
    return next((each for each in places if each.is_file()), None)


def digest_of(path: Path, algorithm: str) -> str:
    """``algorithm:hex`` of a file."""
    import hashlib

    with open(path, "rb") as stream:
        return f"{algorithm}:{hashlib.file_digest(stream, algorithm).hexdigest()}"


def is_published(path: Path, file: File) -> bool:
    """Whether a file has one of the digests under which it is published."""
    known = (file.digest, *file.same)
    return any(digest_of(path, each.partition(":")[0]) == each for each in known)


def fetch(
    name: str,
    folder: str | os.PathLike[str] | None = None,
    *,
    replace: bool = False,
    progress: bool | None = None,
) -> list[Path]:
    """The files of a data set, downloaded if they are not there.

    Each is written as ``FILE.part``, goes on where it broke off, changes to the next mirror, and gets its name when
    its digest is right.

    Parameters
    ----------
    name : str
        One of :data:`snntheory.training.datasets.catalogue.ENTRIES`.
    folder : path, optional
        Where to look, and to write in a folder ``name``; default: ``SNNTHEORY_DATA``, or this user's cache.
    replace : bool
        Fetch those again that are there under another digest.
    progress : bool, optional
        Show a bar; default: on a terminal.

    Returns
    -------
    list of Path

    Raises
    ------
    ValueError
        Unknown name, or a file that is there is not the published one.
    DatasetUnavailable
        No mirror gave a file with the right digest, or the disk is full; what has arrived is kept.
    ModuleNotFoundError
        pooch is not installed.
    """
    entry = ENTRIES[_check.choice("name", name, ENTRIES)]
    base = home() if folder is None else Path(folder)
    return [fetch_file(file, entry, base, replace, progress) for file in entry.all_files()]


def fetch_file(file: File, entry: Entry, base: Path, replace: bool, progress: bool | None) -> Path:
    """One file of :func:`fetch`."""
    there = find(file, entry.name, base)
    if there is not None and (there.name != file.name or is_published(there, file)):
        return there
    if there is not None and not replace:
        raise ValueError(
            f"{there} is not the published file: its digest is not {file.digest}; remove it, or give replace=True "
            "to fetch it again"
        )
    target = base / entry.name / file.name if there is None else there
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target):
        if not (target.exists() and is_published(target, file)):  # another process may have brought it
            _from_mirrors(file, entry, target, progress)
    return target


def _from_mirrors(file: File, entry: Entry, target: Path, progress: bool | None) -> None:
    pooch = _pooch()
    import requests
    import urllib3

    part = target.with_name(target.name + ".part")
    failures: dict[str, str] = {}
    faults = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, ValueError)
    log = pooch.get_logger()
    level = log.level
    log.setLevel("ERROR")  # what it would log is in the error, or in the bar
    try:
        with _bar(file, progress) as report:
            for attempt in range(ATTEMPTS):
                if attempt:
                    time.sleep(PAUSE * 2 ** (attempt - 1))
                for url in file.urls:
                    try:
                        brought = _Resuming(part, file, report)
                        pooch.retrieve(url, file.digest, target.name, target.parent, downloader=brought)
                        return
                    except faults as error:
                        failures[url] = _reason(error, file)
    except OSError as error:
        raise DatasetUnavailable(
            f"cannot write {part}: {error.strerror or error}; {_kept(part)}; free space or name another folder by "
            f"{VARIABLE}, then repeat: it goes on where it was"
        ) from error
    finally:
        log.setLevel(level)
    tried = "; ".join(f"{url}: {why}" for url, why in failures.items())
    raise DatasetUnavailable(
        f"{entry.title}: {file.name} could not be fetched ({tried}); {_kept(part)}; repeat to go on, or "
        f"{by_hand(entry, target.parent)}"
    )


def by_hand(entry: Entry, folder: Path) -> str:
    """What to put where without a connection."""
    names = ", ".join(file.name for file in entry.all_files())
    return f"get {names} by other means ({entry.homepage}) and put them into {folder}"


class _Resuming:
    """A downloader for pooch that goes on with ``part``, which outlives an interruption."""

    def __init__(self, part: Path, file: File, report: Callable[[int, int | None], None]) -> None:
        self.part, self.file, self.report = part, file, report

    def __call__(self, url: str, output_file: Any, pooch: Any, check_only: bool = False) -> None:
        import requests

        part = self.part
        have = part.stat().st_size if part.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            if answer.status_code == 416:  # nothing after what is here: whole, or longer than the file
                if answer.headers.get("Content-Range") != f"bytes */{have}":
                    part.unlink()
                    raise ValueError("what had arrived was longer than the file and was thrown away")
            else:
                answer.raise_for_status()
                if answer.status_code != 206:  # from the beginning: the server does not resume
                    have = 0
                length = answer.headers.get("Content-Length")
                total = have + int(length) if length is not None else None
                if self.file.size is not None and total not in (None, self.file.size):
                    raise ValueError(f"offers {total} bytes, published are {self.file.size}")
                with open(part, "ab" if have else "wb") as stream:
                    for piece in answer.raw.stream(1 << 16, decode_content=False):
                        stream.write(piece)
                        have += len(piece)
                        self.report(have, self.file.size or total)
                if total is not None and have < total:
                    raise requests.exceptions.ConnectionError(f"broke off after {have} of {total} bytes")
        os.replace(part, output_file)


def _reason(error: Exception, file: File) -> str:
    import requests

    if isinstance(error, requests.exceptions.HTTPError) and error.response is not None:
        return f"status {error.response.status_code}"
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    if isinstance(error, ValueError) and "does not match" in str(error):
        return f"its digest is not {file.digest}, so it was thrown away"
    if isinstance(error, requests.exceptions.ConnectionError) and "broke off" not in str(error):
        return "no connection"
    return str(error).split("\n")[0] or type(error).__name__


def _kept(part: Path) -> str:
    size = part.stat().st_size if part.exists() else 0
    return f"{size / 1e6:.1f} MB are kept in {part.name}" if size else "nothing has arrived"


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """One process at a time fetches a file; the others wait. Where files cannot be locked, nothing is done."""
    with open(target.with_name(f".{target.name}.lock"), "w") as stream:
        with suppress(ImportError, OSError):
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def _bar(file: File, show: bool | None) -> Iterator[Callable[[int, int | None], None]]:
    if not (sys.stderr.isatty() if show is None else show):
        yield lambda have, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(file.name, total=file.size)
        yield lambda have, total: bar.update(task, completed=have, total=total)


def _pooch() -> Any:
    try:
        import pooch  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        if error.name != "pooch":
            raise
        raise ModuleNotFoundError(_INSTALL, name="pooch") from None
    return pooch
