"""Faults to put into stored outputs: each is small, plausible, and must be caught.

Numbers change by twice their tolerance, or by one unit of their last digit; figures lose a curve,
exchange two colours, have a half moved or erased, another word, other limits, another scale.
"""

import base64
import copy
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from PIL import Image

from tests.comparison import FIGURE, MEASURED, NUMBER, Tolerance

Named = tuple[str, Any]


def mutations(outputs: Sequence[Mapping], tolerance: Tolerance) -> Iterator[Named]:
    """Yields (what was done, the outputs with that one thing changed).

    Args:
        outputs: The stored outputs of a cell.
        tolerance: What the cell's tags allow.
    """
    for index, output in enumerate(outputs):
        yield "missing output", [*outputs[:index], *outputs[index + 1 :]]
        where = output if output["output_type"] == "stream" else output["data"]
        for key, mutate in _MUTATE.items():
            for what, other in mutate(where[key], tolerance) if key in where else ():
                changed = {**output, key: other}
                if where is not output:
                    changed = {**output, "data": {**where, key: other}}
                yield what, [*outputs[:index], changed, *outputs[index + 1 :]]
    extra = {"output_type": "stream", "name": "stderr", "text": "one more\n"}
    yield "added output", [*outputs, extra]


def text_mutations(text: str, tolerance: Tolerance) -> Iterator[Named]:
    """Yields a text with a line more or less, another word, another number."""
    lines = text.split("\n")
    yield "added line", text + "\nanother line"
    if len(lines) > 1:
        yield "dropped line", "\n".join(lines[1:])
    if word := re.search(r"[A-Za-z]{2,}", text):
        yield "changed word", text[: word.start()] + "zebra" + text[word.end() :]
    measured = {found.start() for found in MEASURED.finditer(text)}
    for found in NUMBER.finditer(text):
        if found.group() not in ("nan", "inf", "-inf", "+inf"):
            allowed = tolerance if found.start() in measured else Tolerance()
            other = text[: found.start()] + other_number(found.group(), allowed)
            yield f"changed number {found.group()}", other + text[found.end() :]


def other_number(written: str, tolerance: Tolerance) -> str:
    """Returns a number that lies outside the tolerance, by as little as can be told apart."""
    if not any(mark in written for mark in ".eE"):
        return str(int(written) + 1)
    value = float(written)
    digits = written.lower().partition("e")[0].partition(".")[2]
    exponent = int(written.lower().partition("e")[2] or 0)
    unit = 10.0 ** (exponent - len(digits))
    step = max(2 * (tolerance.atol + tolerance.rtol * abs(value)), unit)
    return repr(value + step) if step < 1e15 else f"{value + step:.6e}"


def picture_mutations(encoded: str, _: Tolerance) -> Iterator[Named]:
    """Yields a PNG cropped, emptied, turned over and replaced by noise."""
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGBA"))
    changed = {
        "cropped picture": pixels[:-8],
        "empty picture": np.zeros_like(pixels),
        "upside down picture": pixels[::-1],
        "noise": np.random.default_rng(0).integers(0, 256, pixels.shape, dtype=np.uint8),
    }
    for what, other in changed.items():
        yield what, png(np.ascontiguousarray(other))


def png(pixels: np.ndarray) -> str:
    """Returns pixels, uint8 of shape (H, W, 4), as a PNG in base64."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png", compress_level=1)
    return base64.b64encode(buffer.getvalue()).decode()


def figure_mutations(figure: Mapping, tolerance: Tolerance) -> Iterator[Named]:
    """Yields a figure's description with one plausible fault."""
    for number, axes in enumerate(figure["axes"]):
        for what, other in _axes_mutations(axes, 2 * tolerance.figure):
            every = [*figure["axes"][:number], other, *figure["axes"][number + 1 :]]
            yield f"{what}, axes {number}", {**figure, "axes": every}
    if len(figure["axes"]) > 1:
        yield "removed axes", {**figure, "axes": figure["axes"][:-1]}


