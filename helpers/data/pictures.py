"""Pictures that installed packages bring along, and composites made of them."""

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from helpers.data.fashion import fashion_mnist

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
