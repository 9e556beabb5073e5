"""Re-runs chapters and stores their outputs with clean metadata.

Usage: python book/tools/execute.py [CHAPTER ...]    (CHAPTER is 01 or 01_tensors; all by default)
"""

import argparse
import datetime
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

sys.path.insert(0, str(Path(__file__).parents[2]))
from book import notebooks

LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
CELL_METADATA = ("tags", "mystnb", "correction")
# What folds a solution in JupyterLab and in Colab; the site folds it by the tag hide-cell.
FOLDED = {"jupyter": {"source_hidden": True}, "cellView": "form"}


def chapters(names: list[str], folder: Path = notebooks.FOLDER) -> list[Path]:
    """Returns the notebooks that the names stand for.

    Raises:
        ValueError: A name fits no chapter, or two chapters have the same number.
    """
    every = notebooks.chapters(folder)
    if not names:
        return every
    chosen = []
    for name in names:
        found = [path for path in every if path.stem == name or path.stem[:2] == name]
        if not found:
            known = ", ".join(path.stem for path in every)
            raise ValueError(f"no chapter {name!r}; there are: {known}")
        chosen += found
    return chosen


def clean(notebook: nbformat.NotebookNode) -> None:
    """Removes what differs from run to run, folds solutions, names each cell after its content."""
    notebooks.name_cells(notebook)
    for cell in notebook.cells:
        cell.metadata = {key: cell.metadata[key] for key in CELL_METADATA if key in cell.metadata}
        if "solution" in cell.metadata.get("tags", []):
            cell.metadata.update(FOLDED)
        for output in cell.get("outputs", []):
            output.pop("transient", None)
    executed = notebook.metadata.get("executed")
    notebook.metadata = {"kernelspec": KERNEL, "language_info": LANGUAGE}
    if executed:
        notebook.metadata["executed"] = executed
    notebook.nbformat, notebook.nbformat_minor = 4, 5


def execute(path: Path) -> float:
    """Runs one notebook in its folder and stores it; returns the seconds it took.

    Raises:
        CellExecutionError: A cell failed. The file is left as it was.
        NotebookError: The file is not a valid notebook.
    """
    notebook = notebooks.read(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    started = time.perf_counter()
    NotebookClient(
        notebook,
        timeout=900,
        startup_timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=False,
        coalesce_streams=True,
    ).execute()
    seconds = time.perf_counter() - started
    notebook.metadata["executed"] = {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "torch": version("torch").split("+")[0],
        "torchvision": version("torchvision").split("+")[0],
        "matplotlib": version("matplotlib"),
        "device": device_name(),
        "seconds": max(5, 5 * round(seconds / 5)),
    }
    clean(notebook)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(notebooks.text(notebook), encoding="utf-8")
    os.replace(temporary, path)
    return seconds


def device_name() -> str:
    """Returns the name of the device that the chapters ran on: "CPU" or the GPU's."""
    import torch

    import helpers

    return torch.cuda.get_device_name() if helpers.device().type == "cuda" else "CPU"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapter", nargs="*", help="01 or 01_tensors; all chapters by default")
    os.environ["TQDM_DISABLE"] = "1"
    try:
        for path in chapters(parser.parse_args().chapter):
            print(f"{path.name}: {execute(path):.0f} s", flush=True)
    except (ValueError, CellExecutionError) as error:
        sys.exit(f"execute: {error}")


if __name__ == "__main__":
    main()
