"""Entries of Hu (2024)."""

from ..entry import Entry

ENTRIES: tuple[Entry, ...] = ()