def _axes_mutations(axes: Mapping, share: float) -> Iterator[Named]:
    def changed(*path: Any, to: Any) -> Any:
        return _replaced(axes, path, to)

    yield "another title", changed("title", to=axes["title"] + "s")
    for name in ("x", "y"):
        axis = axes[name]
        yield f"another label of {name}", changed(name, "label", to=axis["label"] + "s")
        scale = "linear" if axis["scale"] == "log" else "log"
        yield f"another scale of {name}", changed(name, "scale", to=scale)
        low, high = axis["limits"]
        wide = _moved([high], axis, share)[0]
        yield f"other limits of {name}", changed(name, "limits", to=[low, wide])
    for entry in range(len(axes.get("legend", []))):
        label = axes["legend"][entry]["label"]
        yield "another word in the legend", changed("legend", entry, "label", to=label + "s")
    if axes.get("legend"):
        yield "shorter legend", changed("legend", to=axes["legend"][1:])
    artists = axes["artists"]
    for index, artist in enumerate(artists):
        rest = [*artists[:index], *artists[index + 1 :]]
        yield f"removed {artist['kind']}", changed("artists", to=rest)
        for what, other in _artist_mutations(artist, axes, share):
            yield f"{artist['kind']}: {what}", changed("artists", index, to=other)
    colored = [i for i, artist in enumerate(artists) if "color" in artist]
    for one, two in list(combinations(colored, 2))[:6]:
        colors = artists[one]["color"], artists[two]["color"]
        if colors[0] != colors[1]:
            copied = changed("artists", one, "color", to=colors[1])
            yield "exchanged colours", _replaced(copied, ("artists", two, "color"), colors[0])


def _replaced(part: Any, path: Sequence, value: Any) -> Any:
    """Returns nested lists and dictionaries with another value at one place, sharing the rest."""
    if not path:
        return value
    copied = list(part) if isinstance(part, list) else dict(part)
    copied[path[0]] = _replaced(part[path[0]], path[1:], value)
    return copied


def _artist_mutations(artist: Mapping, axes: Mapping, share: float) -> Iterator[Named]:
    if "label" in artist:
        yield "another label", {**artist, "label": artist["label"] + "s"}
    if artist.get("text"):
        yield "another word", {**artist, "text": artist["text"] + "s"}
    if "at" in artist:
        yield "moved", {**artist, "at": [_moved(artist["at"][:1], axes["x"], share)[0],
                                         artist["at"][1]]}  # fmt: skip
    if "y" in artist:
        half = artist["n"] // 2
        kept = len(artist["y"]) // 2
        if kept:
            erased = {**artist, "n": artist["n"] - half}
            erased |= {name: artist[name][kept:] for name in ("x", "y")}
            yield "a part erased", erased
        moved = [*artist["y"][:kept], *_moved(artist["y"][kept:], axes["y"], share)]
        yield "a half moved", {**artist, "y": moved}
    if "means" in artist:
        yield "a part erased", {**artist, "means": _erased(artist, share)}
    if "cmap" in artist:
        yield "another colour map", {**artist, "cmap": artist["cmap"] + "_r"}


def _moved(values: Sequence, axis: Mapping, share: float) -> list:
    """Returns the values, moved by a share of the axis' range, or by what rounding shows."""
    low, high = map(float, axis["limits"])
    if axis["scale"] == "log" and low > 0:
        factor = 10 ** max(share * abs(np.log10(high / low)), 1e-3)
        return [v if isinstance(v, str) else v * factor if v > 0 else low for v in values]
    step = share * abs(high - low)
    return [v if isinstance(v, str) else v + max(step, 1e-3 * abs(v), 1e-6 * abs(high - low))
            for v in values]  # fmt: skip


def _erased(image: Mapping, share: float) -> list:
    """Returns the grid of an image, of which a quarter has another brightness."""
    means = copy.deepcopy(image["means"])
    flat = [float(x) for row in means for x in row]
    low, high = map(float, image.get("range", [min(flat), max(flat)]))
    step = max(share, 1e-3) * max(abs(high - low), 1e-6) + 1e-3 * max(map(abs, flat))
    for row in means[: max(1, len(means) // 2)]:
        for column in range(max(1, len(row) // 2)):
            row[column] = float(row[column]) + step
    return means


_MUTATE = {
    "text": text_mutations,
    "text/plain": text_mutations,
    "text/html": text_mutations,
    "image/png": picture_mutations,
    FIGURE: figure_mutations,
}
