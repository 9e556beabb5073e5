"""The built site, served on this machine, and a browser to look at it."""

import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from playwright.sync_api import Browser, sync_playwright

from tests.notebooks import ROOT

SITE = ROOT / "_build" / "html"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and says nothing about it."""

    def log_message(self, *_):
        pass


@contextmanager
def served(kind: type[Quiet] = Quiet) -> Iterator[str]:
    """Serves the built site by a kind of handler; yields its address."""
    handler = partial(kind, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yields Chromium: the one that CHROMIUM names, one on the path, or Playwright's own.

    Raises:
        RuntimeError: There is none, or it does not start.
    """
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=300_000)
        except Exception as error:
            raise RuntimeError(
                "the page tests need a Chromium: install Debian's package 'chromium', run "
                f"'playwright install chromium', or set CHROMIUM to its path ({error})"
            ) from error
        yield browser
        browser.close()
