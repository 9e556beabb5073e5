"""Starts a chapter from the template: notebook, checks, and answers to try them.

Usage: python book/tools/chapter.py NAME    (such as 34_quantization)
"""

import argparse
import sys
from pathlib import Path

import jupytext
import nbformat

sys.path.insert(0, str(Path(__file__).parents[2]))
from book import notebooks
from book.notebooks import ROOT

TEMPLATE = Path(__file__).parent / "chapter_template"
HEADER = "---\njupytext:\n  text_representation: {extension: .md, format_name: myst}\n---\n"


def notebook(text: str, setup: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Returns the notebook that a text in MyST Markdown stands for.

    Args:
        text: Cells, with ``@@SETUP@@`` where the setup cell belongs.
        setup: The setup cell that all chapters share.
    """
    before, after = (
        jupytext.reads(HEADER + part, fmt="md:myst") for part in text.split("@@SETUP@@")
    )
    cells = [*before.cells, setup, *after.cells]
    for cell in cells:
        if "alt" in cell.metadata:
            cell.metadata["mystnb"] = {"image": {"alt": cell.metadata.pop("alt")}}
    return nbformat.v4.new_notebook(cells=cells)


def start(name: str, root: Path = ROOT) -> list[Path]:
    """Writes the three files of a chapter; returns their paths.

    Args:
        name: Two digits, an underscore, and lower-case words joined by underscores.
        root: Folder of the repository.

    Raises:
        ValueError: The name has another form, or its number is taken.
        NotebookError: Chapter 1, whose setup cell all chapters share, is not a valid notebook.
    """
    if notebooks.number(name) is None:
        raise ValueError(
            f"NAME must be two digits and lower-case words, such as 34_quantization; got {name!r}"
        )
    number, folder = name[:2], root / "notebooks"
    paths = {
        folder / f"{name}.ipynb": "chapter.md",
        root / "helpers" / "checks" / f"chapter_{number}.py": "checks.py",
        root / "tests" / "checks" / f"chapter_{number}.py": "wrong.py",
    }
    same = [path for path in notebooks.chapters(folder) if path.stem[:2] == number]
    taken = [*same, *(path for path in paths if path.exists())]
    if taken:
        raise ValueError(f"number {number} is taken: {taken[0].relative_to(root)} is there")
    title = name[3:].replace("_", " ").capitalize()
    words = {"TITLE": title, "LOWER": title.lower(), "NN": number, "N": str(int(number))}
    for path, template in paths.items():
        text = (TEMPLATE / template).read_text(encoding="utf-8")
        for word, value in words.items():
            text = text.replace(f"@@{word}@@", value)
        if path.suffix == ".ipynb":
            first = notebooks.read(folder / "01_tensors.ipynb")
            setup = next(c for c in first.cells if "setup" in c.metadata.get("tags", []))
            text = notebooks.text(notebook(text, setup))
        path.write_text(text, encoding="utf-8")
    return list(paths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="such as 34_quantization")
    try:
        written = start(parser.parse_args().name)
    except ValueError as error:
        sys.exit(f"error: {error}")
    for path in written:
        print("wrote", path.relative_to(ROOT))
    name = written[0].stem
    print(f"Write it; 'make execute CHAPTER={name[:2]}' stores its outputs. Then add {name} to")
    print("_toc.yml, book/course.yml and the table in README.md.")


if __name__ == "__main__":
    main()
