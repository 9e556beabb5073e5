"""Writes the pages side by side, one process for each core.

Reading stays in one process: readers would each parse what the extensions share. ``jupyter-book``
has no option for this, so it is said when everything has been read.
"""

import os

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def write_in_parallel(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Lets the builder start its writers; returns no page to be written in addition."""
    app.parallel = 1 + (os.cpu_count() or 1)  # one of them hands the pages out
    return []


def setup(app: Sphinx) -> dict:
    app.connect("env-updated", write_in_parallel)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
