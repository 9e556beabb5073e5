"""What every check is built from."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

CHECKS: dict[str, Callable[[Any], str]] = {}


class Wrong(Exception):
    """An answer that is not right; the message says what is wrong and hints at why."""


class NotAnswered(Exception):
    """The stub is still in place."""


class TimeOver(BaseException):
    """An answer ran too long; no ``except Exception`` of the answer can swallow it."""


def exercise(number: str) -> Callable[[Callable[[Any], str]], Callable[[Any], str]]:
    """Registers a check, which takes an answer and returns a sentence of praise."""

    def register(function: Callable[[Any], str]) -> Callable[[Any], str]:
        CHECKS[number] = function
        return function

    return register


def require(condition: object, hint: str) -> None:
    """Raises ``Wrong`` with the hint unless the condition holds."""
    if not condition:
        raise Wrong(hint)


def call(answer: Any, *arguments: Any) -> Any:
    """Calls the answer and tells a stub and a missing ``return`` from a result.

    Raises:
        NotAnswered: The call returned ``...``.
        Wrong: The answer cannot be called, or it returned None.
    """
    if not callable(answer):
        raise Wrong(f"A function is asked for, but the answer is of type {type(answer).__name__}.")
    result = answer(*arguments)
    if result is ...:
        raise NotAnswered
    name = getattr(answer, "__name__", "the function")
    require(result is not None, f"{name} returned None. Does it end with a return statement?")
    return result


def require_tensor(value: object, name: str, shape: tuple[int, ...] | None = None) -> Tensor:
    """Returns the value if it is a tensor of the shape.

    Raises:
        Wrong: It is not.
    """
    require(
        isinstance(value, Tensor), f"{name} should be a torch.Tensor, not {type(value).__name__}."
    )
    if shape is not None:
        require(
            tuple(value.shape) == shape, f"{name} has shape {tuple(value.shape)}, expected {shape}."
        )
    return value


def require_subclass(answer: object, parent: type, name: str) -> None:
    """Raises ``Wrong`` unless the answer is a class derived from the parent, called name."""
    derived = isinstance(answer, type) and issubclass(answer, parent)
    require(derived, f"A subclass of {name} is asked for.")


def close(a: Tensor, b: Tensor, tolerance: float = 1e-5) -> bool:
    """Tells whether two tensors of one shape agree within the tolerance, on any device."""
    a, b = a.detach().cpu().double(), b.detach().cpu().double()
    return a.shape == b.shape and torch.allclose(a, b, rtol=tolerance, atol=tolerance)


def is_stub(answer: object) -> bool:
    """Tells whether the answer is ``...`` or a function or class whose bodies are only ``...``."""
    if answer is ... or answer is None:
        return True
    if isinstance(answer, type):
        functions = [getattr(value, "__func__", value) for value in vars(answer).values()]
        return all(is_stub(value) for value in functions if hasattr(value, "__code__"))
    code = getattr(answer, "__code__", None)
    return code is not None and code.co_code == _stub.__code__.co_code and not code.co_names


def _stub() -> None: ...


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Ends an answer that runs too long, where the platform has a timer signal.

    Raises:
        TimeOver: The time is over.
    """
    usable = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not usable:
        yield
        return

    def over(*_: object) -> None:
        raise TimeOver(f"It did not finish within {seconds:g} seconds. Is there an endless loop?")

    previous = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
