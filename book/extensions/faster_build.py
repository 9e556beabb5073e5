"""Makes a build faster; what it writes stays the same.

- Python looks for garbage less often: by default that takes a sixth of the time, since the trees of
  all pages live until the end, and each full collection goes through all of them again. Nor does
  it look at the end of all, where that would take as long as ten pages.
- Pages are written by several processes. (They are read by one: not all extensions could do that
  side by side.)
- Sphinx makes a lexer and a formatter for each piece of code. Here each kind is made once.
"""

import gc
import os
import sys

import sphinx.builders.html
from pygments.formatter import Formatter
from pygments.lexer import Lexer
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.highlighting import PygmentsBridge

THRESHOLDS = (200_000, 50, 100)


class ThriftyBridge(PygmentsBridge):
    """As the original, with lexers and formatters that are kept."""

    def __init__(self, *given, **options):
        super().__init__(*given, **options)
        self._formatters: dict[str, Formatter] = {}
        self._lexers: dict[tuple, Lexer] = {}

    def get_formatter(self, **options) -> Formatter:
        key = repr(sorted(options.items()))
        if key not in self._formatters:
            self._formatters[key] = super().get_formatter(**options)
        return self._formatters[key]

    def get_lexer(self, source, lang, opts=None, force=False, location=None) -> Lexer:
        if lang == "guess":
            return super().get_lexer(source, lang, opts, force, location)
        key = (lang, source.startswith(">>>"), repr(opts), force)
        if key not in self._lexers:
            self._lexers[key] = super().get_lexer(source, lang, opts, force, location)
        return self._lexers[key]


def write_in_parallel(app: Sphinx, env: BuildEnvironment) -> None:
    # The process that started resolves the pages for the others, so it is not counted.
    cores = os.cpu_count() or 1
    if sys.platform == "linux" and cores > 1:
        app.parallel = cores + 1


def setup(app: Sphinx) -> dict:
    # A compiler that torchvision would load, and that reports whatever is left at the end.
    sys.modules.setdefault("triton", None)
    gc.freeze()  # what is imported stays
    gc.set_threshold(*THRESHOLDS)
    sphinx.builders.html.PygmentsBridge = ThriftyBridge
    app.connect("build-finished", lambda app, error: gc.freeze(), priority=999)
    app.connect("env-check-consistency", write_in_parallel)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
