"""Real data that needs no network: Fashion-MNIST, photographs, digits, folders of pictures."""

from helpers.data.fashion import FASHION_CLASSES, fashion_mnist
from helpers.data.folders import CHANNELS, ImageFiles, picture_files, read_picture, seeded, visible
from helpers.data.pictures import GROUND, PHOTOS, composites, digits, photo

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
