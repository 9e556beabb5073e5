"""The ladder of chapter 30: from the plain loop to the preset ``fast``, and the worth of each rung.

Every rung trains on the 55,000 images of ``--full`` until it names 90 % of the 10,000 test images
right, looked at every quarter of an epoch. Seconds are those of reading and training: looking is
taken off. So a rung that is quicker per image and learns less per image shows as what it is.

Usage: python -m tests.benchmarks.ladder [PART ...] [--seeds 5] [--middle 2] [--clock wall]

The parts are ``ladder``, ``fast`` and ``good`` (the presets, as commands), ``variants`` (bfloat16
and torch.compile) and ``fit`` (helpers.fit against a bare loop). All take about 40 minutes on two
cores that do nothing else, and want the original files of Fashion-MNIST. Three more have to be
named: ``gpu``, the same presets on a GPU; ``gpu_preset``, the one made for it; ``gpu_steps``, its
images per second, its longest kernels and what asking it for work takes. The record is
``helpers/assets/speed.json``, which the chapter reads. Where the cores do other things as well,
``--clock processor`` counts the seconds that they worked for the ladder; the record says which.
"""

import argparse
import datetime
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

import helpers
from helpers.data import fashion_mnist
from helpers.files import write_atomically
from helpers.networks import plain_net, quick_net
from helpers.train import PRESETS

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "helpers" / "assets" / "speed.json"
TARGET, TRAINED, LOOKS, MOST_EPOCHS = 0.9, 55_000, 4, 12
FAST = PRESETS["fast"]
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


@dataclass(frozen=True)
class Rung:
    """What a rung trains, and how."""

    name: str
    pictures: bool = False
    network: Callable[[], nn.Module] = plain_net
    channels_last: bool = False
    batch: int = 64
    rate: float = 1e-3
    fused: bool = False
    one_cycle: bool = False


def rungs() -> list[Rung]:
    """Returns the ladder: each rung keeps what the one before it has."""
    found = [Rung("plain loop", pictures=True)]
    for name, change in (
        ("one tensor", {"pictures": False}),
        ("channels_last", {"channels_last": True}),
        ("batch 192, rate x 3", {"batch": FAST["batch_size"], "rate": 3e-3}),
        ("fused AdamW", {"fused": True}),
        ("quick_net", {"network": quick_net}),
        ("one cycle, smoothed", {"one_cycle": True, "rate": FAST["lr"]}),
    ):
        found.append(replace(found[-1], name=name, **change))
    return found


