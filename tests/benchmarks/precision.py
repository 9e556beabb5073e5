"""Autocast, channels_last and torch.compile against the plain training step, as ratios.

Usage: python -m tests.benchmarks precision
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

import helpers

STEPS, ROUNDS, BATCH = 10, 7, 128


def _step(
    *, autocast: bool = False, channels_last: bool = False, compiled: bool = False
) -> Callable[[], None]:
    device = helpers.device()
    helpers.seed_everything(0)
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    ).to(device)  # fmt: skip
    images = torch.rand(BATCH, 3, 32, 32).to(device)
    labels = torch.randint(10, (BATCH,)).to(device)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    forward = torch.compile(model) if compiled else model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def step() -> None:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=autocast):
            loss = F.cross_entropy(forward(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def _seconds(step: Callable[[], None]) -> float:
    started = time.perf_counter()
    for _ in range(STEPS):
        step()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def ratios() -> dict[str, float | str]:
    """Returns images per second against the plain step's, measured in turn in this process.

    A way that cannot run here, such as torch.compile without a C++ compiler, has the reason
    instead of a ratio.
    """
    ways = {
        "plain": {},
        "autocast": {"autocast": True},
        "channels_last": {"channels_last": True},
        "both": {"autocast": True, "channels_last": True},
        "torch.compile": {"compiled": True},
    }
    steps, found = {}, {}
    for name, options in ways.items():
        steps[name] = _step(**options)
        try:
            steps[name]()
        except Exception as error:
            found[name] = f"{type(error).__name__}: {str(error).splitlines()[0][:60]}"
            del steps[name]
    seconds = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            seconds[name].append(_seconds(step))
    plain = statistics.median(seconds["plain"])
    return {name: plain / statistics.median(values) for name, values in seconds.items()} | found
