"""The dataset over folders of pictures that chapter 04 builds, for the chapters after it.

The definitions equal the chapter's, but for docstrings and type annotations: a test compares them.
"""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2

CHANNELS = {"RGB": 3, "GRAY": 1}
"""The colour modes of :class:`ImageFiles`, and how many channels its images then have."""


def visible(folder: Path) -> list[Path]:
    """Returns a folder's files and folders by name, without those that a system hides.

    Hidden are names that begin with a dot, and Windows' ``Thumbs.db`` and ``desktop.ini``.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    hidden = ("thumbs.db", "desktop.ini")
    paths = sorted(folder.iterdir(), key=lambda path: path.name)
    return [path for path in paths if path.name[0] != "." and path.name.lower() not in hidden]


def picture_files(folder: Path) -> list[Path]:
    """Returns the picture files of a class folder by name.

    Raises:
        ValueError: The folder holds nothing, or something that is not a ``.png`` or ``.jpg`` file.
    """
    paths = visible(folder)
    if not paths:
        raise ValueError(f"there is no picture in {folder}")
    for path in paths:
        if path.suffix.lower() not in (".png", ".jpg", ".jpeg") or not path.is_file():
            raise ValueError(f"{path} is not a .png or .jpg file")
    return paths


def read_picture(path: Path, mode: str) -> Tensor:
    """Returns a picture as uint8 of shape (3, H, W) in mode ``"RGB"``, (1, H, W) in ``"GRAY"``.

    A picture that a camera stored on its side is turned upright, as its EXIF data say.

    Raises:
        ValueError: The file is damaged, or is not a PNG or JPEG picture.
    """
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as file:
            image = ImageOps.exif_transpose(file)  # upright, however the phone was held
            if image.mode.startswith("I"):  # grey of 16 bits, which convert would cut off
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            image = image.convert("L" if mode == "GRAY" else "RGB")
    except Exception as error:  # a damaged file raises errors of many kinds
        raise ValueError(f"{path} is not a picture that can be read") from error
    return v2.functional.pil_to_tensor(image)


@contextmanager
def seeded(*numbers: int) -> Iterator[None]:
    """Seeds Python's, NumPy's and PyTorch's generators from the numbers, and restores them after.

    The generators are those of the CPU.

    Args:
        *numbers: At least 0 each; another tuple gives other random numbers.
    """
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    seed = int(np.random.SeedSequence(numbers).generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])


class ImageFiles(Dataset):
    """PNG and JPEG images in one folder per class; labels number the sorted folder names.

    What a random transform draws follows from seed, epoch and index alone: it does not depend on
    the number of workers, nor on what was drawn before. Files beside the class folders and hidden
    entries are left out.

    Args:
        root: Folder of the class folders.
        transform: Applied to each image, uint8 of shape (C, H, W).
        mode: ``"RGB"`` (3 channels) or ``"GRAY"`` (1), whatever the files hold.
        seed: Of the transform's random numbers; at least 0.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: Another mode, no class folder, an empty one, or one with something else than
            pictures. Also raised on reading a sample whose file is not a picture.
    """

    def __init__(
        self,
        root: str | os.PathLike,
        transform: Callable[[Tensor], Any] | None = None,
        *,
        mode: str = "RGB",
        seed: int = 0,
    ) -> None:
        if mode not in CHANNELS:
            raise ValueError(f"mode must be 'RGB' or 'GRAY', got {mode!r}")
        folders = [path for path in visible(Path(root)) if path.is_dir()]
        if not folders:
            raise ValueError(f"there is no class folder in {root}")
        self.root, self.transform, self.mode, self.seed = Path(root), transform, mode, seed
        self.classes = [folder.name for folder in folders]
        self.samples = [
            (path, label) for label, folder in enumerate(folders) for path in picture_files(folder)
        ]
        self.epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Lets random transforms draw anew, also in workers that are running: call it each epoch.

        Args:
            epoch: At least 0.
        """
        self.epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        path, label = self.samples[index]
        image = read_picture(path, self.mode)
        if self.transform is not None:
            with seeded(self.seed, int(self.epoch), int(index) % len(self)):
                image = self.transform(image)
        return image, label
