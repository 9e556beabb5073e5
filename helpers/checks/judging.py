"""Runs one check on one answer, and puts the verdict into one line."""

from dataclasses import dataclass
from typing import Any

from helpers.checks import calling, state
from helpers.checks.alarm import Alarm
from helpers.checks.registry import Exercise
from helpers.checks.verdicts import NotAnswered, TimeOver, Wrong
from helpers.checks.words import one_line

LONGEST = 500


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and the line that says so."""

    right: bool
    text: str


def judge(exercise: Exercise, answer: Any, seconds: float) -> Verdict:
    """Returns the verdict on an answer. Raises nothing but ``KeyboardInterrupt``.

    Whatever the answer changes outside itself is put back.

    Args:
        exercise: The exercise.
        answer: What the learner handed in.
        seconds: How long the check may take.
    """
    alarm = Alarm(seconds)
    before = calling.session
    right = False
    try:
        with state.known() as watch:
            calling.session = calling.Session(watch, exercise.may_seed)
            try:
                try:
                    alarm.start()
                    text = f"correct. {_praise(exercise, answer)}"
                    right = True
                finally:
                    alarm.stop()
            except BaseException as error:
                alarm.stop()
                text = _told(error)
            if complaint := watch.complaint():
                right, text = False, f"not yet. {complaint}"
    finally:
        alarm.stop()
        calling.session = before
    return Verdict(right, f"{exercise.number}: {one_line(text, LONGEST)}")


def _praise(exercise: Exercise, answer: Any) -> str:
    if calling.is_stub(answer):
        raise NotAnswered
    return exercise.check(answer)


def _told(error: BaseException) -> str:
    """Returns what to tell about what came out of a check."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    if isinstance(error, NotAnswered):
        return "not answered yet. Replace the … above and run the cell again."
    if isinstance(error, Wrong | TimeOver):
        return f"not yet. {error}"
    return calling.blame(error)
