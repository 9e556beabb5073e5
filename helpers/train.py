"""Trains a network on Fashion-MNIST from the shell: ``python -m helpers.train --help``.

Chapter 19 builds the parser; chapter 20 the checkpoints. The accuracy after each epoch is that of
1,500 training images held out for validation; the test images are never read. Exit status: 0 when
the run is complete, 1 when it fails, 2 for a wrong argument, 130 when it was interrupted (and
saved).
"""

import argparse
import json
import math
import platform
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn, optim
from torch.nn import functional as F

import helpers
from helpers.checkpoints import load_checkpoint, save_checkpoint, set_random_state
from helpers.data import fashion_mnist
from helpers.files import write_atomically
from helpers.networks import SmallAlexNet, conv_net

HELD_OUT = 1500  # training images for validation, as in chapter 16
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def positive(kind: type) -> Any:
    """Returns a converter for argparse: text to a number above 0.

    Args:
        kind: ``int`` or ``float``.
    """

    def convert(text: str) -> float:
        number = kind(text)
        if not 0 < number < math.inf:
            raise argparse.ArgumentTypeError(f"must be above 0, got {text}")
        return number

    convert.__name__ = kind.__name__
    return convert


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser of ``python -m helpers.train``."""
    parser = argparse.ArgumentParser(
        prog="python -m helpers.train",
        description="Train a network on Fashion-MNIST.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("output", type=Path, help="folder for checkpoint and results; made if missing")
    add("--config", type=Path, help="JSON file of options; the command line wins over it")
    add("--model", choices=["linear", "alexnet", "convnet"], default="alexnet", help="network")
    add("--optimizer", choices=["sgd", "adamw"], default="adamw", help="optimizer")
    add("--schedule", choices=["constant", "cosine", "one-cycle"], default="cosine",
        help="learning-rate schedule, stepped each batch")  # fmt: skip
    add("--lr", type=positive(float), default=2e-3, help="highest learning rate")
    add("--epochs", type=positive(int), default=3, help="passes over the training images")
    add("--batch-size", type=positive(int), default=64, help="images in a batch")
    add("--images", type=positive(int), default=8500, help="how many training images to use")
    add("--device", choices=["auto", "cpu", "cuda"], default="auto", help="where to compute")
    add("--precision", choices=["float32", "bfloat16"], default="float32", help="of the forward")
    add("--augment", action=argparse.BooleanOptionalAction, default=False, help="mirror at random")
    add("--seed", type=int, default=0, help="seed of all generators")
    add("--resume", action=argparse.BooleanOptionalAction, default=False,
        help="go on from the checkpoint in output")  # fmt: skip
    return parser


def read_config(path: Path, parser: argparse.ArgumentParser) -> list[str]:
    """Returns the options in a JSON file as a command line would give them.

    A file ``{"lr": 0.1, "augment": true, "resume": false}`` is the same as the words ``--lr=0.1
    --augment --no-resume``, so its values pass the checks of the command line.

    Args:
        path: The file.
        parser: The parser of :func:`build_parser`.

    Raises:
        SystemExit: The file cannot be read, or an option is unknown or of the wrong kind.
    """
    try:
        given = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        parser.error(f"argument --config: {path} cannot be read: {error}")
    if not isinstance(given, dict):
        parser.error(f"argument --config: {path} must hold an object of options")
    words = []
    for name, value in given.items():
        flag = "--" + name.replace("_", "-")
        default = parser.get_default(name.replace("-", "_"))
        if default in (None, argparse.SUPPRESS):
            parser.error(f"argument --config: {path} has an unknown option {name!r}")
        if isinstance(value, bool) != isinstance(default, bool) or value is None:
            kind = "true or false" if isinstance(default, bool) else "a number or a text"
            parser.error(f"argument {flag}: must be {kind}, got {json.dumps(value)} in {path}")
        if isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-", 1))
        else:
            words.append(f"{flag}={value}")
    return words


def read_options(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Returns the options of the command line and of the file that ``--config`` names.

    The file's options are put in front of the command line, so the command line wins.

    Args:
        argv: Arguments without the program's name; those of the process by default.

    Raises:
        SystemExit: An argument is wrong; the message names it and what is allowed.
    """
    parser = build_parser()
    argv = sys.argv[1:] if argv is None else list(argv)
    options = parser.parse_args(argv)
    if options.config is not None:
        options = parser.parse_args([*read_config(options.config, parser), *argv])
    return options


class _Interrupt:
    """Remembers Ctrl-C, so that the run can end after the batch that it is in."""

    requested = False

    def __call__(self, number: int, frame: object) -> None:
        self.requested = True


@contextmanager
def _interruptible() -> Iterator[_Interrupt]:
    interrupt = _Interrupt()
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)


