"""Every exercise: its stub, its solution, right answers, wrong answers, and answers gone astray.

A chapter's answers stand in ``chapter_NN``: ``RIGHT`` has right ones in different styles, and
``WRONG`` wrong ones, each with a part of the hint that it must get. In ``blind`` stand answers by
somebody who did not know the checks.
"""

import ast
import re
import time
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec

import pytest

import helpers
from helpers import checks
from helpers.checks import registry, state
from tests.checks import FEWEST_HINTS, FEWEST_RIGHT, FEWEST_WRONG
from tests.notebooks import IDS, PATHS, code_cells, python, tags

CHAPTERS = registry.chapters()
MODULES = {chapter: import_module(f"tests.checks.chapter_{chapter}") for chapter in CHAPTERS}
EXERCISES = {e.number: e for chapter in CHAPTERS for e in registry.in_chapter(chapter)}
UNREADABLE = "that is not of the type or shape that the exercise asks for"


def called(answer):
    return getattr(answer, "__name__", type(answer).__name__)


def wrong_answers(number):
    return MODULES[number[:2]].WRONG[number]


def right_answers(number):
    return MODULES[number[:2]].RIGHT[number]


RIGHT = [
    pytest.param(number, answer, id=f"{number}-{called(answer)}")
    for number in EXERCISES
    for answer in right_answers(number)
]
WRONG = [
    pytest.param(number, answer, hint, id=f"{number}-{called(answer)}")
    for number in EXERCISES
    for answer, hint in wrong_answers(number)
]

BLIND = {
    chapter: import_module(f"tests.checks.blind.chapter_{chapter}")
    for chapter in CHAPTERS
    if find_spec(f"tests.checks.blind.chapter_{chapter}")
}
UNSEEN = [
    pytest.param(number, answer, right, id=f"{number}-{'right' if right else 'wrong'}-{place}")
    for chapter in BLIND
    for right, answers in ((True, BLIND[chapter].RIGHT), (False, BLIND[chapter].WRONG))
    for number in sorted(answers)
    for place, answer in enumerate(answers[number])
]


def told(capsys, number, answer):
    helpers.check(number, answer)
    return capsys.readouterr().out


def settings():
    return [str(setting.read()) for setting in state.SETTINGS]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "answer"), RIGHT)
def test_a_right_answer_is_praised(capsys, number, answer):
    before = settings()
    assert told(capsys, number, answer).startswith(f"{number}: correct. ")
    assert settings() == before


