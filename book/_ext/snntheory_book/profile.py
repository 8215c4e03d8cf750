"""The build's profile: ``full`` by default, or the name in ``SNNTHEORY_BOOK_PROFILE``."""

import os
import re

VARIABLE = "SNNTHEORY_BOOK_PROFILE"


def build_profile() -> str:
    """Name of the profile that this build runs under.

    A profile such as ``smoke`` may make chapters run with smaller settings (they read the same environment
    variable), so its outputs must never be mistaken for the book's: each profile has its own execution cache.

    Returns
    -------
    str
        ``"full"`` where the environment names none.

    Raises
    ------
    ValueError
        If the name could not be part of a folder's name.
    """
    name = os.environ.get(VARIABLE, "").strip() or "full"
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise ValueError(
            f"{VARIABLE} is {name!r}; it accepts lower-case letters, digits and underscores. "
            f"Unset it for the full book, or use for example {VARIABLE}=smoke."
        )
    return name
