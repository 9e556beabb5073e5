"""Lets Python look for garbage less often: by default that takes a sixth of a build's time.

The trees of all pages live until the end, and each full collection goes through all of them again.
"""

import gc

from sphinx.application import Sphinx

THRESHOLDS = (200_000, 50, 100)


def setup(app: Sphinx) -> dict:
    gc.freeze()  # what is imported stays
    gc.set_threshold(*THRESHOLDS)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
