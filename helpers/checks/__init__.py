"""Exercises that check themselves: ``helpers.check("01.2", answer)``.

Each chapter's checks stand in a module ``chapter_NN``. A check calls the answer, and raises
``Wrong`` with a hint where it is not right.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from helpers.checks.machinery import CHECKS, NotAnswered, TimeOver, Wrong, is_stub, time_limit

__all__ = ["check"]

SECONDS = 20


def check(exercise: str, answer: object) -> None:
    """Prints whether an answer is right, and a hint where it is not. Never raises for an answer.

    Args:
        exercise: The exercise's number, such as ``"01.2"``.
        answer: What the exercise asks for: a function, a class or a value.

    Raises:
        ValueError: There is no exercise of that number.
    """
    run = _find(exercise)
    try:
        if is_stub(answer):
            raise NotAnswered
        with time_limit(SECONDS):
            praise = run(answer)
    except NotAnswered:
        print(f"{exercise}: not answered yet. Replace the … above and run the cell again.")
    except (Wrong, TimeOver) as wrong:
        print(f"{exercise}: not yet. {wrong}")
    except (Exception, SystemExit) as error:
        message = str(error).splitlines()[0] if str(error) else "no message"
        print(f"{exercise}: your answer raised {type(error).__name__}: {message}")
    else:
        print(f"{exercise}: correct. {praise}")


def _find(exercise: str) -> Callable[[object], str]:
    chapter = str(exercise).partition(".")[0]
    module = f"helpers.checks.chapter_{chapter}"
    if chapter.isdigit() and find_spec(module):
        import_module(module)
    if exercise not in CHECKS:
        known = ", ".join(sorted(name for name in CHECKS if name.startswith(f"{chapter}.")))
        raise ValueError(f"no exercise {exercise!r}; chapter {chapter!r} has: {known or 'none'}")
    return CHECKS[exercise]
