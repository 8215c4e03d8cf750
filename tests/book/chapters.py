"""The chapter contract: how a chapter is read, and every rule as one function that returns its faults.

The contract in words is in CONTRIBUTING.md. A rule takes a `Chapter` and returns a list of sentences, empty where
the chapter keeps it.
"""

import ast
import builtins
import re
import statistics
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import jupytext

MAX_LINES = 15
MAX_MEDIAN_LINES = 5


@dataclass(frozen=True)
class CodeCell:
    """One code cell: its source, its metadata, and whether it is part of an exercise's solution."""

    source: str
    metadata: dict
    in_exercise: bool

    @cached_property
    def tree(self) -> ast.Module:
        """The cell's syntax tree; IPython's magics are not allowed, so this must succeed."""
        return ast.parse(self.source)

    @property
    def lines(self) -> int:
        """Lines that are neither blank nor a comment."""
        return sum(
            bool(line.strip()) and not line.lstrip().startswith("#") for line in self.source.splitlines()
        )


@dataclass(frozen=True)
class Chapter:
    """A chapter's text, its code cells in order and its prose in order."""

    name: str
    text: str
    cells: tuple[CodeCell, ...]
    prose: str

    @property
    def exercises_start(self) -> int:
        """Position in the prose at which the exercises begin."""
        found = re.search(r"^## Exercises\s*$", self.prose, re.M)
        return found.start() if found else len(self.prose)


def parse_chapter(text: str, name: str = "chapter") -> Chapter:
    """Read a chapter from its MyST Markdown.

    Parameters
    ----------
    text : str
        The file's content.
    name : str
        What faults call the chapter.
    """
    cells, prose, in_exercise = [], [], False
    for cell in jupytext.reads(text, fmt="md:myst").cells:
        if cell.cell_type == "code":
            cells.append(CodeCell(cell.source, dict(cell.metadata), in_exercise))
        elif cell.cell_type == "markdown":
            prose.append(cell.source)
            for mark in re.findall(r"\{solution-(start|end)\}", cell.source):
                in_exercise = mark == "start"
    return Chapter(name, text, tuple(cells), "\n\n".join(prose))


def read_chapter(path: Path) -> Chapter:
    """Read a chapter's file."""
    return parse_chapter(path.read_text(encoding="utf-8"), path.name)


def plain_prose(prose: str) -> str:
    """Prose without what may hold numbers: mathematics, code, roles, links' targets, options, labels."""
    for pattern in (
        r"(?s)\$\$.*?\$\$(\s*\([\w-]+\))?",
        r"(?s)\\begin\{(\w+\*?)\}.*?\\end\{\1\}",
        r"(?s)(`{3,})\{math\}.*?\1",
        r"(?s)(?<!\\)\$[^$]+?\$",
        r"\{[\w:-]+\}`[^`]*`",
        r"`[^`]*`",
        r"\]\([^)]*\)",
        r"(?m)^:[\w-]+:.*$",
        r"(?m)^\([\w:-]+\)=\s*$",
        r"(?m)^(:{3,}|`{3,})\{[^}]*\}.*$",
        r"(?m)^%.*$",
        r"(?s)<!--.*?-->",
    ):
        prose = re.sub(pattern, " ", prose)
    return prose


# --- rules -----------------------------------------------------------------------------------------------------------


def header(chapter: Chapter) -> list[str]:
    """Front matter of a notebook, a title, and a claim of one sentence as the first paragraph."""
    faults = []
    if not re.match(r"---\nfile_format: mystnb\nkernelspec:\n  name: python3\n", chapter.text):
        faults.append("the front matter must begin with `file_format: mystnb` and name the kernel python3")
    blocks = [block.strip() for block in re.split(r"\n\s*\n", chapter.prose) if block.strip()]
    blocks = [re.sub(r"^\([\w:-]+\)=\n", "", block) for block in blocks]
    blocks = [block for block in blocks if not re.fullmatch(r"\([\w:-]+\)=", block)]
    if not blocks or not re.fullmatch(r"# \S.*", blocks[0]):
        return [*faults, "the first block must be the title, `# …`"]
    claim = re.sub(r"\s+", " ", plain_prose(blocks[1])) if len(blocks) > 1 else ""
    if not re.match(r"\w|\*|\"|“", claim) or not claim.endswith("."):
        faults.append("the first paragraph must be the claim, a sentence that ends in a full stop")
    elif re.search(r"[.!?]\s+[A-Z]", claim):
        faults.append("the claim must be one sentence")
    if len(re.findall(r"^# ", chapter.prose, re.M)) > 1:
        faults.append("a chapter has one title")
    return faults


