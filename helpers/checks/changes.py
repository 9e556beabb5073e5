"""Whether an answer changed what it was given: tensors, arrays, modules, lists, dictionaries."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helpers.checks.words import describe

# What can change, and what to tell about it. An exercise that asks for a change names its kind.
KINDS = {
    "values": "The numbers in {what} have changed: an in-place operation is at work. Make a new "
    "tensor, or work on a clone.",
    "shape": "The shape or type of {what} has changed: an in-place operation is at work.",
    "requires_grad": "The requires_grad of {what} has changed.",
    "grad": "The .grad of {what} has changed: {cure}, or ask torch.autograd.grad.",
    "entries": "The entries of {what} have changed: work on a copy.",
    "modules": "The submodules of {what} have changed: work on a copy.",
    "mode": "{what} is in another mode than before: note each module's training and put it back.",
    "hooks": "The hooks of {what} have changed: remove the handles of yours, and no others.",
}

_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
)


class Snapshot:
    """Remembers a value, to be compared with what becomes of it."""

    def __init__(self, value: Any, name: str = ""):
        self._value = value
        self._name = name or describe(value)
        self._facts = list(_facts(value, self._name))

    def change(self, allowed: Collection[str] = ()) -> str:
        """Returns what to tell about the first change of a kind that is not allowed."""
        after = list(_facts(self._value, self._name))
        if len(after) != len(self._facts):
            return "" if "entries" in allowed else KINDS["entries"].format(what=self._name)
        for (kind, what, old), (_, _, new) in zip(self._facts, after, strict=True):
            if kind not in allowed and not _same(old, new):
                cure = "clear or avoid it" if old is None else "put back what was there"
                return KINDS[kind].format(what=what, cure=cure)
        return ""


def _facts(value: Any, what: str, depth: int = 0) -> Any:
    """Yields (kind, what it belongs to, fact), in an order that only a change can change."""
    if depth > 8:
        return
    if isinstance(value, nn.Module):
        yield from _module_facts(value, what)
    elif isinstance(value, Tensor):
        yield from _tensor_facts(value, what)
    elif isinstance(value, np.ndarray):
        yield "shape", what, (value.shape, value.dtype)
        yield "values", what, value.copy()
    elif isinstance(value, Mapping):
        yield "entries", what, [(key, id(part)) for key, part in value.items()]
        for part in value.values():
            yield from _facts(part, f"a value of {what}" if depth == 0 else what, depth + 1)
    elif isinstance(value, list | tuple):
        yield "entries", what, _entries(value)
        for part in value:
            yield from _facts(part, f"an element of {what}" if depth == 0 else what, depth + 1)
    elif isinstance(value, set):
        yield "entries", what, set(value)


def _entries(value: list | tuple) -> list[Any]:
    """Returns numbers and texts as they are, and the identity of anything else."""
    simple = bool | int | float | complex | str | bytes
    return [part if isinstance(part, simple) else id(part) for part in value]


def _tensor_facts(value: Tensor, what: str) -> Any:
    if isinstance(value, nn.parameter.UninitializedTensorMixin):
        return
    yield "shape", what, (value.shape, value.dtype)
    yield "requires_grad", what, value.requires_grad
    if value.is_leaf:
        yield "grad", what, None if value.grad is None else value.grad.detach().clone()
    if value.layout is torch.strided and not value.is_meta:
        yield "values", what, value.detach().clone()


def _module_facts(value: nn.Module, what: str) -> Any:
    modules = dict(value.named_modules(remove_duplicate=False))
    yield "modules", what, {name: id(module) for name, module in modules.items()}
    yield "mode", what, {name: module.training for name, module in modules.items()}
    yield "hooks", what, [list(getattr(m, h, ())) for m in modules.values() for h in _HOOKS]
    named = dict(value.named_parameters(remove_duplicate=False))
    named |= dict(value.named_buffers(remove_duplicate=False))
    yield "modules", what, {name: id(part) for name, part in named.items()}
    for name, part in named.items():
        yield from _tensor_facts(part, f"{name} of {what}")


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, Tensor) and isinstance(new, Tensor):
        if old.shape != new.shape or old.dtype != new.dtype:
            return False
        return bool(((old == new) | ((old != old) & (new != new))).all())
    if isinstance(old, np.ndarray) and isinstance(new, np.ndarray):
        return old.shape == new.shape and bool(((old == new) | ((old != old) & (new != new))).all())
    return type(old) is type(new) and old == new
