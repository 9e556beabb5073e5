"""Runs a chapter once, and from before each cell its mutants in forks of the process.

    python -m tests.mutate.forks JOB    (a pickled Job; outcomes go to JOB.outcomes as JSON)

A fork starts where its mutant can first make a difference, so nothing is run twice. What a fork
writes is put back. A fork does not take threads along; so after the mutants of a cell, one fork
runs the same cells unchanged, and if that tells anything, nothing that was told there counts.
"""

import base64
import contextlib
import io
import json
import os
import pickle
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from nbformat import NotebookNode, from_dict
from traitlets.config import Config

from tests.comparison import differences

DIFFERS = "unchanged, it differs here: "


@dataclass(frozen=True)
class Job:
    """A chapter and its mutants.

    Attributes:
        sources: The code of its code cells.
        outputs: Their stored outputs.
        tags: Their tags.
        mutants: (number of the code cell, its changed code) of each mutant.
        folder: Where to run and to keep temporary files; nothing else is put back.
        limit: Seconds for one cell; a mutant that takes longer is killed.
    """

    sources: list[str]
    outputs: list[list[dict]]
    tags: list[list[str]]
    mutants: list[tuple[int, str]]
    folder: Path
    limit: int


class _Stream(io.TextIOBase):
    """What a cell prints, as a kernel would send it."""

    encoding, errors = "utf-8", "strict"

    def __init__(self, name: str, cell: "_Cell") -> None:
        self.stream, self.cell = name, cell

    def write(self, text: str) -> int:
        last = self.cell.outputs[-1] if self.cell.outputs else {}
        if text and last.get("name") == self.stream:
            last["text"] += text
        elif text:
            output = {"output_type": "stream", "name": self.stream, "text": text}
            self.cell.outputs.append(output)
        return len(text)

    def writable(self) -> bool:
        return True


class _Cell:
    """The outputs of the cell that runs."""

    def __init__(self) -> None:
        self.outputs: list[dict] = []
        self.named: dict[str, dict] = {}

    def show(self, kind: str, data: dict, metadata: dict, name: str = "") -> None:
        coded = {
            form: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for form, value in data.items()
        }
        output = {"output_type": kind, "data": coded, "metadata": metadata}
        if kind == "execute_result":
            output["execution_count"] = 1
        if name in self.named:
            self.named[name].update(output)
            return
        if name:
            self.named[name] = output
        self.outputs.append(output)


CELL = _Cell()


class _Publisher(DisplayPublisher):
    def publish(self, data, metadata=None, *_: object, transient=None, **__: object) -> None:
        name = (transient or {}).get("display_id", "")
        CELL.show("display_data", data, metadata or {}, name)

    def clear_output(self, wait=False) -> None:
        CELL.outputs.clear()


class _Hook(DisplayHook):
    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict, md_dict=None) -> None:
        CELL.show("execute_result", format_dict, md_dict or {})

    def finish_displayhook(self) -> None:
        pass


class _Shell(InteractiveShell):
    """IPython as in a kernel, in this process."""

    def init_display_pub(self) -> None:
        self.display_pub = _Publisher(parent=self, shell=self)

    def init_displayhook(self) -> None:
        self.displayhook_class = _Hook
        super().init_displayhook()

    def enable_gui(self, gui=None) -> None:
        pass

    def showtraceback(self, *_: object, **__: object) -> None:
        pass

    def showsyntaxerror(self, *_: object, **__: object) -> None:
        pass


def _run(shell: InteractiveShell, source: str) -> tuple[list[NotebookNode], str]:
    """Runs a cell; returns its outputs and its error, if there is one."""
    CELL.outputs = []
    streams = _Stream("stdout", CELL), _Stream("stderr", CELL)
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        result = shell.run_cell(source)
    error = result.error_before_exec or result.error_in_exec
    told = f"{type(error).__name__}: {str(error)[:200]}" if error else ""
    return [from_dict(output) for output in CELL.outputs], told


class _Chapter:
    def __init__(self, job: Job) -> None:
        self.job = job
        quiet = Config({"HistoryManager": {"enabled": False}})
        self.shell = _Shell.instance(config=quiet)

    def told(self, number: int, source: str) -> str:
        """Runs a cell with this code; returns what tells that something differs."""
        signal.alarm(self.job.limit)
        outputs, error = _run(self.shell, source)
        signal.alarm(0)
        if error:
            return error
        found = differences(outputs, self.job.outputs[number], self.job.tags[number])
        return f"cell {number}: {found[0][:200]}" if found else ""

    def fork(self, first: int, last: int, source: str) -> tuple[int, str]:
        """Runs the cells from first to last, the first with this code, in a fork.

        Returns the last cell that it ran and what it told.
        """
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.setpgid(0, 0)
                for number in range(first, last + 1):
                    os.write(writing, f"{number}\n".encode())
                    told = self.told(
                        number, source if number == first else self.job.sources[number]
                    )
                    if told:
                        os.write(writing, told.replace("\n", " ").encode())
                        break
                os._exit(0)
            finally:
                os._exit(1)
        os.close(writing)
        try:
            status = os.waitpid(child, 0)[1]
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)  # the fork, or what it has started
        os.set_blocking(reading, False)  # what it has started may hold the other end
        lines = os.read(reading, 2**16).decode(errors="replace").splitlines()
        os.close(reading)
        numbers = [line for line in lines if line.isdigit()]
        told = lines[-1] if lines and not lines[-1].isdigit() else ""
        if status and not told:
            late = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM
            told = "CellTimeoutError" if late else "DeadKernelError"
        return int(numbers[-1]) if numbers else first, told

    def run(self) -> list[dict]:
        """Returns for each mutant what told and its seconds; ``told`` is None where forks fail."""
        outcomes: list[dict] = [{} for _ in self.job.mutants]
        last = len(self.job.sources) - 1
        for number, source in enumerate(self.job.sources):
            here = [i for i, (cell, _) in enumerate(self.job.mutants) if cell == number]
            if here:
                with tempfile.TemporaryDirectory(dir=self.job.folder.parent) as name:
                    kept = Path(name, "kept")
                    shutil.copytree(self.job.folder, kept, symlinks=True)
                    reached = number
                    for i in here:
                        started = time.perf_counter()
                        cell, told = self.fork(number, last, self.job.mutants[i][1])
                        seconds = time.perf_counter() - started
                        outcomes[i] = {"told": told, "seconds": seconds}
                        reached = max(reached, cell if told else number)
                        _put_back(kept, self.job.folder)
                    if any(outcomes[i]["told"] for i in here):
                        if self.fork(number, reached, source)[1]:
                            for i in here:
                                outcomes[i]["told"] = None
                        _put_back(kept, self.job.folder)
            told = self.told(number, source)
            if told:
                raise ValueError(DIFFERS + told)
        return outcomes


def _put_back(kept: Path, folder: Path) -> None:
    """Makes the folder's content what was kept; the folder itself stays, a process is in it."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    shutil.copytree(kept, folder, symlinks=True, dirs_exist_ok=True)


def main() -> None:
    path = Path(sys.argv[1])
    job = pickle.loads(path.read_bytes())
    os.chdir(job.folder)
    try:
        result: list[dict] | str = _Chapter(job).run()
    except ValueError as error:
        if not str(error).startswith(DIFFERS):
            raise
        result = str(error)
    path.with_suffix(".outcomes").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
