"""Photographs TensorBoard's page with the runs of chapter 25, for ``helpers/assets``.

Usage: python book/tools/tensorboard_screenshot.py [OUTPUT.png]

It runs the chapter, starts its server once more at the end, and opens the page in headless
Chromium: the one that the variable CHROMIUM names, one on the path, or Playwright's own.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
from book import notebooks
from book.notebooks import ROOT

CHAPTER = ROOT / "notebooks" / "25_tensorboard.ipynb"
PICTURE = ROOT / "helpers" / "assets" / "tensorboard.png"
SIZE = {"width": 1180, "height": 820}
COLOURS = 128

_PHOTOGRAPH = """
from playwright.async_api import async_playwright

with server(logs) as info:
    ready(info, runs)
    async with async_playwright() as playwright:
        chromium = playwright.chromium
        browser = await chromium.launch(executable_path={chromium!r}, args=["--no-sandbox"])
        page = await browser.new_page(viewport={size!r})
        query = "runFilter=lr&tagFilter=loss|validation"
        await page.goto(f"http://localhost:{{info.port}}/?{{query}}#timeseries")
        page.set_default_timeout(600_000)
        await page.locator("card-view").first.wait_for()
        await page.get_by_text("Enable step selection").click()
        # The cards draw their curves one after the other: until nothing moves any more.
        before, still = b"", 0
        while still < 4:
            await page.wait_for_timeout(500)
            now = await page.screenshot(path={path!r})
            loading = await page.locator("mat-spinner").count()
            before, still = now, still + 1 if now == before and not loading else 0
        await browser.close()
"""


def photograph(output: Path) -> None:
    """Writes the picture, as PNG of few colours.

    Raises:
        nbclient.exceptions.CellExecutionError: The chapter or the browser failed.
    """
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    notebook = notebooks.read(CHAPTER)
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "page.png"
        # Only up to the last picture, which this tool makes.
        [last] = [k for k, cell in enumerate(notebook.cells) if "assets/tensorboard" in cell.source]
        code = _PHOTOGRAPH.format(chromium=chromium, size=SIZE, path=str(raw))
        notebook.cells = [*notebook.cells[:last], nbformat.v4.new_code_cell(code)]
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, kernel_name="python3", timeout=900, resources=resources,
                       startup_timeout=600).execute()  # fmt: skip
        image = Image.open(raw).convert("RGB").quantize(COLOURS)
        part = output.with_name(f"{output.name}.part")
        image.save(part, format="PNG", optimize=True)
        part.replace(output)


if __name__ == "__main__":
    photograph(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE)
