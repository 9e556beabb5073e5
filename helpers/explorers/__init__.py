"""Explorers: figures that answer on a page without a kernel.

An explorer is a small element that computes in the reader's browser what PyTorch computes, and
shows the code for it. Its script is one file of ``helpers/assets/explorers``, which also says what
can be set. Where scripts do not run, a still figure of the same state stands in its place, computed
by PyTorch.
"""

import html as markup
import json
import math
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from helpers.explorers.stills import DATA, STILLS

SCRIPTS = Path(__file__).parents[1] / "assets" / "explorers"


def show(name: str, **state: Any) -> None:
    """Displays an explorer, in a notebook or on the book's site.

    Args:
        name: One of :func:`names`.
        state: What it starts with; see :func:`fields` for what can be set. The rest is left at the
            explorer's own start.

    Raises:
        ValueError: There is no such explorer, nothing of that name to set, or the value is not
            allowed; the message says what is.
    """
    from IPython.display import display

    still = html(name, **state)
    words = " ".join(re.sub(r"<[^>]+>", " ", still.rpartition("<p>")[2]).split())
    quiet = {"text/html": still, "text/plain": markup.unescape(words)}
    loud = {**quiet, "text/html": f"{still}<script>{scripts(name)}</script>"}
    if "google.colab" in sys.modules:
        display(loud, raw=True)
        return
    # The script comes and goes: a front end keeps what it defines, and the stored output is small.
    shown = display(quiet, raw=True, display_id=True)
    if shown is not None:
        shown.update(loud, raw=True)
        shown.update(quiet, raw=True)


def html(name: str, **state: Any) -> str:
    """Returns an explorer's element with its state and its still figure, without its script.

    Args:
        name: One of :func:`names`.
        state: As for :func:`show`.

    Raises:
        ValueError: As for :func:`show`.
    """
    complete = _complete(name, state)
    drawing, sentence = STILLS[name](**complete)
    given = markup.escape(json.dumps(complete, separators=(",", ":"), ensure_ascii=False))
    title = re.search(r'^ {4}title: "([^"]+)"', _source(name), re.M)[1]
    return (
        f'<explorer-{name} state="{given}"><div class="explorer-still"><p><strong>{title}</strong>'
        f"</p>{drawing}<p>{markup.escape(sentence)}</p></div></explorer-{name}>"
    )


def scripts(name: str) -> str:
    """Returns the JavaScript of an explorer, with what all explorers share and with its data."""
    return (SCRIPTS / "explorer.js").read_text(encoding="utf-8") + data(name) + _source(name)


@cache
def data(name: str) -> str:
    """Returns JavaScript with the data that an explorer reads; most have none, and it is empty."""
    if name not in DATA:
        return ""
    given = json.dumps(DATA[name](), separators=(",", ":"))
    return f"(window.executedExplorers.data ??= {{}}).{name} = {given};\n"


def names() -> list[str]:
    """Returns the names of all explorers."""
    return list(STILLS)


def fields(name: str) -> dict[str, str]:
    """Returns what can be set in an explorer, with what is allowed.

    Args:
        name: One of :func:`names`.

    Raises:
        ValueError: There is no such explorer.
    """
    return {control["key"]: _allowed(control) for control in controls(name)}


def controls(name: str) -> list[dict[str, Any]]:
    """Returns the fields of an explorer as its script declares them.

    Raises:
        ValueError: There is no such explorer.
    """
    if name not in STILLS:
        raise ValueError(f"name must be one of {', '.join(STILLS)}, got {name!r}")
    found = re.search(r"/\* controls \*/ (\[.*?\]) /\* end \*/", _source(name), re.S)
    return json.loads(found[1])


@cache
def _source(name: str) -> str:
    return (SCRIPTS / f"{name}.js").read_text(encoding="utf-8")


# The state


def _complete(name: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a state with all its fields, each checked."""
    known = {control["key"]: control for control in controls(name)}
    for key, value in state.items():
        if key not in known:
            raise ValueError(f"{name} has {', '.join(known)} to set, got {key!r}")
        if not _is_allowed(known[key], value):
            raise ValueError(f"{key} of {name} must be {_allowed(known[key])}, got {value!r}")
    complete = {key: state.get(key, control["value"]) for key, control in known.items()}
    return json.loads(json.dumps(complete))


def _is_allowed(control: Mapping[str, Any], value: Any) -> bool:
    kind = control["kind"]
    if kind == "number":
        return _on_grid(value, control["min"], control["max"], control.get("step", 1))
    if kind == "scale":
        return not isinstance(value, bool) and value in control["values"]
    if kind == "choice":
        return isinstance(value, str) and value in control["options"]
    if kind == "flag":
        return isinstance(value, bool)
    if kind == "text":
        return isinstance(value, str) and len(value) <= control["max"]
    bounds = list(zip(control["min"], control["max"], control["step"], strict=True))
    return (
        isinstance(value, list | tuple)
        and control["least"] <= len(value) <= control["most"]
        and all(
            isinstance(row, list | tuple)
            and len(row) == len(bounds)
            and all(_on_grid(x, *bound) for x, bound in zip(row, bounds, strict=True))
            for row in value
        )
    )


def _on_grid(value: Any, least: float, most: float, step: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    steps = (value - least) / step
    return least <= value <= most and abs(steps - round(steps)) < 1e-6


def _allowed(control: Mapping[str, Any]) -> str:
    kind = control["kind"]
    if kind == "number":
        step = control.get("step", 1)
        kind_of = "a whole number" if step == 1 else "a number"
        steps = "" if step == 1 else f" in steps of {step}"
        return f"{kind_of} from {control['min']} to {control['max']}{steps}"
    if kind == "scale":
        return "one of " + ", ".join(map(str, control["values"]))
    if kind == "choice":
        return "one of " + ", ".join(map(repr, control["options"]))
    if kind == "flag":
        return "True or False"
    if kind == "text":
        return f"a string of at most {control['max']} characters"
    columns = ", ".join(
        f"{name} from {low} to {high} in steps of {step}"
        for name, low, high, step in zip(
            control["columns"], control["min"], control["max"], control["step"], strict=True
        )
    )
    return f"{control['least']} to {control['most']} rows of ({columns})"
