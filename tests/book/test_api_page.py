"""The page of the package shows every public name of every room."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book" / "api.md").read_text(encoding="utf-8")
EXCLUDED = {"experiments", "kernels"}  # never imported by the rooms; an implementation of training


def rooms():
    """Dotted names of the packages below snntheory that declare public names."""
    found = []
    for path in sorted((ROOT / "snntheory").glob("*/__init__.py")):
        has_names = any(
            isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
            for node in ast.parse(path.read_text(encoding="utf-8")).body
        )
        if has_names and not path.parent.name.startswith("_") and path.parent.name not in EXCLUDED:
            found.append(f"snntheory.{path.parent.name}")
    return found


@pytest.mark.parametrize("room", ["snntheory.traces", *rooms()])
def test_room_is_on_the_page(room):
    """A room is named; a lazily loaded name of it, which Sphinx does not list by itself, is named too."""
    assert re.search(rf"automodule:: {re.escape(room)}$", PAGE, re.M), f"add {room} to book/api.md"
    module = import_module(room)
    for name in getattr(module, "__all__", ()):
        if name not in vars(module):
            assert f"{room}.{name}" in PAGE, f"add {room}.{name} to book/api.md"


def test_every_name_on_the_page_exists():
    """The counterpart: no entry of the page is out of date."""
    from snntheory_book.public_names import find_object

    for name in re.findall(r"^\.\. auto\w+:: (\S+)$", PAGE, re.M):
        assert find_object(name) is not None, f"{name} does not exist: remove it from book/api.md"
