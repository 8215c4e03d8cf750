"""Recorded results that ship with the package, each with its provenance and a digest that is checked.

An artefact is a file of traces or of other labelled numbers ``NAME.nc`` beside ``NAME.json``: how it was made, from
which sources, how long it took, and its SHA-256.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import xarray as xr

from .. import _check, _files
from .._trace_formats.netcdf import to_netcdf
from .._version import __version__
from ..traces import load_traces, save_traces

SCHEMA = "snntheory-artefact/1"
FOLDER = Path(__file__).parent
_ROOMS = ("linear", "spiking", "gradients", "training", "neuron.py", "experiments")
"""What a recording depends on: a change here may change it."""
_QUOTED = ("sha256", "command", "made", "wall_seconds", "device", "sources_sha256")
_LIBRARIES = ("numpy", "scipy", "torch", "numba", "xarray")


class ArtefactError(ValueError):
    """An artefact that is damaged or has no provenance."""


@dataclass(frozen=True)
class Sources:
    """The state of the sources that a recording is made with."""

    digest: str
    git_commit: str | None


def current_sources() -> Sources:
    """The sources as they are now: take it when the work begins and give it to :func:`save`."""
    return Sources(sources_digest(), git_commit())


def begin(checkpoints: Path, name: str, settings: Any = None) -> Sources:
    """The sources as they are now; what ``checkpoints`` holds must have been begun with them.

    Parameters
    ----------
    checkpoints : Path
        Folder of unfinished work; made if it is not there.
    name : str
        Of the experiment; one folder may serve several.
    settings : dataclass, optional
        Where the unfinished work depends on them and does not check them itself, as a checkpoint of a training does.

    Raises
    ------
    ValueError
        The work was begun with other sources or settings.
    """
    sources = current_sources()
    checkpoints.mkdir(parents=True, exist_ok=True)
    made_by, said = checkpoints / f"{name}-sources.txt", sources.digest
    if settings is not None:
        said += f"\n{settings}\n"
    if made_by.exists() and made_by.read_text(encoding="utf-8") != said:
        kinds = "sources" if settings is None else "sources or settings"
        raise ValueError(
            f"{checkpoints} holds work of {name} with other {kinds}; remove it to begin again, or go back to those"
        )
    with _files.replacing(made_by) as temporary:
        temporary.write_text(said, encoding="utf-8")
    return sources


def names(folder: str | os.PathLike[str] = FOLDER) -> tuple[str, ...]:
    """Names of the artefacts in a folder, in alphabetical order."""
    return tuple(sorted(path.stem for path in Path(folder).glob("*.json")))


def provenance(name: str, folder: str | os.PathLike[str] = FOLDER) -> dict[str, Any]:
    """How an artefact was made: command, settings, sources, libraries, time, digest, headline numbers.

    Raises
    ------
    ValueError
        There is no artefact of this name; the message lists those that are there.
    ArtefactError
        Its description is damaged.
    """
    found = names(folder)
    if not found:
        raise ValueError(f"there are no artefacts in {folder}")
    _check.choice("name", name, found)
    path = Path(folder) / f"{name}.json"
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArtefactError(f"{path} is damaged ({error})") from None
    if not isinstance(facts, dict) or facts.get("schema") != SCHEMA:
        raise ArtefactError(f"{path} does not describe an artefact of schema {SCHEMA!r}")
    missing = [key for key in _QUOTED if key not in facts]
    if missing:
        raise ArtefactError(f"{path} is damaged: it does not say {', '.join(missing)}")
    return facts


def load(name: str, folder: str | os.PathLike[str] = FOLDER) -> xr.Dataset:
    """The traces or tables of an artefact, after its digest has been verified.

    Raises
    ------
    ValueError
        There is no artefact of this name.
    ArtefactError
        The file is missing, or its digest is not the recorded one.
    """
    facts = provenance(name, folder)
    path = Path(folder) / f"{name}.nc"
    if not path.exists():
        raise ArtefactError(f"{path} is missing; record it again with: {facts['command']}")
    digest = _files.sha256(path)
    if digest != facts["sha256"]:
        raise ArtefactError(
            f"{path} is not the recorded file: its SHA-256 is {digest}, recorded was {facts['sha256']}; "
            f"record it again with: {facts['command']}"
        )
    with xr.open_dataset(path, engine="h5netcdf") as stored:
        if "voltage" not in stored.data_vars:
            return stored.load()
    return load_traces(path)


def save(
    name: str,
    data: xr.Dataset,
    *,
    command: str,
    settings: dict[str, Any],
    wall_seconds: float,
    headline: dict[str, float],
    sources: Sources | None = None,
    device: str = "cpu",
    folder: str | os.PathLike[str] = FOLDER,
) -> Path:
    """Write an artefact and its provenance.

    Parameters
    ----------
    name : str
        Letters, digits, dots, dashes and underscores.
    data : xarray.Dataset
        Traces, or any other labelled numbers.
    command : str
        What to type to make it again.
    settings : dict
        All settings and seeds, as plain values.
    wall_seconds : float
        How long it took.
    headline : dict of str to float
        The numbers that it is quoted for.
    sources : Sources, optional
        What :func:`current_sources` said when the work began; by default what it says now.
    device : str
    folder : path

    Returns
    -------
    Path
        Of the data. They and their description appear together, when both are written.

    Raises
    ------
    ValueError
        The name has other characters, or the sources have changed since the work began.
    """
    if not name or not all(c.isalnum() or c in "._-" for c in name):
        raise ValueError(f"name must consist of letters, digits, '.', '-' and '_', got {name!r}")
    begun = current_sources() if sources is None else sources
    if begun.digest != sources_digest():
        raise ValueError(
            "sources have changed since the work began, so its provenance would be untrue; begin again: "
            f"{command}"
        )
    path, description = (Path(folder) / f"{name}{suffix}" for suffix in (".nc", ".json"))
    facts = {
        "schema": SCHEMA,
        "name": name,
        "command": command,
        "settings": settings,
        "headline": headline,
        "made": datetime.now(UTC).strftime("%Y-%m-%d"),
        "wall_seconds": round(wall_seconds, 1),
        "device": device,
        "threads": _threads(),
        "version": __version__,
        "sources_sha256": begun.digest,
        "git_commit": begun.git_commit,
        "python": sys.version.split()[0],
        "libraries": {library: _version_of(library) for library in _LIBRARIES},
    }
    with _files.replacing(description) as beside, _files.replacing(path) as temporary:
        if "voltage" in data.data_vars:
            save_traces(data, temporary)
        else:
            packed = {each: {"zlib": True} for each in data.variables if data[each].dtype.kind in "fiu"}
            to_netcdf(data, temporary, packed)
        facts["sha256"] = _files.sha256(temporary)
        beside.write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return path


def one_line(name: str, folder: str | os.PathLike[str] = FOLDER) -> str:
    """Provenance in one line: what a chapter shows under its recorded data."""
    facts = provenance(name, folder)
    return (
        f"{name}: made {facts['made']} by `{facts['command']}` in {facts['wall_seconds']:.0f} s on "
        f"{facts['device']}, sources {facts['sources_sha256'][:12]}, file {facts['sha256'][:12]} (verified)"
    )


def sources_digest() -> str:
    """SHA-256 over the sources that a recording depends on: neuron, schemes, spikes, gradients, trainer, and so on.

    Docstrings, lines of comment and empty lines are left out: what is said of the code may be mended.
    """
    import hashlib

    package = FOLDER.parent
    digest = hashlib.sha256()
    for room in _ROOMS:
        root = package / room
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            digest.update(path.relative_to(package).as_posix().encode())
            digest.update(_without_words(path.read_text(encoding="utf-8")).encode())
    return digest.hexdigest()


@cache
def _without_words(source: str) -> str:
    """Python without docstrings and other strings that stand alone, lines of comment and empty lines."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str):
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = ""
    return "\n".join(line for line in lines if line.strip() and not line.lstrip().startswith("#"))


def git_commit() -> str | None:
    """The commit of the sources of :func:`sources_digest`, ``+changes`` behind it if they differ; None without git."""

    def ask(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(FOLDER.parent), *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return ask("rev-parse", "HEAD") + ("+changes" if ask("status", "--porcelain", "--", *_ROOMS) else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _threads() -> int | None:
    torch = sys.modules.get("torch")  # it has been used if it is here; it is not loaded for this
    return torch.get_num_threads() if torch is not None else os.cpu_count()


def _version_of(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None