def preparation(chapter: Chapter) -> list[str]:
    """The box "Before you start" above the first code cell, with its four entries."""
    start = chapter.text.split("{code-cell}", 1)[0]
    faults = (
        [] if "{admonition} Before you start" in start else ["`{admonition} Before you start` is missing"]
    )
    if not re.search(r"\*\*You will be able to\*\*\s+- \S", start):
        faults.append("`**You will be able to**` with a list is missing")
    if not re.search(r"\*\*What you need\*\*: \S", start):
        faults.append("`**What you need**: …` is missing")
    if stated_minutes(chapter) is None:
        faults.append("`**Time**: N minutes to read, M minutes to run.` is missing")
    return faults


def stated_minutes(chapter: Chapter) -> tuple[int, int] | None:
    """Minutes to read and to run that the chapter states, or None."""
    found = re.search(r"\*\*Time\*\*: (\d+) minutes? to read, (\d+) minutes? to run\.", chapter.text)
    return (int(found[1]), int(found[2])) if found else None


def first_cell(chapter: Chapter) -> list[str]:
    """Imports, ``use_style()`` and an explicit generator; nothing else."""
    faults, styled, generators = [], False, 0
    for node in chapter.cells[0].tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        source = ast.unparse(node)
        if source == "use_style()":
            styled = True
        elif isinstance(node, ast.Assign) and re.fullmatch(r"\w+ = np\.random\.default_rng\(\d+\)", source):
            generators += 1
        else:
            faults.append(f"the first cell may not hold `{source.splitlines()[0]}`")
    if not styled:
        faults.append("the first cell must call use_style()")
    if generators != 1:
        faults.append("the first cell must make one generator: rng = np.random.default_rng(<integer>)")
    return faults


def cell_sizes(chapter: Chapter) -> list[str]:
    """Cells of at most 15 lines, with a median of at most 5 outside exercises, imports and parameters."""
    faults = [
        f"a cell has {cell.lines} lines, at most {MAX_LINES}: {cell.source.splitlines()[0]!r}"
        for cell in chapter.cells
        if cell.lines > MAX_LINES
    ]
    counted = [cell for cell in chapter.cells[1:] if "parameters" not in cell.metadata.get("tags", [])]
    lines = [cell.lines for cell in counted if not cell.in_exercise]
    if lines and statistics.median(lines) > MAX_MEDIAN_LINES:
        faults.append(f"the median cell has {statistics.median(lines)} lines, at most {MAX_MEDIAN_LINES}")
    return faults


