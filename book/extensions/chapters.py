"""What the extensions read from the notebooks and from the course's map."""

import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

sys.path.insert(0, str(Path(__file__).parents[2]))
from book import notebooks
from book.notebooks import ROOT

BOX = "> **Correction: "


def course() -> list[dict]:
    """Returns the parts of ``book/course.yml``."""
    return yaml.safe_load((ROOT / "book" / "course.yml").read_text(encoding="utf-8"))


def notebook(docname: str) -> nbformat.NotebookNode:
    """Returns a chapter's notebook. It is read once for all; do not change it.

    Raises:
        ExtensionError: It is not a valid notebook.
    """
    path = ROOT / f"{docname}.ipynb"
    return _read(path, path.stat().st_mtime_ns)


@cache
def _read(path: Path, changed: int) -> nbformat.NotebookNode:
    try:
        return notebooks.read(path)
    except notebooks.NotebookError as error:
        raise ExtensionError(str(error)) from error


def check_notebooks(app: Sphinx) -> None:
    """Stops a build before it starts where chapters cannot be read, and names them all.

    Raises:
        ExtensionError: A chapter is not a valid notebook, or two have the same number.
    """
    if problems := notebooks.problems():
        raise ExtensionError("\n".join(problems))


def docnames(env) -> list[str]:
    """Returns the document names of all chapters that are in the book, in order."""
    return sorted(name for name in env.found_docs if number(name))


def section_title(docname: str, anchor: str) -> str:
    """Returns the heading of a chapter that has an anchor.

    Raises:
        ExtensionError: The chapter has no such heading.
    """
    for cell in notebook(docname).cells:
        for line in cell.source.splitlines() if cell.cell_type == "markdown" else []:
            title = re.match(r"#+ (.+)", line)
            if title and nodes.make_id(title[1]) == anchor:
                return title[1].strip()
    raise ExtensionError(f"book/notes_map.yml: {docname} has no section '{anchor}'")


def cell_with(docname: str, name: str) -> str | None:
    """Returns the id of the chapter's first code cell in which a name of code stands, or None.

    Exercises and their solutions do not count.
    """
    start = r"(?<!\w)" if re.match(r"\w", name) else ""
    end = r"(?!\w)" if re.search(r"\w$", name) else ""
    pattern = re.compile(start + re.escape(name) + end)
    for cell in notebook(docname).cells:
        if cell.cell_type != "code" or {"exercise", "solution"} & set(
            cell.metadata.get("tags", [])
        ):
            continue
        if any(pattern.search(line.partition("#")[0]) for line in cell.source.splitlines()):
            return cell.id
    return None


@dataclass(frozen=True)
class Claim:
    """A claim of the notes that a chapter treats: in a correction box, or in plain text.

    Attributes:
        name: Short, unique in the book, such as ``"reshape-may-view"``.
        line: Of the notes, ``"29"`` or ``"228-230"``.
        quotation: The notes' sentence in English, with what stands around it.
        verdict: One of ``VERDICTS``.
        answer: What is true, in Markdown.
        anchor: Of the box, or of the code cell that shows it.
        boxed: Whether the chapter has a box for it.
    """

    name: str
    line: str
    quotation: str
    verdict: str
    answer: str
    anchor: str
    boxed: bool


VERDICTS = ("right", "imprecise", "out of date", "wrong")


def claims(docname: str) -> list[Claim]:
    """Returns the claims that a chapter treats, in order."""
    cells = notebook(docname).cells
    found = []
    for index, cell in enumerate(cells):
        if "correction" not in cell.metadata:
            continue
        entry = cell.metadata["correction"]
        boxed = cell.source.startswith(BOX)
        after = next(other for other in cells[index:] if other.cell_type == "code")
        found.append(
            Claim(
                **{key: entry[key] for key in ("name", "line", "quotation", "verdict")},
                answer=re.sub(r"^> ?", "", cell.source, flags=re.M).replace("Correction: ", "", 1)
                if boxed
                else entry["answer"],
                anchor=f"correction-{entry['name']}" if boxed else f"cell-{after.id}",
                boxed=boxed,
            )
        )
    return found


def number(docname: str) -> int | None:
    """Returns a chapter's number from its document's name, None for another page."""
    folder, _, stem = docname.rpartition("/")
    return notebooks.number(stem) if folder == "notebooks" else None
