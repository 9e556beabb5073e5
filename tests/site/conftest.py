"""One built site, served on this machine, and one browser for all page tests."""

import fcntl
import shutil
import subprocess
import sys

import pytest
import yaml

from tests.notebooks import ROOT
from tests.site.browsing import SITE, chromium, served

BOOK = [
    "index",
    "how_to_use",
    "errors",
    "explorers",
    "corrections",
    "notes_map",
    "glossary",
    "api",
    "references",
]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
FILES = [chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]]
PATHS = [ROOT / f"{file}.ipynb" for file in FILES if file.startswith("notebooks/")]
IDS = [path.stem for path in PATHS]
PAGES = [f"book/{name}.html" for name in BOOK] + [f"notebooks/{name}.html" for name in IDS]
SOURCES = ("book", "notebooks", "helpers")
PATIENCE = 300_000  # milliseconds: a machine ten times slower meets it as well


def is_current() -> bool:
    stamp = SITE / "index.html"
    if not stamp.exists():
        return False
    files = [ROOT / "_config.yml", ROOT / "_toc.yml"]
    for folder in SOURCES:
        files += [file for file in (ROOT / folder).rglob("*") if file.suffix not in ("", ".pyc")]
    return all(file.stat().st_mtime <= stamp.stat().st_mtime for file in files)


def build() -> None:
    """As ``make book`` does: what was built with a warning is thrown away."""
    script = "from jupyter_book.cli.main import main; main()"
    options = ["build", ".", "-W", "-n", "--keep-going", "--quiet"]
    command = [sys.executable, "-c", script, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        shutil.rmtree(ROOT / "_build", ignore_errors=True)
        pytest.fail(done.stdout[-3000:] + done.stderr[-3000:])
    (SITE / "index.html").touch()


@pytest.fixture(scope="session")
def site():
    """The address of the built site; it is built first where its sources are newer."""
    with (ROOT / "_config.yml").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one build at a time, where workers run side by side
        if not is_current():
            build()

    with served() as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def open_page(browser, site):
    """Opens a page; afterwards nothing may have failed or gone to another host."""
    contexts, troubles = [], []

    def open_it(path, route=None):
        context = browser.new_context(
            color_scheme="light", viewport={"width": 1280, "height": 900}, reduced_motion="reduce"
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        host = "http://book.test" if route else site
        if route:
            page.route("**/*", route)
        page.on("request", lambda r: r.url.startswith((host, "data:")) or troubles.append(r.url))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        if not route:
            page.on("console", lambda m: m.type == "error" and troubles.append(m.text))
            page.on("response", lambda r: r.status >= 400 and troubles.append(r.url))
        page.goto(f"{host}/{path}")
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert not troubles
