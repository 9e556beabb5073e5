"""Photographs a page of the built site, light and dark, for the README.

Usage: python -m tests.site.pictures
"""

import io

from PIL import Image

from helpers.files import write_atomically
from tests.notebooks import ROOT
from tests.site.browsing import chromium, served

FOLDER = ROOT / ".github" / "pictures"
PAGE, SECTION = "notebooks/08_convolution.html", "#what-does-a-kernel-do-to-a-picture"
COLOURS = 128


def photograph() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with served() as address, chromium() as browser:
        for scheme in ("light", "dark"):
            view = {"width": 1100, "height": 1140}
            page = browser.new_context(viewport=view, color_scheme=scheme).new_page()
            page.goto(f"{address}/{PAGE}", wait_until="networkidle")
            page.locator(SECTION).evaluate("section => section.scrollIntoView()")
            page.wait_for_timeout(500)
            picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLOURS)
            content = io.BytesIO()
            picture.save(content, format="PNG", optimize=True)
            write_atomically(FOLDER / f"{scheme}.png", content.getvalue())
            page.close()


if __name__ == "__main__":
    photograph()
