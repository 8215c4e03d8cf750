"""Entries of this source."""

from .entry import Entry

ENTRIES: tuple[Entry, ...] = ()
