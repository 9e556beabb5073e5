"""Real data that needs no network: Fashion-MNIST, photographs, handwritten digits."""

import gzip
import hashlib
import os
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

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

GROUND = 20
"""Grey level up to which a pixel of a Fashion-MNIST image is ground, for ``composites``."""

PHOTOS = {
    "astronaut": "skimage",
    "brick": "skimage",
    "camera": "skimage",
    "cat": "skimage",
    "coffee": "skimage",
    "coins": "skimage",
    "grass": "skimage",
    "gravel": "skimage",
    "horse": "skimage",
    "rocket": "skimage",
    "china": "sklearn",
    "flower": "sklearn",
    "quokka": "imgaug",
}
"""Photographs and the package that installs each; licences are named in that package."""


def fashion_mnist(
    split: Literal["train", "test"],
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
    if split not in _FASHION_PREFIX:
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")
    if not full:
        if root is not None or download:
            raise ValueError("root and download go with full=True; the bundled part needs neither")
        return _bundled_fashion_mnist(split)
    prefix, size = _FASHION_PREFIX[split], _FASHION_SIZE[split]
    images = _original(f"{prefix}-images-idx3-ubyte.gz", (size, 28, 28), root, download)
    labels = _original(f"{prefix}-labels-idx1-ubyte.gz", (size,), root, download)
    return torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels).long()


def _bundled_fashion_mnist(split: str) -> tuple[Tensor, Tensor]:
    with as_file(files("helpers") / "assets" / "fashion_mnist.npz") as path:
        try:
            # An open file, since np.load itself leaves a damaged one open.
            with open(path, "rb") as file, np.load(file) as arrays:
                images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(
                f"{path} is damaged ({error}). Install the package again, or restore the file "
                "with git."
            ) from error
    return torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels).long()


def read_idx(path: str | os.PathLike) -> np.ndarray:
    """Reads a gzipped IDX file of bytes, the format of MNIST and Fashion-MNIST.

    Args:
        path: The file.

    Returns:
        uint8, shape as the file's header says.

    Raises:
        ValueError: The file is truncated or is no such file.

    Source: http://yann.lecun.com/exdb/mnist/ (section on file formats).
    """
    try:
        raw = gzip.decompress(Path(path).read_bytes())
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged or truncated ({error}).") from error
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08":
        raise ValueError(
            f"{path} is no IDX file of bytes: it begins with {raw[:4].hex() or 'nil'}."
        )
    dimensions = raw[3]
    start = 4 + 4 * dimensions
    if len(raw) < start:
        raise ValueError(
            f"{path} is truncated: {start} bytes of header announced, {len(raw)} found."
        )
    shape = np.frombuffer(raw, ">u4", count=dimensions, offset=4)
    expected = start + int(np.prod(shape, dtype=np.int64))
    if len(raw) != expected:
        raise ValueError(f"{path} is truncated: {expected} bytes announced, {len(raw)} found.")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape).copy()


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
            if not download or folder == _DEBIAN_FOLDER or _md5(path) == md5:
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


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def fetch(address: str, target: str | os.PathLike, *, md5: str) -> None:
    """Downloads a file, or the rest of one, and puts it in place once its checksum is right.

    What has arrived is kept in ``<target>.part``, and the next call goes on from there.

    Args:
        address: http(s) address of the file.
        target: Where the file goes; its folder is made if it is missing.
        md5: The file's MD5 checksum, hexadecimal.

    Raises:
        ConnectionError: The server did not answer, or not with the file.
        OSError: The file could not be written.
        ValueError: The file that arrived has another checksum; it is removed.
    """
    target = Path(target)
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _receive(address, part)
    except urllib.error.HTTPError as error:
        # 416: the part is complete already, and the checksum decides.
        if error.code != 416:
            raise ConnectionError(f"{address} answered {error.code} {error.reason}.") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise ConnectionError(
            f"{address} cannot be reached ({error}). Without a network, use the bundled part "
            "(full=False) or files that you have (root=...). What has arrived is kept."
        ) from error
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror}: cannot write {part}. Pass root=... to name another folder",
        ) from error
    found = _md5(part)
    if found != md5:
        part.unlink()
        raise ValueError(
            f"{address} gave a damaged file: MD5 {md5} expected, {found} found. It was removed; "
            "call again to fetch it anew."
        )
    os.replace(part, target)


