"""Whether an answer's code contains what the statement forbids.

It reads bytecode, which is there in every notebook, unlike the source. It follows the functions
that stand beside the answer, and no library.
"""

import dis
from collections.abc import Iterator, Mapping
from functools import partial
from types import CodeType
from typing import Any

from helpers.checks.verdicts import Wrong


def forbid(answer: Any, names: Mapping[str, str] | None = None, loops: str = "") -> None:
    """Raises ``Wrong`` where the answer uses a forbidden name or a loop.

    Args:
        answer: A function or a class.
        names: Names of functions, methods or attributes that are forbidden, with what to tell.
        loops: What to tell about a loop: ``for``, ``while``, a comprehension, or ``map``.
    """
    names = names or {}
    if getattr(answer, "__code__", None) is None and getattr(answer, "__name__", "") in names:
        raise Wrong(names[answer.__name__])
    for code in _codes(answer, set()):
        for name in names:
            if name in code.co_names:
                raise Wrong(names[name])
        if loops and _has_loop(code):
            raise Wrong(loops)


def _has_loop(code: CodeType) -> bool:
    back = any(
        isinstance(step.argval, int) and step.argval <= step.offset and _jumps(step)
        for step in dis.get_instructions(code)
    )
    return back or "map" in code.co_names


def _jumps(step: dis.Instruction) -> bool:
    return step.opcode in dis.hasjrel or step.opcode in dis.hasjabs


def _codes(answer: Any, seen: set[int]) -> Iterator[CodeType]:
    """Yields the code of an answer, of what is nested in it, and of functions beside it."""
    if isinstance(answer, partial):
        yield from _codes(answer.func, seen)
        return
    if isinstance(answer, type):
        for member in list(vars(answer).values()):
            yield from _codes(getattr(member, "__func__", member), seen)
        return
    function = getattr(answer, "__wrapped__", answer)
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType) or id(code) in seen:
        return
    seen.add(id(code))
    names: list[str] = []
    for part in _nested(code):
        names += part.co_names
        yield part
    beside = [function.__globals__.get(name) for name in names]
    for cell in function.__closure__ or ():
        try:
            beside.append(cell.cell_contents)
        except ValueError:
            continue  # not bound yet
    for other in beside:
        home = getattr(other, "__module__", None)
        if home == function.__module__ and hasattr(other, "__code__"):
            yield from _codes(other, seen)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _nested(part)
