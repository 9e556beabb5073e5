"""Calls answers, and tells whose code an error comes from."""

import inspect
import linecache
import sysconfig
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import helpers
from helpers.checks.changes import KINDS, Snapshot
from helpers.checks.state import Watch, seed_now
from helpers.checks.verdicts import NotAnswered, Wrong, require
from helpers.checks.words import describe, one_line, plain

_LIBRARIES = (
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib")),
    str(Path(helpers.__file__).parent),
)
_OURS = str(Path(__file__).parent)


@dataclass
class Session:
    """The check that is running: what its answer was asked and gave last."""

    watch: Watch | None = None
    may_seed: bool = False
    arguments: tuple[Any, ...] = ()
    result: Any = None
    asked: bool = field(default=False)


session = Session()


def call(
    answer: Any, *arguments: Any, changes: Collection[int | str] | bool = (), **options: Any
) -> Any:
    """Calls the answer; tells a stub, a missing ``return`` and side effects from a result.

    Args:
        answer: A function, a class or a module of the learner.
        *arguments: What it is given. It must leave them as they are.
        changes: What it may change: positions of arguments, counted from 0, kinds of change
            (``changes.KINDS``: "values", "grad", "mode", ...), or True for everything.
        **options: What it is given by name.

    Returns:
        What the answer returned.

    Raises:
        NotAnswered: The call returned ``...``.
        Wrong: The answer cannot be called, it returned None, or it changed what it was given or a
            setting outside itself.
    """
    if not callable(answer):
        raise Wrong(f"A function is asked for, and the answer is {describe(answer)}.")
    result = run(answer, *arguments, changes=changes, **options)
    require(
        result is not None, f"{named(answer)} returned None. Does it end with a return statement?"
    )
    return result


def run(
    answer: Any, *arguments: Any, changes: Collection[int | str] | bool = (), **options: Any
) -> Any:
    """As ``call``, for an answer that may return None."""
    everything = [*arguments, *options.values()]
    session.arguments, session.result, session.asked = tuple(everything), None, True
    watched = [] if changes is True else everything
    changes = () if isinstance(changes, bool) else changes
    unknown = [c for c in changes if isinstance(c, str) and c not in KINDS]
    if unknown:
        raise ValueError(f"changes must be positions or kinds {sorted(KINDS)}, got {unknown}")
    names = _names(answer, arguments, options)
    before = [Snapshot(v, names[i]) for i, v in enumerate(watched) if i not in changes]
    seed = seed_now()
    result = answer(*arguments, **options)
    session.result = result
    if result is ...:
        raise NotAnswered
    if inspect.iscoroutine(result):
        result.close()
        raise Wrong(f"{named(answer)} is an async function: write def without async.")
    for snapshot in before:
        if found := snapshot.change([c for c in changes if isinstance(c, str)]):
            raise Wrong(f"{found[0].upper()}{found[1:]}")
    if session.watch is not None and (found := session.watch.complaint()):
        raise Wrong(found)
    require(
        session.may_seed or seed_now() == seed,
        f"{named(answer)} seeds PyTorch's global generator, so its caller would draw the same "
        "numbers again: leave the seed alone, or use a torch.Generator of your own.",
    )
    return result


