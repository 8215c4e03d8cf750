"""An interactive figure as one fragment of HTML: style, still picture, data and scripts; nothing is fetched."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from ..style import use_style


def unique_name(kind: str, setting: Any) -> str:
    """A name that depends on the content alone: the same figure gives the same page again."""
    text = json.dumps(setting, sort_keys=True)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def fragment(
    kind: str,
    data: dict[str, Any],
    files_used: tuple[str, ...],
    still: str,
    alternative: str,
    equations: str = "null",
) -> str:
    """The figure as a fragment of HTML.

    The still picture is shown until the script replaces it, so also where scripts are removed.

    Parameters
    ----------
    kind : str
        The root element has the classes ``snntheory-figure`` and ``snntheory-<kind>``.
    data : dict
        What the script is given, with ``uid``; no NaN.
    files_used : tuple of str
        Style sheets and scripts of this folder, in their order; the last script defines ``mount``.
    still : str
        Text of an SVG file.
    alternative : str
        The still picture in words.
    equations : str
        Text of a JavaScript object that ``mount`` is given as well.
    """
    text = {name: files(__package__).joinpath(name).read_text("utf-8") for name in files_used}
    style = "".join(text[name] for name in files_used if name.endswith(".css"))
    script = "\n".join(text[name] for name in files_used if name.endswith(".js"))
    values = json.dumps(data, ensure_ascii=True, allow_nan=False)
    values = values.replace("<", "\\u003c")  # no text can end the script element
    source = base64.b64encode(still.encode()).decode()
    picture = f'<img src="data:image/svg+xml;base64,{source}" alt="{html.escape(alternative)}">'
    note = "This figure has controls where scripts run; this is a still picture of it."
    uid = data["uid"]
    return (
        f'<div class="snntheory-figure snntheory-{kind}" data-{kind}="{uid}">\n<style>\n{style}</style>\n'
        f'<div class="still">{picture}<p>{note}</p></div>\n<script>\n(function () {{\n"use strict";\n'
        f"const equations = {equations};\nconst data = {values};\n{script}"
        f"""const root = document.querySelector('[data-{kind}="{uid}"]:not([data-ready])');\n"""
        "if (root) mount(root, data, equations);\n})();\n</script>\n</div>\n"
    )


def svg_text(size: tuple[float, float], draw: Callable[[Figure], object]) -> str:
    """A drawing in the house's style as the text of an SVG file that is the same at every run.

    Not through pyplot: a first figure of pyplot inside ``rc_context`` would leave a notebook's later figures undrawn.

    Parameters
    ----------
    size : (float, float)
        Inches.
    draw : callable
        Draws into the figure that it is given.
    """
    with rc_context({"svg.hashsalt": "snntheory", "svg.fonttype": "path"}):
        use_style()
        fig = Figure(figsize=size)
        draw(fig)
        buffer = io.StringIO()
        fig.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
