"""Packs the part of Fashion-MNIST that the chapters use, without loss, from the original files.

Usage: python book/tools/pack_fashion_mnist.py FOLDER_WITH_THE_FOUR_GZ_FILES [TARGET]

The first 1,000 training and the first 200 test images of each class are taken, in their original
order. Pixels are kept bit for bit.
"""

import argparse
import io
import sys
from pathlib import Path

import numpy as np

from helpers.data import FASHION_CLASSES
from helpers.files import read_idx, write_atomically

PER_CLASS = {"train": 1000, "test": 200}
PREFIX = {"train": "train", "test": "t10k"}
TARGET = Path(__file__).parents[2] / "helpers" / "assets" / "fashion_mnist.npz"


def first_of_each_class(labels: np.ndarray, count: int) -> np.ndarray:
    """Returns the sorted positions of the first ``count`` samples of each class.

    Raises:
        ValueError: A class has fewer samples.
    """
    chosen = []
    for label, name in enumerate(FASHION_CLASSES):
        found = np.flatnonzero(labels == label)
        if len(found) < count:
            raise ValueError(f"class {name!r} needs {count} images, the file has {len(found)}")
        chosen.append(found[:count])
    return np.sort(np.concatenate(chosen))


def pack(source: Path, target: Path, per_class: dict[str, int] = PER_CLASS) -> None:
    """Writes the chosen images and labels of both splits into one compressed file."""
    arrays = {}
    for split, prefix in PREFIX.items():
        labels = read_idx(source / f"{prefix}-labels-idx1-ubyte.gz")
        chosen = first_of_each_class(labels, per_class[split])
        images = read_idx(source / f"{prefix}-images-idx3-ubyte.gz")[chosen]
        arrays[f"{split}_images"] = images
        arrays[f"{split}_labels"] = labels[chosen]
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_atomically(target, buffer.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="folder with the four original .gz files")
    parser.add_argument("target", type=Path, nargs="?", default=TARGET, help="file to write")
    arguments = parser.parse_args()
    try:
        pack(arguments.source, arguments.target)
    except (OSError, ValueError) as error:
        sys.exit(f"pack_fashion_mnist: {error}")


if __name__ == "__main__":
    main()
