"""Changes after which a page does the same as before, so that no output could tell.

A survivor is looked at once more: an argument left out may be the default, a comparison may never
have met its border. Those are counted apart, each with its rule (a mutation score leaves equivalent
mutants out: Y. Jia and M. Harman (2011), An analysis and survey of the development of mutation
testing, https://doi.org/10.1109/TSE.2010.62).
"""

import ast
import importlib
import inspect
import operator

DEFAULT = "the argument left out is the default"
BORDER = "the comparison never met its border"
CPU = "without a GPU, everything lies on the CPU"
GUARD = "a check of what never failed"
SILENCE = "what another process says would go to the terminal"
HELP = "only --help shows it"
RULES = (DEFAULT, BORDER, CPU, GUARD, SILENCE, HELP)
MODULES = {
    **{name: name for name in ("torch", "torchvision", "subprocess")},
    **{"plt": "matplotlib.pyplot", "np": "numpy", "F": "torch.nn.functional", "nn": "torch.nn"},
}
# Defaults that the signature does not tell: there it says None.
MEANT = {("torch.load", "weights_only"): True}
ORDERS = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}
NEIGHBOURS = {"lt": "le", "le": "lt", "gt": "ge", "ge": "gt"}


class MeetsBorder(Exception):
    """Two comparisons that differ at their border differed."""


def left_out(call: ast.Call, keyword: ast.keyword) -> str:
    """Returns the rule by which a call does the same without an argument, or nothing."""
    value = ast.unparse(keyword.value)
    rules = {
        DEFAULT: _default(call, keyword),
        CPU: keyword.arg in ("device", "map_location") and value in ("device", "'cpu'"),
        GUARD: keyword.arg in ("check", "strict") and value == "True",
        SILENCE: keyword.arg in ("stdout", "stderr") and value.endswith("DEVNULL"),
        HELP: keyword.arg in ("help", "formatter_class"),
    }
    return next((rule for rule, holds in rules.items() if holds), "")


def dropped(statement: ast.AST) -> str:
    """Returns the rule by which a page does the same without a statement, or nothing."""
    text = ast.unparse(statement)
    return CPU if text.endswith(".to(device)") and text.count("(") == 1 else ""


def probe(comparison: ast.Compare) -> ast.AST | None:
    """Returns code that compares, and raises ``MeetsBorder`` where < and <= (or > and >=) differ.

    None where there is no such border.
    """
    if len(comparison.ops) != 1 or type(comparison.ops[0]) not in ORDERS:
        return None
    name = ORDERS[type(comparison.ops[0])].__name__
    call = ast.parse(f"__import__({__name__!r}, fromlist=['']).compared(left, right, {name!r})")
    call = call.body[0].value
    call.args[:2] = [comparison.left, comparison.comparators[0]]
    return call


def compared(left: object, right: object, order: str) -> object:
    """Returns a comparison, named as in ``operator``.

    Raises:
        MeetsBorder: The two are equal somewhere, so that the other comparison would differ.
    """
    result = getattr(operator, order)(left, right)
    other = getattr(operator, NEIGHBOURS[order])(left, right)
    same = result == other
    if not (same if isinstance(same, bool) else same.all()):
        raise MeetsBorder(f"{order} and {NEIGHBOURS[order]} differ")
    return result


def _default(call: ast.Call, keyword: ast.keyword) -> bool:
    name = ast.unparse(call.func)
    function = _resolve(name)
    try:
        parameter = inspect.signature(function).parameters.get(keyword.arg)
        value = ast.literal_eval(keyword.value)
    except (TypeError, ValueError):  # no such function, no signature; not a constant
        return False
    default = parameter.default if parameter else inspect.Parameter.empty
    default = MEANT.get((name, keyword.arg), default)
    return type(default) is type(value) and default == value


def _resolve(name: str) -> object:
    """Returns what a dotted name such as ``torch.optim.Adam`` stands for, None if it is unknown."""
    first, *rest = name.split(".")
    found = importlib.import_module(MODULES[first]) if first in MODULES else None
    for part in rest:
        found = getattr(found, part, None)
    return found