def cell_contents(chapter: Chapter) -> list[str]:
    """No definitions outside exercises, no ``rcParams``, no addresses, no magics, no written files."""
    faults = []
    for cell in chapter.cells:
        first = (cell.source.splitlines() or [""])[0]
        try:
            nodes = list(ast.walk(cell.tree))
        except SyntaxError:
            faults.append(f"not plain Python (magics are not allowed): {first!r}")
            continue
        definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        if not cell.in_exercise and any(isinstance(node, definitions) for node in nodes):
            faults.append(f"def or class outside an exercise: {first!r}")
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        names |= {
            alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names
        }
        names |= {(node.module or "").split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)}
        for name in sorted(names & {"rcParams", "rc", "rc_context"}):
            faults.append(f"{name}: figures are styled by use_style() alone")
        for name in sorted(names & {"urlopen", "urlretrieve", "requests", "urllib", "pooch", "httpx"}):
            faults.append(f"{name}: a chapter reads nothing from the network")
        texts = [
            node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        faults += [
            f"address in a code cell: {text!r}" for text in texts if re.match(r"(https?|ftp)://", text)
        ]
        for name in sorted(
            names & {"savefig", "to_netcdf", "savez", "savez_compressed", "to_csv", "write_text"}
        ):
            faults.append(f"{name}: a chapter writes no file (it would be missing when the cache is used)")
    return faults


def figures(chapter: Chapter) -> list[str]:
    """Every figure has a name, a caption and an alternative text; every name is referred to in the prose."""
    faults, names = [], []
    for cell in chapter.cells:
        options = cell.metadata.get("mystnb") or {}
        figure, image = options.get("figure") or {}, options.get("image") or {}
        draws = re.search(r"\bplt\.subplots\b|\bplotting\.\w+\(|\bplot_\w+\(|\w+_figure\(", cell.source)
        if not (figure or image or draws) or "remove-output" in cell.metadata.get("tags", []):
            continue
        where = (cell.source.splitlines() or [""])[0]
        faults += [
            f"figure without mystnb.figure.{key}: {where!r}"
            for key in ("name", "caption")
            if not figure.get(key)
        ]
        if not image.get("alt"):
            faults.append(f"figure without mystnb.image.alt: {where!r}")
        names += [figure["name"]] if figure.get("name") else []
    for fence, kind, body in re.findall(
        r"(?ms)^(:{3,}|`{3,})\{(figure|glue:figure|image)\}(.*?)^\1\s*$", chapter.prose
    ):
        del fence
        found = dict(re.findall(r"(?m)^:(name|alt):\s*(\S.*)$", body))
        faults += [f"{{{kind}}} without :{key}:" for key in ("name", "alt") if key not in found]
        lines = body.strip().splitlines()[1:]
        if kind == "image" or not any(line.strip() and not line.startswith(":") for line in lines):
            faults.append(f"{{{kind}}} without a caption")
        names += [found["name"].strip()] if "name" in found else []
    if re.search(r"!\[[^\]]*\]\(", chapter.prose):
        faults.append("a Markdown image has neither name nor caption: use {figure}")
    faults += [
        f"no sentence refers to figure {n!r}"
        for n in names
        if not re.search(rf"`[^`]*\b{n}\b[^`]*`", chapter.prose)
    ]
    return faults


MEASURED = re.compile(
    r"(?<![\w.])\d+\.\d+(?!\.\d)\w*|(?<![\w.])\d[\d,]*\s?%|(?<![\w.])\d+\s?(?:ms|µs|us|s|Hz|kHz|mV|dB)\b|\d\s?×\s?10|\d+e[+-]?\d+"
)


def numbers(chapter: Chapter) -> list[str]:
    """Numbers in prose are glued: no decimals, percentages or numbers with units are typed by hand."""
    captions = [
        ((cell.metadata.get("mystnb") or {}).get("figure") or {}).get("caption", "") for cell in chapter.cells
    ]
    text = re.sub(r"\*\*Time\*\*:.*", "", plain_prose("\n\n".join([chapter.prose, *captions])))
    return [f"typed by hand, glue it: {found.group().strip()!r}" for found in MEASURED.finditer(text)]


def glued(chapter: Chapter) -> list[str]:
    """Every glued number is asserted: all that its value is made of occurs in an ``assert`` of the chapter.

    ``glue("slope", slope)`` needs for example ``assert abs(slope - 2) < 0.1`` in some cell. Where a part is glued, that
    part or the whole is asserted: ``low[0]`` is by ``low[0] > 1`` and by ``all(low > 1)``, not by ``low[1] > 1``. Names
    of literals in the same chapter (``dt = 0.001``), modules and functions that are called need no assertion.
    """
    asserted: set[tuple[str, ...]] = set()
    free: set[str] = set(dir(builtins)) | {"fig", "figure"}
    values: dict[str, ast.expr] = {}
    for cell in chapter.cells:
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.Assert):
                asserted |= references(node)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                free |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
            elif isinstance(node, ast.Assign) and not any(
                isinstance(name, ast.Name) for name in ast.walk(node.value)
            ):
                targets = (name for target in node.targets for name in ast.walk(target))
                free |= {name.id for name in targets if isinstance(name, ast.Name)}
            elif (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", getattr(node.func, "attr", "")) == "glue"
            ):
                if len(node.args) != 2 or not isinstance(node.args[0], ast.Constant):
                    return ["glue is called as glue('key', value, display=False)"]
                values[str(node.args[0].value)] = node.args[1]
    faults = []
    for key, value in values.items():
        for path in sorted(references(value)):
            if path[0] not in free and not any(path[:n] in asserted for n in range(1, len(path) + 1)):
                faults.append(f"nothing asserts {''.join(path)!r} of the glued number {key!r}")
    used = set(re.findall(r"\{glue:[\w:]+\}`([\w.-]+)", chapter.prose)) | set(
        re.findall(r"\{glue:figure\}\s*([\w.-]+)", chapter.prose)
    )
    faults += [f"{key!r} is used but not glued in this chapter" for key in sorted(used - values.keys())]
    return faults + [f"{key!r} is glued but not used" for key in sorted(values.keys() - used)]


