"""The notebooks, as tests see them."""

from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

ROOT = Path(__file__).parents[1]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
IDS = [path.stem for path in PATHS]


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def tags(cell: nbformat.NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def python(cell: nbformat.NotebookNode) -> str:
    """Returns the cell's code with magics, such as ``%run``, turned into calls."""
    return TransformerManager().transform_cell(cell.source)
