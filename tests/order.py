"""Starts the longest files first, so that no worker is left with a long one at the end.

``book/results/tests.json`` holds the seconds of each file; ``make bench`` writes it. A file that
it does not know yet is taken for a long one.
"""

import json

import pytest

from tests.notebooks import ROOT

RECORD = ROOT / "book" / "results" / "tests.json"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    seconds = json.loads(RECORD.read_text(encoding="utf-8"))["files"] if RECORD.exists() else {}
    files = {item.nodeid: item.nodeid.partition("::")[0] for item in items}
    # Sorting is stable: the order within a file stays as it is.
    items.sort(key=lambda item: -seconds.get(files[item.nodeid], float("inf")))
