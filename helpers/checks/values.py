"""Takes a result for what it is by value, and says in words what was given where it is not.

Each function looks at the type and the shape before it converts anything, so that neither an odd
result nor a huge one makes the check fail. Names are parts of a sentence: ``"slope(sin, 0)"``.
"""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helpers.checks.verdicts import Wrong, require
from helpers.checks.words import describe

# More than any exercise asks for, and little enough to be converted.
LARGEST = 10_000_000

_DTYPES = {"float": "floating-point numbers", "integer": "integers", "bool": "booleans"}


def as_number(value: Any, name: str) -> float:
    """Returns a number, a 0-d tensor or array, or one with a single element, as a float.

    Raises:
        Wrong: It is anything else; a boolean is not a number.
    """
    number = _single(value)
    if isinstance(number, bool | np.bool_) or not isinstance(number, Real | np.number):
        raise Wrong(f"{name} should be one number, and it is {describe(value)}.")
    if isinstance(number, complex | np.complexfloating):
        raise Wrong(f"{name} should be a real number, and it is {describe(value)}.")
    return float(number)


def as_float(value: Any, name: str) -> float:
    """Returns a Python float, which the statement asks for.

    Raises:
        Wrong: It is anything else.
    """
    require(
        isinstance(value, float),
        f"{name} should be a Python float, and it is {describe(value)}: .item() makes one of a "
        "tensor, float(...) of another number.",
    )
    return float(value)


def as_integer(value: Any, name: str) -> int:
    """Returns a whole number, of any type of number, as an int.

    Raises:
        Wrong: It is anything else.
    """
    number = _single(value)
    if isinstance(number, int) and not isinstance(number, bool):
        return number
    found = as_number(value, name)
    if not found.is_integer():
        raise Wrong(f"{name} should be a whole number, and it is {describe(value)}.")
    return int(found)


def as_bool(value: Any, name: str) -> bool:
    """Returns True or False, also of NumPy or in a tensor, or written as 1 or 0.

    Raises:
        Wrong: It is anything else.
    """
    single = _single(value)
    if isinstance(single, bool | np.bool_ | int) and single in (0, 1):
        return bool(single)
    raise Wrong(f"{name} should be True or False, and it is {describe(value)}.")


def as_text(value: Any, name: str) -> str:
    """Returns a string.

    Raises:
        Wrong: It is anything else.
    """
    require(isinstance(value, str), f"{name} should be a string, and it is {describe(value)}.")
    return value


def as_numbers(value: Any, name: str, n: int | None = None) -> list[float]:
    """Returns a list, tuple, array or tensor of numbers, of shape (n,), (1, n) or (n, 1).

    Raises:
        Wrong: It is anything else, or another number of numbers.
    """
    want = "numbers" if n is None else f"{n} number{'s' * (n != 1)}"
    wrong = f"{name} should be {want}, and it is {describe(value)}."
    if isinstance(value, Tensor | np.ndarray):
        size = value.numel() if isinstance(value, Tensor) else value.size
        flat = value.ndim == 1 or (value.ndim == 2 and 1 in value.shape)
        require(flat and size <= LARGEST and n in (None, size), wrong)
        value = _readable(value, name) if isinstance(value, Tensor) else value
        return [as_number(part, f"an element of {name}") for part in value.reshape(-1).tolist()]
    require(isinstance(value, list | tuple) and n in (None, len(value)), wrong)
    return [as_number(part, f"an element of {name}") for part in value]


def as_list(value: Any, name: str, n: int | None = None) -> list:
    """Returns a list or a tuple as a list.

    Raises:
        Wrong: It is anything else, or of another length.
    """
    require(isinstance(value, list | tuple), f"{name} should be a list; it is {describe(value)}.")
    require(
        n in (None, len(value)),
        f"{name} should have {n} entr{'y' if n == 1 else 'ies'}, and it has {len(value)}.",
    )
    return list(value)


def as_pair(value: Any, name: str, first: str, second: str) -> tuple[Any, Any]:
    """Returns the two things that a list or tuple holds.

    Args:
        value: The result.
        name: Of the result.
        first: What comes first, such as "the images".
        second: What comes second.

    Raises:
        Wrong: It is anything else.
    """
    if isinstance(value, list | tuple) and len(value) == 2:
        return value[0], value[1]
    raise Wrong(
        f"{name} should return two things, {first} and {second}, and it is {describe(value)}."
    )


