"""The exercises by number: their checks and their hints."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any

Check = Callable[[Any], str]


@dataclass(frozen=True)
class Exercise:
    """An exercise.

    Attributes:
        number: Such as ``"01.2"``.
        check: Takes an answer and returns a sentence of praise.
        hints: What ``helpers.hint`` tells, one after the other.
        may_seed: Whether an answer may seed PyTorch's global generator.
    """

    number: str
    check: Check
    hints: tuple[str, ...]
    may_seed: bool = False


EXERCISES: dict[str, Exercise] = {}


def exercise(
    number: str, *, hints: Sequence[str], may_seed: bool = False
) -> Callable[[Check], Check]:
    """Registers a check, which takes an answer and returns a sentence of praise.

    Args:
        number: The exercise's number, such as ``"01.2"``.
        hints: Two sentences, the second more than the first, neither of them the solution.
        may_seed: Whether an answer may seed PyTorch's global generator.
    """

    def register(function: Check) -> Check:
        EXERCISES[number] = Exercise(number, function, tuple(hints), may_seed)
        return function

    return register


def chapters() -> list[str]:
    """Returns the chapters that have exercises, such as ``["01", "02"]``."""
    names = [module.name for module in iter_modules(import_module("helpers.checks").__path__)]
    return sorted(name[-2:] for name in names if re.fullmatch(r"chapter_\d\d", name))


def in_chapter(chapter: str) -> list[Exercise]:
    """Returns a chapter's exercises, in order; none where there is no such chapter."""
    module = f"helpers.checks.chapter_{chapter}"
    if find_spec(module):
        import_module(module)
    return [EXERCISES[n] for n in sorted(EXERCISES) if n.startswith(f"{chapter}.")]


def find(number: str) -> Exercise:
    """Returns the exercise of a number, which may be written as in the heading, ``"1.2"``.

    Raises:
        TypeError: The number is not a string.
        ValueError: There is no exercise of that number.
    """
    if not isinstance(number, str):
        raise TypeError(
            f'exercise must be a string such as "01.2", got {type(number).__name__}: {number!r}'
        )
    parts = re.fullmatch(r"([0-9]{1,2})\.([0-9]+)", number.strip())
    chapter = parts[1].zfill(2) if parts else number.partition(".")[0]
    known = in_chapter(chapter) if parts else []
    for found in known:
        if found.number == f"{chapter}.{parts[2]}":
            return found
    if known:
        names = ", ".join(found.number for found in known)
        raise ValueError(f"no exercise {number!r}; chapter {chapter} has: {names}")
    everything = chapters()
    raise ValueError(
        f"no exercise {number!r}; numbers look like '01.2', chapters run from "
        f"{everything[0]} to {everything[-1]}"
    )
