"""Ranks of a notebook: copied where that can be, from a file of the cells elsewhere."""

import nbformat
import pytest
import torch
from nbclient import NotebookClient

from helpers import distributed
from tests.notebooks import PATHS, code_cells

[CHAPTER] = [path for path in PATHS if path.stem == "31_scaling_out"]
ONLY_SPAWN = """
import torch
torch.multiprocessing.get_all_start_methods = lambda: ["spawn"]
from helpers import distributed
assert not distributed.can_fork()
"""


def cell(text):
    [found] = [c for c in code_cells(CHAPTER) if text in c.source]
    return found


@pytest.mark.slow
def test_the_chapter_s_ranks_start_where_nothing_can_be_forked():
    """Windows' way, macOS's, and any system's once CUDA was used, in a kernel like the reader's."""
    sources = [ONLY_SPAWN, *(code_cells(CHAPTER)[i].source for i in (0, 1))]
    chosen = [
        cell(text) for text in ("def work(", "def introduce", "def network", "def data_parallel")
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(text) for text in sources + [c.source for c in chosen]]
    )
    done = NotebookClient(notebook, timeout=200, kernel_name="python3").execute()
    texts = [["".join(o.get("text", "") for o in c.outputs)] for c in done.cells[3:]]
    [first], [second] = texts[1], texts[3]
    assert first == chosen[1].outputs[0].text
    assert second.split(":")[0] == chosen[3].outputs[0].text.split(":")[0]
    assert float(second.split(": ")[1].split()[0]) < 1e-14


def test_only_what_cells_name_goes_into_the_module():
    names = {"torch": torch, "F": torch.nn.functional, "Linear": torch.nn.Linear, "size": 3,
             "unused": 4, "tensor": torch.ones(2), "where": "a'b"}  # fmt: skip

    def cell():
        return F.relu(Linear(size, 2)(tensor)), where, start  # noqa: F821

    cell.__module__ = "__main__"
    names |= {"cell": cell, "start": distributed.start, "again": cell}
    text = distributed.cells_as_module(names)
    assert text.splitlines()[:6] == [
        "import sys",
        "import torch.nn.functional",
        "F = sys.modules['torch.nn.functional']",
        "from torch.nn.modules.linear import Linear as Linear",
        "size = 3",
        "from helpers.distributed import start as start",
    ]
    assert text.splitlines()[6:9] == ['where = "a\'b"', "", "def cell():"]
    assert "unused" not in text and text.count("def cell") == 1


@pytest.mark.parametrize(
    ("methods", "platform", "cuda", "expected"),
    [
        (["fork", "spawn"], "linux", False, True),
        (["spawn"], "win32", False, False),
        (["spawn", "fork"], "darwin", False, False),
        (["fork", "spawn"], "linux", True, False),
    ],
)
def test_where_a_process_may_be_copied(monkeypatch, methods, platform, cuda, expected):
    monkeypatch.setattr(torch.multiprocessing, "get_all_start_methods", lambda: methods)
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: cuda)
    assert distributed.can_fork() == expected


def fails(rank):
    if rank == 1:
        raise ValueError("told by rank 1")


@pytest.mark.slow
def test_a_rank_that_fails_is_told():
    with pytest.raises(torch.multiprocessing.ProcessRaisedException, match="told by rank 1"):
        distributed.start(fails, processes=2)
