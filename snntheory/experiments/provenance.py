"""What every experiment does for its artefact: settings as plain values, and sources that stay the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import _files, artefacts

Report = Callable[[str], None]


def plain(settings: Any) -> dict[str, Any]:
    """Settings, a dataclass, as plain values (for files)."""
    return {
        key: list(value) if isinstance(value, tuple) else value for key, value in asdict(settings).items()
    }


def begin(checkpoints: Path, name: str, settings: Any = None) -> artefacts.Sources:
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
    sources = artefacts.current_sources()
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
