"""Runs a changed program and asks whether anything tells: an output, an error, a test."""

import functools
import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from tests.comparison import differences
from tests.mutate.forks import Job
from tests.notebooks import ROOT, tags

THREADS = {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
INLINE = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant.

    Attributes:
        killed: Whether anything told.
        told: What told; empty for a survivor.
        seconds: How long it took to find out.
    """

    killed: bool
    told: str
    seconds: float


class _Difference(Exception):
    """An output that differs from the stored one."""


def run_chapter(
    notebook: nbformat.NotebookNode, sources: Sequence[str], folder: Path, limit: int
) -> Outcome:
    """Runs a chapter with other code, cell by cell, up to the first output that differs.

    Args:
        notebook: The chapter with its stored outputs.
        sources: The code of its code cells, in order.
        folder: Where to run it.
        limit: Seconds for one cell; a mutant that takes longer is killed.
    """
    changed = nbformat.from_dict(notebook)
    cells = [cell for cell in changed.cells if cell.cell_type == "code"]
    stored = [cell.outputs for cell in cells]
    for cell, source in zip(cells, sources, strict=True):
        cell.source, cell.outputs, cell.execution_count = source, [], None
    changed.cells = cells

    def compare(cell: nbformat.NotebookNode, cell_index: int, **_: object) -> None:
        if any(output.output_type == "error" for output in cell.outputs):
            return  # the client raises it
        found = differences(cell.outputs, stored[cell_index], tags(cell))
        if found:
            raise _Difference(f"cell {cell_index}: {found[0][:200]}")

    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        changed, timeout=limit, startup_timeout=600, kernel_name="python3",
        resources=resources, on_cell_executed=compare, coalesce_streams=True,
    )  # fmt: skip
    started = time.perf_counter()
    try:
        client.execute(env={**os.environ, **THREADS})
        told = ""
    except _Difference as difference:
        told = str(difference)
    except CellExecutionError as error:
        told = f"{error.ename}: {error.evalue[:200]}"
    except (CellTimeoutError, DeadKernelError) as error:
        told = type(error).__name__
    return Outcome(bool(told), told, time.perf_counter() - started)


def run_mutants(
    notebook: nbformat.NotebookNode, mutants: Sequence[tuple[int, str]], limit: int
) -> list[Outcome]:
    """Runs a chapter with each mutant, one process for each core.

    Where forks do not tell reliably (see ``tests.mutate.forks``), the chapter is run whole.

    Args:
        notebook: The chapter with its stored outputs.
        mutants: (number of the code cell, its changed code) of each.
        limit: Seconds for one cell; a mutant that takes longer is killed.

    Raises:
        ValueError: An output differs without any change.
    """
    cores = os.cpu_count() or 1
    outcomes: list[Outcome | None] = [None] * len(mutants)
    if hasattr(os, "fork"):
        shares = [range(first, len(mutants), cores) for first in range(cores)]
        run = functools.partial(_run_in_forks, notebook, limit)
        with ThreadPoolExecutor(cores) as threads:
            found = list(threads.map(run, [[mutants[i] for i in share] for share in shares]))
        for share, told in zip(shares, found, strict=True):
            for i, outcome in zip(share, told, strict=True):
                outcomes[i] = outcome
    left = [i for i, outcome in enumerate(outcomes) if outcome is None]
    if left:
        untouched = _run_whole(notebook, limit, None)
        if untouched.killed:
            raise ValueError(f"without any change it differs already: {untouched.told}")
        print(f"{len(left)} of {len(mutants)} mutants in whole runs", flush=True)
        run = functools.partial(_run_whole, notebook, limit)
        with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as processes:
            found = list(processes.map(run, [mutants[i] for i in left]))
        for i, outcome in zip(left, found, strict=True):
            outcomes[i] = outcome
    return outcomes


def _run_in_forks(
    notebook: nbformat.NotebookNode, limit: int, mutants: Sequence[tuple[int, str]]
) -> list[Outcome | None]:
    """Runs mutants in forks of one process; None where those do not tell reliably."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    with tempfile.TemporaryDirectory() as name:
        folder, path = Path(name, "run"), Path(name, "job")
        folder.mkdir()
        job = Job(
            sources=[cell.source for cell in cells],
            outputs=[cell.outputs for cell in cells],
            tags=[tags(cell) for cell in cells],
            mutants=list(mutants),
            folder=folder,
            limit=limit,
        )
        path.write_bytes(pickle.dumps(job))
        done = subprocess.run(
            [sys.executable, "-m", "tests.mutate.forks", str(path)],
            cwd=ROOT, env={**os.environ, **THREADS, **INLINE, "TMPDIR": str(folder)},
            capture_output=True, text=True, errors="replace",
        )  # fmt: skip
        found = done.stderr.strip()[-500:]
        if not done.returncode:
            found = json.loads(path.with_suffix(".outcomes").read_text())
    if isinstance(found, str):
        print(f"in forks: {found}", flush=True)
        return [None] * len(mutants)
    return [
        None if told["told"] is None else Outcome(bool(told["told"]), told["told"], told["seconds"])
        for told in found
    ]


def _run_whole(
    notebook: nbformat.NotebookNode, limit: int, mutant: tuple[int, str] | None
) -> Outcome:
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    if mutant:
        sources[mutant[0]] = mutant[1]
    with tempfile.TemporaryDirectory() as folder:
        return run_chapter(notebook, sources, Path(folder), limit)


def run_tests(module: Path, source: str, tests: Sequence[str], limit: int) -> Outcome:
    """Runs tests against a copy of the project in which one module has other code.

    Args:
        module: The module, relative to the project.
        source: Its changed code.
        tests: What to run, as arguments of pytest.
        limit: Seconds in all; a mutant that takes longer is killed.
    """
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        copied = Path(name) / "project"
        ignored = shutil.ignore_patterns(".venv", "_build", ".git", "__pycache__", "results")
        shutil.copytree(ROOT, copied, ignore=ignored)
        (copied / "book" / "results").symlink_to(ROOT / "book" / "results")
        (copied / module).write_text(source, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
        environment = {**os.environ, **THREADS, "PYTHONPATH": str(copied)}
        try:
            done = subprocess.run(command, cwd=copied, env=environment, capture_output=True,
                                  text=True, timeout=limit)  # fmt: skip
        except subprocess.TimeoutExpired:
            return Outcome(True, "it took too long", time.perf_counter() - started)
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    told = lines[0][:200] if lines else done.stdout.strip().splitlines()[-1]
    seconds = time.perf_counter() - started
    return Outcome(done.returncode != 0, told if done.returncode else "", seconds)
