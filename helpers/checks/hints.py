"""Hints on demand, one after the other; the solution cell stays the last resort."""

from collections import Counter

from helpers.checks.registry import find

_asked: Counter[str] = Counter()


def hint(exercise: str) -> None:
    """Prints the exercise's first hint, and its second one when asked again.

    Args:
        exercise: The exercise's number, such as ``"01.2"``.

    Raises:
        TypeError: The number is not a string.
        ValueError: There is no exercise of that number.
    """
    found = find(exercise)
    asked = _asked[found.number]
    _asked[found.number] += 1
    if asked < len(found.hints):
        print(f"{found.number}, hint {asked + 1} of {len(found.hints)}: {found.hints[asked]}")
        return
    print(
        f"{found.number}: there is no further hint. Try once more; the last resort is the folded "
        "solution below the exercise."
    )
