"""Trains AlexNet at full size on all of Fashion-MNIST and stores a record of the run.

Usage: python book/tools/train_alexnet.py [--epochs 10] [--batch-size 256] [--images N] [--download]

It takes a GPU; on a CPU, try it with --images 64 --epochs 1.
"""

import argparse
import datetime
import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import helpers
from helpers.data import fashion_mnist
from helpers.files import write_atomically
from helpers.networks import AlexNet

RECORD = Path(helpers.__file__).parent / "assets" / "alexnet.json"  # chapter 11 shows it
SIDE = 224


def enlarge(images: Tensor, device: torch.device) -> Tensor:
    """Returns uint8 images (N, 1, 28, 28) as floats (N, 1, 224, 224) around zero."""
    return F.interpolate((images.to(device).float() / 255 - 0.286) / 0.353, SIDE, mode="bilinear")


def train(images: Tensor, labels: Tensor, *, epochs: int, batch_size: int, seed: int) -> nn.Module:
    """Returns a network trained by SGD with momentum and a one-cycle learning rate."""
    device = helpers.device()
    helpers.seed_everything(seed)
    model = AlexNet().to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
    steps = epochs * -(-len(images) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.02, total_steps=steps)
    for epoch in range(1, epochs + 1):
        total = 0.0
        for rows in torch.randperm(len(images)).split(batch_size):
            loss = F.cross_entropy(model(enlarge(images[rows], device)), labels[rows].to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        print(f"epoch {epoch}: training loss {total / len(images):.3f}", flush=True)
    return model


@torch.no_grad()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor, batch_size: int) -> float:
    """Returns the share of images that are classified right."""
    device = helpers.device()
    model.eval()
    right = 0
    for rows in torch.arange(len(images)).split(batch_size):
        right += int((model(enlarge(images[rows], device)).argmax(1).cpu() == labels[rows]).sum())
    return right / len(images)


def positive(text: str) -> int:
    """Reads a whole number of at least 1."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=positive, default=10)
    parser.add_argument("--batch-size", type=positive, default=256)
    parser.add_argument("--images", type=positive, help="use only the bundled part's first N")
    parser.add_argument("--download", action="store_true", help="fetch the images if missing")
    parser.add_argument("--seed", type=positive, default=1)
    parser.add_argument("--output", type=Path, default=RECORD, help="the record to write")
    options = parser.parse_args()
    helpers.setup(options.seed)
    part = {} if options.images else {"full": True, "download": options.download}
    try:
        sets = [fashion_mnist(split, **part) for split in ("train", "test")]
    except (OSError, ValueError) as error:
        sys.exit(f"train_alexnet: {error}")
    (images, labels), (test_images, test_labels) = (
        (x[: options.images], y[: options.images]) for x, y in sets
    )
    start = time.perf_counter()
    model = train(
        images, labels, epochs=options.epochs, batch_size=options.batch_size, seed=options.seed
    )
    seconds = time.perf_counter() - start
    device = helpers.device()
    record = {
        "test accuracy": round(accuracy(model, test_images, test_labels, options.batch_size), 4),
        "training images": len(images),
        "epochs": options.epochs,
        "seconds": round(seconds, 1),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else platform.machine(),
        "torch": version("torch"),
        "python": platform.python_version(),
        "date": datetime.date.today().isoformat(),
        "command": " ".join(["python book/tools/train_alexnet.py", *sys.argv[1:]]),
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(options.output, (json.dumps(record, indent=2) + "\n").encode())
    print(f"{options.output}: test accuracy {record['test accuracy']}")


if __name__ == "__main__":
    main()
