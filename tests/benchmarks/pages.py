"""What the pages weigh, and what Lighthouse says of four of them, as a phone would load them.

Lighthouse is a program for Node: ``npm install --global lighthouse``, or set LIGHTHOUSE to its
path. It is asked for its standard phone: a slow network, and a processor slowed down four times.
That figure depends on what else the machine does; bytes and elements do not.
"""

import datetime
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from helpers.files import write_atomically
from tests.benchmarks import yardstick
from tests.notebooks import ROOT
from tests.site.browsing import FLAGS, SITE, Quiet, chromium, served

RECORD = ROOT / "book" / "results" / "pages.json"
JUDGED = ("book/index.html", "notebooks/01_tensors.html", "notebooks/14_losses.html",
          "notebooks/24_saliency.html")  # fmt: skip
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
RUNS = 5
PACKED = {".webp", ".png", ".jpg", ".woff2"}


class Zipped(Quiet):
    """Serves as a web server does: text packed by gzip, and kept by the browser."""

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Cache-Control", "max-age=31536000")
        if path.suffix not in PACKED:
            content = gzip.compress(content)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def weights(pages: list[str]) -> dict[str, dict[str, int]]:
    """Returns what a phone loads for each page before anybody scrolls, with an empty cache.

    Returns:
        For each page: kB over the wire, kB unpacked, and elements.
    """
    found = {}
    with served(Zipped) as address, chromium() as browser:
        for name in pages:
            page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
            sizes: list[tuple[int, int]] = []
            page.on(
                "response",
                lambda response, kept=sizes: kept.append(
                    (int(response.headers["content-length"]), len(response.body()))
                ),
            )
            page.goto(f"{address}/{name}", wait_until="networkidle")
            wire, plain = (sum(part) / 1000 for part in zip(*sizes, strict=True))
            elements = page.evaluate("document.querySelectorAll('*').length")
            found[name] = {"wire_kb": round(wire), "kb": round(plain), "elements": elements}
            page.close()
    return found


def program() -> str | None:
    """Returns the path of Lighthouse, None where there is none."""
    return os.environ.get("LIGHTHOUSE") or shutil.which("lighthouse")


def lighthouse(pages: tuple[str, ...] = JUDGED) -> dict[str, dict[str, float]]:
    """Returns Lighthouse's scores of each page, from 0 to 1: the median of five runs.

    Raises:
        RuntimeError: It is not installed, or it failed.
    """
    if (command := program()) is None:
        raise RuntimeError("no Lighthouse: npm install --global lighthouse, or set LIGHTHOUSE")
    chrome = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
    environment = {**os.environ, "CHROME_PATH": chrome}
    scores: dict[str, dict[str, list[float]]] = {
        page: {name: [] for name in CATEGORIES} for page in pages
    }
    with served(Zipped) as address, tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        for _ in range(RUNS):
            for page in pages:
                arguments = [
                    command, f"{address}/{page}", "--quiet", "--output=json",
                    f"--output-path={report}", f"--only-categories={','.join(CATEGORIES)}",
                    f"--chrome-flags=--headless {' '.join(FLAGS)}",
                ]  # fmt: skip
                done = subprocess.run(arguments, env=environment, capture_output=True, text=True)
                if done.returncode:
                    raise RuntimeError(f"Lighthouse failed on {page}: {done.stderr[-2000:]}")
                found = json.loads(report.read_text(encoding="utf-8"))["categories"]
                for name in CATEGORIES:
                    scores[page][name].append(found[name]["score"])
    return {
        page: {name: statistics.median(values) for name, values in of_page.items()}
        for page, of_page in scores.items()
    }


def measure() -> dict:
    """Measures all pages and writes the record; without Lighthouse it keeps the last scores."""
    names = sorted(str(p.relative_to(SITE)) for p in SITE.glob("notebooks/*.html"))
    record = {
        "date": datetime.date.today().isoformat(),
        "cores": os.cpu_count(),
        "yardstick": yardstick.measure(),
        "pages": weights(["book/index.html", *names]),
        "lighthouse": {},
    }
    if program():
        record["lighthouse"] = lighthouse()
    elif RECORD.exists():
        record["lighthouse"] = json.loads(RECORD.read_text(encoding="utf-8"))["lighthouse"]
        print("no Lighthouse here: its scores are those of the last record", file=sys.stderr)
    write_atomically(RECORD, (json.dumps(record, indent=1) + "\n").encode())
    return record
