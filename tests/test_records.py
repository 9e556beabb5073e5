"""The records in book/results, and what writes them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import suite, yardstick
from tests.notebooks import IDS, ROOT
from tests.platforms import __main__ as platforms

ENTRY = {
    "python": "3.12.1",
    "torch": "2.15.0",
    "torchvision": "0.29.2",
    "device": "CPU",
    "condition": "no network",
    "cells": 10,
    "different": 0,
    "seconds": 5,
    "date": "2026-11-01",
}


def record(name: str) -> list | dict:
    return json.loads((ROOT / "book" / "results" / f"{name}.json").read_text(encoding="utf-8"))


def test_every_recorded_run_gave_the_stored_outputs():
    entries = record("platforms")
    assert set(platforms.CONDITIONS) <= {entry["condition"] for entry in entries}
    assert {entry["device"] for entry in entries} > {"CPU"}
    assert {entry["python"].rpartition(".")[0] for entry in entries} >= {"3.11", "3.13"}
    assert not [entry for entry in entries if entry["different"] or not entry["cells"]]


def test_every_chapter_is_within_its_budget():
    chapters = record("budgets")["chapters"]
    assert sorted(chapters) == IDS
    assert max(chapter["seconds"] for chapter in chapters.values()) <= 60
    # 8 minutes for the first 26 chapters, and 1.35 times as much for all 33.
    share = 1 + 0.35 * (len(chapters) - 26) / 7
    assert sum(chapter["seconds"] for chapter in chapters.values()) <= 8 * 60 * share


def test_a_yardstick_is_in_milliseconds_and_seconds(monkeypatch):
    monkeypatch.setattr(yardstick, "product", lambda: 0.0123456)
    monkeypatch.setattr(yardstick, "statements", lambda texts: dict.fromkeys(texts, 1.234))
    assert yardstick.measure() == {"product_ms": 12.35, "import_seconds": 1.23}


def test_the_record_of_the_tests_is_complete_and_their_memory_within_its_budget():
    tests = record("tests")
    assert tests["peak_mib"] <= 6 * 1024
    assert {f"notebooks/{name}.ipynb" for name in IDS} <= set(tests["files"])
    assert set(tests["groups"]) == set(suite.GROUPS)


def test_every_page_is_within_its_budget():
    pages = record("pages")["pages"]
    assert {f"notebooks/{name}.html" for name in IDS} <= set(pages)
    most = {key: max(page[key] for page in pages.values()) for key in ("wire_kb", "kb", "elements")}
    assert most["wire_kb"] <= 600 and most["kb"] <= 1000 and most["elements"] <= 4000


@pytest.mark.parametrize(
    ("page", "least"),
    [
        ("book/index.html", 0.95),
        ("notebooks/01_tensors.html", 0.95),
        ("notebooks/14_losses.html", 0.9),
        ("notebooks/24_saliency.html", 0.9),
    ],
)
def test_lighthouse_is_content(page: str, least: float):
    scores = record("pages")["lighthouse"][page]
    assert scores.pop("performance") >= least
    assert scores == {"accessibility": 1, "best-practices": 1, "seo": 1}


def test_seconds_are_counted_by_file_and_group(tmp_path: Path):
    cases = [
        ("notebooks.01_tensors.ipynb", 2),
        ("notebooks.01_tensors.ipynb", 3.5),
        ("tests.site.test_pages", 4),
        ("tests.test_records", 0.25),
    ]
    rows = "".join(f'<testcase classname="{name}" time="{time}"/>' for name, time in cases)
    report = tmp_path / "report.xml"
    report.write_text(f"<testsuites><testsuite>{rows}</testsuite></testsuites>")
    files = suite.seconds_by_file(report)
    assert list(files.items()) == [
        ("notebooks/01_tensors.ipynb", 5.5),
        ("tests/site/test_pages.py", 4),
        ("tests/test_records.py", 0.2),
    ]
    groups = suite.seconds_by_group(files)
    assert {name: s for name, s in groups.items() if s} == {
        "notebooks": 5.5,
        "site": 4,
        "rules and tools": 0.2,
    }


def test_a_later_run_of_the_same_replaces_the_earlier(tmp_path: Path):
    path = tmp_path / "platforms.json"
    platforms.store(ENTRY, path)
    platforms.store(ENTRY | {"condition": "first run"}, path)
    platforms.store(ENTRY | {"seconds": 7}, path)
    entries = json.loads(path.read_text())
    assert [(e["condition"], e["seconds"]) for e in entries] == [
        ("first run", 5),
        ("no network", 7),
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["platforms.json"]


@pytest.mark.parametrize("condition", platforms.KNOWN)
def test_every_condition_runs_all_notebooks(condition: str, tmp_path: Path):
    words = platforms.command(condition, tmp_path / "report.xml")
    paths = [word for word in words if word.endswith(".ipynb")]
    assert sorted(paths) == [f"notebooks/{name}.ipynb" for name in IDS]
    assert (paths == sorted(paths)) == (condition != "random order")
    assert ("unshare" in words) == (condition in ("no network", "read-only home"))
    workers = words[words.index("-n") + 1] if "-n" in words else None
    assert workers == (
        str(platforms.WORKERS[condition]) if condition in platforms.WORKERS else None
    )


def test_an_older_processor_gets_its_instructions(tmp_path: Path):
    assert platforms.environment(platforms.OLDER, tmp_path)["ATEN_CPU_CAPABILITY"] == "avx2"
    assert platforms.environment("first run", tmp_path).get("ATEN_CPU_CAPABILITY") != "avx2"


@pytest.mark.slow
def test_an_unknown_condition_is_named():
    command = [sys.executable, "-m", "tests.platforms", "full moon"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "no condition full moon; there are: first run, second run" in done.stderr