def _build(options: argparse.Namespace, steps: int, device: torch.device) -> tuple:
    model = {"linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)),
             "alexnet": SmallAlexNet, "convnet": conv_net}[options.model]().to(device)  # fmt: skip
    if options.optimizer == "sgd":
        optimizer = optim.SGD(model.parameters(), lr=options.lr, momentum=0.9)
    else:
        optimizer = optim.AdamW(model.parameters(), lr=options.lr)
    schedules = {
        "constant": lambda: optim.lr_scheduler.ConstantLR(optimizer, 1.0, 0),
        "cosine": lambda: optim.lr_scheduler.CosineAnnealingLR(optimizer, steps),
        "one-cycle": lambda: optim.lr_scheduler.OneCycleLR(
            optimizer, options.lr, total_steps=steps + 1
        ),
    }
    return model, optimizer, schedules[options.schedule]()


def _device(name: str) -> torch.device:
    return helpers.device() if name == "auto" else torch.device(name)


# What a resumed run must share with the run that it goes on with.
_FIXED = ("model", "optimizer", "schedule", "lr", "epochs", "batch_size", "images", "augment",
          "precision", "seed")  # fmt: skip


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in _FIXED}


@torch.no_grad()
def _accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    model.eval()
    right = sum((model(x).argmax(dim=1) == y).sum().item()
                for x, y in zip(images.split(500), labels.split(500), strict=True))  # fmt: skip
    return right / len(labels)


def _run(options: argparse.Namespace) -> int:
    device = _device(options.device)
    helpers.seed_everything(options.seed)
    images, labels = fashion_mnist("train")
    images, labels = images.to(device).float() / 255, labels.to(device)
    most = len(images) - HELD_OUT
    if options.images > most:
        raise ValueError(f"--images must be at most {most}, got {options.images}")
    val_images, val_labels = images[most:], labels[most:]
    images, labels = images[: options.images], labels[: options.images]
    batches = math.ceil(len(images) / options.batch_size)
    model, optimizer, schedule = _build(options, options.epochs * batches, device)
    parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
    path = options.output / "checkpoint.pt"
    first, done, history, total = 0, 0, [], 0.0
    if options.resume:
        # On the CPU: load_state_dict copies each tensor to where its part is.
        saved = load_checkpoint(path)
        differ = [
            name for name, value in _settings(options).items() if saved["settings"][name] != value
        ]
        if differ:
            raise ValueError(
                f"the run in {options.output} had other values of: {', '.join(differ)}"
            )
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        set_random_state(saved["random"])
        first, done, history, total = (saved[k] for k in ("epoch", "batch", "history", "total"))
    precision = PRECISIONS[options.precision]

    def save(epoch: int, batch: int) -> None:
        save_checkpoint(path, **parts, epoch=epoch, batch=batch, history=history, total=total,
                        settings=_settings(options))  # fmt: skip

    with _interruptible() as interrupt:
        for epoch in range(first, options.epochs):
            # Each epoch has its own generator, so that a resumed epoch has the same order.
            generator = torch.Generator().manual_seed(options.seed * 100_003 + epoch)
            order = torch.randperm(len(images), generator=generator).to(device)
            for batch in range(done, batches):
                if interrupt.requested:
                    save(epoch, batch)
                    print(f"interrupted; saved to {path}; go on with --resume", file=sys.stderr)
                    return 130
                rows = order[batch * options.batch_size : (batch + 1) * options.batch_size]
                inputs = images[rows]
                if options.augment:
                    mirrored = torch.rand(len(rows), 1, 1, 1).to(device) < 0.5
                    inputs = torch.where(mirrored, inputs.flip(3), inputs)
                model.train()
                enabled = precision != torch.float32
                with torch.autocast(device.type, dtype=precision, enabled=enabled):
                    loss = F.cross_entropy(model(inputs), labels[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                total += loss.item() * len(rows)
                if not math.isfinite(total):
                    raise ValueError(f"the loss is {loss.item()} in epoch {epoch + 1}: lower --lr")
            accuracy = _accuracy(model, val_images, val_labels)
            history.append({"loss": total / len(images), "accuracy": accuracy})
            done, total = 0, 0.0
            # First the file, then the line: who reads of an epoch can rely on its checkpoint.
            save(epoch + 1, 0)
            print("epoch {}: loss {loss:.3f}, validation accuracy {accuracy:.3f}".format(
                epoch + 1, **history[-1]), flush=True)  # fmt: skip
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    result = {"settings": _settings(options), "device": device.type, "versions": versions}
    result["history"] = history
    write_atomically(options.output / "result.json", json.dumps(result, indent=2).encode() + b"\n")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status.

    0 is success, 1 a failure on the way, 130 an interrupt after which ``--resume`` goes on.

    Args:
        argv: Arguments without the program's name; those of the process by default.

    Raises:
        SystemExit: An argument is wrong (status 2).
    """
    options = read_options(argv)
    try:
        if options.device == "cuda" and not torch.cuda.is_available():
            raise ValueError("--device cuda: there is no CUDA device; use auto or cpu")
        options.output.mkdir(parents=True, exist_ok=True)
        return _run(options)
    except (ValueError, OSError, ConnectionError) as error:
        print(f"python -m helpers.train: error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
