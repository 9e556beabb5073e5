"""Compares a cell's new outputs with the stored ones: text, numbers, figures and pictures.

Text must be equal. A cell's tags may loosen numbers, figures and pictures, and nothing else:

- ``atol=0.01``, ``rtol=1e-4``: a number with a decimal point or an exponent may differ by
  ``atol + rtol * |stored|``. Integers never may, and neither may a setting, which is a number
  right behind a name and "=", as in ``lr=0.003``. Runs of spaces count as one, since a number of
  another width moves its neighbours. The words in a figure follow the same rule.
- ``figure=0.05``: what the values that a figure shows may differ by, as a share of their axis'
  range; without the tag, by their rounding.
- ``picture=0.1``: the share of a picture's ink that may lie elsewhere on the page; 0.02 without
  the tag. Pixels guard the layout, not the content, and only on the Matplotlib that drew them.
"""

import base64
import binascii
import functools
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tests.figures import figure_differences

NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?|nan|inf)(?![\w])",
)
MEASURED = re.compile(r"(?<!\w=)(?<!\w=[-+])" + NUMBER.pattern)
PICTURES = ("image/png", "image/jpeg")
FIGURE = "application/vnd.executed.figure+json"
DEFAULT_PICTURE_BOUND = 0.02


@dataclass(frozen=True)
class Tolerance:
    """What a cell's tags allow."""

    atol: float = 0.0
    rtol: float = 0.0
    figure: float = 0.0
    picture: float = DEFAULT_PICTURE_BOUND

    @classmethod
    def from_tags(cls, tags: Iterable[str]) -> "Tolerance":
        """Reads ``atol=``, ``rtol=``, ``figure=`` and ``picture=`` tags.

        Raises:
            ValueError: A value is no number, is negative, or is so large that it checks nothing.
        """
        values = {}
        for tag in tags:
            name, equals, text = tag.partition("=")
            if not equals or name not in ("atol", "rtol", "figure", "picture"):
                continue
            try:
                value = float(text)
            except ValueError:
                raise ValueError(f"tag {tag!r}: a number is needed after '='") from None
            if not 0 < value < math.inf or (name != "atol" and value > 1):
                raise ValueError(f"tag {tag!r}: the bound must be positive, and <= 1 but for atol")
            values[name] = value
        return cls(**values)

    @property
    def numbers(self) -> bool:
        return self.atol > 0 or self.rtol > 0


def differences(
    new: Sequence[Mapping],
    stored: Sequence[Mapping],
    tags: Iterable[str] = (),
    *,
    pixels: bool = True,
) -> list[str]:
    """Returns what differs between two lists of outputs; an empty list where they agree.

    Args:
        new: The outputs of the run, as in a notebook's ``outputs``.
        stored: The outputs in the file.
        tags: The cell's tags.
        pixels: Whether pictures are compared: another Matplotlib draws other letters. A picture
            that has no figure data beside it is compared anyway.
    """
    tolerance = Tolerance.from_tags(tags)
    new, stored = _flatten(new), _flatten(stored)
    if [key for key, _ in new] != [key for key, _ in stored]:
        return [
            "outputs of other kinds or number: stored "
            f"{[key for key, _ in stored]}, new {[key for key, _ in new]}"
        ]
    found = []
    pixels = pixels or FIGURE not in [key for key, _ in stored]
    for (key, new_value), (_, stored_value) in zip(new, stored, strict=True):
        if new_value == stored_value or (key in PICTURES and not pixels):
            continue
        if key == FIGURE:
            found += figure_differences(
                new_value,
                stored_value,
                tolerance.figure,
                lambda now, old: not _text_difference(now, old, tolerance),
            )
        elif key in PICTURES:
            found += _picture_difference(new_value, stored_value, tolerance.picture)
        elif isinstance(new_value, str) and isinstance(stored_value, str):
            found += [
                f"{key}: {line}" for line in _text_difference(new_value, stored_value, tolerance)
            ]
        else:
            found.append(f"{key}: stored {stored_value!r}, new {new_value!r}")
    return found


