"""The notebooks, as tests see them."""

from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from book.notebooks import ROOT, chapters, read

__all__ = ["IDS", "PATHS", "ROOT", "code_cells", "python", "read", "tags"]

PATHS = chapters()
IDS = [path.stem for path in PATHS]


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def tags(cell: nbformat.NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def python(cell: nbformat.NotebookNode) -> str:
    """Returns the cell's code with magics, such as ``%run``, turned into calls."""
    return TransformerManager().transform_cell(cell.source)
