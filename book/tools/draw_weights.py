"""Trains the network of the explorer "draw" again: runs chapter 32 as far as its file of weights.

Usage: python book/tools/draw_weights.py [TARGET]

TARGET is the file to write, helpers/assets/draw.safetensors by default. On another processor the
training ends with other digits, so the file differs; tests hold what depends on it.
"""

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

sys.path.insert(0, str(Path(__file__).parents[2]))
from book import notebooks
from helpers.files import write_atomically
from helpers.networks import shipped

CHAPTER = notebooks.FOLDER / "32_shipping.ipynb"


def cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Returns the code cells up to the one that saves the weights.

    Raises:
        ValueError: No cell saves them.
    """
    found = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for place, cell in enumerate(found):
        if "\nsave_file(" in cell.source:
            return found[: place + 1]
    raise ValueError(f"no cell of {CHAPTER.name} saves the weights")


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else shipped.PATH
    chosen = cells(notebooks.read(CHAPTER))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "weights"
        chosen.append(
            nbformat.v4.new_code_cell(
                f"Path({str(copy)!r}).write_bytes((here / 'garments.safetensors').read_bytes())"
            )
        )
        run = nbformat.v4.new_notebook(cells=chosen)
        NotebookClient(run, kernel_name="python3", timeout=900).execute()
        write_atomically(target, copy.read_bytes())
    print(f"wrote {target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
