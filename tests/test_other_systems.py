"""Cells that ask for what only Unix, or only Linux, has: their other branch, with that taken away.

No other system is at hand here. So a test takes the start method, the signal or the module away, in
a process of its own, and runs the chapter's own cells. What else is different on Windows and macOS
is not tested.
"""

import subprocess
import sys
from textwrap import indent

import pytest

from tests.notebooks import PATHS, code_cells, python

pytestmark = pytest.mark.slow


def cells(number, *texts):
    """Returns the code of a chapter's cells in which one of the texts stands, in order.

    Raises:
        AssertionError: A text stands in no cell, or in several.
    """
    [path] = [path for path in PATHS if path.stem.startswith(number)]
    sources = [cell.source for cell in code_cells(path)]
    for text in texts:
        assert sum(text in source for source in sources) == 1, f"chapter {number}: {text!r}"
    return [python(cell) for cell in code_cells(path) if any(t in cell.source for t in texts)]


def run(folder, *parts):
    """Runs code in a process of its own, in a folder; returns the lines that it prints."""
    script = folder / "script.py"
    script.write_text("\n\n".join(parts), encoding="utf-8")
    done = subprocess.run([sys.executable, script], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


# Windows' only way to start a process.
ONLY_SPAWN = """
import multiprocessing, torch
multiprocessing.set_start_method("spawn")
torch.multiprocessing.get_all_start_methods = lambda: ["spawn"]
"""
IMGAUG = """
import helpers
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info
from helpers.compat import imgaug
iaa = imgaug.augmenters
small = imgaug.quokka(size=(40, 60))
"""
NO_POOL = """
def pool(*arguments, **options):
    raise AssertionError("its processes would fail to import imgaug, and never answer")
iaa.Augmenter.pool = pool
"""


def test_imgaug_works_in_one_process_where_a_pool_would_never_answer(tmp_path):
    lines = run(tmp_path, ONLY_SPAWN, IMGAUG, NO_POOL, *cells("06", "def in_background"))
    assert lines[-2] == "second run: 0% of the numbers differ"
    means = lines[-1].removeprefix("mean of each batch: ").split()
    assert len(set(means)) == 3


def test_a_loader_reads_without_workers_where_no_process_can_be_forked(tmp_path):
    chosen = cells("06", "class Augmented(Dataset)", "def variants(", "def seed_augmenter")
    lines = run(tmp_path, ONLY_SPAWN, IMGAUG, *chosen)
    assert lines == ["as it is:       8", "seeded by hand: 8"]


# Windows' Popen: it refuses the signal, and terminate() ends by force.
NO_SIGNALS = """
import os, pathlib, signal, subprocess
def refuse(self, number):
    raise ValueError(f"Unsupported signal: {number}")
subprocess.Popen.send_signal = refuse
subprocess.Popen.terminate = lambda self: os.kill(self.pid, signal.SIGKILL)
here = pathlib.Path.cwd()
"""


def test_a_run_goes_on_where_no_signal_can_be_sent(tmp_path):
    chosen = cells("19", "import argparse\n", "import contextlib\n", "def shell(",
                   'done = shell(str(here / "first")', "result = json.loads(",
                   "from helpers.train import main", "import signal",
                   "resumed = json.loads(")  # fmt: skip
    lines = run(tmp_path, NO_SIGNALS, *chosen)
    assert lines[-2].endswith("ended by force")
    assert lines[-1] == "equal to the unbroken run: True"


NO_PROC = """
import pathlib
exists = pathlib.Path.exists
pathlib.Path.exists = lambda self: "proc" not in self.parts and exists(self)
"""
ON_WINDOWS = """
import types
sys.platform, sys.modules["resource"] = "win32", None
memory = types.SimpleNamespace(memory_info=lambda: types.SimpleNamespace(peak_wset=1234567))
sys.modules["psutil"] = types.SimpleNamespace(Process=lambda: memory)
"""


@pytest.mark.parametrize("system", ["macOS", "Windows"])
def test_peak_memory_is_read_where_there_is_no_proc(tmp_path, system):
    [cell] = cells("21", 'program = r"""')
    definitions: dict[str, str] = {}
    exec(cell, definitions)
    program = definitions["program"].replace("20_000", "60").replace("print(peak())", "pass")
    # PyTorch works on the system that is there; then that one is left.
    taken = NO_PROC + (ON_WINDOWS if system == "Windows" else "")
    [line] = run(tmp_path, program, taken, "print(peak())")
    assert int(line) == 1234567 if system == "Windows" else int(line) > 0


def test_a_server_is_killed_where_there_is_no_program_for_it(tmp_path):
    no_program = 'import os, pathlib\nos.environ["PATH"] = ""\nimport helpers\n'
    chosen = cells("25", "import tempfile\n", "from tensorboard import manager", "def server(",
                   "process_id = info.pid")  # fmt: skip
    lines = run(tmp_path, no_program, *chosen)
    assert lines == ["listed: 1 | file left: True", "listed: 0"]


def test_a_notebooks_own_classes_are_read_without_workers_where_no_process_can_be_forked(tmp_path):
    chosen = cells(
        "04", "import matplotlib.pyplot as plt", "Image.fromarray(image.numpy())", "def visible(",
        "def picture_files(", "CHANNELS = ", "class ImageFiles(", "def seeded(",
        "def own_workers(", "def first_batch(", "class Noise(",
        "DataLoader(Noise(), batch_size=2, **own_workers(2))", "def seed_worker(", "class Numbers(",
        "DataLoader(Numbers(6)", "class Shared(",
    )  # fmt: skip
    # A started process imports the script, and shall not start others.
    (tmp_path / "chapter.py").write_text("\n\n".join(["import helpers", *chosen]), encoding="utf-8")
    main = "if __name__ == '__main__':\n    exec(open('chapter.py', encoding='utf-8').read())"
    same, first, second, *seeded, numbers, shared, alone = run(
        tmp_path, "if __name__ == '__main__':" + indent(ONLY_SPAWN, "    "), main
    )[-8:]
    assert same.endswith("pixels that differ: 0") and first != second and seeded[0] != seeded[1]
    assert numbers == "2 batches: [0, 1, 2, 3, 4, 5]"
    assert [shared, alone] == [f"{count} workers, {numbers}" for count in (2, 0)]


NO_SIGKILL = """
import os, pathlib, signal, subprocess
import helpers
here, number = pathlib.Path.cwd(), signal.SIGKILL
subprocess.Popen.kill = lambda self: os.kill(self.pid, number)
del signal.SIGKILL
"""


def test_a_run_is_killed_where_there_is_no_sigkill(tmp_path):
    chosen = cells(
        "20", "import matplotlib.pyplot as plt", "def random_state(", "PLAIN = ", "def plain(",
        "def save_checkpoint(", "def load_checkpoint(", "killed.kill()",
        'main([str(here / "whole")', "def write_carelessly(", "script = ",
        'for way in ("careless", "safe")',
    )  # fmt: skip
    killed, statuses, equal, careless, safe = run(tmp_path, NO_SIGKILL, *chosen)
    assert killed.endswith("results: False")
    assert (statuses, equal) == ("exit status: 0 0", "largest difference 0.0")
    assert careless.startswith("careless → careless.pt is not a checkpoint")
    assert safe == "safe → epoch 1"