def _names(answer: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> list[str]:
    """Returns what to call each argument: by the parameter's name where it is known."""
    try:
        parameters = inspect.signature(answer).parameters.values()
        known = [p.name for p in parameters if p.kind <= p.POSITIONAL_OR_KEYWORD]
    except (TypeError, ValueError):
        known = []
    names = [f"the argument {name}" for name in known[: len(arguments)]]
    names += [describe(value) for value in arguments[len(names) :]]
    return [*names, *(f"the argument {name}" for name in options)]


def require_error(
    kind: type[Exception], answer: Any, *arguments: Any, hint: str, **options: Any
) -> None:
    """Calls the answer and demands that it raises an error of a kind.

    Args:
        kind: The error's class.
        answer: A function, a class or a module of the learner.
        *arguments: What it is given.
        hint: What to tell when nothing is raised: for which input, and why it is an error.
        **options: What it is given by name, and ``changes`` as for ``call``.

    Raises:
        NotAnswered: The call returned ``...``.
        Wrong: It returned, or it raised an error of another kind.
    """
    try:
        run(answer, *arguments, **options)
    except kind:
        return
    except (Wrong, NotAnswered):
        raise
    except Exception as error:
        who = named(answer).replace("Your function", "your function")
        raise Wrong(
            f"{kind.__name__} is asked for, and {who} raised {type(error).__name__}"
            f"{given(arguments)}: {one_line(error)}."
        ) from error
    raise Wrong(hint)


def named(answer: Any) -> str:
    """Returns the answer's name, to begin a sentence."""
    name = getattr(answer, "__name__", None)
    if not isinstance(name, str):
        name = type(answer).__name__
    return "Your function" if name == "<lambda>" else name


def given(arguments: Any) -> str:
    """Returns " for ..." with the arguments in words; nothing where there are none."""
    parts = [plain(value) for value in list(arguments)[:3]]
    if len(arguments) > 3:
        parts.append("…")
    return f" for {', '.join(parts)}" if parts else ""


def is_stub(answer: object) -> bool:
    """Tells whether the answer is ``...``, or a function or class whose bodies are only ``...``.

    A class whose ``__init__`` alone is written is a stub, too. One that inherits everything is not.
    """
    if answer is ... or answer is None:
        return True
    if isinstance(answer, type):
        members = {n: getattr(v, "__func__", v) for n, v in vars(answer).items()}
        functions = {n: v for n, v in members.items() if hasattr(v, "__code__")}
        if len(functions) > 1:
            functions.pop("__init__", None)
        return bool(functions) and all(is_stub(value) for value in functions.values())
    code = getattr(answer, "__code__", None)
    return code is not None and code.co_code == _stub.__code__.co_code and not code.co_names


def _stub() -> None: ...


def blame(error: BaseException) -> str:
    """Returns what to tell about an error: the answer's own, or a result that no check can read.

    It is the answer's where the answer's code was running: below ``run``, or in a frame of neither
    this package nor a library, such as a module's ``forward``.
    """
    frames = list(_frames(error.__traceback__))
    theirs = [(code, line) for code, line in frames if not _of_a_library(code.co_filename)]
    below = [i for i, (code, _) in enumerate(frames) if code is run.__code__]
    beyond = [code.co_filename for code, _ in frames[below[-1] + 1 :]] if below else []
    called = bool(below) and not (beyond and all(file.startswith(_OURS) for file in beyond))
    if not theirs and not called:
        return _unreadable()
    text = f"your answer raised {type(error).__name__}: {one_line(error)}"
    if theirs:
        code, line = theirs[-1]
        source = linecache.getline(code.co_filename, line).strip()
        place = f"`{one_line(source, 80)}`" if source else f"line {line} of {code.co_name}"
        text += f" (in {place}{given(session.arguments) if called else ''})"
    elif called:
        text += f" (called{given(session.arguments)})" if session.arguments else ""
    return text


def _unreadable() -> str:
    if not session.asked:
        return "not yet. The answer is of another kind than the exercise asks for."
    return (
        f"not yet. It gave {describe(session.result)}{given(session.arguments)}: that is not of "
        "the type or shape that the exercise asks for."
    )


def _frames(traceback: TracebackType | None) -> Any:
    while traceback is not None:
        yield traceback.tb_frame.f_code, traceback.tb_lineno
        traceback = traceback.tb_next


def _of_a_library(file: str) -> bool:
    installed = "site-packages" in file or "dist-packages" in file
    return installed or file.startswith("<frozen") or file.startswith(_LIBRARIES)
