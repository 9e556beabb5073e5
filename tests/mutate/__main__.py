"""Changes the chapters' code, one small fault at a time, and asks whether any output tells.

    python -m tests.mutate --chapter 08 [--seed 1] [--count 50]
    python -m tests.mutate --helpers training [--seed 1] [--count 50]

A chapter is run with each mutant up to the first output that differs from the stored one, from the
changed cell on in a fork of a process that has come up to there; a module of ``helpers`` is tried
by its own tests. Survivors are listed with their cell and change. The result goes into
``book/results/mutation.json``, where a reason written beside a survivor is kept.
"""

import argparse
import datetime
import hashlib
import json
import os
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import nbformat
import torch

from book import notebooks
from helpers.files import write_atomically
from tests.mutate import equivalent
from tests.mutate.changes import COSMETIC, Change, changes
from tests.mutate.running import Outcome, run_mutants, run_tests
from tests.notebooks import ROOT, python, tags

RECORD = ROOT / "book" / "results" / "mutation.json"
LEFT_OUT = {"setup", "exercise"}
LIMIT = 600


def chapter_mutants(notebook: nbformat.NotebookNode) -> list[tuple[int, Change]]:
    """Returns (number of the code cell, change) for all changes of a chapter.

    The setup cell and the unanswered stubs are left out.
    """
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [
        (number, change)
        for number, cell in enumerate(cells)
        if not LEFT_OUT & set(tags(cell))
        for change in changes(python(cell))
    ]


def sample(found: list[Change], seed: int, count: int) -> list[int]:
    """Returns the places of at most that many changes, chosen by a seed, in order.

    Each change is drawn by its line and what becomes of it: an edit elsewhere leaves the others in
    the sample, so that what survived is tried again after it was mended.
    """
    seen: Counter = Counter()
    ranks = []
    for change in found:
        name = (change.text, change.what)
        ranks.append(hashlib.sha256(repr((seed, *name, seen[name])).encode()).digest())
        seen[name] += 1
    return sorted(sorted(range(len(found)), key=ranks.__getitem__)[:count])


def mutate_chapter(path: Path, seed: int, count: int) -> dict:
    """Tries mutants of one chapter; returns its entry of the record."""
    notebook = notebooks.read(path)
    found = chapter_mutants(notebook)
    chosen = [found[i] for i in sample([change for _, change in found], seed, count)]
    started = time.perf_counter()
    mutants = [(number, change.source) for number, change in chosen]
    outcomes = run_mutants(notebook, mutants, LIMIT)
    rules = _equivalent(notebook, chosen, outcomes)
    names = [f"cell {number}, line {change.line}: {change.what}" for number, change in chosen]
    return _entry(names, outcomes, seed, started, rules, notebooks.code_digest(notebook))


def _equivalent(
    notebook: nbformat.NotebookNode, chosen: list[tuple[int, Change]], outcomes: list[Outcome]
) -> list[str]:
    """Returns for each mutant the rule by which it does the same as before, or nothing."""
    rules = ["" if o.killed else c.rule for (_, c), o in zip(chosen, outcomes, strict=True)]
    if torch.cuda.is_available():
        rules = ["" if rule == equivalent.CPU else rule for rule in rules]
    probed = [i for i, o in enumerate(outcomes) if not o.killed and chosen[i][1].probe]
    probes = [(chosen[i][0], chosen[i][1].probe) for i in probed]
    found = run_mutants(notebook, probes, LIMIT) if probes else []
    for i, outcome in zip(probed, found, strict=True):
        if not outcome.killed:
            rules[i] = equivalent.BORDER
    return rules


def mutate_helpers(name: str, seed: int, count: int) -> dict:
    """Tries mutants of one module of ``helpers`` on its tests; returns its entry."""
    module = Path("helpers", *name.split(".")).with_suffix(".py")
    tests = Path("tests", "helpers", f"test_{name.split('.')[-1]}.py")
    for path in (module, tests):
        if not (ROOT / path).is_file():
            raise ValueError(f"there is no {path}")
    source = (ROOT / module).read_text(encoding="utf-8")

    def attempt(change: Change | None) -> Outcome:
        return run_tests(module, change.source if change else source, [str(tests)], LIMIT)

    found = changes(source)
    chosen = [found[i] for i in sample(found, seed, count)]
    started = time.perf_counter()
    untouched = attempt(None)
    if untouched.killed:
        raise ValueError(f"without any change it differs already: {untouched.told}")
    with ThreadPoolExecutor(os.cpu_count() or 1) as workers:
        outcomes = list(workers.map(attempt, chosen))
    names = [f"line {change.line}: {change.what}" for change in chosen]
    return _entry(names, outcomes, seed, started, [""] * len(names), notebooks.digest(source))


def _entry(
    names: list[str], outcomes: list[Outcome], seed: int, started: float, rules: list[str],
    code: str,
) -> dict:  # fmt: skip
    survivors, same = [], []
    for name, outcome, rule in zip(names, outcomes, rules, strict=True):
        if rule:
            same.append({"change": name, "rule": rule})
            print(f"equivalent: {name} ({rule})", flush=True)
        elif not outcome.killed:
            survivors.append({"change": name, "reason": ""})
            print(f"survived: {name}", flush=True)
    return {
        "mutants": len(names),
        "killed": len(names) - len(survivors) - len(same),
        "equivalent": same,
        "survivors": survivors,
        "code": code,
        "seed": seed,
        "seconds": round(time.perf_counter() - started),
        "date": datetime.date.today().isoformat(),
        "torch": version("torch").partition("+")[0],
    }


def store(kind: str, name: str, entry: dict, path: Path = RECORD) -> None:
    """Puts an entry into the record; reasons of the survivors that it had before are kept."""
    record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    record.setdefault("chapters", {})
    record.setdefault("helpers", {})
    record["rules"] = [*COSMETIC, *equivalent.RULES]
    before = record[kind].get(name, {}).get("survivors", [])
    reasons = {survivor["change"]: survivor["reason"] for survivor in before}
    for survivor in entry["survivors"]:
        survivor["reason"] = reasons.get(survivor["change"], "")
    record[kind][name] = entry
    record[kind] = dict(sorted(record[kind].items()))
    write_atomically(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutate")
    parser.add_argument("--chapter", default="", help="number or name; all by default")
    parser.add_argument("--helpers", default="", help="a module of helpers instead of chapters")
    parser.add_argument("--seed", type=int, default=1, help="chooses the mutants")
    parser.add_argument("--count", type=int, default=50, help="how many, at most")
    options = parser.parse_args()
    try:
        if options.helpers:
            jobs = [("helpers", options.helpers, mutate_helpers, options.helpers)]
        else:
            paths = [p for p in notebooks.chapters() if options.chapter in ("", p.stem, p.stem[:2])]
            if not paths:
                raise ValueError(f"there is no chapter {options.chapter!r}")
            jobs = [("chapters", path.stem, mutate_chapter, path) for path in paths]
        for kind, name, mutate, what in jobs:
            print(f"{name} ...", flush=True)
            entry = mutate(what, options.seed, options.count)
            store(kind, name, entry)
            print(f"{name}: {entry['killed']} of {entry['mutants']} killed, "
                  f"{len(entry['equivalent'])} equivalent, {entry['seconds']} s",
                  flush=True)  # fmt: skip
    except ValueError as error:
        sys.exit(f"mutate: {error}")


if __name__ == "__main__":
    main()
