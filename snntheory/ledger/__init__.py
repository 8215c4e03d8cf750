"""The ledger of equations: what the sources print, and what a calculation says of it.

>>> from snntheory import ledger
>>> results = ledger.run(ledger.entries("hu"))
>>> ledger.differing(results)
[]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module

from .. import _check
from .entry import Entry, Finding, Verdict

SOURCES = {
    "hu": "Hu (2024)",
    "guichard": "Guichard (2024)",
    "cojocaru": "Cojocaru (2024)",
    "lee": "Lee et al. (2023)",
    "yang": "Yang (2020)",
}
"""Short names of the sources, and how the book cites them."""

__all__ = ["SOURCES", "Entry", "Finding", "Verdict", "differing", "entries", "run"]


def entries(source: str | None = None) -> tuple[Entry, ...]:
    """The entries of one source, or of all sources, in the order of the source.

    Parameters
    ----------
    source : str, optional
        A key of :data:`SOURCES`.

    Returns
    -------
    tuple of Entry

    Raises
    ------
    ValueError
        There is no such source.
    """
    names = tuple(SOURCES) if source is None else (_check.choice("source", source, SOURCES),)
    return tuple(entry for name in names for entry in import_module(f"{__name__}.{name}").ENTRIES)


def run(
    entries: Iterable[Entry], progress: Callable[[Entry, Finding], None] | None = None
) -> list[tuple[Entry, Finding]]:
    """Compute the verdict of each entry.

    Parameters
    ----------
    entries : iterable of Entry
    progress : callable, optional
        Called with the entry and its finding after each check.

    Returns
    -------
    list of (Entry, Finding)

    Raises
    ------
    RuntimeError
        A check broke off with an error; the message names the entry.
    """
    results = []
    for entry in entries:
        try:
            finding = entry.check()
        except Exception as error:
            raise RuntimeError(f"the check of {entry.name} broke off: {error!r}") from error
        results.append((entry, finding))
        if progress is not None:
            progress(entry, finding)
    return results


def differing(results: Iterable[tuple[Entry, Finding]]) -> list[tuple[Entry, Finding]]:
    """The results whose computed verdict is not the recorded one."""
    return [(entry, finding) for entry, finding in results if finding.verdict is not entry.recorded]
