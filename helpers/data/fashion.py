"""Fashion-MNIST: the part that comes with the package, and the original files."""

import lzma
import os
import zipfile
import zlib
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from helpers.files import checksum, fetch, read_idx

FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""The ten classes of Fashion-MNIST, by label."""

_FASHION_PREFIX = {"train": "train", "test": "t10k"}
_FASHION_SIZE = {"train": 60_000, "test": 10_000}
_DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")


def fashion_mnist(
    split: Literal["train", "test", "fresh"],
    *,
    full: bool = False,
    root: str | os.PathLike | None = None,
    download: bool = False,
) -> tuple[Tensor, Tensor]:
    """Returns images and labels of Fashion-MNIST.

    By default these are the bundled part: 1,000 training and 200 test images of each class, the
    first ones of the original files, unchanged.

    Args:
        split: ``"train"`` (10,000 images, 60,000 with ``full``) or ``"test"`` (2,000 or 10,000).
            ``"fresh"``: 2,000 other test images, 200 of each class, drawn by a seed, that only the
            last chapter opens, once; not with ``full``.
        full: Take all images from the original files. They are looked for in ``root``, or else
            where Debian's package ``dataset-fashion-mnist`` puts them, or else in
            ``~/.cache/pytorch-executed``.
        root: Folder of the four original ``.gz`` files; only with ``full``.
        download: Fetch files that are missing, damaged or not the original ones into ``root`` or
            the cache; only with ``full``. What Debian's package installed is only read.

    Returns:
        Images, uint8, shape (N, 1, 28, 28), and labels, int64, shape (N,).

    Raises:
        FileNotFoundError: ``full`` without the files and without ``download``.
        ConnectionError: The download failed.
        OSError: The files could not be written (a read-only or full disk).
        ValueError: Unknown split, or a file is damaged or another one.

    Source: Xiao, Rasul and Vollgraf, Fashion-MNIST, arXiv:1708.07747 (MIT licence).
    """
    if split not in (*_FASHION_PREFIX, *([] if full else ["fresh"])):
        allowed = "'train' or 'test'" if full else "'train', 'test' or 'fresh'"
        raise ValueError(f"split must be {allowed}, got {split!r}")
    if not full:
        if root is not None or download:
            raise ValueError("root and download go with full=True; the bundled part needs neither")
        return _bundled_fashion_mnist(split)
    prefix, size = _FASHION_PREFIX[split], _FASHION_SIZE[split]
    images = _original(f"{prefix}-images-idx3-ubyte.gz", (size, 28, 28), root, download)
    labels = _original(f"{prefix}-labels-idx1-ubyte.gz", (size,), root, download)
    return torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels).long()


def _bundled_fashion_mnist(split: str) -> tuple[Tensor, Tensor]:
    name = "fashion_mnist_fresh.npz" if split == "fresh" else "fashion_mnist.npz"
    with as_file(files("helpers") / "assets" / name) as path:
        try:
            # An open file, since np.load itself leaves a damaged one open.
            with open(path, "rb") as file, np.load(file) as arrays:
                images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
        except (
            ValueError,
            KeyError,
            EOFError,
            zipfile.BadZipFile,
            zlib.error,
            lzma.LZMAError,
        ) as error:
            raise ValueError(
                f"{path} is damaged ({error}). Install the package again, or restore the file "
                "with git."
            ) from error
    return torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels).long()


def _original(
    name: str, shape: tuple[int, ...], root: str | os.PathLike | None, download: bool
) -> np.ndarray:
    """Returns what one of the original files holds; fetches it if it must and may."""
    from torchvision.datasets import FashionMNIST

    md5 = dict(FashionMNIST.resources)[name]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pytorch-executed"
    folders = [Path(root)] if root is not None else [_DEBIAN_FOLDER, cache]
    wrong = []
    for folder in folders:
        path = folder / name
        if not path.is_file():
            continue
        try:
            array = _read_original(path, shape)
        except ValueError as error:
            wrong.append(str(error))
        else:
            # A download is of the original file; without one, any file of the shape will do.
            if not download or folder == _DEBIAN_FOLDER or checksum(path) == md5:
                return array
    if download:
        target = folders[-1] / name
        fetch(FashionMNIST.mirrors[0] + name, target, md5=md5)
        return _read_original(target, shape)
    if wrong:
        raise ValueError(
            f"{' '.join(wrong)} Pass download=True to fetch it again, or delete it and put a good "
            "one there."
        )
    raise FileNotFoundError(
        f"{name} is not in {' or '.join(map(str, folders))}. Pass download=True to fetch it "
        "(31 MB for all files), pass root=... to name its folder, or install Debian's package "
        "dataset-fashion-mnist."
    )


def _read_original(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    array = read_idx(path)
    if array.shape != shape:
        raise ValueError(f"{path} must hold bytes of shape {shape}, got {array.shape}.")
    return array
