"""Errors of the package, which speak of arguments, in the words of a command, which has options."""

from __future__ import annotations

import re
from collections.abc import Mapping

NO_WORDS = ("dims", "dt")
"""Names that no sentence has as words, as those with an underscore; others count as names where a sentence says so."""

_CALL = re.compile(
    r"load_traces\((?:'([^']*)'|path)((?:, \w+=(?:\([^)]*\)|'[^']*'|[\w.+-]+))*)(?:, \.\.\.)?\)"
)
_ARGUMENT = re.compile(r"(?<![\w/.-])(\w+)=(\((?:'\w+',? ?)+\)|'[^']*'|[\w.+-]*\w)?")


def in_options(text: str, options: Mapping[str, str]) -> str:
    """An error's text with the options of a command in place of arguments.

    Parameters
    ----------
    text : str
    options : mapping of str to str
        Names of arguments to options, such as ``{"max_rate": "--max-rate"}``.
    """
    text = _CALL.sub(_as_command, text)
    text = _ARGUMENT.sub(lambda found: _as_option(found, options), text)
    for name, option in options.items():
        word = re.escape(name)
        if "_" in name or name in NO_WORDS:
            text = re.sub(rf"(?<![\w/.'-]){word}(?![\w/.'-]\w|[\w'/])", option, text)
        else:
            text = re.sub(rf"^{word}(?= (must|needs)\b)", option, text)
            text = re.sub(rf"\b(leave|correct|at most|at least) {word}(?= out|,|$)", rf"\1 {option}", text)
    return text


def _as_command(found: re.Match[str]) -> str:
    """``load_traces('v.npy', dt=0.001)`` as ``snntheory analyse v.npy dt=0.001``, whose arguments come next."""
    arguments = re.sub(r", (?=\w+=)", " ", found[2])
    return f"snntheory analyse {found[1] or 'FILE'}{arguments}"


def _as_option(found: re.Match[str], options: Mapping[str, str]) -> str:
    name, value = found[1], found[2] or ""
    if name not in options:
        return found[0]
    plain = ",".join(re.findall(r"[^'(), ]+", value))
    return f"{options[name]} {plain}".rstrip()
