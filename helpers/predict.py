"""Names the garments in picture files from the shell: ``python -m helpers.predict --help``.

Without ``--checkpoint``, the network of chapter 32 answers, which comes with the package. With it,
the network that ``python -m helpers.train`` has trained. Any file that Pillow opens will do. It is
made like the images that the network has learnt from: grey, light on black, trimmed, centred in a
square of 28 pixels; what was done is said. Exit status: 0 when all pictures are named, 2 when
something given is wrong; then nothing is named.
"""

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor, nn

from helpers.checkpoints import load_checkpoint
from helpers.data import FASHION_CLASSES, fashion_mnist
from helpers.networks import CLASSIFIERS, shipped
from helpers.train import HELD_OUT, OneLineParser

SIDE = 28
LIGHT = 127  # a background above this is light; none of the 8,500 training images has one
NOISE = 20  # what differs less from the background belongs to it
NEAREST = 100  # validation answers that a probability is compared with
RARE = 0.02  # what fewer validation images show is not to be believed


class InputError(ValueError):
    """What was given cannot be used; the message says what it is and what is allowed."""


@dataclass
class Network:
    """A network with its way to prepare images, and what it says about images it never saw.

    Attributes:
        module: Images, float32, shape (N, 1, 28, 28), to logits, shape (N, 10).
        prepare: Images, uint8, shape (N, 1, 28, 28), to what the module takes.
        judged: What the images are that it is measured on.
        probabilities: The largest probability for each of them.
        right: Whether that answer was right.
        weakest: A strength (see :func:`strength`) that nearly all of them exceed.
        usual: The smallest and the largest share of light pixels that nearly all of them have.
    """

    module: nn.Module
    prepare: Callable[[Tensor], Tensor]
    judged: str
    probabilities: Tensor = field(init=False)
    right: Tensor = field(init=False)
    weakest: float = field(init=False)
    usual: tuple[float, float] = field(init=False)

    def measure(self, images: Tensor, labels: Tensor) -> None:
        """Fills in what the network says about images that it was not trained on."""
        logits = self.logits(images)
        self.probabilities, answers = logits.softmax(dim=1).max(dim=1)
        self.right = answers == labels
        self.weakest = strength(logits).quantile(RARE).item()
        shares = light(images)
        self.usual = (shares.quantile(RARE / 2).item(), shares.quantile(1 - RARE / 2).item())

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """Returns the logits, shape (N, 10), of uint8 images of shape (N, 1, 28, 28)."""
        return torch.cat([self.module(self.prepare(part)) for part in images.split(500)])


def strength(logits: Tensor) -> Tensor:
    """Returns how loud an answer is: the logarithm of the sum of the logits' powers of e."""
    return logits.logsumexp(dim=1)


def light(images: Tensor) -> Tensor:
    """Returns the share of pixels that are not black, for each image."""
    return (images > NOISE).float().mean(dim=(1, 2, 3))


# Networks


def load_network(path: Path | None = None) -> Network:
    """Returns the network in a checkpoint of ``helpers.train``, or the one of the package.

    Args:
        path: A file ``checkpoint.pt``; by default the package's own network.

    Raises:
        InputError: There is no such file, or it holds something else.
    """
    if path is None:
        return _shipped()
    if os.path.isdir(path):  # unlike Path.is_dir, for names of any length
        raise InputError(f"--checkpoint {path} is a folder; name the checkpoint.pt in it")
    try:
        saved = load_checkpoint(path)
    except (OSError, ValueError) as error:
        raise InputError(f"--checkpoint {path}: {error}") from None
    settings = saved.get("settings")
    name = settings.get("model") if isinstance(settings, dict) else None
    if not isinstance(name, str) or name not in CLASSIFIERS:
        given = "no network's name" if name is None else f"a network {name!r}"
        allowed = ", ".join(CLASSIFIERS)
        raise InputError(
            f"--checkpoint {path} holds {given}; it must be of helpers.train: {allowed}"
        )
    module = CLASSIFIERS[name]()
    try:
        module.load_state_dict(saved["model"])
    except (KeyError, RuntimeError, TypeError, AttributeError):
        raise InputError(
            f"--checkpoint {path} holds other weights than {name} has; it must be of helpers.train"
        ) from None
    whole = bool(settings.get("full"))
    network = Network(module.eval(), lambda x: x.float() / 255, "test" if whole else "validation")
    images, labels = fashion_mnist("test" if whole else "train")
    network.measure(images[-HELD_OUT:], labels[-HELD_OUT:])
    return network


