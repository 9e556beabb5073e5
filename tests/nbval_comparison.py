"""Puts this book's comparison of outputs in place of nbval's.

nbval itself leaves pictures out and knows no tolerance. Loaded by the root ``conftest.py``.
"""

import os

from nbval.plugin import IPyNbCell

from tests.comparison import differences


def compare_outputs(self, test, ref, skip_compare=None):
    """Replaces ``nbval.plugin.IPyNbCell.compare_outputs``: True where the outputs agree."""
    self.comparison_traceback = differences(test, ref, self.cell.metadata.get("tags", []))
    return not self.comparison_traceback


def pytest_configure(config):
    IPyNbCell.compare_outputs = compare_outputs
    # tqdm's own switch: a progress bar must leave no trace in what is compared.
    os.environ["TQDM_DISABLE"] = "1"
