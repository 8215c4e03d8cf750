"""What the commands say: lines and tables on stdout; errors and warnings in one line on stderr."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

out, err = Console(), Console(stderr=True)

# The extra that brings a module, for an import that fails without saying so.
EXTRAS = {"torch": "train", "numba": "train", "pooch": "train", "triton": "gpu", "neo": "electrophysiology"}
EXTRAS |= {"nixio": "electrophysiology", "dask": "cluster", "distributed": "cluster", "zarr": "cluster"}


def say(text: str) -> None:
    """A line as it is: no markup read into brackets, no break in a long path."""
    out.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)


def say_table(rows: Mapping[str, str]) -> None:
    """Quantities and their values."""
    table = Table("quantity", "value")
    for quantity, value in rows.items():
        table.add_row(quantity, escape(value))
    out.print(table)


def complain(kind: str, colour: str, text: str) -> None:
    """One line on stderr, such as "Error: ..."."""
    err.print(f"[{colour}]{kind}:[/{colour}] {escape(text)}", highlight=False, emoji=False, soft_wrap=True)


def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """A warning without the line of source that Python shows (takes the place of ``warnings.showwarning``)."""
    complain("Warning", "yellow", " ".join(str(message).split()))


def text_of(error: BaseException) -> str:
    """What an error says, with the file that an error of the system is about, or the extra that is not installed."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(error, OSError) and error.filename and str(error.filename) not in text:
        text = f"{error.filename}: {text}"
    if isinstance(error, ModuleNotFoundError) and "pip install" not in text:
        extra = EXTRAS.get((error.name or "").split(".")[0])
        text = f"this command needs {error.name}: pip install 'snntheory[{extra}]'" if extra else text
    return text