def _shipped() -> Network:
    module, card = shipped.network()
    mean, std = card["mean"], card["std"]
    network = Network(module, lambda x: (x.float() / 255 - mean) / std, "validation")
    images, labels = fashion_mnist("train")
    network.measure(images[-HELD_OUT:], labels[-HELD_OUT:])
    return network


# Pictures


def read_picture(path: Path) -> tuple[Image.Image, list[str]]:
    """Reads a picture file as grey values.

    Of several frames the first is taken. Transparent parts become white. 16 bits per pixel become
    8. A picture that a camera has stored lying on its side is turned.

    Returns:
        A picture of mode ``"L"``, and what was done to get it.

    Raises:
        InputError: There is no such file, it is not a picture, or it is cut off.
    """
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder; name a picture file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                frames = getattr(image, "n_frames", 1)
                image.load()
                return _grey(image, frames, path)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"there is no file {path}; name a picture file") from None
    except UnidentifiedImageError:
        raise InputError(
            f"{path} is not a picture that Pillow can read; PNG, JPEG, GIF or WebP are"
        ) from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        most = Image.MAX_IMAGE_PIXELS
        raise InputError(f"{path} is too large; at most {most:,} pixels are allowed") from None
    except PermissionError:
        raise InputError(f"{path} may not be read; its permissions forbid it") from None
    except Exception as error:  # a damaged file raises errors of many kinds
        raise InputError(
            f"{path} is damaged or cut off ({error}); name a complete picture"
        ) from None


def _grey(image: Image.Image, frames: int, path: Path) -> tuple[Image.Image, list[str]]:
    done = [f"{image.width} x {image.height}, {_kind(image)}"]
    if frames > 1:
        done.append(f"the first of {frames} frames")
    turned = ImageOps.exif_transpose(image)
    if image.getexif().get(0x0112, 1) not in (0, 1):
        done.append("turned as its EXIF data say")
    if turned.mode.startswith("I") or turned.mode == "F":
        return _eight_bits(turned, path), [*done, "scaled to 8 bits"]
    if "A" in turned.getbands() or "a" in turned.getbands() or "transparency" in turned.info:
        done.append("transparent parts white")
        over = turned.convert("RGBA")
        turned = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    if turned.mode not in ("L", "RGB"):
        turned = turned.convert("RGB")
    return turned.convert("L"), done


def _kind(image: Image.Image) -> str:
    names = {"1": "black and white", "L": "grey", "P": "with a palette", "F": "grey, floats"}
    return names.get(image.mode, "grey, 16 bits" if image.mode.startswith("I") else image.mode)


def _eight_bits(image: Image.Image, path: Path) -> Image.Image:
    """Returns a picture of more than 8 bits per pixel in 8: by its format's range, not its own."""
    values = np.asarray(image).astype(np.float64)
    low, high = values.min(), values.max()
    top = next((t for t in ((1,) if image.mode == "F" else ()) + (255, 65535) if high <= t), None)
    if image.mode.startswith("I;16"):
        top = 65535
    if top is None or not low >= 0:
        raise InputError(
            f"{path} has values from {low:g} to {high:g}; 0 to 65535 are allowed, or 0 to 1"
        )
    return Image.fromarray((values * (255 / top)).round().astype(np.uint8))


