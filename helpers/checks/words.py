"""Values in words, for hints: short, on one line, and without ever raising."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

LONGEST = 60
FEW = 8


def one_line(text: object, longest: int = 200) -> str:
    """Returns the text's first line that is not empty, cut to a length; for any object at all."""
    try:
        lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return "its message cannot be shown"
    if not lines:
        return "no message"
    return lines[0] if len(lines[0]) <= longest else lines[0][: longest - 1] + "…"


def describe(value: Any) -> str:
    """Returns what a value is, such as "a tensor of shape (3, 2)" or "the number 0.5"."""
    try:
        return _described(value)
    except Exception:
        return f"an object of type {type(value).__name__}"


def _described(value: Any) -> str:
    name = type(value).__name__
    if value is None or value is ... or isinstance(value, bool | np.bool_):
        return str(value)
    if isinstance(value, np.generic):
        return f"the NumPy number {value}"
    if isinstance(value, int | float | complex):
        return f"the number {one_line(repr(value), 30)}"
    if isinstance(value, str | bytes):
        return f"the {'text' if isinstance(value, str) else 'bytes'} {one_line(repr(value), 40)}"
    if isinstance(value, nn.parameter.UninitializedTensorMixin):
        return "a parameter without a shape yet"
    if isinstance(value, Tensor | np.ndarray):
        return _array(value)
    if isinstance(value, list | tuple | set | frozenset):
        return _collection(value, name)
    if isinstance(value, Mapping):
        keys = one_line(", ".join(repr(key) for key in list(value)[:FEW]), LONGEST)
        return f"a {name} with the keys {keys}" if value else f"an empty {name}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, nn.Module):
        return f"a module of type {name}"
    if callable(value):
        return f"the function {getattr(value, '__name__', name)}"
    return f"an object of type {name}"


def _array(value: Tensor | np.ndarray) -> str:
    kind = "a tensor" if isinstance(value, Tensor) else "a NumPy array"
    dtype = str(value.dtype).removeprefix("torch.")
    if dtype != "float32":
        kind = f"{'an' if dtype[0] in 'iu' else 'a'} {dtype} {kind[2:]}"
    if isinstance(value, Tensor) and value.is_meta:
        return f"{kind} of shape {tuple(value.shape)} on the meta device"
    if value.ndim <= 1 and _is_short(value):
        return f"{kind} {one_line(_rounded(value.tolist()), LONGEST)}"
    return f"{kind} of shape {tuple(value.shape)}"


def _is_short(value: Tensor | np.ndarray) -> bool:
    size = value.numel() if isinstance(value, Tensor) else value.size
    return 0 < size <= FEW and not getattr(value, "is_meta", False)


def _collection(value: list | tuple | set | frozenset, name: str) -> str:
    if not value:
        return f"an empty {name}"
    if len(value) <= FEW and all(isinstance(v, bool | int | float | str) for v in value):
        return f"the {name} {one_line(repr(_rounded(value)), LONGEST)}"
    first = next(iter(value))
    return f"a {name} of {len(value)}, the first of which is {describe(first)}"


def plain(value: Any) -> str:
    """Returns a value as it is written in code where that is short, else what it is."""
    try:
        if isinstance(value, Tensor) and value.ndim <= 1 and _is_short(value):
            text = one_line(_rounded(value.tolist()), LONGEST)
            return text if not text.endswith("…") else describe(value)
        if isinstance(value, bool | int | float | str | list | tuple | dict | torch.dtype):
            text = repr(_rounded(value))
            return text if len(text) <= LONGEST and "\n" not in text else describe(value)
    except Exception:
        pass
    return describe(value)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if type(value) in (list, tuple):
        return type(value)(_rounded(part) for part in value)
    return value


def two_numbers(first: float, second: float) -> tuple[str, str]:
    """Returns two different numbers with as many digits as it takes to tell them apart."""
    for digits in (4, 6, 8, 10, 12, 15, 17):
        texts = f"{first:.{digits}g}", f"{second:.{digits}g}"
        if texts[0] != texts[1] and _share(first, second) > 10 ** (1 - digits):
            return texts
    return repr(first), repr(second)


def _share(first: float, second: float) -> float:
    """Returns the difference of two numbers as a share of the larger one."""
    largest = max(abs(first), abs(second))
    return abs(first - second) / largest if 0 < largest < float("inf") else 1.0
