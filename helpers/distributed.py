"""Several processes that work as one: what ``helpers.train`` needs to run under ``torchrun``.

Each process (a *rank*) holds the whole model and computes its part of every batch; PyTorch's
``DistributedDataParallel`` brings the gradients together. Whatever is random is drawn for the whole
batch by every rank alike, and each takes its part, so that the result does not depend on how many
ranks there are.

Chapter 31 builds and explains the parts.
"""

import ast
import functools
import importlib
import inspect
import itertools
import os
import sys
import tempfile
import textwrap
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.nn import functional as F

_STARTS = itertools.count()


class Ranks:
    """The processes of a run. Without ``torchrun`` there is one, and nothing is ever sent.

    Attributes:
        rank: The number of this process, from 0.
        size: How many processes there are.
        local: The number of this process on its machine, which is that of its GPU.
    """

    def __init__(self, rank: int = 0, size: int = 1, local: int = 0, joined: bool = False) -> None:
        self.rank, self.size, self.local, self.joined = rank, size, local, joined
        self._whole = 0

    def part(self, batch: Tensor) -> Tensor:
        """Returns this rank's rows of a batch: parts differ by one row at most, or are empty."""
        self._whole = len(batch)
        return batch.tensor_split(self.size)[self.rank]

    def total(self, number: float) -> float:
        """Returns the sum of all ranks' numbers; every rank waits here for the others."""
        if not self.joined:
            return number
        numbers = torch.tensor(number, dtype=torch.float64)
        dist.all_reduce(numbers)
        return numbers.item()

    def shared(self, value: Any) -> Any:
        """Returns rank 0's value on every rank."""
        values = [value]
        if self.joined:
            dist.broadcast_object_list(values)
        return values[0]

    def all(self, value: Any) -> list:
        """Returns the values of all ranks, in their order."""
        values = [value] * self.size
        if self.joined:
            dist.all_gather_object(values, value)
        return values

    def wrap(self, model: nn.Module) -> nn.Module:
        """Returns what to call in training in place of the model, whose parameters it shares.

        Dropout then draws its mask for the whole batch, and batch normalisation takes the mean and
        variance of the whole batch, as one process would. The model itself is changed to that end;
        its ``state_dict`` keeps its names.

        Args:
            model: On its device.
        """
        if not self.joined:
            return model
        for parent in list(model.modules()):
            for name, child in parent.named_children():
                if type(child) is nn.Dropout:
                    setattr(parent, name, _Dropout(child, self))
                elif type(child) is nn.BatchNorm2d:
                    setattr(parent, name, _BatchNorm2d(child, self))
        return nn.parallel.DistributedDataParallel(model)


class _Dropout(nn.Module):
    """Dropout that draws the whole batch's mask and uses this rank's rows of it."""

    def __init__(self, plain: nn.Dropout, ranks: Ranks) -> None:
        super().__init__()
        self.p, self._ranks = plain.p, ranks

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        ones = x.new_ones(self._ranks._whole, *x.shape[1:])
        return x * self._ranks.part(F.dropout(ones, self.p))


class _Sum(torch.autograd.Function):
    """The sum over ranks; its gradient is the sum of the ranks' gradients.

    Source: https://docs.pytorch.org/docs/stable/distributed.html#torch.distributed.all_reduce
    """

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        x = x.clone()
        dist.all_reduce(x)
        return x

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous().clone()
        dist.all_reduce(gradient)
        return gradient


class _BatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation over the batch of all ranks, on any device.

    ``nn.SyncBatchNorm`` does the same, and takes tensors on a GPU only.
    """

    def __init__(self, plain: nn.BatchNorm2d, ranks: Ranks) -> None:
        super().__init__(plain.num_features, plain.eps, plain.momentum, device="meta")
        for name in ("weight", "bias"):
            self.register_parameter(name, getattr(plain, name))
        for name, buffer in plain.named_buffers():
            self.register_buffer(name, buffer)
        self._ranks = ranks

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        count = self._ranks._whole * x.shape[2] * x.shape[3]
        wide = x.float()
        mean = _Sum.apply(wide.sum((0, 2, 3))) / count
        centred = wide - mean[:, None, None]
        variance = _Sum.apply((centred**2).sum((0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)


@functools.cache
def _meeting() -> tuple[dist.Store, int, int]:
    """Where the ranks find each other's addresses; one for all runs of this process."""
    return next(iter(dist.rendezvous("env://")))


