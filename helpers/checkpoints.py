"""Checkpoints: everything that a run needs to go on, written so that a crash cannot spoil it.

The definitions equal those of chapter 20.
"""

import copy
import io
import os
import pickle
import random
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from helpers.files import write_atomically


def random_state() -> dict[str, Any]:
    """Returns the states of Python's, NumPy's and PyTorch's global generators.

    All are tensors, numbers and strings, so that ``torch.load`` takes them with
    ``weights_only=True``.

    Source: https://docs.pytorch.org/docs/stable/notes/randomness.html
    """
    kind, keys, *rest = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": (kind, keys.tolist(), *rest),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all(),
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Puts back what :func:`random_state` returned.

    Args:
        state: As returned by :func:`random_state`.
    """
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    torch.cuda.set_rng_state_all(state["cuda"][: torch.cuda.device_count()])


PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray, torch.Tensor,
         torch.nn.Parameter, torch.dtype, torch.device)  # fmt: skip
"""The types that ``torch.load`` builds again with ``weights_only=True``."""


def plain_value(value: Any, name: str) -> Any:
    """Returns a value that has no parts as plain data: NumPy's numbers as Python's, for example.

    Arrays become tensors, paths strings.

    Args:
        value: The value.
        name: What to call it in an error.

    Raises:
        TypeError: The value is something else.
    """
    if isinstance(value, np.generic):
        value = value.item()
    # PyTorch has no numbers as long as NumPy's types g and G.
    if type(value) is np.ndarray and value.dtype.kind in "biufc" and value.dtype.char not in "gG":
        value = torch.from_numpy(np.array(value, value.dtype.newbyteorder("=")))
    if isinstance(value, Path):
        value = str(value)
    if type(value) not in PLAIN or getattr(value, "is_nested", False):
        raise TypeError(
            f"{name} is of type {type(value).__name__}; a checkpoint holds numbers, strings, "
            "tensors, and lists and dictionaries of them"
        )
    return value


def plain(value: Any, name: str) -> Any:
    """Returns a value and all its parts as plain data, or says which part cannot be.

    Whatever has a ``state_dict`` becomes that; kinds of list, tuple, set and dictionary become the
    plain ones.

    Args:
        value: The value.
        name: What to call it in an error.

    Raises:
        TypeError: A part is none that :func:`plain_value` takes.

    Source: https://docs.pytorch.org/docs/stable/notes/serialization.html#weights-only
    """
    if hasattr(value, "state_dict") and not isinstance(value, type):
        value = value.state_dict()
    if isinstance(value, dict):
        # A copy keeps what a model's state knows beside its tensors: the version of its layout.
        result = copy.copy(value) if type(value) in (OrderedDict, Counter) else {}
        result.clear()
        for key, part in value.items():
            result[plain(key, f"a key of {name}")] = plain(part, f"{name}[{key!r}]")
        return result
    for kind in (list, tuple, set):
        if isinstance(value, kind):
            return kind(plain(part, f"{name}[{place}]") for place, part in enumerate(value))
    return plain_value(value, name)


def save_checkpoint(path: str | os.PathLike, **parts: Any) -> None:
    """Writes the parts to one file, which is there in full or, if anything fails, as it was before.

    Args:
        path: The file to write or replace.
        **parts: By name, objects with a ``state_dict`` (models, optimizers, schedules) and values
            that :func:`plain` takes. ``random`` is the generators' own name.

    Raises:
        OSError: The disk is full or read-only, or the folder is missing.
        TypeError: A part holds what :func:`load_checkpoint` could not open.
        ValueError: A part is called ``random``.
    """
    if "random" in parts:
        raise ValueError("random is the name of the generators' states; choose another")
    states = {name: plain(part, name) for name, part in parts.items()}
    buffer = io.BytesIO()
    torch.save({"random": random_state(), **states}, buffer)
    write_atomically(path, buffer.getvalue())


def load_checkpoint(path: str | os.PathLike, map_location: str = "cpu") -> dict[str, Any]:
    """Reads a checkpoint without running any code that it may contain.

    Args:
        path: A file of :func:`save_checkpoint`.
        map_location: The device to put tensors on; the generators' states stay on the CPU, where
            :func:`set_random_state` needs them.

    Returns:
        The parts by name, states as dictionaries, and ``"random"``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is cut off or damaged, is not a checkpoint, or contains more than
            data.

    Source: https://docs.pytorch.org/docs/stable/notes/serialization.html
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    try:
        with zipfile.ZipFile(path) as file:
            wrong = file.testzip()
    except Exception:  # a damaged file raises errors of many kinds
        raise ValueError(f"{path.name} is not a checkpoint, or only a part of one") from None
    if wrong is not None:
        raise ValueError(f"{path.name} is damaged: a checksum does not match")
    try:
        parts = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(f"{path.name} contains more than data; it was not loaded") from None
    except Exception:
        raise ValueError(f"{path.name} is not a checkpoint of PyTorch") from None
    if not isinstance(parts, dict) or "random" not in parts:
        raise ValueError(f"{path.name} is a file of PyTorch, but not of save_checkpoint")
    if map_location != "cpu":  # the generators' states stay on the CPU
        moved = torch.load(path, map_location=map_location, weights_only=True)
        parts = {**moved, "random": parts["random"]}
    return parts
