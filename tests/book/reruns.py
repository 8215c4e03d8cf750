"""What a chapter owes to a reader who reruns it: its parameters in one cell, and nothing behind an assertion.

Three rules beside those of `chapters`, in the same form: a rule takes a `Chapter` and returns a list of sentences.
"""

import ast
import builtins
import re
from collections.abc import Iterable, Iterator

from chapters import Chapter, CodeCell
from snntheory_book.rerun import is_assertion

Event = tuple[str, str]  # ("load" or "bind", name)


def of_expression(node: ast.AST | None, own: frozenset[str] = frozenset()) -> Iterator[Event]:
    """Names of the module that an expression reads (or binds, ``:=``), without those of its own inner scopes."""
    if node is None:
        return
    if isinstance(node, ast.Name):
        if node.id not in own:
            yield ("load" if isinstance(node.ctx, ast.Load) else "bind", node.id)
    elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
        inner = own | {
            name.id
            for part in node.generators
            for name in ast.walk(part.target)
            if isinstance(name, ast.Name)
        }
        yield from of_expression(node.generators[0].iter, own)  # the first is read outside
        for child in ast.iter_child_nodes(node):
            yield from of_expression(child, inner)
    elif isinstance(node, ast.Lambda | ast.FunctionDef):
        arguments = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
        body = node.body if isinstance(node.body, list) else [node.body]
        local = {
            name.id
            for child in body
            for name in ast.walk(child)
            if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
        }
        for child in body:
            yield from of_expression(child, own | arguments | local)
    else:
        for child in ast.iter_child_nodes(node):
            yield from of_expression(child, own)


def events(statements: Iterable[ast.stmt]) -> Iterator[Event]:
    """What statements read and bind, in the order of execution, each branch once."""
    for node in statements:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (("bind", (alias.asname or alias.name).split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield from (event for event in of_expression(node) if event[0] == "load")
            yield "bind", node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            yield from of_expression(node.value)
            for target in getattr(node, "targets", [getattr(node, "target", None)]):
                if isinstance(node, ast.AugAssign) and isinstance(target, ast.Name):
                    yield "load", target.id
                yield from of_expression(target)
        elif isinstance(node, ast.For):
            yield from of_expression(node.iter)
            yield from of_expression(node.target)
            yield from events([*node.body, *node.orelse])
        elif isinstance(node, ast.With):
            for item in node.items:
                yield from of_expression(item.context_expr)
                yield from of_expression(item.optional_vars)
            yield from events(node.body)
        elif isinstance(node, ast.If | ast.While):
            yield from of_expression(node.test)
            yield from events([*node.body, *node.orelse])
        else:
            yield from of_expression(node)


def reads(cells: Iterable[CodeCell], name: str) -> bool:
    """Whether cells read a name that they have not bound before."""
    for cell in cells:
        for kind, found in events(cell.tree.body):
            if found == name:
                if kind == "load":
                    return True
                return False
    return False


def parameters(chapter: Chapter) -> list[str]:
    """One cell tagged ``parameters`` behind the imports: commented literals and constructors, used and not changed."""
    tagged = [cell for cell in chapter.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1 or len(chapter.cells) < 2 or chapter.cells[1] is not tagged[0]:
        return [f"the second code cell, and no other, must have the tag 'parameters', found {len(tagged)}"]
    cell, later, faults = tagged[0], chapter.cells[2:], []
    imports = (node for node in chapter.cells[0].tree.body if not isinstance(node, ast.Assign))
    imported = {name for _, name in events(imports)} | set(dir(builtins))
    lines, names = cell.source.splitlines(), []
    for node in cell.tree.body:
        first, last = lines[node.lineno - 1], lines[node.end_lineno - 1]
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            faults.append(f"a parameter cell holds assignments only, found {first!r}")
            continue
        if not any(re.search(r"  # \S", line) for line in (first, last)):
            faults.append(f"a parameter needs a comment with its meaning or unit: {first!r}")
        for kind, name in events([node]):
            if kind == "bind":
                names.append(name)
            elif name not in imported:
                faults.append(
                    f"a parameter is a literal or a library's object, not made of {name!r}: {first!r}"
                )
    for name in names:
        if not any(event == ("load", name) for each in later for event in events(each.tree.body)):
            faults.append(f"nothing uses the parameter {name!r}")
        if any(
            event == ("bind", name)
            for each in later
            if not each.in_exercise
            for event in events(each.tree.body)
        ):
            faults.append(f"a later cell gives the parameter {name!r} another value")
    return faults


def assertions(chapter: Chapter) -> list[str]:
    """No cell reads a name that was given behind an assertion: where one fails, the notebook goes on."""
    faults = []
    for number, cell in enumerate(chapter.cells):
        body = cell.tree.body
        at = next((k for k, node in enumerate(body) if any(map(is_assertion, ast.walk(node)))), len(body))
        behind = {name for kind, name in events(body[at:]) if kind == "bind"}
        faults += [
            f"{name!r} is given behind an assertion and read by a later cell: {cell.source.splitlines()[0]!r}"
            for name in sorted(behind)
            if reads(chapter.cells[number + 1 :], name)
        ]
    return faults


def is_glue(node: ast.AST) -> bool:
    """Whether a node is a call of ``glue``."""
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "glue"


def glue_first(chapter: Chapter) -> list[str]:
    """In a cell with assertions, what is glued is glued before the first: the text shows it whatever fails."""
    faults = []
    for cell in chapter.cells:
        body = cell.tree.body
        at = next((k for k, node in enumerate(body) if any(map(is_assertion, ast.walk(node)))), len(body))
        behind = [node for part in body[at:] for node in ast.walk(part) if is_glue(node)]
        faults += [f"glued behind an assertion: {ast.unparse(node)!r}" for node in behind]
    return faults


RULES = (parameters, assertions, glue_first)
