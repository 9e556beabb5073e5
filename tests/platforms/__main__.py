"""Runs all notebooks under conditions in which a careless book breaks, and records what happened.

Run by hand: ``python -m tests.platforms``, or with the names of conditions. "Colab's versions" is
run by the Python of an environment that has what ``colab.txt`` lists: ``make platforms`` makes it,
in ``.venv-colab``, with the Python that COLAB_PYTHON names (python3.13). "eight workers" is for a
machine with a GPU, and some sixteen cores beside it; "an older processor" for one that has AVX-512,
and does without it. The record is ``book/results/platforms.json``; the book's page *How to use this
book* shows it.

Linux only: ``unshare`` makes the machine without a network and the home that nobody can write to.
"""

import datetime
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

import torch
import torchvision

from helpers.files import write_atomically
from tests.notebooks import PATHS, ROOT

RECORD = ROOT / "book" / "results" / "platforms.json"
ALONE = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
SEALED = ["unshare", "--map-root-user", "--mount", "sh", "-c",
          'mount -t tmpfs -o ro none "$HOME" && exec "$@"', "sh"]  # fmt: skip
CONDITIONS = [
    "first run",
    "second run",
    "third run",
    "two workers",
    "random order",
    "one thread",
    "no network",
    "read-only home",
    "another locale",
]
COLAB = "Colab's versions"
OLDER = "an older processor"
EIGHT = "eight workers"
KNOWN = [*CONDITIONS, COLAB, OLDER, EIGHT]
WORKERS = dict.fromkeys([*CONDITIONS[3:], COLAB, OLDER], 2) | {EIGHT: 8}  # the others: none
# Other instructions sum in another order: what a training ends with moves in its last digits.
INSTRUCTIONS = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2",
                "MKL_ENABLE_INSTRUCTIONS": "AVX2"}  # fmt: skip
PINNED = Path(__file__).with_name("colab.txt")


def command(condition: str, report: Path) -> list[str]:
    """Returns what runs all notebooks under a condition, as arguments."""
    paths = [str(path.relative_to(ROOT)) for path in PATHS]
    if condition == "random order":
        random.Random(datetime.date.today().toordinal()).shuffle(paths)
    run = [sys.executable, "-m", "pytest", "--nbval", "-q", f"--junitxml={report}", *paths]
    if condition == "random order":
        run += ["-p", "no:tests.order"]
    if condition in WORKERS:
        run += ["-n", str(WORKERS[condition])]
    return {"no network": ALONE, "read-only home": SEALED}.get(condition, []) + run


def environment(condition: str, folder: Path) -> dict[str, str]:
    """Returns the environment of a run; the folder is for what a condition needs on disk."""
    variables = dict(os.environ)
    if condition == "one thread":
        variables |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    if condition == OLDER:
        variables |= INSTRUCTIONS
    if condition == "read-only home":
        (folder / "home").mkdir()
        variables["HOME"] = str(folder / "home")
    if condition == "another locale":
        # German, in an encoding that is not UTF-8: 0,5 for 0.5, and no Greek letters.
        made = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(folder / "de_DE.ISO-8859-1")]
        subprocess.run(made, check=True)
        variables |= {"LOCPATH": str(folder), "LC_ALL": "de_DE.ISO-8859-1"}
    return variables


def measure(condition: str) -> dict[str, str | int]:
    """Runs all notebooks under a condition; returns its entry of the record."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report = folder / "report.xml"
        started = time.perf_counter()
        done = subprocess.run(
            command(condition, report),
            cwd=ROOT, env=environment(condition, folder), capture_output=True, text=True,
            errors="replace",
        )  # fmt: skip
        seconds = time.perf_counter() - started
        if not report.exists():
            sys.exit(f"{condition}: pytest wrote no report.\n{done.stdout}\n{done.stderr}")
        suite = ElementTree.parse(report).getroot().find("testsuite").attrib
    failed = int(suite["failures"]) + int(suite["errors"]) + int(suite["skipped"])
    if failed:
        print(done.stdout)
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
        "condition": condition,
        "cells": int(suite["tests"]),
        "different": failed,
        "seconds": round(seconds),
        "date": datetime.date.today().isoformat(),
    }


def unlike_colab() -> list[str]:
    """Returns what this environment has in another version than ``colab.txt`` asks for."""
    pins = re.findall(r"^([\w-]+)==(\S+)$", PINNED.read_text(encoding="utf-8"), re.M)
    found = {name: version(name).split("+")[0] for name, _ in pins}
    return [f"{name} {found[name]} ({asked})" for name, asked in pins if found[name] != asked]


def place(entry: dict[str, str | int]) -> tuple:
    """Returns what an entry is of: a later run of the same replaces it."""
    condition = KNOWN.index(entry["condition"])
    return (entry["device"] != "CPU", entry["torch"], entry["python"], condition)


def store(entry: dict[str, str | int], path: Path = RECORD) -> None:
    """Puts an entry into the record, in place of an earlier one of the same."""
    entries = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    kept = [other for other in entries if place(other) != place(entry)]
    kept = sorted([*kept, entry], key=place)
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, (json.dumps(kept, indent=1) + "\n").encode())


def main() -> int:
    wanted = sys.argv[1:] or CONDITIONS
    unknown = [name for name in wanted if name not in KNOWN]
    if unknown:
        sys.exit(f"no condition {', '.join(unknown)}; there are: {', '.join(KNOWN)}")
    if COLAB in wanted and (other := unlike_colab()):
        sys.exit(f"{COLAB} are not installed here, but: {', '.join(other)}")
    different = 0
    for condition in wanted:
        entry = measure(condition)
        store(entry)
        different += entry["different"]
        row = "{condition:<16}{cells:>6} cells{different:>4} different{seconds:>6} s"
        print(row.format(**entry), flush=True)
    return min(different, 1)


if __name__ == "__main__":
    sys.exit(main())
