"""How long the tests take, by file and by group, and how much memory they need at most.

The whole of what ``make test`` runs is compared with ``pytest --nbval -n 2 notebooks`` on the same
machine, one right after the other, since machines differ by two.
"""

import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import psutil
import torch

from helpers.files import write_atomically
from tests.benchmarks import yardstick
from tests.notebooks import ROOT
from tests.order import RECORD
from tests.traces import MARK, processes

GROUPS = {
    "notebooks": "notebooks/",
    "site": "tests/site/",
    "exercises": "tests/checks/",
    "helpers": "tests/helpers/",
    "rules and tools": "tests/",
}
ALONE = ("--nbval", "-n", "2", "notebooks")
EVERYTHING = ("--nbval", "--colab", "-n", "2")


def _memory(mark: str) -> int:
    """Returns the bytes that the processes of a run share and hold (their PSS)."""
    total = 0
    for process in processes(mark):
        try:
            total += process.memory_full_info().pss
        except psutil.Error:  # ended meanwhile
            continue
    return total


def run(*arguments: str) -> tuple[float, float, dict[str, float]]:
    """Runs pytest; returns its seconds, its peak memory in MiB, and the seconds of each file.

    Raises:
        SystemExit: A test failed.
    """
    mark, peak, over = uuid.uuid4().hex, [0], threading.Event()

    def watch() -> None:
        while not over.wait(1):
            peak[0] = max(peak[0], _memory(mark))

    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *arguments]
        watcher = threading.Thread(target=watch)
        watcher.start()
        started = time.perf_counter()
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, MARK: mark}, capture_output=True, text=True
        )
        seconds = time.perf_counter() - started
        over.set()
        watcher.join()
        if done.returncode:
            sys.exit(f"the tests failed\n{done.stdout[-5000:]}")
        files = seconds_by_file(report)
    return seconds, peak[0] / 2**20, files


def seconds_by_file(report: Path) -> dict[str, float]:
    """Returns the seconds of each file of a JUnit report, the longest first."""
    files: Counter[str] = Counter()
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = case.get("classname", "")
        stem, _, suffix = name.rpartition(".") if name.endswith(".ipynb") else (name, "", "py")
        files[f"{stem.replace('.', '/')}.{suffix}"] += float(case.get("time", 0))
    return {name: round(seconds, 1) for name, seconds in files.most_common()}


def seconds_by_group(files: dict[str, float]) -> dict[str, float]:
    """Returns the seconds of each group of files; a file belongs to the first that fits."""
    groups = dict.fromkeys(GROUPS, 0.0)
    for name, seconds in files.items():
        group = next(group for group, start in GROUPS.items() if name.startswith(start))
        groups[group] += seconds
    return {name: round(seconds, 1) for name, seconds in groups.items()}


def measure(path: Path = RECORD) -> dict:
    """Measures both runs and writes the record."""
    alone, _, _ = run(*ALONE)
    seconds, peak, files = run(*EVERYTHING)
    record = {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cores": os.cpu_count(),
        "yardstick": yardstick.measure(),
        "notebooks_alone_seconds": round(alone),
        "seconds": round(seconds),
        "ratio": round(seconds / alone, 2),
        "peak_mib": round(peak),
        "groups": seconds_by_group(files),
        "files": files,
    }
    write_atomically(path, (json.dumps(record, indent=1) + "\n").encode())
    return record
