"""Packs the part of Fashion-MNIST that the chapters use, without loss, from the original files.

Usage: python book/tools/pack_fashion_mnist.py FOLDER_WITH_THE_FOUR_GZ_FILES [TARGET]

The first 1,000 training and the first 200 test images of each class are taken, in their original
order. A second file holds 200 more test images of each class, drawn by a seed: the last chapter
opens them once. Pixels are kept bit for bit. TARGET is a folder.
"""

import argparse
import io
import sys
import zipfile
from pathlib import Path

import numpy as np

from helpers.data import FASHION_CLASSES
from helpers.files import read_idx, write_atomically

PER_CLASS = {"train": 1000, "test": 200}
PREFIX = {"train": "train", "test": "t10k"}
TARGET = Path(__file__).parents[2] / "helpers" / "assets"
SEED = 26


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


def others_of_each_class(labels: np.ndarray, first: int, count: int) -> np.ndarray:
    """Returns the sorted positions of ``count`` samples of each class, drawn after the first ones.

    Raises:
        ValueError: A class has fewer samples.
    """
    first_of_each_class(labels, first + count)
    generator = np.random.default_rng(SEED)
    rest = [np.flatnonzero(labels == label)[first:] for label in range(len(FASHION_CLASSES))]
    chosen = [generator.choice(found, count, replace=False) for found in rest]
    return np.sort(np.concatenate(chosen))


def write(target: Path, arrays: dict[str, np.ndarray], compression: int) -> None:
    """Writes arrays as ``np.savez`` does, in another compression."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            # A fixed date: the same images give the same file.
            content = io.BytesIO()
            np.lib.format.write_array(content, array)
            entry = zipfile.ZipInfo(f"{name}.npy")
            archive.writestr(entry, content.getvalue(), compression, compresslevel=9)
    write_atomically(target, buffer.getvalue())


def pack(source: Path, target: Path, per_class: dict[str, int] = PER_CLASS) -> None:
    """Writes the chosen images and labels into two compressed files."""
    arrays = {}
    for split, prefix in PREFIX.items():
        labels = read_idx(source / f"{prefix}-labels-idx1-ubyte.gz")
        chosen = first_of_each_class(labels, per_class[split])
        images = read_idx(source / f"{prefix}-images-idx3-ubyte.gz")[chosen]
        arrays[f"{split}_images"] = images
        arrays[f"{split}_labels"] = labels[chosen]
    count = per_class["test"]
    chosen = others_of_each_class(labels, count, count)
    images = read_idx(source / "t10k-images-idx3-ubyte.gz")[chosen]
    fresh = {"fresh_images": images, "fresh_labels": labels[chosen]}
    write(target / "fashion_mnist.npz", arrays, zipfile.ZIP_DEFLATED)
    write(target / "fashion_mnist_fresh.npz", fresh, zipfile.ZIP_LZMA)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="folder with the four original .gz files")
    parser.add_argument("target", type=Path, nargs="?", default=TARGET, help="folder to write to")
    arguments = parser.parse_args()
    try:
        pack(arguments.source, arguments.target)
    except (OSError, ValueError) as error:
        sys.exit(f"pack_fashion_mnist: {error}")


if __name__ == "__main__":
    main()
