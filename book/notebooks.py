"""What a chapter is, and how its notebook is read: the one place for extensions, tools and tests.

A chapter is a file ``notebooks/NN_name.ipynb``. Other files in that folder (JupyterLab's and
Finder's copies, ``Untitled.ipynb``, checkpoints) are no part of the book.

Usage: python book/notebooks.py    (says which chapters cannot be read, before a build)
"""

import hashlib
import json
import re
import sys
from itertools import pairwise
from pathlib import Path

import nbformat
from nbformat.reader import get_version, reads

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks"
NAME = re.compile(r"(\d\d)(_[a-z][a-z0-9]*)+")
CONFLICT = re.compile(r"<{7}|={7}|>{7}|\|{7}")


class NotebookError(ValueError):
    """A file is not a valid notebook; the message names it and says what to do."""


def number(stem: str) -> int | None:
    """Returns a chapter's number from its file's name, ``"01_tensors"``; None for other names."""
    match = NAME.fullmatch(stem)
    return int(match[1]) if match else None


def chapters(folder: Path = FOLDER) -> list[Path]:
    """Returns the chapters' notebooks in order.

    Raises:
        NotebookError: Two chapters have the same number.
    """
    found = sorted(path for path in folder.glob("*.ipynb") if number(path.stem) is not None)
    for first, second in pairwise(found):
        if number(first.stem) == number(second.stem):
            raise NotebookError(
                f"{shown(first)} and {shown(second)} have the same number. "
                f"Move the one that is no chapter out of {shown(folder)}/, or give it another."
            )
    return found


def read(path: Path) -> nbformat.NotebookNode:
    """Reads a notebook of any version as one of the newest, each cell with an id.

    Cells without ids (Colab and older programs write none) are named after their content.

    Raises:
        NotebookError: The file is not a valid notebook.
        OSError: The file cannot be read.
    """
    content = _parsed(path)
    try:
        # The version comes first: it decides whether cells have ids.
        named = get_version(content) >= (4, 5)
        notebook = nbformat.convert(reads(json.dumps(content)), 4)
        ids = [cell.get("id") for cell in notebook.cells]
        if not named or None in ids or len(set(ids)) < len(ids):
            name_cells(notebook)
        notebook.nbformat_minor = max(5, notebook.nbformat_minor)
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        raise _invalid(path, error.message) from error
    except Exception as error:  # nbformat raises what the odd content happens to break
        raise _invalid(path, f"{type(error).__name__}: {error}") from error
    return notebook


def problems(folder: Path = FOLDER) -> list[str]:
    """Returns what is wrong with the chapters' files: one message for each."""
    try:
        paths = chapters(folder)
    except NotebookError as error:
        return [str(error)]
    found = []
    for path in paths:
        try:
            read(path)
        except NotebookError as error:
            found.append(str(error))
    return found


def text(notebook: nbformat.NotebookNode) -> str:
    """Returns what a notebook's file holds: nbformat's text, with lists of numbers on one line."""
    value = r"-?\d[\d.e+-]*|null|NaN|-?Infinity"
    values = re.compile(rf"\[\n\s+((?:{value})(?:,\n\s+(?:{value}))*)\n\s+\]")

    def one_line(found: re.Match) -> str:
        return "[" + re.sub(r",\n\s+", ", ", found[1]) + "]"

    return values.sub(one_line, nbformat.writes(notebook)) + "\n"


def name_cells(notebook: nbformat.NotebookNode) -> None:
    """Gives each cell an id that follows from its content: the same in every run."""
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        name = digest(f"{cell.cell_type}\n{cell.source}")
        seen[name] = seen.get(name, 0) + 1
        cell.id = name if seen[name] == 1 else f"{name}-{seen[name]}"


def code_digest(notebook: nbformat.NotebookNode) -> str:
    """Returns a short name of a chapter's code: the same as long as no code cell changes."""
    return digest("\n".join(c.source for c in notebook.cells if c.cell_type == "code"))


def digest(content: str) -> str:
    """Returns a short name of a text: eight digits that follow from all of it."""
    return hashlib.sha256(content.encode()).hexdigest()[:8]


def shown(path: Path) -> str:
    """Returns a path as messages name it: relative to the repository where it lies inside."""
    path = path.resolve()
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _parsed(path: Path) -> dict:
    """Returns the JSON object in a file that says that it is a notebook.

    Raises:
        NotebookError: There is none, and the message says what is there instead.
        OSError: The file cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8")
        content = json.loads(text)
    except UnicodeDecodeError as error:
        raise _invalid(path, f"byte {error.start} is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        for line, words in enumerate(text.splitlines(), 1):
            if CONFLICT.match(words):
                raise _invalid(path, f"line {line} is a conflict marker, {words[:40]!r}") from error
        if not text.strip():
            raise _invalid(path, "it is empty") from error
        raise _invalid(path, f"line {error.lineno} is not JSON ({error.msg})") from error
    if not isinstance(content, dict):
        raise _invalid(path, f"it holds no JSON object but {type(content).__name__}")
    if not isinstance(content.get("nbformat"), int):
        raise _invalid(path, "it has no number 'nbformat'")
    if content["nbformat"] > nbformat.current_nbformat:
        raise _invalid(path, f"nbformat {content['nbformat']} is newer than the one known here")
    return content


def _invalid(path: Path, reason: str) -> NotebookError:
    cure = "resolve the conflict" if "conflict marker" in reason else "mend it"
    name = shown(path)
    return NotebookError(
        f"{name} is not a valid notebook: {reason}. "
        f"Please {cure}, or restore the file: git checkout HEAD -- '{name}'"
    )


if __name__ == "__main__":
    sys.exit("\n".join(problems()) or None)
