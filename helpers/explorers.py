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
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

SCRIPTS = Path(__file__).parent / "assets" / "explorers"
EMBER, BLUE, GREEN, VIOLET = "#d9480f", "#2b7fd4", "#2a9461", "#9c5bd6"


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
    from IPython.display import HTML, display

    still, script = html(name, **state), f"<script>{scripts(name)}</script>"
    if "google.colab" in sys.modules:
        display(HTML(still + script))
        return
    # The script comes and goes: a front end keeps what it defines, and the stored output is small.
    shown = display(HTML(still), display_id=True)
    if shown is not None:
        shown.update(HTML(still + script))
        shown.update(HTML(still))


def html(name: str, **state: Any) -> str:
    """Returns an explorer's element with its state and its still figure, without its script.

    Args:
        name: One of :func:`names`.
        state: As for :func:`show`.

    Raises:
        ValueError: As for :func:`show`.
    """
    complete = _complete(name, state)
    drawing, sentence = _STILLS[name](**complete)
    given = markup.escape(json.dumps(complete, separators=(",", ":"), ensure_ascii=False))
    title = re.search(r'^ {4}title: "([^"]+)"', _source(name), re.M)[1]
    return (
        f'<explorer-{name} state="{given}"><div class="explorer-still"><p><strong>{title}</strong>'
        f"</p>{drawing}<p>{markup.escape(sentence)}</p></div></explorer-{name}>"
    )


def scripts(name: str) -> str:
    """Returns the JavaScript of an explorer, with what all explorers share."""
    return (SCRIPTS / "explorer.js").read_text(encoding="utf-8") + _source(name)


def names() -> list[str]:
    """Returns the names of all explorers."""
    return list(_STILLS)


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
    if name not in _STILLS:
        raise ValueError(f"name must be one of {', '.join(_STILLS)}, got {name!r}")
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


# What still figures are drawn with. Greys are the page's own colour, made paler.


def _number(x: float) -> str:
    return f"{round(x, 1):g}"


def _svg(width: int, height: float, *parts: str, label: str) -> str:
    size = f'width="{width}" height="{_number(height)}" viewBox="0 0 {width} {_number(height)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" '
        f'aria-label="{markup.escape(label)}" style="max-width:100%;height:auto" '
        f'font-family="sans-serif" font-size="12" fill="currentColor">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, words: object, anchor: str = "start", **given: Any) -> str:
    more = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in given.items())
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return (
        f'<text x="{_number(x)}" y="{_number(y)}"{place}{more}>{markup.escape(str(words))}</text>'
    )


def _cells(
    values: Sequence[Sequence[object]],
    x: float,
    y: float,
    size: float,
    mark: Callable[[int, int], str | None] = lambda row, column: None,
) -> str:
    """Returns a table of numbers as squares; ``mark`` gives a square's colour, None for none."""
    parts = []
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            left, top = x + column * size, y + row * size
            colour = mark(row, column)
            ground = f'fill="{colour}" fill-opacity="0.3"' if colour else 'fill="none"'
            parts.append(
                f'<rect x="{_number(left)}" y="{_number(top)}" width="{_number(size)}" '
                f'height="{_number(size)}" {ground} stroke="currentColor" stroke-opacity="0.4"/>'
            )
            if size >= 14 and value != "":
                parts.append(_text(left + size / 2, top + size / 2 + 4, value, "middle"))
    return "".join(parts)


