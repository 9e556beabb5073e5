"""Measures what two processes on this machine cost each other: the record that chapter 31 shows.

Usage: python book/tools/measure_scaling.py [MACHINE]    (MACHINE is how the record names it)

Times are the fastest of many calls, so that other work on the machine disturbs them little. The
record lies in ``helpers/assets/scaling.json``; execute chapter 31 afterwards.
"""

import datetime
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F

from helpers.distributed import start
from helpers.files import write_atomically
from helpers.networks import SmallAlexNet

RECORD = Path(__file__).parents[2] / "helpers" / "assets" / "scaling.json"
BYTES = [2**power for power in range(10, 25, 2)]
BATCHES = [16, 64]


def reduced(size: int, calls: int) -> float:
    """Returns the seconds of an ``all_reduce`` of so many bytes, the fastest of the calls."""
    numbers, seconds = torch.zeros(size // 4), []
    for _ in range(calls):
        dist.barrier()
        before = time.perf_counter()
        dist.all_reduce(numbers)
        seconds.append(time.perf_counter() - before)
    return min(seconds)


def stepped(model: nn.Module, rows: int) -> float:
    """Returns the seconds of a forward and a backward pass."""
    images, labels = torch.randn(rows, 1, 28, 28), torch.randint(10, (rows,))
    before = time.perf_counter()
    F.cross_entropy(model(images), labels).backward()
    return time.perf_counter() - before


def rank_main(rank: int, calls: int, folder: str) -> None:
    """Measures on two ranks, and writes what rank 0 found."""
    torch.set_num_threads(1)
    meeting = Path(folder, "meeting").as_uri()
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    dist.barrier()
    found: dict[str, Any] = {"all_reduce": [[size, reduced(size, calls)] for size in BYTES]}
    alone, parallel = SmallAlexNet(), nn.parallel.DistributedDataParallel(SmallAlexNet())
    found["gradients"] = sum(p.nbytes for p in alone.parameters())
    found["steps"] = []
    for batch in BATCHES:
        one, two = [], []
        for _ in range(max(2, calls // 2)):
            dist.barrier()
            if rank == 0:
                one.append(stepped(alone, batch))
            dist.barrier()
            two.append(stepped(parallel, batch // 2))
        if rank == 0:
            found["steps"].append([batch, min(one), min(two)])
    if rank == 0:
        Path(folder, "found.json").write_text(json.dumps(found))
    dist.barrier()
    dist.destroy_process_group()


def measure(machine: str, calls: int = 100) -> dict[str, Any]:
    """Returns the record: bytes and seconds of all_reduce, and batch and seconds of a step.

    Args:
        machine: How the record names this machine.
        calls: How often each time is taken; the fastest counts.
    """
    with tempfile.TemporaryDirectory() as folder:
        start(rank_main, calls, folder, processes=2)
        found = json.loads(Path(folder, "found.json").read_text())
    date = datetime.date.today().isoformat()
    head = {"machine": machine, "date": date, "torch": torch.__version__, "calls": calls}
    return head | found


if __name__ == "__main__":
    torch.set_num_threads(1)
    record = measure(" ".join(sys.argv[1:]) or f"{os.cpu_count()} cores")
    write_atomically(RECORD, json.dumps(record, indent=1).encode() + b"\n")