def as_dict(value: Any, name: str) -> dict:
    """Returns a dictionary.

    Raises:
        Wrong: It is anything else.
    """
    require(
        isinstance(value, Mapping), f"{name} should be a dictionary, and it is {describe(value)}."
    )
    return dict(value)


def as_tensor(
    value: Any,
    name: str,
    shape: Sequence[int | None] | None = None,
    dtype: torch.dtype | str | None = None,
    why: str = "",
) -> Tensor:
    """Returns a tensor on the CPU, with its graph, whatever its device was.

    Args:
        value: The result.
        name: Of the result.
        shape: Its shape; None stands for any size, of one dimension or of the whole.
        dtype: Its dtype, or "float", "integer" or "bool" for any of these.
        why: What explains the shape or the dtype.

    Raises:
        Wrong: It is not a tensor, it has no readable values, or another shape or dtype.
    """
    require(
        isinstance(value, Tensor), f"{name} should be a torch.Tensor, and it is {describe(value)}."
    )
    why = f" {why}" if why else ""
    if shape is not None:
        found = tuple(value.shape)
        fits = len(found) == len(shape) and all(
            want in (None, size) for want, size in zip(shape, found, strict=True)
        )
        want = f"({', '.join('any' if s is None else str(s) for s in shape)}"
        want += ",)" if len(shape) == 1 else ")"
        require(fits, f"{name} has shape {found}, and {want} is asked for.{why}")
    if dtype is not None:
        _require_dtype(value, name, dtype, why)
    return _readable(value, name)


def as_module(value: Any, name: str, kind: type[nn.Module] = nn.Module) -> nn.Module:
    """Returns a module.

    Raises:
        Wrong: It is anything else, or a class in place of an instance.
    """
    want = "an nn.Module" if kind is nn.Module else f"an nn.{kind.__name__}"
    require(isinstance(value, kind), f"{name} should be {want}, and it is {describe(value)}.")
    return value


def as_class(value: Any, parent: type, name: str) -> type:
    """Returns a class derived from a parent, which is called ``name``.

    Raises:
        Wrong: It is anything else.
    """
    require(
        isinstance(value, type) and issubclass(value, parent),
        f"A subclass of {name} is asked for, and the answer is {describe(value)}.",
    )
    return value


def as_function(value: Any) -> Any:
    """Returns a function, or anything else that can be called.

    Raises:
        Wrong: It cannot be called.
    """
    require(callable(value), f"A function is asked for, and the answer is {describe(value)}.")
    return value


def _single(value: Any) -> Any:
    """Returns the only element of a tensor or array; anything else as it is."""
    if isinstance(value, Tensor) and not isinstance(value, nn.parameter.UninitializedTensorMixin):
        if value.numel() == 1 and value.layout is torch.strided and not value.is_meta:
            return value.detach().item()
    elif isinstance(value, np.ndarray) and value.size == 1:
        return value.item()
    return value


def _require_dtype(value: Tensor, name: str, dtype: torch.dtype | str, why: str) -> None:
    found = str(value.dtype).removeprefix("torch.")
    if isinstance(dtype, torch.dtype):
        want = str(dtype).removeprefix("torch.")
        require(value.dtype == dtype, f"{name} has dtype {found}, and {want} is asked for.{why}")
        return
    kinds = {"float": value.dtype.is_floating_point, "bool": value.dtype == torch.bool}
    whole = not value.dtype.is_floating_point and not value.dtype.is_complex
    kinds["integer"] = whole and value.dtype != torch.bool
    require(kinds[dtype], f"{name} has dtype {found}, and {_DTYPES[dtype]} are asked for.{why}")


def _readable(value: Tensor, name: str) -> Tensor:
    """Returns the tensor, dense and on the CPU."""
    if isinstance(value, nn.parameter.UninitializedTensorMixin) or value.is_meta:
        raise Wrong(f"{name} has no values yet: it is {describe(value)}.")
    require(value.numel() <= LARGEST, f"{name} is far too large: {describe(value)}.")
    if value.layout is not torch.strided:
        value = value.to_dense()
    return value.cpu()
