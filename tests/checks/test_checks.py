"""Every exercise: its stub, its typical wrong answers, and answers that go astray.

The right answers are the notebooks' solution cells, which run the same checks.
"""

import ast
import re
import time
from contextlib import suppress
from importlib import import_module

import pytest

import helpers
from helpers import checks
from helpers.checks import machinery
from tests.notebooks import IDS, PATHS, code_cells, python, tags

CHAPTERS = [name[:2] for name in IDS]
MODULES = {chapter: import_module(f"tests.checks.chapter_{chapter}") for chapter in CHAPTERS}
for chapter in CHAPTERS:
    import_module(f"helpers.checks.chapter_{chapter}")
EXERCISES = sorted(machinery.CHECKS)
WRONG = [
    pytest.param(number, answer, hint, id=f"{number}-{getattr(answer, '__name__', answer)!s}")
    for module in MODULES.values()
    for number, answers in module.WRONG.items()
    for answer, hint in answers
]


def told(capsys, number, answer):
    helpers.check(number, answer)
    return capsys.readouterr().out


@pytest.mark.parametrize(("number", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_its_hint(capsys, number, answer, hint):
    text = told(capsys, number, answer)
    assert text.startswith(f"{number}: not yet. ")
    assert hint in text


def test_every_exercise_has_two_wrong_answers():
    found = {n: len(a) for module in MODULES.values() for n, a in module.WRONG.items()}
    assert set(found) == set(EXERCISES)
    assert min(found.values()) >= 2


@pytest.mark.parametrize("number", EXERCISES)
def test_two_wrong_answers_get_two_hints(number):
    hints = [hint for _, hint in MODULES[number[:2]].WRONG[number]]
    assert len(set(hints)) == len(hints)


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


@pytest.mark.parametrize("number", EXERCISES)
@pytest.mark.parametrize("answer", [3, "text", [1, 2], object()], ids=["int", "str", "list", "obj"])
def test_an_answer_of_the_wrong_type_is_told(capsys, number, answer):
    text = told(capsys, number, answer)
    assert text.startswith((f"{number}: not yet. ", f"{number}: your answer raised "))


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


def test_an_exit_is_reported(capsys):
    def leaves(n):
        raise SystemExit(1)

    assert "your answer raised SystemExit" in told(capsys, "01.1", leaves)


@pytest.mark.parametrize("number", ["1.1", "01.9", "99.1", "", "xx.1", "01"])
def test_an_unknown_exercise_is_an_error(number):
    with pytest.raises(ValueError, match=re.escape(repr(number))):
        helpers.check(number, None)


def test_a_known_chapter_lists_its_exercises():
    with pytest.raises(ValueError, match=re.escape("01.1, 01.2, 01.3, 01.4")):
        helpers.check("01.7", None)