@pytest.mark.slow
@pytest.mark.parametrize(("number", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_its_hint(capsys, number, answer, hint):
    before = settings()
    text = told(capsys, number, answer)
    assert text.startswith((f"{number}: not yet. ", f"{number}: your answer raised "))
    assert hint in text
    assert UNREADABLE not in text, "the check failed: it must look at what it was given"
    assert settings() == before


@pytest.mark.slow
@pytest.mark.parametrize(("number", "answer", "right"), UNSEEN)
def test_an_answer_written_from_the_statement_alone_is_judged_right(capsys, number, answer, right):
    text = told(capsys, number, answer)
    assert text.startswith(f"{number}: correct. ") == right, text


@pytest.mark.parametrize("number", EXERCISES)
def test_every_exercise_has_unseen_answers(number):
    assert number[:2] in BLIND, f"tests/checks/blind/chapter_{number[:2]}.py is missing"
    assert len(BLIND[number[:2]].RIGHT[number]) >= 3
    assert len(BLIND[number[:2]].WRONG[number]) >= 6


@pytest.mark.parametrize("number", EXERCISES)
def test_every_exercise_has_wrong_answers_of_several_kinds(number):
    hints = [hint for _, hint in wrong_answers(number)]
    assert len(hints) >= FEWEST_WRONG
    assert len(set(hints)) >= FEWEST_HINTS


@pytest.mark.parametrize("number", EXERCISES)
def test_every_exercise_has_right_answers_in_several_styles(number):
    answers = right_answers(number)
    assert len(answers) >= FEWEST_RIGHT
    assert len({called(answer) for answer in answers}) == len(answers)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_answers_belong_to_exercises(chapter):
    numbers = {n for n in EXERCISES if n.startswith(chapter)}
    assert set(MODULES[chapter].WRONG) == numbers
    assert set(MODULES[chapter].RIGHT) == numbers


@pytest.mark.parametrize("number", EXERCISES)
def test_every_exercise_has_two_hints(number):
    hints = EXERCISES[number].hints
    assert len(hints) == len(set(hints)) == 2
    for hint in hints:
        assert 20 <= len(hint) <= 400 and "\n" not in hint and hint == hint.strip()


def imports(path):
    """Returns the names that the notebook imports, and nothing that it computes."""
    names = {}
    for cell in code_cells(path)[1:]:
        nodes = [
            n for n in ast.parse(python(cell)).body if isinstance(n, ast.Import | ast.ImportFrom)
        ]
        exec(ast.unparse(nodes), names)
    return names | {"helpers": helpers}


@pytest.mark.parametrize("path", PATHS, ids=IDS)
def test_a_stub_is_not_answered_yet(capsys, path):
    """The stubs are those of the notebook, run on their own."""
    stubs = [cell for cell in code_cells(path) if "exercise" in tags(cell)]
    for stub in stubs:
        setting = imports(path)
        exec(stub.source, setting)
        number = re.search(r'check\("(.+?)"', stub.source).group(1)
        assert capsys.readouterr().out.startswith(f"{number}: not answered yet")


@pytest.mark.parametrize("path", PATHS, ids=IDS)
def test_a_solution_is_right(capsys, path):
    """The solutions are those of the notebook, with the functions and classes before them."""
    setting = imports(path)
    for cell in code_cells(path)[1:]:
        if "solution" in tags(cell):
            exec(cell.source, setting)
            number = re.search(r'check\("(.+?)"', cell.source).group(1)
            *_, last = capsys.readouterr().out.splitlines()  # a solution may print its result first
            assert last.startswith(f"{number}: correct.")
        elif "exercise" not in tags(cell):
            nodes = ast.parse(python(cell)).body
            kept = [n for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)]
            with suppress(NameError):  # a decorator or default that the chapter computes
                exec(compile(ast.Module(kept, []), path.stem, "exec"), setting)


@pytest.mark.parametrize("number", EXERCISES)
@pytest.mark.parametrize("answer", [3, "text", [1, 2], object()], ids=["int", "str", "list", "obj"])
def test_an_answer_of_the_wrong_type_is_told(capsys, number, answer):
    text = told(capsys, number, answer)
    assert text.startswith(f"{number}: not yet. ")


@pytest.mark.parametrize("number", EXERCISES)
def test_an_exception_is_reported(capsys, number):
    def broken(*arguments, **options):
        raise RuntimeError("the learner's own mistake\nand more of it")

    text = told(capsys, number, broken)
    assert text.count("\n") == 1
    assert text.startswith(
        (
            f"{number}: your answer raised RuntimeError: the learner's own mistake",
            f"{number}: not yet. ",
        )
    )


# The short limit may end a check while it prepares its input, in a destructor even.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("number", EXERCISES)
def test_an_endless_loop_is_reported(capsys, monkeypatch, number):
    def endless(*arguments, **options):
        while True:
            time.sleep(0.001)

    monkeypatch.setattr(checks, "SECONDS", 0.2)
    text = told(capsys, number, endless)
    assert text.startswith(f"{number}: not yet. ")
    assert "endless loop" in text or "is asked for" in text  # a class, where this is a function


def test_an_endless_loop_that_catches_everything_ends(capsys, monkeypatch):
    def stubborn(n):
        while True:
            with suppress(Exception):
                time.sleep(0.001)

    monkeypatch.setattr(checks, "SECONDS", 0.2)
    assert "endless loop" in told(capsys, "01.1", stubborn)