def as_input(image: Image.Image, invert: str = "auto", trim: bool = True) -> tuple[Tensor, list]:
    """Makes a picture like the images of Fashion-MNIST.

    The background is the median of the pixels on the border. A light one means dark on light, and
    the picture is turned into its negative. Then the background becomes black, is trimmed, and the
    picture is centred in a square. A picture of 28 x 28 pixels is trimmed by nobody: it may be one
    of those images.

    Args:
        image: A picture of mode ``"L"``.
        invert: ``"yes"``, ``"no"``, or ``"auto"`` for the rule above.
        trim: Whether to cut off the background and to make it black.

    Returns:
        uint8, shape (1, 1, 28, 28), and what was done.
    """
    done: list[str] = []
    x = np.asarray(image).astype(np.float64)
    edge = np.ones(x.shape, dtype=bool)
    edge[1:-1, 1:-1] = False
    background = np.median(x[edge])
    if invert == "yes" or (invert == "auto" and background > LIGHT):
        x, background = 255 - x, 255 - background
        done.append("taken for dark on light: turned into its negative")
    if trim and image.size != (SIDE, SIDE):
        kept = np.abs(x - background) > NOISE
        if kept.any():
            rows, columns = (np.flatnonzero(kept.any(axis=axis)) for axis in (1, 0))
            x = x[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        if background < 255:
            x = (x - background).clip(0) * (255 / (255 - background))
        done.append(f"trimmed to {x.shape[1]} x {x.shape[0]}")
    grey = Image.fromarray(x.clip(0, 255).round().astype(np.uint8))
    if grey.size != (SIDE, SIDE):
        scale = SIDE / max(grey.size)
        size = tuple(max(1, round(side * scale)) for side in grey.size)
        sheet = Image.new("L", (SIDE, SIDE))
        sheet.paste(
            grey.resize(size, Image.Resampling.LANCZOS),
            ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2),
        )
        grey = sheet
        done.append(f"made {SIDE} x {SIDE}")
    return torch.from_numpy(np.array(grey))[None, None], done


# What is said


def sentences(network: Network, picture: Tensor, top: int = 3) -> list[str]:
    """Returns what the network says about a picture, and how far to believe it.

    Args:
        network: A network of :func:`load_network`.
        picture: uint8, shape (1, 1, 28, 28).
        top: How many classes to name.
    """
    logits = network.logits(picture)
    values, order = logits.softmax(dim=1)[0].sort(descending=True)
    named = ", ".join(
        f"{FASHION_CLASSES[i]} {p:.2f}" if p < 0.995 else f"{FASHION_CLASSES[i]} over 0.99"
        for p, i in list(zip(values, order, strict=True))[:top]
    )
    share = light(picture).item()
    if strength(logits).item() < network.weakest:
        doubt = f"{1 - RARE:.0%} of the {network.judged} images get a louder answer"
    elif not network.usual[0] <= share <= network.usual[1]:
        doubt = (
            f"{share:.1%} of its pixels are light, in garments {network.usual[0]:.1%} to "
            f"{network.usual[1]:.1%}"
        )
    else:
        near = (network.probabilities - values[0]).abs().argsort()[:NEAREST]
        right = int(network.right[near].sum())
        word = "sure" if right >= 95 else "fairly sure" if right >= 80 else "unsure"
        return [
            named,
            f"{word}: of {len(near)} {network.judged} images with such a probability, {right} "
            "were named rightly",
        ]
    return [named, f"do not believe it: {doubt}"]


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser of ``python -m helpers.predict``."""
    parser = OneLineParser(
        prog="python -m helpers.predict",
        description="Name the garments in pictures. A network names one of ten, whatever it sees.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("pictures", nargs="+", type=Path, metavar="PICTURE", help="a file that Pillow opens")
    add("--checkpoint", type=Path, help="checkpoint.pt of helpers.train; else the book's network")
    add("--invert", choices=["auto", "yes", "no"], default="auto",
        help="make a negative: the network knows light garments on black")  # fmt: skip
    add("--trim", action=argparse.BooleanOptionalAction, default=True,
        help="cut off the background and make it black")  # fmt: skip
    add("--top", type=int, choices=range(1, 11), default=3, metavar="1..10",
        help="how many classes to name")  # fmt: skip
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status.

    Args:
        argv: Arguments without the program's name; those of the process by default.

    Raises:
        SystemExit: An option is wrong (status 2).
    """
    options = build_parser().parse_args(argv)
    try:
        network = load_network(options.checkpoint)
        found: list[tuple[Path, Tensor, list[Any]]] = []
        for path in options.pictures:
            image, done = read_picture(path)
            picture, more = as_input(image, options.invert, options.trim)
            found.append((path, picture, [*done, *more]))
    except InputError as error:
        print(f"python -m helpers.predict: error: {error}", file=sys.stderr)
        return 2
    for path, picture, done in found:
        first, *others = sentences(network, picture, options.top)
        print(f"{path}: {first}")
        for line in ["; ".join(done), *others]:
            print(f"  {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
