"""One digest for everything that a chapter's numbers depend on besides its own cells."""

import hashlib
import sys
from collections.abc import Iterator
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


def sources_digest(root: Path) -> str:
    """SHA-256 over the package, its artefacts, the lock file and the Python version.

    Parameters
    ----------
    root : Path
        The repository's root folder.

    Returns
    -------
    str
        The first 16 hexadecimal digits.
    """
    digest = hashlib.sha256(f"python {sys.version_info.major}.{sys.version_info.minor}".encode())
    for path in source_files(root):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"\n{path.relative_to(root).as_posix()} {content}".encode())
    return digest.hexdigest()[:16]