class Pictures(Dataset):
    """Images as PIL images, made into tensors one by one, as torchvision's data sets do."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels, self.transform = images.squeeze(1), labels.tolist(), ToTensor()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = Image.fromarray(self.images[index].numpy())
        return self.transform(image), self.labels[index]


def _batches(rung: Rung, images: Tensor, labels: Tensor) -> Callable[[], Iterator]:
    """Returns a function that starts an epoch."""
    if rung.pictures:
        loader = DataLoader(Pictures(images, labels), batch_size=rung.batch, shuffle=True)
        return lambda: iter(loader)
    images = images.float() / 255

    def epoch() -> Iterator[tuple[Tensor, Tensor]]:
        for rows in torch.randperm(len(images)).split(rung.batch):
            yield images[rows], labels[rows]

    return epoch


@torch.no_grad()
def _accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    model.eval()
    parts = zip(images.split(500), labels.split(500), strict=True)
    right = sum((model(x).argmax(dim=1) == y).sum().item() for x, y in parts)
    model.train()
    return right / len(labels)


def climb(rung: Rung, seed: int, clock: Callable[[], float], target: float = TARGET) -> dict:
    """Trains one rung until it reaches the target, or to the end of its schedule.

    Returns:
        ``curve``, the seconds and the accuracy of each look; ``seconds`` to the target, None where
        it was not reached; ``rate``, images per second of training without reading.
    """
    helpers.seed_everything(seed)
    test_images, test_labels = fashion_mnist("test", full=True)
    test_images = test_images.float() / 255
    started = clock()
    images, labels = fashion_mnist("train", full=True)
    epoch = _batches(rung, images[:TRAINED], labels[:TRAINED])
    read = clock() - started
    model = rung.network()
    if rung.channels_last:
        model = model.to(memory_format=torch.channels_last)
    steps = math.ceil(TRAINED / rung.batch)
    optimizer = (
        torch.optim.AdamW(model.parameters(), lr=rung.rate, fused=True)
        if rung.fused
        else torch.optim.Adam(model.parameters(), lr=rung.rate)
    )
    epochs, smoothing, schedule = MOST_EPOCHS, 0.0, None
    if rung.one_cycle:
        epochs, smoothing = FAST["epochs"], FAST["label_smoothing"]
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, rung.rate, total_steps=epochs * steps + 1
        )
    looks = {round(steps * part / LOOKS) for part in range(1, LOOKS + 1)}
    curve, looking, seen, reached = [], 0.0, 0, None
    for _ in range(epochs):
        for step, (inputs, targets) in enumerate(epoch(), start=1):
            loss = F.cross_entropy(model(inputs), targets, label_smoothing=smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if schedule is not None:
                schedule.step()
            seen += len(targets)
            if step in looks:
                paused = clock()
                seconds = paused - started - looking
                curve.append([round(seconds, 2), _accuracy(model, test_images, test_labels)])
                looking += clock() - paused
                if reached is None and curve[-1][1] >= target:
                    reached = curve[-1][0]
        # A schedule is run to its end; the others have no end.
        if reached is not None and schedule is None:
            break
    rate = seen / (curve[-1][0] - read)
    return {"curve": curve, "seconds": reached, "images_per_second": round(rate)}


def ladder(seeds: int, middle: int, clock: str, keep: Callable[[dict], None]) -> None:
    """Measures every rung: the first and the last with all seeds, those between with fewer.

    Args:
        seeds: How many for the first and the last.
        middle: How many for the others.
        clock: One of ``CLOCKS``.
        keep: Gets the record after each run, so that what was measured is not lost.
    """
    every = rungs()
    found = [{"rung": rung.name, "runs": []} for rung in every]
    ends = (0, len(every) - 1)
    for seed in range(seeds):  # in turn, so that a change of the machine meets all of them
        # The ends one right after the other: they are compared with each other.
        for place in sorted(range(len(every)), key=lambda place: place not in ends):
            if seed < middle or place in ends:
                run = climb(every[place], seed, CLOCKS[clock])
                found[place]["runs"].append(run)
                print(seed, every[place].name, run, flush=True)
                keep({"target": TARGET, "clock": clock, "rungs": found})


def preset(name: str, seeds: int) -> dict:
    """Runs ``python -m helpers.train OUT --full --preset NAME``; returns what it told.

    ``seconds`` are those of reading and training, ``whole`` those of the command from start to end,
    ``worked`` those that the cores worked for it.
    """
    found: dict[str, list[float]] = {
        name: [] for name in ("seconds", "test_accuracy", "whole", "worked")
    }
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "helpers.train", folder, "--full", "--preset", name]
            started, before = time.perf_counter(), os.times()
            subprocess.run([*command, "--seed", str(seed)], cwd=ROOT, check=True)
            after = os.times()
            found["whole"].append(time.perf_counter() - started)
            worked = after.children_user - before.children_user
            found["worked"].append(worked + after.children_system - before.children_system)
            result = json.loads((Path(folder) / "result.json").read_text(encoding="utf-8"))
        found["seconds"].append(sum(result["seconds"].values()))
        found["test_accuracy"].append(result["test_accuracy"])
    return {name: [round(value, 4) for value in values] for name, values in found.items()}


def _step(
    images: Tensor,
    labels: Tensor,
    *,
    half: bool = False,
    compiled: str | None = None,
    last: bool = True,
) -> Callable[[], None]:
    """Returns a function that takes one training step of ``quick_net``."""
    device = images.device.type
    model = quick_net().to(device)
    if last:
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    forward = torch.compile(model, mode=compiled) if compiled else model

    def run() -> None:
        with torch.autocast(device, dtype=torch.bfloat16, enabled=half):
            loss = F.cross_entropy(forward(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return run


def kernels(device: str = "cuda", batch: int = 8192, steps: int = 5) -> dict[str, dict]:
    """Returns what a step's time goes to, by precision and memory format.

    ``ms`` is the time that the device works in a step, ``longest`` the share of the kernel (on a
    CPU: the operation) that takes most of it.
    """
    images, labels = fashion_mnist("train")
    images, labels = (images[:batch].float() / 255).to(device), labels[:batch].to(device)
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    found = {}
    for half in (False, True):
        for last in (True, False):
            run = _step(images, labels, half=half, last=last)
            for _ in range(4):
                run()
            _wait(device)
            with torch.profiler.profile(activities=activities) as profile:
                for _ in range(steps):
                    run()
                _wait(device)
            times = {}
            for event in profile.key_averages():
                if device == "cpu":
                    times[event.key] = event.self_cpu_time_total
                elif (
                    event.device_type == torch.autograd.DeviceType.CUDA
                    and not event.is_user_annotation  # a range such as Optimizer.step, no kernel
                ):
                    times[event.key] = event.self_device_time_total
            whole, longest = sum(times.values()), max(times, key=times.get)
            name = f"{'bfloat16' if half else 'float32'}{', channels_last' if last else ''}"
            found[name] = {
                "ms": round(whole / steps / 1000, 2),
                "longest": round(times[longest] / whole, 2),
                "kernel": longest[:60],
            }
    return found


def rates(device: str = "cpu", batch: int = FAST["batch_size"]) -> dict[str, float | str]:
    """Returns images per second of the last rung's step as it is, in bfloat16 and compiled."""
    images, labels = fashion_mnist("train")
    images = (images[:batch].float() / 255).to(device)
    labels = labels[:batch].to(device)

    step = partial(_step, images, labels)
    ways = {"as it is": step(), "bfloat16": step(half=True),
            "torch.compile": step(compiled="default")}  # fmt: skip
    if device == "cuda":
        ways["reduce-overhead"] = step(compiled="reduce-overhead")
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    failed = {}
    for name, run in list(ways.items()):
        try:
            for _ in range(3):
                run()
        except Exception as error:  # no C++ compiler, for instance
            failed[name] = f"{type(error).__name__}: {str(error).splitlines()[0][:60]}"
            del ways[name], seconds[name]
    for _ in range(15):
        for name, run in ways.items():
            _wait(device)
            started = time.perf_counter()
            run()
            _wait(device)
            seconds[name].append(time.perf_counter() - started)
    return {name: round(batch / statistics.median(s)) for name, s in seconds.items()} | failed


