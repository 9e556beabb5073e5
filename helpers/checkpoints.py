"""Checkpoints: everything that a run needs to go on, written so that a crash cannot spoil it.

The definitions equal those of chapter 20.
"""

import io
import os
import pickle
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from helpers.data import write_atomically


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


def save_checkpoint(path: str | os.PathLike, **parts: Any) -> None:
    """Writes the parts to one file, which is there in full or, if anything fails, as it was before.

    Args:
        path: The file to write or replace.
        **parts: By name, objects with a ``state_dict`` (models, optimizers, schedules) and plain
            values (numbers, strings, tensors, and lists and dictionaries of them).

    Raises:
        OSError: The disk is full or read-only, or the folder is missing.
    """
    states = {
        name: part.state_dict() if hasattr(part, "state_dict") else part
        for name, part in parts.items()
    }
    buffer = io.BytesIO()
    torch.save({"random": random_state(), **states}, buffer)
    write_atomically(path, buffer.getvalue())


def load_checkpoint(path: str | os.PathLike, map_location: str = "cpu") -> dict[str, Any]:
    """Reads a checkpoint without running any code that it may contain.

    Args:
        path: A file of :func:`save_checkpoint`.
        map_location: The device to put tensors on.

    Returns:
        The parts by name, states as dictionaries, and ``"random"``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is cut off, is no checkpoint, or contains more than data.

    Source: https://docs.pytorch.org/docs/stable/notes/serialization.html
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path.name} is no checkpoint, or only a part of one")
    try:
        parts = torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(f"{path.name} contains more than data; it was not loaded") from None
    except RuntimeError:
        raise ValueError(f"{path.name} is no checkpoint of PyTorch, or damaged") from None
    if not isinstance(parts, dict) or "random" not in parts:
        raise ValueError(f"{path.name} is a file of PyTorch, but not of save_checkpoint")
    return parts
