"""Files that are never half-written, and digests."""

from __future__ import annotations

import hashlib
import os
import secrets
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside ``path`` to write to; it takes the name ``path`` when the block ends without an error.

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
    temporary = target.parent / f".{target.stem}.{os.getpid()}-{secrets.token_hex(4)}{target.suffix}"
    try:
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise type(error)(
            f"cannot write {target}: {reason}; check the folder, its permissions and the space"
        ) from error
    finally:
        if target.parent.is_dir():
            temporary.unlink(missing_ok=True)


def sha256(path: str | os.PathLike[str]) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def damaged_member(path: str | os.PathLike[str]) -> str | None:
    """Name of a damaged member of a file that torch wrote, or None; every checksum is verified.

    A member that is marked as a folder passes its checksum, but torch then leaves its tensor uninitialised, so
    that mark counts as damage too.
    """
    with zipfile.ZipFile(path) as archive:
        marked = [member.filename for member in archive.infolist() if member.external_attr]
        return archive.testzip() or next(iter(marked), None)
