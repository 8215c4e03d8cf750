"""Files that are never half-written, and digests."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside ``path`` to write to; it takes the name ``path`` when the block ends without an error.

    What a process that was killed left behind of an earlier write to ``path`` is removed.

    Raises
    ------
    OSError
        The folder does not exist or cannot be written, or the disk is full; the message names the file and the
        remedy. Nothing is left behind.
    """
    target = Path(path)
    if not target.parent.is_dir():
        kind = NotADirectoryError if target.parent.exists() else FileNotFoundError
        raise kind(f"cannot write {target}: there is no folder {target.parent}; create it first")
    # the ending stays last: libraries choose the format by it
    temporary = (
        target.parent / f".{target.stem}.{_machine()}-{os.getpid()}-{secrets.token_hex(4)}{target.suffix}"
    )
    _remove_stale(target)
    try:
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    except OSError as error:
        first: BaseException = error  # of several files that are written together each says so
        while isinstance(first.__cause__, OSError):
            first = first.__cause__
        reason = getattr(first, "strerror", None) or str(first)
        raise type(error)(
            f"cannot write {target}: {reason}; check the folder, its permissions and the space"
        ) from error
    finally:
        if target.parent.is_dir():
            temporary.unlink(missing_ok=True)


def _machine() -> str:
    """Four characters for this machine: a folder may be shared with others, which have processes of their own."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:4]


def _remove_stale(target: Path) -> None:
    """Remove temporary files of ``target`` whose process on this machine no longer runs."""
    if os.name != "posix":  # elsewhere there is no harmless way to ask for a process
        return
    name = re.compile(
        rf"\.{re.escape(target.stem)}\.{_machine()}-(\d+)-[0-9a-f]{{8}}{re.escape(target.suffix)}"
    )
    for path in target.parent.iterdir():
        found = name.fullmatch(path.name)
        if found and not _runs(int(found[1])):
            with suppress(OSError):
                path.unlink()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)  # asks, does nothing
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def sha256(path: str | os.PathLike[str]) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def damaged_member(path: str | os.PathLike[str] | BinaryIO) -> str | None:
    """Name of a damaged member of a file that torch wrote, or None; every checksum is verified.

    A member that is marked as a folder passes its checksum, but torch then leaves its tensor uninitialised, so
    that mark counts as damage too.
    """
    with zipfile.ZipFile(path) as archive:
        marked = [member.filename for member in archive.infolist() if member.external_attr]
        return archive.testzip() or next(iter(marked), None)
