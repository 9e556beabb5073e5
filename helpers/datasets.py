"""The dataset over files that chapter 04 builds, for the chapters after it.

The definition equals the chapter's, but for docstrings and type annotations: a test compares them.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset
from torchvision.io import decode_image


class ImageFiles(Dataset):
    """PNG images in one folder a class; labels number the sorted folder names.

    Args:
        root: Folder of the class folders.
        transform: Applied to each image, uint8 of shape (C, H, W).

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: No class folder holds a ``.png`` file. Also raised on reading a sample whose
            file is no image.
    """

    def __init__(
        self, root: str | os.PathLike, transform: Callable[[Tensor], Any] | None = None
    ) -> None:
        self.root, self.transform = Path(root), transform
        self.classes = sorted(path.name for path in self.root.iterdir() if path.is_dir())
        self.samples = [
            (path, label)
            for label, name in enumerate(self.classes)
            for path in sorted((self.root / name).glob("*.png"))
        ]
        if not self.samples:
            raise ValueError(f"there is no folder with .png files in {self.root}")

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        path, label = self.samples[index]
        try:
            image = decode_image(str(path))
        except RuntimeError as error:
            raise ValueError(f"{path} is no image that can be read") from error
        return (image if self.transform is None else self.transform(image)), label
