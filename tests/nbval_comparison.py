"""Puts this book's comparison of outputs in place of nbval's.

nbval itself leaves pictures out and knows no tolerance. Loaded by the root ``conftest.py``.
"""

import os
import tempfile
from importlib.metadata import version
from pathlib import Path

from nbval.plugin import IPyNbCell

from tests.comparison import differences


def compare_outputs(self, test, ref, skip_compare=None):
    """Replaces ``nbval.plugin.IPyNbCell.compare_outputs``: True where the outputs agree."""
    drawn_by = self.parent.nb.metadata.get("executed", {}).get("matplotlib")
    self.comparison_traceback = differences(
        test,
        ref,
        self.cell.metadata.get("tags", []),
        pixels=drawn_by in (None, version("matplotlib")),
    )
    return not self.comparison_traceback


def pytest_itemcollected(item):
    if isinstance(item, IPyNbCell):
        item.output_timeout = 60  # nbval waits 5 seconds for an output, too few on a busy machine


def pytest_configure(config):
    IPyNbCell.compare_outputs = compare_outputs
    # tqdm's own switch: a progress bar must leave no trace in what is compared.
    os.environ["TQDM_DISABLE"] = "1"
    # In a home that cannot be written to, matplotlib says so in the output of the first cell.
    if "MPLCONFIGDIR" not in os.environ and not os.access(Path.home(), os.W_OK):
        folder = tempfile.TemporaryDirectory()
        config.add_cleanup(folder.cleanup)
        os.environ["MPLCONFIGDIR"] = folder.name
