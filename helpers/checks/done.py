"""Which exercises are done: noted in a small file of the reader, one line of JSON each.

The file is ``pytorch-executed/progress.jsonl`` in the folder for data of the reader's home
(``$XDG_DATA_HOME``, else ``~/.local/share``). ``PYTORCH_EXECUTED_PROGRESS`` names another file,
or ``off``. Lines are only ever appended, in one write each: kernels that run side by side lose
nothing, and a damaged line spoils no other.

A solution cell of the book does not count, so that running all cells marks nothing as done. Nor
does a run of pytest.
"""

import json
import linecache
import os
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from helpers.checks.registry import chapters, in_chapter

VARIABLE = "PYTORCH_EXECUTED_PROGRESS"

_this_session: set[str] = set()
_problem = ""


def note(number: str, caller: FrameType | None) -> None:
    """Notes that an exercise is done, unless a solution cell of the book called.

    A file that cannot be written is no error: the exercise counts until the kernel ends, and
    ``progress`` says why.
    """
    global _problem
    if _is_solution(caller) or number in _this_session:
        return
    _this_session.add(number)
    path = _path()
    if path is None:
        return
    try:
        if number not in _read(path)[0]:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{_break(path)}{json.dumps({'done': number})}\n")
    except OSError as error:
        _problem = f"{path} cannot be written ({error.strerror or error})"


def progress(reset: bool = False) -> None:
    """Prints which exercises are done, chapter by chapter.

    Args:
        reset: Forget all of them.

    Raises:
        TypeError: ``reset`` is not a boolean.
    """
    if not isinstance(reset, bool):
        raise TypeError(f"reset must be True or False, got {type(reset).__name__}: {reset!r}")
    if reset:
        _reset()
        return
    path = _path()
    done, damaged, problem = set(_this_session), 0, _problem
    if path is not None:
        try:
            noted, damaged = _read(path)
            done |= noted
        except OSError as error:
            problem = f"{path} cannot be read ({error.strerror or error})"
    for line in _table(done):
        print(line)
    if damaged:
        print(f"Note: {damaged} damaged line{'s' * (damaged > 1)} in {path} passed over.")
    if problem:
        print(f"Note: {problem}; what you do now counts until the kernel ends.")


def _table(done: set[str]) -> Iterator[str]:
    table = {chapter: in_chapter(chapter) for chapter in chapters()}
    numbers = [exercise.number for exercises in table.values() for exercise in exercises]
    yield f"Exercises done: {len(done & set(numbers))} of {len(numbers)}"
    for chapter, exercises in table.items():
        marks = (f"{'✓' if e.number in done else '·'} {e.number}" for e in exercises)
        yield f"Chapter {chapter}   {'   '.join(marks)}"


def _reset() -> None:
    global _problem
    _this_session.clear()
    _problem = ""
    path = _path()
    try:
        if path is not None:
            path.unlink(missing_ok=True)
    except OSError as error:
        print(f"{path} cannot be deleted ({error.strerror or error}).")
    else:
        print("No exercise is marked as done any more.")


def _path() -> Path | None:
    """Returns the file, or None where nothing is to be noted."""
    chosen = os.environ.get(VARIABLE, "")
    if chosen == "off":
        return None
    if chosen:
        return Path(chosen).expanduser()
    if "PYTEST_VERSION" in os.environ:
        return None
    try:
        base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    except RuntimeError:  # no home at all
        return None
    return Path(base) / "pytorch-executed" / "progress.jsonl"


def _read(path: Path) -> tuple[set[str], int]:
    """Returns the exercises that a file notes, and how many of its lines are damaged."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return set(), 0
    found, damaged = set(), 0
    for line in filter(str.strip, text.splitlines()):
        try:
            number = json.loads(line)["done"]
            if not isinstance(number, str):
                raise TypeError
            found.add(number)
        except (ValueError, TypeError, KeyError):
            damaged += 1
    return found, damaged


def _break(path: Path) -> str:
    """Returns a line break where the file's last line, cut off in the middle, has none."""
    data = path.read_bytes() if path.exists() else b""
    return "\n" if data and not data.endswith(b"\n") else ""


def _is_solution(caller: FrameType | None) -> bool:
    """Tells whether code runs in a cell that begins as the book's solution cells do."""
    if caller is None:
        return False
    lines = linecache.getlines(caller.f_code.co_filename)
    first = next((line for line in lines if line.strip()), "")
    return first.startswith("# @title Solution ")
