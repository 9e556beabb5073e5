"""Photographs pages of the built site for the README: a page light and dark, an explorer, Errors.

Usage: python -m tests.site.pictures
"""

import io

from PIL import Image
from playwright.sync_api import Page

from helpers.files import write_atomically
from tests.notebooks import ROOT
from tests.site.browsing import chromium, served

FOLDER = ROOT / ".github" / "pictures"
COLOURS = 128
TRACEBACK = "RuntimeError: mat1 and mat2 shapes cannot be multiplied (32x512 and 784x10)"


def section(page: Page) -> None:
    page.locator("#what-does-a-kernel-do-to-a-picture").evaluate("e => e.scrollIntoView()")


def explorer(page: Page) -> None:
    page.locator("explorer-race").evaluate("e => { e.scrollIntoView(); scrollBy(0, -60); }")


def traceback(page: Page) -> None:
    page.locator("#errors-paste").fill(TRACEBACK)


# Name: page, size, colours of the page, what is done before the picture is taken.
PICTURES = {
    "light": ("notebooks/08_convolution.html", (1100, 1140), "light", section),
    "dark": ("notebooks/08_convolution.html", (1100, 1140), "dark", section),
    "explorer": ("notebooks/17_optimizers.html", (1100, 780), "light", explorer),
    "errors": ("book/errors.html", (1100, 760), "light", traceback),
}


def photograph() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with served() as address, chromium() as browser:
        for name, (address_of_page, (width, height), scheme, prepare) in PICTURES.items():
            view = {"width": width, "height": height}
            page = browser.new_context(viewport=view, color_scheme=scheme).new_page()
            page.goto(f"{address}/{address_of_page}", wait_until="networkidle")
            prepare(page)
            page.wait_for_timeout(1000)
            picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLOURS)
            content = io.BytesIO()
            picture.save(content, format="PNG", optimize=True)
            write_atomically(FOLDER / f"{name}.png", content.getvalue())
            page.close()


if __name__ == "__main__":
    photograph()
