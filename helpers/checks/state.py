"""What an answer can change outside itself: it is put into a known state, watched, put back.

Each ``Setting`` says how to read and to write one thing. A check runs with all of them at their
usual values, whatever the notebook has set, and leaves them as they were. An answer that changes
a setting which would break later cells is told so.
"""

import builtins
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.modules import module as torch_module

_KEEP = object()
_SEED = 20_240_601


@dataclass(frozen=True)
class Setting:
    """One thing that an answer can change.

    Attributes:
        read: Returns its value now.
        write: Sets it to a value that ``read`` gave.
        usual: The value in which a check runs; without one, it stays as it is.
        told: What to tell whoever leaves it changed; empty where it is put back in silence.
    """

    read: Callable[[], Any]
    write: Callable[[Any], None]
    usual: Any = _KEEP
    told: str = ""


def _dictionary(found: Any) -> tuple[Callable[[], dict], Callable[[dict], None]]:
    """Returns how to read and write all entries of a dictionary."""

    def write(saved: dict) -> None:
        for key in [key for key in found if key not in saved]:
            del found[key]
        for key, value in saved.items():
            if key not in found or found[key] is not value:
                found[key] = value

    return lambda: dict(found), write


def _read_autocast() -> list[tuple[str, bool, torch.dtype]]:
    kinds = ("cpu", "cuda")
    return [(k, torch.is_autocast_enabled(k), torch.get_autocast_dtype(k)) for k in kinds]


def _write_autocast(saved: list[tuple[str, bool, torch.dtype]]) -> None:
    if saved != _read_autocast():
        for kind, enabled, dtype in saved:
            torch.set_autocast_enabled(kind, enabled)
            torch.set_autocast_dtype(kind, dtype)
        torch.clear_autocast_cache()


def _write_device(saved: torch.device) -> None:
    if saved != torch.get_default_device():
        torch.set_default_device(None if saved.type == "cpu" else saved)


def _read_deterministic() -> tuple[bool, bool]:
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    return torch.are_deterministic_algorithms_enabled(), warn_only


def _read_anomaly() -> tuple[bool, bool]:
    return torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()


def _read_cudnn() -> tuple[bool, bool, bool]:
    found = torch.backends.cudnn
    return found.enabled, found.benchmark, found.deterministic


def _write_cudnn(saved: tuple[bool, bool, bool]) -> None:
    found = torch.backends.cudnn
    found.enabled, found.benchmark, found.deterministic = saved


def _read_folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def _write_folder(saved: str | None) -> None:
    if saved is not None and saved != _read_folder():
        os.chdir(saved)


def _read_streams() -> list[Any]:
    return [sys.stdout, sys.stderr, sys.stdin]


def _write_streams(saved: list[Any]) -> None:
    sys.stdout, sys.stderr, sys.stdin = saved


def _write_interrupt(saved: Any) -> None:
    if threading.current_thread() is threading.main_thread() and saved is not None:
        signal.signal(signal.SIGINT, saved)


def _read_generators() -> dict[str, Any]:
    found = {"torch": torch.get_rng_state(), "numpy": np.random.get_state()}
    found["python"] = random.getstate()
    if torch.cuda.is_initialized():
        found["cuda"] = torch.cuda.get_rng_state_all()
    return found


def _write_generators(saved: dict[str, Any]) -> None:
    torch.set_rng_state(saved["torch"])
    np.random.set_state(saved["numpy"])
    random.setstate(saved["python"])
    if "cuda" in saved:
        torch.cuda.set_rng_state_all(saved["cuda"])


def _seed_generators() -> None:
    # Not torch.manual_seed: where CUDA has not started, it would seed CUDA later on.
    torch.default_generator.manual_seed(_SEED)
    np.random.seed(_SEED)
    random.seed(_SEED)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(_SEED)


_GLOBAL_HOOKS = [
    value
    for name, value in sorted(vars(torch_module).items())
    if name.startswith("_global_") and isinstance(value, dict)
]


def _read_hooks() -> list[dict]:
    return [dict(hooks) for hooks in _GLOBAL_HOOKS]


