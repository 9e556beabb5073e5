"""One small change at a time to Python code, on its syntax tree.

A mutant is a program with one plausible fault: another constant, operator or comparison, an
argument left out, a statement dropped. What cannot matter to any output is passed over by the rules
in ``COSMETIC``, each with its reason.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.mutate import equivalent

OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
}
COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
COSMETIC = {
    "layout of a figure": {
        "keywords": {
            *("figsize", "fontsize", "linewidth", "lw", "markersize", "alpha", "ha", "va", "pad"),
            *("rotation", "size", "width_ratios", "height_ratios", "layout", "loc", "ncol", "dpi"),
            *("zorder", "capsize", "gridspec_kw", "bbox_to_anchor", "columns", "s"),
            *("constrained_layout", "interpolation", "linewidths", "arrowprops", "labelpad"),
            *("xticks", "yticks"),
        },
        "calls": {"tight_layout", "subplots_adjust", "margins", "tick_params", "set_size_inches"},
    },
    "what a progress bar says": {"keywords": {"desc", "leave", "unit"}, "calls": set()},
    "speed, not results": {
        "keywords": {"num_workers", "pin_memory", "non_blocking", "prefetch_factor", "number",
                     "repeat", "persistent_workers"},
        "calls": {"synchronize", "set_num_threads"},
    },
    "how long to wait at most": {"keywords": {"timeout"}, "calls": {"sleep"}},
    "closing what is no longer used": {
        "keywords": {"missing_ok", "ignore_errors"},
        "calls": {"close", "cleanup", "rmtree", "unlink", "rmdir"},
    },
    "a figure is shown at the end of its cell all the same": {
        "keywords": set(),
        "calls": {"plt.show"},
    },
}  # fmt: skip
"""Rules by reason: names of keyword arguments and of functions, with all that stands inside."""


@dataclass(frozen=True)
class Change:
    """A program with one change.

    Attributes:
        line: Where, counted from 1.
        what: The change in words, such as "1e-05 -> 1.5e-05".
        source: The whole changed code.
        rule: Why nothing can tell, if a rule of ``equivalent`` says so.
        probe: The code without the change, which raises ``MeetsBorder`` where the two differ.
        text: The line as it was.
    """

    line: int
    what: str
    source: str
    rule: str = ""
    probe: str = ""
    text: str = ""


def changes(source: str) -> list[Change]:
    """Returns all changes of some code, in order.

    Args:
        source: Python code without magics.

    Raises:
        SyntaxError: The code cannot be parsed.
    """
    tree = ast.parse(source)
    lines = ["", *source.splitlines()]
    return [
        replace(change, text=lines[change.line].strip())
        for index in range(len(list(_relevant(tree))))
        for change in _of_node(tree, index)
    ]


def _relevant(tree: ast.AST) -> Iterator[ast.AST]:
    """Yields nodes in a fixed order, without docstrings and what is cosmetic."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.keyword) and any(
            child.arg in rule["keywords"] for rule in COSMETIC.values()
        ):
            continue
        if isinstance(child, ast.Expr) and (
            isinstance(child.value, ast.Constant) or _is_cosmetic_call(child.value)
        ):
            continue
        if isinstance(child, ast.JoinedStr):  # what is printed stands in the output
            for part in child.values:
                if isinstance(part, ast.FormattedValue):
                    yield from _relevant_with(part.value)
            continue
        yield from _relevant_with(child)


def _relevant_with(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    yield from _relevant(node)


def _is_cosmetic_call(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    whole = ast.unparse(node.func)
    names = {whole, whole.rpartition(".")[2]}
    return any(names & rule["calls"] for rule in COSMETIC.values())


def _of_node(tree: ast.AST, index: int) -> Iterator[Change]:
    def changed(mutate) -> str:
        copied = copy.deepcopy(tree)
        mutate(list(_relevant(copied))[index])
        return ast.unparse(ast.fix_missing_locations(copied))

    node = list(_relevant(tree))[index]
    line = getattr(node, "lineno", 0)
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        other = _other_constant(node.value)
        yield Change(line, f"{node.value!r} -> {other!r}",
                     changed(lambda n: setattr(n, "value", other)))  # fmt: skip
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in OPERATORS:
        other = OPERATORS[type(node.op)]
        text = f"{type(node.op).__name__} -> {other.__name__} in {_short(node)}"
        yield Change(line, text, changed(lambda n: setattr(n, "op", other())))
    elif isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            other = COMPARISONS[type(operator)]
            text = f"{type(operator).__name__} -> {other.__name__} in {_short(node)}"
            probe = changed(_turn_into_probe) if equivalent.probe(node) else ""
            source = changed(lambda n, p=place, o=other: n.ops.__setitem__(p, o()))
            yield Change(line, text, source, probe=probe)
    elif isinstance(node, ast.BoolOp):
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        text = f"{type(node.op).__name__} -> {other.__name__} in {_short(node)}"
        yield Change(line, text, changed(lambda n: setattr(n, "op", other())))
    elif isinstance(node, ast.Call):
        for place, keyword in enumerate(node.keywords):
            if keyword.arg and not any(keyword.arg in r["keywords"] for r in COSMETIC.values()):
                yield Change(line, f"without {_short(keyword)} in {_short(node)}",
                             changed(lambda n, p=place: n.keywords.pop(p)),
                             equivalent.left_out(node, keyword))  # fmt: skip
    if isinstance(node, ast.AugAssign) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        rule = equivalent.dropped(node)
        yield Change(line, f"without {_short(node)}", changed(_drop), rule)


def _other_constant(value: bool | int | float) -> bool | int | float:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return value * 1.5 if value else 0.5


def _drop(statement: ast.AST) -> None:
    """Turns a statement into ``pass``, in place."""
    statement.__class__ = ast.Pass
    for name in ("value", "target", "op"):
        statement.__dict__.pop(name, None)


def _turn_into_probe(comparison: ast.Compare) -> None:
    """Turns a comparison into its probe, in place."""
    call = equivalent.probe(comparison)
    comparison.__class__ = ast.Call
    comparison.__dict__ = {**call.__dict__, "lineno": comparison.lineno}


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else text[:59] + "…"
