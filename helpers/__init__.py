"""What the chapters of *PyTorch, Executed* share: data, pictures, the training loop, exercises.

Everything that a chapter teaches stands in that chapter in full. This package holds what later
chapters import again, and the bookkeeping around it. Submodules load when they are first used,
so ``import helpers`` costs little more than ``import torch``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from helpers import (
        checkpoints,
        checks,
        compat,
        data,
        diagnosis,
        explorers,
        files,
        losses,
        networks,
        plotting,
        training,
        validation,
    )
    from helpers.checks import check, hint, progress
    from helpers.environment import device, seed_everything, setup
    from helpers.training import EarlyStopping, History, evaluate, fit, train_one_epoch

_SUBMODULES = (
    "checkpoints",
    "checks",
    "compat",
    "data",
    "diagnosis",
    "environment",
    "explorers",
    "figure_data",
    "files",
    "losses",
    "networks",
    "plotting",
    "training",
    "validation",
)
_FUNCTIONS = {
    "setup": "environment",
    "device": "environment",
    "seed_everything": "environment",
    "check": "checks",
    "hint": "checks",
    "progress": "checks",
    "fit": "training",
    "train_one_epoch": "training",
    "evaluate": "training",
    "EarlyStopping": "training",
    "History": "training",
}

__all__ = [
    "EarlyStopping",
    "History",
    "check",
    "checkpoints",
    "checks",
    "compat",
    "data",
    "device",
    "diagnosis",
    "evaluate",
    "explorers",
    "figure_data",
    "files",
    "fit",
    "hint",
    "losses",
    "networks",
    "plotting",
    "progress",
    "seed_everything",
    "setup",
    "train_one_epoch",
    "training",
    "validation",
]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"helpers.{name}")
    if name in _FUNCTIONS:
        return getattr(import_module(f"helpers.{_FUNCTIONS[name]}"), name)
    raise AttributeError(f"module 'helpers' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