def _write_hooks(saved: list[dict]) -> None:
    for hooks, before in zip(_GLOBAL_HOOKS, saved, strict=True):
        if dict(hooks) != before:
            hooks.clear()
            hooks.update(before)


SETTINGS = (
    Setting(
        torch.is_inference_mode_enabled,
        lambda saved: None,  # only the context manager in ``known`` can set it
        False,
        "Your answer leaves inference mode switched on, and later cells would record no "
        "gradients: use `with torch.inference_mode():`, which ends.",
    ),
    Setting(
        torch.is_grad_enabled,
        torch.set_grad_enabled,
        True,
        "Your answer leaves gradients switched off, and later cells would get none: use "
        "`with torch.no_grad():`, which switches them on again.",
    ),
    Setting(
        _read_autocast,
        _write_autocast,
        [("cpu", False, torch.bfloat16), ("cuda", False, torch.float16)],
        "Your answer leaves autocast switched on: use `with torch.autocast(...):`, which ends.",
    ),
    Setting(torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled),
    Setting(
        torch.get_default_dtype,
        torch.set_default_dtype,
        torch.float32,
        "Your answer leaves another default dtype behind, and every tensor made later would get "
        "it: pass dtype=... where you make a tensor.",
    ),
    Setting(
        torch.get_default_device,
        _write_device,
        torch.device("cpu"),
        "Your answer leaves another default device behind, and every tensor made later would be "
        "there: pass device=... where you make a tensor.",
    ),
    Setting(
        _read_anomaly,
        lambda saved: torch.autograd.set_detect_anomaly(*saved) and None,
        (False, True),
        "Your answer leaves anomaly detection switched on, which slows down every later cell: "
        "use `with torch.autograd.detect_anomaly():`, which ends.",
    ),
    Setting(
        _read_deterministic,
        lambda saved: torch.use_deterministic_algorithms(saved[0], warn_only=saved[1]),
        (False, False),
    ),
    Setting(_read_cudnn, _write_cudnn),
    Setting(torch.get_num_threads, torch.set_num_threads),
    Setting(
        _read_hooks,
        _write_hooks,
        told="Your answer leaves a hook behind that every module of the notebook would run: keep "
        "its handle and remove it.",
    ),
    Setting(
        _read_streams,
        _write_streams,
        told="Your answer replaces sys.stdout, sys.stderr or sys.stdin and does not put it back.",
    ),
    Setting(
        _read_folder,
        _write_folder,
        told="Your answer leaves another working folder behind, and later paths would not be "
        "found: join paths instead of changing the folder.",
    ),
    Setting(_read_generators, _write_generators),
    Setting(np.geterr, lambda saved: np.seterr(**saved) and None),
    Setting(*_dictionary(os.environ)),
    Setting(*_dictionary(vars(builtins))),
    Setting(sys.getrecursionlimit, sys.setrecursionlimit),
    Setting(lambda: signal.getsignal(signal.SIGINT), _write_interrupt),
)


class Watch:
    """Looks whether the settings are still what they were when the answer began."""

    def __init__(self) -> None:
        self._expected = [(setting, setting.read()) for setting in SETTINGS if setting.told]

    def complaint(self) -> str:
        """Returns what to tell about the first setting that has changed; else nothing."""
        for setting, expected in self._expected:
            if setting.read() != expected:
                return setting.told
        return ""


def seed_now() -> int:
    """Returns the number with which PyTorch's global generator was seeded last."""
    return torch.default_generator.initial_seed()


@contextmanager
def known() -> Iterator[Watch]:
    """Puts all settings to their usual values, and back to what they were in the end.

    Generators are seeded, so that a check draws the same numbers every time. Warnings are off.
    """
    saved = [(setting, setting.read()) for setting in SETTINGS]
    try:
        with warnings.catch_warnings(), torch.inference_mode(False):
            warnings.simplefilter("ignore")
            for setting, _ in saved:
                if setting.usual is not _KEEP:
                    setting.write(setting.usual)
            _seed_generators()
            yield Watch()
    finally:
        for setting, value in saved:
            setting.write(value)
