"""Compares what two figures show: structure and words exactly, values within a tolerance."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# Numbers are stored with five digits: two roundings may lie one unit of the last apart.
ROUNDING = 1e-4

Words = Callable[[str, str], bool]


def figure_differences(
    new: Mapping[str, Any], stored: Mapping[str, Any], share: float, same_words: Words
) -> list[str]:
    """Returns what differs between two descriptions of ``helpers.figure_data``.

    Args:
        new: The description of the run.
        stored: The one in the file.
        share: What values may differ by, as a share of the range of their axis.
        same_words: Tells whether two texts agree, for words that hold numbers.
    """
    found = _words(new, stored, ("title", "texts", "legends"), "figure", same_words)
    if len(new.get("axes", [])) != len(stored.get("axes", [])):
        return [*found, f"figure: stored {len(stored['axes'])} axes, new {len(new['axes'])}"]
    for number, (now, old) in enumerate(zip(new["axes"], stored["axes"], strict=True)):
        found += _axes(now, old, f"axes {number}", share, same_words)
    return found


def _axes(new: Mapping, stored: Mapping, where: str, share: float, same_words: Words) -> list[str]:
    if new == stored:
        return []
    found = _words(new, stored, ("title", "legend", "frame", "artists_in_all"), where, same_words)
    scales = {}
    for name in ("x", "y"):
        place = f"{where}, {name}"
        found += _words(new[name], stored[name], ("label", "scale", "ticks"), place, same_words)
        scales[name] = _Scale(stored[name]["scale"], stored[name]["limits"], share)
        found += scales[name].differences(new[name]["limits"], stored[name]["limits"], place)
    if len(new["artists"]) != len(stored["artists"]):
        counts = len(stored["artists"]), len(new["artists"])
        return [*found, f"{where}: stored {counts[0]} artists, new {counts[1]}"]
    for number, (now, old) in enumerate(zip(new["artists"], stored["artists"], strict=True)):
        name = f"{where}, {old['kind']} {number}" + (f" {old['label']!r}" if "label" in old else "")
        found += _artist(now, old, name, scales, share, same_words)
    return found


_EXACT = ("kind", "label", "color", "colors", "style", "marker", "in", "n", "paths", "shape",
          "cmap", "text")  # fmt: skip


def _artist(
    new: Mapping, stored: Mapping, where: str, scales: Mapping, share: float, same_words: Words
) -> list[str]:
    if new == stored:
        return []
    found = _words(new, stored, _EXACT, where, same_words)
    if found or set(new) != set(stored):
        return found or [f"{where}: stored {sorted(stored)}, new {sorted(new)}"]
    x, y = scales["x"], scales["y"]
    for name, scale in (("x", x), ("y", y)):
        if name in stored:
            found += scale.differences(new[name], stored[name], f"{where}, {name}")
    for name in ("mean", "at", "points_to", "extent"):
        if name in stored:
            now, old = new[name], stored[name]
            half = 2 if name == "extent" else 1
            for scale, part in ((x, slice(0, half)), (y, slice(half, None))):
                found += scale.differences(now[part], old[part], f"{where}, {name}")
    for name in ("range", "values", "means"):
        if name in stored:
            now, old = _flat(new[name]), _flat(stored[name])
            limits = stored.get("range") or [min(old, key=_finite), max(old, key=_finite)]
            scale = _Scale("linear", limits, share)
            found += scale.differences(now, old, f"{where}, {name}")
    return found


class _Scale:
    """How far apart two values of an axis may lie."""

    def __init__(self, kind: str, limits: Sequence, share: float):
        self._log = kind == "log"
        low, high = (self._place(value) for value in limits)
        self._allowed = share * abs(high - low)

    def _place(self, value: Any) -> float:
        number = float(value)
        if not self._log:
            return number
        return math.log10(number) if number > 0 else -math.inf

    def differences(self, new: Sequence, stored: Sequence, where: str) -> list[str]:
        if len(new) != len(stored):
            return [f"{where}: stored {len(stored)} values, new {len(new)}"]
        for now, old in zip(new, stored, strict=True):
            a, b = self._place(now), self._place(old)
            if a == b or (math.isnan(a) and math.isnan(b)):
                continue
            rounding = ROUNDING * (1 if self._log else max(abs(b), abs(a)))
            if not abs(a - b) <= self._allowed + rounding:
                return [f"{where}: stored {old}, new {now}"]
        return []


def _finite(value: Any) -> float:
    number = float(value)
    return number if math.isfinite(number) else 0.0


def _flat(values: Any) -> list:
    return [x for row in values for x in _flat(row)] if isinstance(values, list) else [values]


def _words(
    new: Mapping, stored: Mapping, names: Sequence[str], where: str, same_words: Words
) -> list[str]:
    return [
        f"{where}, {name}: stored {stored.get(name)!r}, new {new.get(name)!r}"
        for name in names
        if not _equal(new.get(name), stored.get(name), same_words)
    ]


def _equal(new: Any, stored: Any, same_words: Words) -> bool:
    if isinstance(new, str) and isinstance(stored, str):
        return new == stored or same_words(new, stored)
    if isinstance(new, list) and isinstance(stored, list):
        return len(new) == len(stored) and all(
            _equal(a, b, same_words) for a, b in zip(new, stored, strict=True)
        )
    if isinstance(new, Mapping) and isinstance(stored, Mapping):
        return set(new) == set(stored) and all(
            _equal(new[key], stored[key], same_words) for key in stored
        )
    return new == stored