@contextmanager
def joined() -> Iterator[Ranks]:
    """Joins the processes that ``torchrun`` started; without ``torchrun``, one process alone.

    Tensors on the CPU travel by gloo, those on a GPU by nccl. All ranks wait for each other at the
    beginning and, unless one fails, at the end: gloo connects when it first sends, and a rank that
    leaves early is missed.

    Source: https://docs.pytorch.org/docs/stable/elastic/run.html#environment-variables
    """
    needed = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    if not all(name in os.environ for name in needed):
        yield Ranks()
        return
    store, rank, size = _meeting()
    prefix = f"start {next(_STARTS)}"
    if os.environ.get("GROUP_WORLD_SIZE") == "1":
        # After a restart, the store that torchrun keeps still has the dead workers' addresses. Only
        # on one machine do all ranks count the same restarts.
        prefix += f" restart {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
    store = dist.PrefixStore(prefix, store)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size)
    ranks = Ranks(rank, size, int(os.environ["LOCAL_RANK"]), joined=True)
    ranks.total(0)
    yield ranks
    ranks.total(0)
    dist.destroy_process_group()


def lost_another(error: BaseException) -> bool:
    """Tells whether an error means that another rank is gone."""
    text = str(error).lower()
    words = ("gloo", "connection", "nccl", "socket", "peer")
    return isinstance(error, dist.DistError) or (
        isinstance(error, RuntimeError) and any(word in text for word in words)
    )


def can_fork() -> bool:
    """Tells whether a process may be copied here with all that it has: functions, data, imports.

    Windows cannot; macOS's own libraries may fail in the copy; CUDA does, once it was used.
    """
    known = "fork" in mp.get_all_start_methods() and sys.platform != "darwin"
    return known and not torch.cuda.is_initialized()


def start(function: Callable, *arguments: Any, processes: int) -> None:
    """Runs ``function(rank, *arguments)`` in new processes, and waits for all of them.

    The function may stand in a notebook's cell. Where processes can be copied (:func:`can_fork`)
    that is all. Elsewhere, a new process knows nothing of the notebook: the functions of the cells,
    and the modules and constants that they name, are written to a file that it imports.

    Args:
        function: What to run.
        *arguments: Passed on; functions of the notebook among them are found in each process.
        processes: How many; their ranks count from 0.

    Raises:
        Exception: A process failed; the message has its traceback. Its class is
            ``torch.multiprocessing.ProcessException``.
    """
    importlib.import_module("torch._dynamo")  # or each rank would, which takes seconds

    if can_fork():
        with warnings.catch_warnings():
            # Python 3.12 warns of threads, and a notebook has some that the copy does not need.
            warnings.simplefilter("ignore", DeprecationWarning)
            mp.start_processes(function, arguments, processes, start_method="fork")
        return
    main = sys.modules["__main__"]
    with tempfile.TemporaryDirectory() as folder:
        name = f"notebook_{next(_STARTS)}"
        Path(folder, f"{name}.py").write_text(cells_as_module(vars(main)), encoding="utf-8")
        sys.path.insert(0, folder)
        try:
            module = importlib.import_module(name)
            function, *arguments = (
                getattr(module, part.__name__) if _in_main(part) else part
                for part in (function, *arguments)
            )
            mp.start_processes(function, tuple(arguments), processes, start_method="spawn")
        finally:
            sys.path.remove(folder)
            sys.modules.pop(name, None)


def cells_as_module(names: dict[str, Any]) -> str:
    """Returns the functions and classes of a notebook as a module, with what they name.

    Args:
        names: The notebook's names and what they stand for.
    """
    definitions = {
        name: textwrap.dedent(inspect.getsource(value))
        for name, value in names.items()
        if _in_main(value) and value.__name__ == name
    }
    used = {node.id for text in definitions.values() for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Name)}  # fmt: skip
    lines = []
    for name in sorted(used & names.keys() - definitions.keys()):
        value = names[name]
        if isinstance(value, types.ModuleType):
            lines.append(f"import {value.__name__}")
            lines.append(f"{name} = sys.modules[{value.__name__!r}]")
        elif isinstance(value, bool | int | float | str | tuple | None):
            lines.append(f"{name} = {value!r}")
        elif isinstance(value, type | types.FunctionType):
            lines.append(f"from {value.__module__} import {value.__qualname__} as {name}")
    return "\n".join(["import sys", *lines, "", *definitions.values()])


def _in_main(value: Any) -> bool:
    return isinstance(value, type | types.FunctionType) and value.__module__ == "__main__"