def references(tree: ast.AST) -> set[tuple[str, ...]]:
    """What an expression reads: each name with the attributes and indices behind it, ``("low", "[0]")``."""
    found, inner, bound = set(), set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.comprehension):
            bound |= {name.id for name in ast.walk(node.target) if isinstance(name, ast.Name)}
        if isinstance(node, ast.Call):
            # a method belongs to what it is called on; a function is no number
            inner.add(id(node.func))
        if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript) or id(node) in inner:
            continue
        path: list[str] = []
        part: ast.AST = node
        while isinstance(part, ast.Attribute | ast.Subscript):
            path.insert(
                0, f".{part.attr}" if isinstance(part, ast.Attribute) else f"[{ast.unparse(part.slice)}]"
            )
            part = part.value
            inner.add(id(part))
        if isinstance(part, ast.Name):
            found.add((part.id, *path))
    return {path for path in found if path[0] not in bound}


def sections(chapter: Chapter) -> list[str]:
    """The closing sections in their order, and none but these after them."""
    found = re.findall(r"^## (.+?)\s*$", chapter.prose, re.M)
    wanted = ["On your own traces", "Exercises", "Summary"]
    faults = [] if found[-3:] == wanted else [f"the last sections must be {wanted}, found {found[-3:]}"]
    if len(found) < 4:
        faults.append("there must be at least one section before these")
    if not re.search(r"\{cite(:\w+)?\}`", chapter.prose):
        faults.append("the chapter cites no source")
    if not re.search(r"\*\*Next\*\*: \S", chapter.prose.split("## Summary")[-1]):
        faults.append("the summary must end with `**Next**: …`")
    return faults


def exercises(chapter: Chapter) -> list[str]:
    """At least one exercise; each has a label and a folded solution, and all stand in the section of that name."""
    pattern = r"(?ms)^:{3,}\{exercise\}.*?^:label: ([\w:-]+)$"
    labels = re.findall(pattern, chapter.prose)
    total = len(re.findall(r"(?m)^[:`]{3,}\{exercise\}", chapter.prose))
    faults = [] if total else ["there is no exercise"]
    if total != len(labels):
        faults.append("an exercise has no label, or is not written with colons")
    solutions = re.findall(
        r"(?m)^[:`]{3,}\{solution(?:-start)?\} ([\w:-]+)\n:class: ([\w -]+)$", chapter.prose
    )
    folded = {label for label, classes in solutions if "dropdown" in classes}
    faults += [
        f"exercise {label!r} has no folded solution (:class: dropdown)"
        for label in labels
        if label not in folded
    ]
    first = re.search(r"\{exercise\}", chapter.prose)
    if first and first.start() < chapter.exercises_start:
        faults.append("an exercise stands before the section Exercises")
    return faults


RULES = (
    header,
    preparation,
    first_cell,
    cell_sizes,
    cell_contents,
    figures,
    numbers,
    glued,
    sections,
    exercises,
)
