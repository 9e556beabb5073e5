"""Trains a network on Fashion-MNIST from the shell: ``python -m helpers.train --help``.

Chapter 19 builds the parser; chapter 20 the checkpoints. The accuracy after each epoch is that of
1,500 training images held out for validation; without ``--full`` the test images are never read.
Exit status: 0 when
the run is complete, 1 when it fails on the way, 2 for wrong input (an argument, a checkpoint, ranks
that disagree), 130 when it was interrupted (and saved).

``torchrun --nproc-per-node 2 -m helpers.train ...`` is the same command on two processes: each
takes its part of every batch, rank 0 alone writes and prints, and the result is that of one process
but for rounding. Chapter 31 and ``book/cluster`` show it on several machines.

``--full`` takes the original 60,000 images: 5,000 are held out, and the 10,000 test images are read
once, when the training is over. ``--preset`` gives the options of a recipe by one name; chapter 30
climbs to the one called ``fast``.
"""

import argparse
import io
import json
import math
import os
import platform
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import nn, optim
from torch.nn import functional as F

import helpers
from helpers.checkpoints import load_checkpoint, save_checkpoint, set_random_state
from helpers.data import fashion_mnist
from helpers.distributed import Ranks, joined, lost_another
from helpers.files import write_atomically
from helpers.networks import CLASSIFIERS

HELD_OUT = 1500  # training images for validation, as in chapter 16
FULL_HELD_OUT, FULL_TRAINED = 5000, 55_000  # with --full

# A configuration file wins over a preset, the command line over both.
PRESETS = {
    "none": {},
    "fast": {"model": "quick", "optimizer": "adamw", "schedule": "one-cycle", "lr": 0.02,
             "epochs": 1, "batch_size": 192, "label_smoothing": 0.1, "channels_last": True,
             "fused": True},
    "good": {"model": "wide", "optimizer": "adamw", "schedule": "one-cycle", "lr": 0.01,
             "epochs": 14, "batch_size": 256, "label_smoothing": 0.1, "channels_last": True,
             "fused": True, "augment": True},
    # For a GPU; two cores take some forty minutes.
    "gpu": {"model": "vgg", "optimizer": "adamw", "schedule": "one-cycle", "lr": 0.01,
            "epochs": 12, "batch_size": 1024, "label_smoothing": 0.1, "channels_last": True,
            "fused": True, "augment": True},
}  # fmt: skip
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong on one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Ends the process with status 2."""
        self.exit(2, f"{self.prog}: error: {message}\n")


def positive(kind: type) -> Any:
    """Returns a converter for argparse: text to a number above 0.

    Args:
        kind: ``int`` or ``float``.
    """

    def convert(text: str) -> float:
        number = kind(text)
        if not 0 < number < math.inf:
            raise argparse.ArgumentTypeError(f"must be above 0 and finite, got {text}")
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


def read_options(
    argv: Sequence[str] | None = None, parser: argparse.ArgumentParser | None = None
) -> argparse.Namespace:
    """Returns the options of the command line and of the file that ``--config`` names.

    The file's options are put in front of the command line, so the command line wins.

    Args:
        argv: Arguments without the program's name; those of the process by default.
        parser: Of a command with more options; by default that of :func:`build_parser`.

    Raises:
        SystemExit: An argument is wrong; the message names it and what is allowed.
    """
    parser = build_parser() if parser is None else parser
    argv = sys.argv[1:] if argv is None else list(argv)
    options = parser.parse_args(argv)
    if options.config is not None:
        options = parser.parse_args([*read_config(options.config, parser), *argv])
    return options


def _share(text: str) -> float:
    number = float(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 0 and below 1, got {text}")
    return number


_share.__name__ = "number"


def _parser() -> argparse.ArgumentParser:
    """Returns the parser of the whole command: chapter 19's, with what chapter 30 adds."""
    first = build_parser()
    parser = OneLineParser(
        prog=first.prog, description=first.description, formatter_class=first.formatter_class,
        parents=[first], conflict_handler="resolve")  # fmt: skip
    add = parser.add_argument
    add("--model", choices=list(CLASSIFIERS), default="alexnet", help="network")
    add("--preset", choices=list(PRESETS), default="none",
        help="options of a recipe; the file and the command line win over them")  # fmt: skip
    add("--full", action=argparse.BooleanOptionalAction, default=False,
        help=f"all 60,000 images: --images is {FULL_TRAINED} unless given, and the test images are "
             "opened once, at the end")  # fmt: skip
    # An empty default, as read_config takes an option without one for an unknown one.
    add("--data", default="", metavar="FOLDER",
        help="of the original files, with --full%(default)s")  # fmt: skip
    add("--download", action=argparse.BooleanOptionalAction, default=False,
        help="fetch original files that are missing, with --full")  # fmt: skip
    add("--label-smoothing", type=_share, default=0.0, help="share spread over all classes")
    add("--channels-last", action=argparse.BooleanOptionalAction, default=False,
        help="keep a pixel's channels together in memory")  # fmt: skip
    add("--fused", action=argparse.BooleanOptionalAction, default=False,
        help="update all weights in one operation")  # fmt: skip
    return parser


