"""Real data that needs no network: Fashion-MNIST, photographs, digits, folders of pictures.

What reads folders needs torchvision, which takes longer to import than torch, and is therefore
loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from helpers.data.fashion import FASHION_CLASSES, fashion_mnist
from helpers.data.pictures import GROUND, PHOTOS, composites, digits, photo

if TYPE_CHECKING:
    from helpers.data.folders import (
        CHANNELS,
        ImageFiles,
        picture_files,
        read_picture,
        seeded,
        visible,
    )

__all__ = [
    "CHANNELS",
    "FASHION_CLASSES",
    "GROUND",
    "PHOTOS",
    "ImageFiles",
    "composites",
    "digits",
    "fashion_mnist",
    "photo",
    "picture_files",
    "read_picture",
    "seeded",
    "visible",
]


def __getattr__(name: str) -> Any:
    if name != "folders" and name not in __all__:
        raise AttributeError(f"module 'helpers.data' has no attribute {name!r}")
    folders = import_module("helpers.data.folders")
    return folders if name == "folders" else getattr(folders, name)
