"""Which files are tested, and in what order: the longest first, so that no worker ends alone.

``book/results/tests.json`` holds the seconds of each file; ``make bench`` writes it. A file that
it does not know yet is taken for a long one.
"""

import json
from pathlib import Path

import pytest

from book.notebooks import FOLDER, number
from tests.notebooks import ROOT

RECORD = ROOT / "book" / "results" / "tests.json"


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Passes over notebooks that are no chapters, such as ``01_tensors copy.ipynb``."""
    copied = collection_path.suffix == ".ipynb" and collection_path.parent == FOLDER
    return True if copied and number(collection_path.stem) is None else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    seconds = json.loads(RECORD.read_text(encoding="utf-8"))["files"] if RECORD.exists() else {}
    files = {item.nodeid: item.nodeid.partition("::")[0] for item in items}
    # Sorting is stable: the order within a file stays as it is.
    items.sort(key=lambda item: -seconds.get(files[item.nodeid], float("inf")))