def _flatten(outputs: Sequence[Mapping]) -> list[tuple[str, object]]:
    """Lists (kind, content) in order; pieces of one stream are joined first."""
    flat: list[tuple[str, object]] = []
    streams: dict[str, int] = {}
    for output in outputs:
        kind = output["output_type"]
        if kind == "stream":
            name = output["name"]
            if name in streams:
                position = streams[name]
                flat[position] = (name, flat[position][1] + _joined(output["text"]))
            else:
                streams[name] = len(flat)
                flat.append((name, _joined(output["text"])))
        elif kind == "error":
            flat.append(("error", f"{output['ename']}: {output['evalue']}"))
        else:
            for mime in sorted(output["data"]):
                flat.append((mime, _joined(output["data"][mime])))
    return flat


def _joined(value: object) -> object:
    return "".join(value) if isinstance(value, list) else value


def _text_difference(new: str, stored: str, tolerance: Tolerance) -> list[str]:
    new_lines, stored_lines = new.split("\n"), stored.split("\n")
    if len(new_lines) != len(stored_lines):
        return [f"{len(stored_lines)} lines stored, {len(new_lines)} new:\n{stored}\n---\n{new}"]
    return [
        f"line {number}: stored {old!r}, new {line!r}"
        for number, (line, old) in enumerate(zip(new_lines, stored_lines, strict=True), 1)
        if line != old and not (tolerance.numbers and _equal_within(line, old, tolerance))
    ]


def _equal_within(new: str, stored: str, tolerance: Tolerance) -> bool:
    def words(line: str) -> list[str]:
        return [re.sub(r"[ \t]+", "", word) for word in MEASURED.split(line)]

    new_numbers, stored_numbers = MEASURED.findall(new), MEASURED.findall(stored)
    return words(new) == words(stored) and all(
        a == b or (_is_decimal(a) and _is_decimal(b) and _close(float(a), float(b), tolerance))
        for a, b in zip(new_numbers, stored_numbers, strict=True)
    )


def _is_decimal(number: str) -> bool:
    return any(mark in number for mark in ".eE")


def _close(new: float, stored: float, tolerance: Tolerance) -> bool:
    # The last digit is rounded: two equal numbers may be printed half a unit apart each.
    return abs(new - stored) <= (tolerance.atol + tolerance.rtol * abs(stored)) * (1 + 1e-9)


GRID = 12


def ink_difference(new: np.ndarray, stored: np.ndarray) -> float:
    """Returns the share of two pictures' ink that lies elsewhere, 0 for equal ones, 1 at most.

    Ink is where neighbouring pixels differ: lines, letters, edges. It is summed over the fields of
    a grid, so that what moves by less than a field counts little.

    Args:
        new: Shape (H, W, C), floats in [0, 1].
        stored: The same shape.
    """
    fields = [_ink(new), _ink(stored)]
    ink = sum(field.sum() for field in fields)
    return float(np.abs(fields[0] - fields[1]).sum() / ink) if ink else 0.0


def _ink(pixels: np.ndarray) -> np.ndarray:
    """Sums the ink of a picture over a grid of ``GRID`` x ``GRID`` fields."""
    ink = np.zeros(pixels.shape[:2])
    channels = np.ones(pixels.shape[2], pixels.dtype)
    ink[1:] += np.abs(np.diff(pixels, axis=0)) @ channels
    ink[:, 1:] += np.abs(np.diff(pixels, axis=1)) @ channels
    for axis, size in enumerate(pixels.shape[:2]):
        starts = np.unique(np.linspace(0, size, GRID, endpoint=False).astype(int))
        ink = np.add.reduceat(ink, starts, axis=axis)
    return ink


def _picture_difference(new: str, stored: str, bound: float) -> list[str]:
    try:
        new_pixels, stored_pixels = _pixels(new), _pixels(stored)
    except (OSError, binascii.Error) as error:
        return [f"picture cannot be read: {error}"]
    if new_pixels.shape != stored_pixels.shape:
        sizes = [f"{pixels.shape[1]} x {pixels.shape[0]}" for pixels in (stored_pixels, new_pixels)]
        return [f"picture: stored {sizes[0]} pixels, new {sizes[1]}"]
    difference = ink_difference(new_pixels, stored_pixels)
    if difference <= bound:
        return []
    return [f"picture: {difference:.3f} of the ink differs, {bound} is allowed"]


@functools.lru_cache(maxsize=2)
def _pixels(encoded: str) -> np.ndarray:
    """Decodes to floats, colour weighted by opacity: invisible colour does not count."""
    picture = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGBA")
    pixels = np.asarray(picture, dtype=np.float32) / 255
    pixels[..., :3] *= pixels[..., 3:]
    return pixels
