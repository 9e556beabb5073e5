"""What the extensions read from the notebooks and from the course's map."""

import json
import re
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.errors import ExtensionError

ROOT = Path(__file__).parents[2]
CHAPTER = re.compile(r"notebooks/(\d\d)_\w+$")


def course() -> list[dict]:
    """Returns the parts of ``book/course.yml``."""
    return yaml.safe_load((ROOT / "book" / "course.yml").read_text(encoding="utf-8"))


def notebook(docname: str) -> dict:
    """Returns a chapter's notebook as parsed JSON."""
    return json.loads((ROOT / f"{docname}.ipynb").read_text(encoding="utf-8"))


def docnames(env) -> list[str]:
    """Returns the document names of all chapters that are in the book, in order."""
    return sorted(name for name in env.found_docs if number(name))


def section_title(docname: str, anchor: str) -> str:
    """Returns the heading of a chapter that has an anchor.

    Raises:
        ExtensionError: The chapter has no such heading.
    """
    for cell in notebook(docname)["cells"]:
        for line in cell["source"] if cell["cell_type"] == "markdown" else []:
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
    for cell in notebook(docname)["cells"]:
        if cell["cell_type"] != "code" or {"exercise", "solution"} & set(
            cell["metadata"].get("tags", [])
        ):
            continue
        if any(pattern.search(line.partition("#")[0]) for line in cell["source"]):
            return cell["id"]
    return None


def corrections(docname: str) -> list[tuple[str, str]]:
    """Returns (short name, text) of each correction box of a chapter, in order."""
    return [
        (cell["metadata"]["correction"], "".join(cell["source"]))
        for cell in notebook(docname)["cells"]
        if "correction" in cell["metadata"]
    ]


def number(docname: str) -> int | None:
    """Returns a chapter's number from its file's name, None for another page."""
    match = CHAPTER.match(docname)
    return int(match.group(1)) if match else None
