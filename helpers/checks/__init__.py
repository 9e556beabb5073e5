"""Exercises that check themselves: ``helpers.check("01.2", answer)``.

Each chapter's checks stand in a module ``chapter_NN``; ``machinery`` says how they are written.
"""

import sys

from helpers.checks.done import note, progress
from helpers.checks.hints import hint
from helpers.checks.judging import judge
from helpers.checks.registry import find

__all__ = ["check", "hint", "progress"]

SECONDS = 20


def check(exercise: str, answer: object) -> None:
    """Prints whether an answer is right, and a hint where it is not. Never raises for an answer.

    Args:
        exercise: The exercise's number, such as ``"01.2"``.
        answer: What the exercise asks for: a function, a class or a value.

    Raises:
        TypeError: The number is not a string.
        ValueError: There is no exercise of that number.
    """
    found = find(exercise)
    verdict = judge(found, answer, SECONDS)
    if verdict.right:
        note(found.number, sys._getframe(1))
    print(verdict.text)
