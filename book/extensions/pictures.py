"""Serves the pictures of the chapters as lossless WebP: the same pixels in about half the bytes.

The notebooks keep their PNG, and so does an ePub, which more readers can show.
"""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

from PIL import Image
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.transforms.post_transforms.images import ImageConverter

PNG, WEBP = "image/png", "image/webp"
# Pictures are packed beside the writing of pages: the encoder leaves Python to others.
workers = ThreadPoolExecutor(os.cpu_count())
packing: dict[str, Future] = {}


class ToWebP(ImageConverter):
    """Converts the PNG pictures of a page that is written as HTML."""

    conversion_rules: ClassVar = [(PNG, WEBP)]

    def is_available(self) -> bool:
        return True

    def convert(self, _from: str, _to: str) -> bool:
        # A chapter's picture is named after its content: what is there is still right.
        if _to not in packing and not os.path.exists(_to):
            packing[_to] = workers.submit(to_webp, Path(_from), Path(_to))
        return True


def wait(app: Sphinx) -> list:
    """Waits for all pictures, before they are copied into the site."""
    while packing:
        packing.popitem()[1].result()
    return []


def to_webp(source: Path, target: Path) -> None:
    """Writes a picture as WebP with exactly its pixels, those that are invisible among them.

    Raises:
        OSError: The source cannot be read, or the target not be written.
    """
    temporary = target.with_suffix(f".{os.getpid()}")
    with Image.open(source) as picture:
        picture.save(temporary, "WEBP", lossless=True, exact=True, quality=80, method=4)
    os.replace(temporary, target)


def choose(app: Sphinx) -> None:
    if isinstance(app.builder, StandaloneHTMLBuilder) and app.builder.name == "html":
        kept = [kind for kind in app.builder.supported_image_types if kind != PNG]
        app.builder.supported_image_types = [*kept, WEBP]


def setup(app: Sphinx) -> dict:
    app.connect("builder-inited", choose)
    app.connect("html-collect-pages", wait)
    app.add_post_transform(ToWebP)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
