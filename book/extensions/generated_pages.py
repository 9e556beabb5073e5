"""Directives for the pages that are made from the notebooks and from data files."""

import html

import yaml
from chapters import ROOT, corrections, course, docnames, number
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class CourseMap(SphinxDirective):
    """The course as cards; a chapter whose notebook does not exist yet is shown as planned."""

    def run(self) -> list[nodes.Node]:
        parts = []
        for number_of_part, part in enumerate(course(), 1):
            cards = "".join(card(chapter) for chapter in part["chapters"])
            parts.append(
                f'<section class="course-part"><h3>Part {number_of_part} · '
                f'{html.escape(part["part"])}</h3><div class="course-cards">{cards}</div></section>'
            )
        return [nodes.raw("", "\n".join(parts), format="html")]


def card(chapter: dict) -> str:
    """Returns one chapter's card."""
    name = chapter["name"]
    title, can = html.escape(chapter["title"]), html.escape(chapter["can"])
    body = f"<b>{int(name[:2])}</b><strong>{title}</strong><span>{can}</span>"
    if f"notebooks/{name}" in docnames():
        return f'<a class="course-card" href="../notebooks/{name}.html">{body}</a>'
    return f'<div class="course-card planned">{body}<em>planned</em></div>'


class Corrections(SphinxDirective):
    """A table with one row for each correction box of the chapters."""

    def run(self) -> list[nodes.Node]:
        rows = []
        for docname in docnames():
            self.env.note_dependency(str(ROOT / f"{docname}.ipynb"))
            for name, text in corrections(docname):
                link = f"../{docname}.html#correction-{name}"
                label = nodes.reference("", "", nodes.literal("", name), refuri=link)
                words = text.replace("> **The notes say**", "The notes say").lstrip("> ")
                rows.append((nodes.paragraph("", "", label), number(docname), self.parse(words)))
        head = ("Correction", "Chapter", "What the notes say, and what holds")
        return [table(head, [(label, paragraph(str(n)), text) for label, n, text in rows])]

    def parse(self, text: str) -> nodes.Node:
        holder = nodes.container()
        self.state.nested_parse(StringList(text.splitlines(), source=""), 0, holder)
        return holder[0]


class NotesMap(SphinxDirective):
    """A table with one row for each section of the notes: what it names, where it is taught."""

    def run(self) -> list[nodes.Node]:
        path = ROOT / "book" / "notes_map.yml"
        self.env.note_dependency(str(path))
        titles = {c["name"]: c["title"] for part in course() for c in part["chapters"]}
        rows = []
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
            places = nodes.paragraph()
            for name in entry["chapters"]:
                label = f"{int(name[:2])} {titles[name]}"
                if places.children:
                    places += nodes.Text(", ")
                if f"notebooks/{name}" in docnames():
                    places += nodes.reference("", label, refuri=f"../notebooks/{name}.html")
                else:
                    places += nodes.Text(f"{label} (planned)")
            rows.append((paragraph(entry["section"]), paragraph(entry["names"]), places))
        return [table(("Section of the notes", "What it names", "Chapters"), rows)]


def paragraph(text: str) -> nodes.paragraph:
    return nodes.paragraph("", text)


def table(head: tuple[str, ...], rows: list[tuple[nodes.Node, ...]]) -> nodes.table:
    """Builds a table from nodes, one a cell."""
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    group += nodes.thead("", row([paragraph(text) for text in head]))
    group += nodes.tbody("", *[row(cells) for cells in rows])
    return nodes.table("", group, classes=["generated"])


def row(cells) -> nodes.row:
    return nodes.row("", *[nodes.entry("", cell) for cell in cells])


def setup(app: Sphinx) -> dict:
    app.add_directive("course-map", CourseMap)
    app.add_directive("corrections", Corrections)
    app.add_directive("notes-map", NotesMap)
    return {"parallel_read_safe": True, "version": "1"}