def variants() -> dict[str, float | str]:
    """Returns images per second in other ways, as ratios to those of the step as it is."""
    found = rates()
    return {
        name: rate if isinstance(rate, str) else round(rate / found["as it is"], 2)
        for name, rate in found.items()
    }


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def asking(calls: int = 20, size: int = 8192) -> dict[str, float | int]:
    """Returns the seconds of asking a GPU for matrix products, and those until they are there."""
    a = torch.randn(size, size, device="cuda")
    a @ a
    _wait("cuda")
    started = time.perf_counter()
    for _ in range(calls):
        a @ a
    asked = time.perf_counter() - started
    _wait("cuda")
    return {"calls": calls, "size": size, "asked": asked, "there": time.perf_counter() - started}


def gpu_steps() -> dict:
    """Returns images per second on a GPU, for two sizes of batch, and what asking it takes."""
    batches = (FAST["batch_size"], 8192)
    return {
        "images_per_second": {str(batch): rates("cuda", batch) for batch in batches},
        "asking": asking(),
        "kernels": kernels(),
    }


def fit_against_bare() -> dict:
    """Returns images per second of helpers.fit as a share of a bare loop's."""
    from tests.benchmarks.__main__ import training

    found = training()
    return {
        name: {"ratio": round(middle, 4), "quartiles": [round(low, 4), round(high, 4)]}
        for name, (_, (low, middle, high)) in found.items()
        if name != "bare loop"
    }


def processor() -> str:
    """Returns the processor's name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def machine(device: str = "CPU") -> dict:
    """Returns what a record must say of where and when it was measured."""
    return {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": device,
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


def measure(
    parts: list[str], seeds: int, middle: int, clock: str = "wall", path: Path = RECORD
) -> None:
    """Measures some parts and writes them into the record; the others stay as they are."""

    def keep(part: str, found: dict) -> None:
        record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        device = torch.cuda.get_device_name() if part in NAMED else "CPU"
        record[part] = machine(device) | found
        write_atomically(path, (json.dumps(record, indent=1) + "\n").encode())

    for part in parts:
        if part == "ladder":
            ladder(seeds, middle, clock, lambda found: keep("ladder", found))
        elif part == "variants":
            keep(part, {"ratios": variants()})
        elif part == "fit":
            keep(part, {"ratios": fit_against_bare()})
        elif part == "gpu":
            keep(part, {"fast": preset("fast", seeds), "good": preset("good", 1)})
        elif part == "gpu_preset":
            keep(part, preset("gpu", seeds))
        elif part == "gpu_steps":
            keep(part, gpu_steps())
        else:
            keep(part, preset(part, seeds if part == "fast" else 1))


PARTS = ["ladder", "fast", "good", "variants", "fit"]
NAMED = ["gpu", "gpu_preset", "gpu_steps"]  # measured only where somebody asks for them


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "parts", nargs="*", help=f"of {', '.join(PARTS)}, all by default; {', '.join(NAMED)}"
    )
    parser.add_argument(
        "--seeds", type=int, default=5, help="of the first and the last rung, and of fast"
    )
    parser.add_argument("--middle", type=int, default=2, help="seeds of the rungs between them")
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall", help="of the ladder")
    options = parser.parse_args(argv)
    if unknown := [part for part in options.parts if part not in PARTS + NAMED]:
        parser.error(f"no part {', '.join(unknown)}; there are: {', '.join(PARTS + NAMED)}")
    named = [part for part in options.parts if part in NAMED]
    if named and not torch.cuda.is_available():
        parser.error(f"part {named[0]}: there is no CUDA device")
    if not 1 <= options.middle <= options.seeds:
        parser.error(f"--middle must be from 1 to --seeds, got {options.middle}")
    measure(options.parts or PARTS, options.seeds, options.middle, options.clock)


if __name__ == "__main__":
    main()
