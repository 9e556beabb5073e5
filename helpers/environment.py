"""The state that a chapter starts from: versions, seeds, the device, the look of figures."""

import os
import random
import re
import sys
from importlib.metadata import PackageNotFoundError, requires, version

import numpy as np
import torch
from packaging.requirements import Requirement

MINIMUM_TORCH = (2, 11)


def setup(seed: int = 0) -> None:
    """Prepares a notebook: checks the versions, seeds everything, sets the figures' style.

    A notebook's figures then store their data beside their picture (``helpers.figure_data``).

    float32 arithmetic on a GPU is set to full precision (no TF32), so that a GPU prints the
    numbers that a CPU prints. Python processes that a chapter starts print tracebacks without
    colours, on every version: a kernel asks for them (``FORCE_COLOR``), and Python 3.13 obeys.

    Args:
        seed: Seed of Python's, NumPy's and PyTorch's generators, 0 <= seed < 2**32.

    Raises:
        RuntimeError: PyTorch is older than the book needs, or torchvision was built for another
            release of it; the message says what to type.
        TypeError: ``seed`` is not an integer.
        ValueError: ``seed`` is out of range.
    """
    _require_torch()
    _require_torchvision()
    seed_everything(seed)
    # The older switches come first and say the same: torch.export asks for them, and fails where
    # they contradict the newer ones.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    torch.backends.cudnn.conv.fp32_precision = "ieee"
    torch.backends.cudnn.rnn.fp32_precision = "ieee"
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    os.environ["PYTHON_COLORS"] = "0"

    from helpers import plotting

    plotting.use_style()
    if "IPython" in sys.modules:
        from helpers import figure_data

        figure_data.register(sys.modules["IPython"].get_ipython())


def seed_everything(seed: int) -> None:
    """Seeds Python's, NumPy's and PyTorch's global generators, PyTorch's on every device.

    Args:
        seed: 0 <= seed < 2**32, NumPy's range.

    Raises:
        TypeError: ``seed`` is not an integer.
        ValueError: ``seed`` is out of range.

    Source: https://docs.pytorch.org/docs/stable/notes/randomness.html
    """
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed must be an int, got {type(seed).__name__}: {seed!r}")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be 0 <= seed < 2**32, got {seed}")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def device(name: str | None = None) -> torch.device:
    """Returns the device that the chapter runs on: the GPU where there is one, else the CPU.

    Args:
        name: ``"cpu"`` or ``"cuda"`` to choose yourself; by default the environment variable
            ``BOOK_DEVICE``, and without it CUDA where it is available.

    Returns:
        A device to pass to ``.to(...)``.

    Raises:
        ValueError: The name is not one of the two.
        RuntimeError: CUDA was asked for and is not available.
    """
    choice = name or os.environ.get("BOOK_DEVICE") or None
    if choice is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if choice not in ("cpu", "cuda"):
        raise ValueError(f"device name must be 'cpu' or 'cuda', got {choice!r}")
    if choice == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("device 'cuda' was asked for, but torch.cuda.is_available() is False")
    return torch.device(choice)


def _require_torch() -> None:
    found = version("torch")
    if _release(found) < MINIMUM_TORCH:
        wanted = ".".join(map(str, MINIMUM_TORCH))
        raise RuntimeError(
            f"this book needs torch {wanted} or newer, found {found}: "
            f"{_advice('--upgrade torch torchvision')}"
        )


def _require_torchvision() -> None:
    torch_found = version("torch")
    advice = _advice(f"--upgrade torchvision torch=={torch_found.partition('+')[0]}")
    try:
        found, needed = version("torchvision"), requires("torchvision") or []
    except PackageNotFoundError:
        raise RuntimeError(f"torchvision is missing: {advice}") from None
    # A patch release of PyTorch keeps the interface that torchvision was built for.
    minor = ".".join(map(str, _release(torch_found))) + ".0"
    for requirement in map(Requirement, needed):
        allowed = requirement.specifier
        fits = any(allowed.contains(number, prereleases=True) for number in (torch_found, minor))
        if requirement.name == "torch" and not fits:
            raise RuntimeError(
                f"torchvision {found} needs torch{allowed}, found torch {torch_found}: {advice}"
            )


def _release(number: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", number)[:2])


def _advice(packages: str) -> str:
    return f"type  %pip install {packages}  in a cell, then restart the kernel."