def _receive(address: str, part: Path) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=30) as answer:
        resumed = answer.status == 206
        total = int(answer.headers.get("Content-Length", 0)) + (have if resumed else 0)
        with (
            open(part, "ab" if resumed else "wb") as file,
            tqdm(total=total, initial=file.tell(), unit="B", unit_scale=True, leave=False) as bar,
        ):
            while block := answer.read(1 << 16):
                file.write(block)
                bar.update(len(block))
            if total and file.tell() < total:
                raise ConnectionError(f"the connection closed after {file.tell()} of {total} bytes")


def write_atomically(path: str | os.PathLike, content: bytes) -> None:
    """Writes a file so that it is there in full or, if anything fails, as it was before.

    Args:
        path: The file to write or replace.
        content: What it shall hold.

    Raises:
        OSError: The disk is full or read-only, or the folder is missing.
    """
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def photo(name: str) -> Tensor:
    """Returns a photograph that an installed package brings along.

    Args:
        name: A key of ``PHOTOS``.

    Returns:
        uint8, shape (3, H, W), or (1, H, W) for a grey one.

    Raises:
        ValueError: Unknown name.

    Source: scikit-image's ``skimage.data``, scikit-learn's ``load_sample_image``, imgaug's quokka.
    """
    if name not in PHOTOS:
        raise ValueError(f"name must be one of {', '.join(sorted(PHOTOS))}; got {name!r}")
    if PHOTOS[name] == "skimage":
        import skimage.data

        pixels = getattr(skimage.data, name)()
    elif PHOTOS[name] == "imgaug":
        # The picture alone: imgaug itself cannot be imported without helpers.compat.
        folder = Path(find_spec("imgaug").submodule_search_locations[0])
        pixels = np.asarray(Image.open(folder / f"{name}.jpg").convert("RGB"))
    else:
        from sklearn.datasets import load_sample_image

        pixels = load_sample_image(f"{name}.jpg")
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * 255
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def digits() -> tuple[Tensor, Tensor]:
    """Returns scikit-learn's 1,797 handwritten digits.

    Returns:
        Images, float32 in [0, 1], shape (1797, 1, 8, 8), and labels 0 to 9, int64, shape (1797,).

    Source: https://archive.ics.uci.edu/dataset/80 (CC BY 4.0).
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.from_numpy(bunch.images).float().unsqueeze(1) / 16
    return images, torch.from_numpy(bunch.target).long()


def composites(
    count: int,
    *,
    seed: int,
    split: Literal["train", "test"] = "train",
    size: int = 48,
    garments: int = 2,
) -> tuple[Tensor, Tensor]:
    """Returns garments of Fashion-MNIST pasted onto photographed textures, with exact masks.

    The two splits share neither garments nor texture: the left three quarters of each photograph
    are for training, the right quarter is for testing.

    Args:
        count: How many pictures, at least 1.
        seed: Of the generator that chooses; equal seeds give equal pictures.
        split: Where garments and textures come from.
        size: Side of the pictures in pixels, from 28 to 128.
        garments: How many are pasted onto each picture, later ones over earlier ones; at least 1.

    Returns:
        Pictures, float32 in [0, 1], shape (N, 1, size, size), and masks, int64, 1 where a garment
        is and 0 elsewhere, shape (N, size, size).

    Raises:
        ValueError: An argument is out of range.
    """
    if count < 1 or garments < 1:
        raise ValueError(f"count and garments must be at least 1, got {count} and {garments}")
    if not 28 <= size <= 128:
        raise ValueError(f"size must be 28 to 128, got {size}")
    sources, _ = fashion_mnist(split)
    columns = slice(None, 384) if split == "train" else slice(384, None)
    textures = [photo(name)[0, :, columns] for name in ("brick", "grass", "gravel")]
    generator = torch.Generator().manual_seed(seed)

    def draw(end: int) -> int:
        return int(torch.randint(end, (1,), generator=generator))

    pictures = torch.empty(count, 1, size, size, dtype=torch.uint8)
    masks = torch.zeros(count, size, size, dtype=torch.int64)
    for picture, mask in zip(pictures[:, 0], masks, strict=True):
        texture = textures[draw(len(textures))]
        top, left = (draw(side - size + 1) for side in texture.shape)
        picture.copy_(texture[top : top + size, left : left + size])
        for _ in range(garments):
            garment = sources[draw(len(sources)), 0]
            top, left = draw(size - 27), draw(size - 27)
            place = (slice(top, top + 28), slice(left, left + 28))
            inside = garment > GROUND
            picture[place][inside] = garment[inside]
            mask[place][inside] = 1
    return pictures.float() / 255, masks
