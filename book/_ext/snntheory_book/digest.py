"""One digest for everything that a chapter's numbers depend on besides its own cells."""

import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path


def source_files(root: Path) -> Iterator[Path]:
    """All files below ``snntheory/`` (sources, data, artefacts) and the lock file, in a fixed order.

    Parameters
    ----------
    root : Path
        The repository's root folder.

    Returns
    -------
    Iterator[Path]
        Files only. Byte code, hidden files and editors' backups are left out: they change no number.
    """
    for path in sorted((root / "snntheory").rglob("*")):
        names = path.relative_to(root).parts
        is_noise = any(name.startswith(".") or name == "__pycache__" for name in names)
        if path.is_file() and not is_noise and not path.name.endswith((".pyc", "~", ".tmp")):
            yield path
    lock = root / "requirements.lock"
    if lock.is_file():
        yield lock


def files_digest(root: Path, paths: Iterable[Path]) -> str:
    """SHA-256 over names and contents.

    Parameters
    ----------
    root : Path
        The folder that names are relative to.
    paths : iterable of Path
        Files below ``root``.

    Returns
    -------
    str
        The first 16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for path in paths:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return digest.hexdigest()[:16]


def sources_digest(root: Path) -> str:
    """Digest of the package, its artefacts, the lock file and the Python version: see `files_digest`."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return hashlib.sha256(f"{python} {files_digest(root, source_files(root))}".encode()).hexdigest()[:16]


def machinery_files(root: Path) -> Iterator[Path]:
    """The files that shape pages besides the chapters: extension, style sheet, vendored scripts, in a fixed order."""
    for folder in ("_ext", "_static", "_vendor"):
        for path in sorted((root / "book" / folder).rglob("*")):
            if path.is_file() and path.suffix in {".py", ".css", ".js", ".svg"}:
                yield path