def _options(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Returns the options of the preset, the file and the command line, the last one winning.

    Args:
        argv: Arguments without the program's name; those of the process by default.

    Raises:
        SystemExit: An argument is wrong; the message names it and what is allowed.
    """
    parser = _parser()
    options = read_options(argv, parser)
    if options.full:
        parser.set_defaults(images=FULL_TRAINED)
    parser.set_defaults(**PRESETS[options.preset])
    options = read_options(argv, parser)
    for name in ("data", "download"):
        if getattr(options, name) and not options.full:
            parser.error(f"argument --{name}: goes with --full; the bundled images need no files")
    return options


class _Ended(Exception):
    """The run ends before its end, for a reason that all ranks know.

    Args:
        message: What the user reads.
        status: The exit status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def _agreed_options(argv: Sequence[str] | None, ranks: Ranks) -> argparse.Namespace:
    """Returns the options, which must be those of every rank."""
    if not ranks.joined:
        return _options(argv)
    told, options, status = io.StringIO(), None, 0
    try:
        with redirect_stdout(told), redirect_stderr(told):
            options = _options(argv)
    except SystemExit as end:
        status = end.code
    given = {"torch": torch.__version__, "error": told.getvalue().strip()}
    # Where a rank keeps its configuration is its own affair.
    given |= {"--" + name.replace("_", "-"): str(value) for name, value in vars(options).items()
              if name != "config"} if options else {}  # fmt: skip
    everyone = ranks.all(given)
    for rank, theirs in enumerate(everyone):
        for name in {**everyone[0], **theirs}:
            here, there = everyone[0].get(name), theirs.get(name)
            if here != there:
                here, there = ((text or "none").splitlines()[-1] for text in (here, there))
                raise _Ended(f"the ranks disagree: {name} is {there} on rank {rank} and {here} on "
                             "rank 0; start all with the same command", 2)  # fmt: skip
    if options is None:
        if ranks.rank == 0:
            print(told.getvalue(), end="", file=sys.stderr if status else sys.stdout)
        raise _Ended("", status)
    return options


class _Interrupt:
    """Remembers Ctrl-C, so that the run can end after the batch that it is in."""

    requested = False

    def __call__(self, number: int, frame: object) -> None:
        self.requested = True


@contextmanager
def _interruptible(ranks: Ranks) -> Iterator[_Interrupt]:
    interrupt = _Interrupt()
    # torchrun and the schedulers of clusters end a run with SIGTERM.
    numbers = [signal.SIGINT, signal.SIGTERM] if ranks.joined else [signal.SIGINT]
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield interrupt
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _build(options: argparse.Namespace, steps: int, device: torch.device) -> tuple:
    model = CLASSIFIERS[options.model]().to(device)
    if options.channels_last:
        model = model.to(memory_format=torch.channels_last)
    way = {"fused": True} if options.fused else {}
    if options.optimizer == "sgd":
        optimizer = optim.SGD(model.parameters(), lr=options.lr, momentum=0.9, **way)
    else:
        optimizer = optim.AdamW(model.parameters(), lr=options.lr, **way)
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


def _own_device(name: str, ranks: Ranks) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: there is no CUDA device; use auto or cpu")
    device = _device(name)
    if device.type == "cuda" and ranks.joined:
        if ranks.local >= torch.cuda.device_count():
            raise ValueError(
                f"--device {name}: {ranks.local + 1} processes need as many GPUs, and this machine "
                f"has {torch.cuda.device_count()}; lower --nproc-per-node or use --device cpu"
            )
        device = torch.device("cuda", ranks.local)
        torch.cuda.set_device(device)
    return device


# What a resumed run must share with the run that it goes on with.
_FIXED = ("model", "optimizer", "schedule", "lr", "epochs", "batch_size", "images", "augment",
          "precision", "seed")  # fmt: skip
# Chapter 30's options stand among the settings where they are not at these defaults.
_LATER = {"full": False, "label_smoothing": 0.0, "channels_last": False, "fused": False}


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    given = vars(options)
    later = {name: given[name] for name, default in _LATER.items() if given[name] != default}
    return {name: given[name] for name in _FIXED} | later


def _torchrun_id() -> str:
    return os.environ.get("TORCHELASTIC_RUN_ID", "none")


def _saved(path: Path, options: argparse.Namespace, restarted: bool) -> dict[str, Any] | None:
    """Returns the checkpoint to go on from, or None to start at the beginning.

    Args:
        path: Of the checkpoint.
        options: Those of the command.
        restarted: torchrun started these processes again after one of them failed.

    Raises:
        OSError: There is no checkpoint.
        ValueError: It is damaged, of another command or of a run with other options.
    """
    if not options.resume and not path.exists():
        return None
    try:
        saved = load_checkpoint(path)
        if not {"settings", "model", "optimizer", "schedule", "history"} <= saved.keys():
            raise ValueError(f"{path} was not written by python -m helpers.train")
        here, there = _settings(options), saved["settings"]
        differ = [name for name in {**here, **there} if here.get(name) != there.get(name)]
    except ValueError:
        if options.resume:
            raise
        return None
    if options.resume:
        if differ:
            raise ValueError(
                f"the run in {options.output} had other values of: {', '.join(differ)}"
            )
        return saved
    written_by_this_run = saved.get("torchrun") == _torchrun_id() != "none"
    return saved if (written_by_this_run or restarted) and not differ else None


def _start(options: argparse.Namespace, ranks: Ranks) -> tuple[torch.device, dict | None]:
    """Returns the rank's device and the checkpoint to go on from, once all ranks have theirs."""
    device, saved, problem = None, None, None
    restarts = ranks.total(int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")))
    try:
        device = _own_device(options.device, ranks)
        helpers.seed_everything(options.seed)
        if ranks.rank == 0:
            if options.output.exists() and not options.output.is_dir():
                raise ValueError(f"output must be a folder, {options.output} is a file")
            saved = _saved(options.output / "checkpoint.pt", options, restarts > 0)
            try:
                options.output.mkdir(parents=True, exist_ok=True)
            except NotADirectoryError:
                raise ValueError(
                    f"output must be a folder, a part of {options.output} is a file"
                ) from None
    except (ValueError, OSError) as error:
        problem = str(error)
    for rank, text in enumerate(ranks.all(problem)):
        if text is not None:
            raise _Ended(f"rank {rank}: {text}" if rank else text, 2)
    return device, ranks.shared(saved)


@torch.no_grad()
def _accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, ranks: Ranks) -> float:
    model.eval()
    own, answers = ranks.part(images), ranks.part(labels)
    right = sum((model(x).argmax(dim=1) == y).sum().item()
                for x, y in zip(own.split(500), answers.split(500), strict=True))  # fmt: skip
    return ranks.total(right) / len(labels)


def _loss(
    logits: torch.Tensor, labels: torch.Tensor, whole: int, ranks: Ranks, smoothing: float
) -> torch.Tensor:
    """Returns what this rank adds to the mean loss of the whole batch.

    Args:
        logits: Of this rank's part of the batch.
        labels: Of this rank's part of the batch.
        whole: Rows of the whole batch. Parts differ in size, so their means must not be averaged.
        ranks: The processes.
        smoothing: Share of the probability that is spread over all classes.
    """
    if not ranks.joined:
        return F.cross_entropy(logits, labels, label_smoothing=smoothing)
    loss = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
    return loss / whole


def _read(
    split: str, options: argparse.Namespace, ranks: Ranks
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns images and labels; with ``--full`` those of the original files."""
    if not options.full:
        return fashion_mnist(split)
    found, problem = None, None
    for turn in (True, False):  # rank 0 first: what it has downloaded is there for the others
        if turn == (ranks.rank == 0):
            try:
                found = fashion_mnist(
                    split, full=True, root=options.data or None, download=options.download
                )
            except (ValueError, OSError) as error:
                what = str(error).partition(" Pass download=True")[0]
                advice = "" if options.download else (
                    " Add --download to fetch the original files (31 MB), name their folder with "
                    "--data, or install Debian's package dataset-fashion-mnist."
                )  # fmt: skip
                problem = f"--full: {what}{advice}"
        for rank, text in enumerate(ranks.all(problem)):
            if text is not None:
                status = 1 if options.download else 2
                raise _Ended(f"rank {rank}: {text}" if rank else text, status)
    return found


def _run(options: argparse.Namespace, ranks: Ranks) -> int:
    started = time.perf_counter()
    images, labels = _read("train", options, ranks)
    most = len(images) - (FULL_HELD_OUT if options.full else HELD_OUT)
    if options.images > most:
        raise _Ended(f"--images must be at most {most}, got {options.images}", 2)
    batches = math.ceil(options.images / options.batch_size)
    if (
        options.model in ("quick", "wide")
        and options.images - (batches - 1) * options.batch_size == 1
    ):
        raise _Ended(
            f"--batch-size {options.batch_size} leaves a last batch of one image of --images "
            f"{options.images}, which has no variance for batch normalisation; change one of them",
            2,
        )
    device, saved = _start(options, ranks)
    images, labels = images.to(device).float().div_(255), labels.to(device)
    val_images, val_labels = images[most:], labels[most:]
    images, labels = images[: options.images], labels[: options.images]
    model, optimizer, schedule = _build(options, options.epochs * batches, device)
    parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
    path = options.output / "checkpoint.pt"
    first, done, history, total = 0, 0, [], 0.0
    seconds = {"reading": time.perf_counter() - started, "training": 0.0}
    if saved is not None:
        # On the CPU: load_state_dict copies each tensor to where its part is.
        try:
            for name, part in parts.items():
                part.load_state_dict(saved[name])
            set_random_state(saved["random"])
            first, done, history, total = (saved[k] for k in ("epoch", "batch", "history", "total"))
            seconds["training"] = saved.get("seconds", 0.0)
        except (RuntimeError, KeyError, TypeError, ValueError):
            raise _Ended(f"{path} does not fit --model {options.model}", 2) from None
    trained = ranks.wrap(model)
    precision = PRECISIONS[options.precision]

    def save(epoch: int, batch: int) -> None:
        if ranks.rank == 0:
            save_checkpoint(path, **parts, epoch=epoch, batch=batch, history=history, total=total,
                            settings=_settings(options), torchrun=_torchrun_id(),
                            seconds=seconds["training"])  # fmt: skip

    def finite_total(summed: torch.Tensor, epoch: int) -> float:
        total = ranks.total(summed.item())
        if not math.isfinite(total):
            raise _Ended(f"the loss is {total} in epoch {epoch + 1}: lower --lr", 1)
        return total

    with _interruptible(ranks) as interrupt:
        for epoch in range(first, options.epochs):
            # Each epoch has its own generator, so that a resumed epoch has the same order.
            generator = torch.Generator().manual_seed(options.seed * 100_003 + epoch)
            order = torch.randperm(len(images), generator=generator).to(device)
            started, before = time.perf_counter(), seconds["training"]
            # On the device, and read once: whoever reads a value waits for all that is queued.
            summed = torch.tensor(total if ranks.rank == 0 else 0.0, dtype=torch.float64).to(device)
            for batch in range(done, batches):
                # Whoever was interrupted, all ranks end after the same batch.
                if ranks.total(interrupt.requested):
                    total = finite_total(summed, epoch)
                    seconds["training"] = before + time.perf_counter() - started
                    save(epoch, batch)
                    raise _Ended(f"interrupted; saved to {path}; go on with --resume", 130)
                whole = order[batch * options.batch_size : (batch + 1) * options.batch_size]
                rows = ranks.part(whole)
                inputs = images[rows]
                if options.augment:
                    mirrored = ranks.part(torch.rand(len(whole), 1, 1, 1)).to(device) < 0.5
                    inputs = torch.where(mirrored, inputs.flip(3), inputs)
                model.train()
                enabled = precision != torch.float32
                with torch.autocast(device.type, dtype=precision, enabled=enabled):
                    loss = _loss(trained(inputs), labels[rows], len(whole), ranks,
                                 options.label_smoothing)  # fmt: skip
                optimizer.zero_grad()
                # DistributedDataParallel takes the mean over ranks; the whole batch needs the sum.
                (loss * ranks.size).backward()
                optimizer.step()
                schedule.step()
                summed += loss.detach().double() * len(whole)
            total = finite_total(summed, epoch)
            seconds["training"] = before + time.perf_counter() - started
            accuracy = _accuracy(model, val_images, val_labels, ranks)
            history.append({"loss": total / len(images), "accuracy": accuracy})
            done, total = 0, 0.0
            # First the file, then the line: who reads of an epoch can rely on its checkpoint.
            save(epoch + 1, 0)
            if ranks.rank == 0:
                print("epoch {}: loss {loss:.3f}, validation accuracy {accuracy:.3f}".format(
                    epoch + 1, **history[-1]), flush=True)  # fmt: skip
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    result = {"settings": _settings(options), "device": device.type, "versions": versions}
    result["history"] = history
    if options.full:
        test_images, test_labels = _read("test", options, ranks)
        test_images = test_images.to(device).float().div_(255)
        accuracy = _accuracy(model, test_images, test_labels.to(device), ranks)
        result["test_accuracy"] = accuracy
        result["seconds"] = {name: round(value, 3) for name, value in seconds.items()}
        if ranks.rank == 0:
            print(f"test accuracy {accuracy:.4f}, {sum(seconds.values()):.1f} seconds of reading "
                  "and training", flush=True)  # fmt: skip
    if ranks.rank == 0:
        content = json.dumps(result, indent=2).encode() + b"\n"
        write_atomically(options.output / "result.json", content)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status.

    0 is success, 1 a failure on the way, 2 wrong input, 130 an interrupt after which ``--resume``
    goes on.

    Args:
        argv: Arguments without the program's name; those of the process by default.

    Raises:
        SystemExit: An argument is wrong (status 2).
    """
    name, ranks = "python -m helpers.train", Ranks()
    try:
        with joined() as ranks:
            try:
                return _run(_agreed_options(argv, ranks), ranks)
            except _Ended as end:
                if ranks.rank == 0 and str(end):
                    error = "" if end.status == 130 else f"{name}: error: "
                    print(f"{error}{end}", file=sys.stderr)
                return end.status
    except (ValueError, OSError, RuntimeError) as error:
        where = f"{name}: rank {ranks.rank}" if ranks.joined else name
        if ranks.joined and lost_another(error):
            print(f"{where}: stopped, because another rank did", file=sys.stderr)
        elif isinstance(error, RuntimeError):
            raise
        else:
            print(f"{where}: error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