def _curves(
    curves: Iterable[tuple[str, str, Sequence[tuple[float, float]]]],
    x: tuple[float, float],
    y: tuple[float, float],
    words: tuple[str, str],
    label: str,
    *,
    dots: Iterable[tuple[float, float, str]] = (),
    names: bool = True,
    size: tuple[int, int] = (360, 220),
) -> str:
    """Returns a diagram of (name, colour, points) with its axes' ends and words."""
    width, height = size
    left, right, top, bottom = 46, width - 12, 24, height - 34

    def at(point: tuple[float, float]) -> tuple[float, float]:
        across = (point[0] - x[0]) / (x[1] - x[0])
        up = (point[1] - y[0]) / (y[1] - y[0])
        return left + across * (right - left), bottom - up * (bottom - top)

    parts = [
        f'<path d="M{left},{top}V{bottom}H{right}" fill="none" stroke="currentColor" '
        'stroke-opacity="0.4"/>',
        _text(left - 5, bottom, f"{y[0]:.3g}", "end"),
        _text(left - 5, top + 9, f"{y[1]:.3g}", "end"),
        _text(left, bottom + 15, f"{x[0]:.3g}", "middle"),
        _text(right, bottom + 15, f"{x[1]:.3g}", "end"),
        _text(right, height - 4, words[0], "end"),
        _text(0, 11, words[1]),
    ]
    place = right
    for name, colour, points in curves:
        shown = [at(p) for p in points if math.isfinite(p[0]) and math.isfinite(p[1])]
        inside = [
            p for p in shown if top - 1 <= p[1] <= bottom + 1 and left - 1 <= p[0] <= right + 1
        ]
        line = "".join(f"{'L' if i else 'M'}{a:.1f},{b:.1f}" for i, (a, b) in enumerate(inside))
        parts.append(f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if name and names:
            parts.append(_text(place, 11, f"— {name}", "end", fill=colour))
            place -= 7 * len(name) + 26
    for a, b, colour in dots:
        cx, cy = at((a, b))
        parts.append(f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="4" fill="{colour}"/>')
    return _svg(width, height, *parts, label=label)


def _table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Returns a table; its first row names the columns."""

    def line(cells: Sequence[object], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{markup.escape(str(c))}</{tag}>" for c in cells) + "</tr>"

    return (
        f"<table><thead>{line(head, 'th')}</thead><tbody>"
        + "".join(line(row, "td") for row in rows)
        + "</tbody></table>"
    )


def _wrong(error: Exception) -> tuple[str, str]:
    """Returns a still without a drawing: PyTorch refuses."""
    return "", f"{type(error).__name__}: {str(error).splitlines()[0]}"


# The explorers


def _convolution(
    size: int, kernel: int, stride: int, padding: int, dilation: int, cell: int, layers: int,
    transposed: bool, extra: int,
) -> tuple[str, str]:  # fmt: skip
    x = (torch.arange(size * size) * 7 % 10).double().reshape(1, 1, size, size)
    weight = (torch.arange(kernel * kernel) * 2 % 3 - 1).double().reshape(1, 1, kernel, kernel)
    options: dict[str, int] = {"stride": stride, "padding": padding, "dilation": dilation}
    try:
        if transposed:
            y = nn.functional.conv_transpose2d(x, weight, output_padding=extra, **options)
        else:
            y = nn.functional.conv2d(x, weight, **options)
    except RuntimeError as error:
        return _wrong(error)
    out = y.shape[-1]
    width = 4 + (size + out) * 22 + 24
    shown = min(1.0, 560 / width) * 22
    walks = size if transposed else out
    place = divmod(min(cell, walks**2 - 1), walks)
    hit = {
        (place[0] * stride - padding + i * dilation, place[1] * stride - padding + j * dilation)
        for i in range(kernel)
        for j in range(kernel)
    }
    window = lambda row, column: EMBER if (row, column) in hit else None  # noqa: E731
    point = lambda row, column: BLUE if (row, column) == place else None  # noqa: E731
    numbers = [t[0, 0].long().tolist() for t in (x, y)]
    label = f"A {size} by {size} input and the {out} by {out} output, as tables of numbers."
    drawing = _svg(
        round(4 + (size + out) * shown + 24),
        22 + max(size, out) * shown,
        _text(1, 12, f"Input {size} × {size}"),
        _cells(numbers[0], 1, 18, shown, point if transposed else window),
        _text(size * shown + 24, 12, f"Output {out} × {out}"),
        _cells(numbers[1], size * shown + 24, 18, shown, window if transposed else point),
        label=label,
    )
    kind = "Transposed, kernel" if transposed else "Kernel"
    sentence = (
        f"{kind} {kernel}, stride {stride}, padding {padding}, dilation {dilation}: from "
        f"{size} × {size} to {out} × {out}. One window and what belongs to it are coloured."
    )
    return drawing, sentence


_STILLS: dict[str, Callable[..., tuple[str, str]]] = {
    "convolution": _convolution,
}
