"""Directives for the pages that are made from the notebooks and from data files."""

import html

import yaml
from chapters import ROOT, corrections, course, docnames, number, section_title
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class CourseMap(SphinxDirective):
    """The course as cards; a chapter that is not in the book yet is shown as planned."""

    def run(self) -> list[nodes.Node]:
        for name in ("_toc.yml", "book/course.yml"):
            self.env.note_dependency(str(ROOT / name))
        written = docnames(self.env)
        parts = []
        for number_of_part, part in enumerate(course(), 1):
            cards = "".join(card(chapter, written) for chapter in part["chapters"])
            parts.append(
                f'<section class="course-part"><h3>Part {number_of_part} · '
                f'{html.escape(part["part"])}</h3><div class="course-cards">{cards}</div></section>'
            )
        return [nodes.raw("", "\n".join(parts), format="html")]


def card(chapter: dict, written: list[str]) -> str:
    """Returns one chapter's card."""
    name = chapter["name"]
    title, can = html.escape(chapter["title"]), html.escape(chapter["can"])
    body = f"<b>{int(name[:2])}</b><strong>{title}</strong><span>{can}</span>"
    if f"notebooks/{name}" in written:
        return f'<a class="course-card" href="../notebooks/{name}.html">{body}</a>'
    return f'<div class="course-card planned">{body}<em>planned</em></div>'


class Corrections(SphinxDirective):
    """A table with one row for each correction box of the chapters."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(ROOT / "_toc.yml"))
        titles = chapter_titles()
        rows = []
        for docname in docnames(self.env):
            self.env.note_dependency(str(ROOT / f"{docname}.ipynb"))
            chapter = f"{number(docname)} · {titles[docname]}"
            for name, text in corrections(docname):
                words = text.replace("> **The notes say**", "The notes say").lstrip("> ")
                place = nodes.container(
                    "", link(name.replace("-", " ").capitalize(), docname, f"correction-{name}")
                )
                place += paragraph(chapter)
                rows.append((place, self.parse(words)))
        head = ("Correction", "What the notes say, and what holds")
        return [table(head, rows, widths=(30, 70))]

    def parse(self, text: str) -> nodes.Node:
        holder = nodes.container()
        self.state.nested_parse(StringList(text.splitlines(), source=""), 0, holder)
        return holder


class NotesMap(SphinxDirective):
    """A table with one row for each section of the notes: what it names, where it is taught."""

    def run(self) -> list[nodes.Node]:
        path = ROOT / "book" / "notes_map.yml"
        for source in (path, ROOT / "_toc.yml", ROOT / "book" / "course.yml"):
            self.env.note_dependency(str(source))
        titles, written = chapter_titles(), docnames(self.env)
        for docname in written:
            self.env.note_dependency(str(ROOT / f"{docname}.ipynb"))
        rows = []
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
            places = nodes.container()
            for where in entry["chapters"]:
                name, _, anchor = where.partition("#")
                docname = f"notebooks/{name}"
                label = f"{number(docname)} · {titles[docname]}"
                if docname not in written:
                    places += paragraph(f"{label} (planned)")
                    continue
                if anchor:
                    title = section_title(docname, anchor).replace("`", "")
                    label = f"{number(docname)} · {title}"
                places += link(label, docname, anchor)
            rows.append((paragraph(entry["section"]), paragraph(entry["names"]), places))
        head = ("Section of the notes", "What it names", "Where it is taught")
        return [table(head, rows, widths=(20, 36, 44))]


def add_way_back(app: Sphinx, config) -> None:
    """Gives the 404 page a link to the book's first page, from wherever it is shown."""
    start = f"{config.notfound_urls_prefix}book/index.html"
    body = config.notfound_context["body"]
    config.notfound_context["body"] = f'{body}\n<p><a href="{start}">All chapters</a></p>'


def chapter_titles() -> dict[str, str]:
    """Returns every chapter's title, by document name."""
    return {f"notebooks/{c['name']}": c["title"] for part in course() for c in part["chapters"]}


def link(label: str, docname: str, anchor: str = "") -> nodes.paragraph:
    """Returns a link to a chapter or to a place in it, from a page of the book folder."""
    address = f"../{docname}.html" + (f"#{anchor}" if anchor else "")
    reference = nodes.reference("", "", nodes.inline("", label), refuri=address, internal=True)
    return nodes.paragraph("", "", reference)


def paragraph(text: str) -> nodes.paragraph:
    return nodes.paragraph("", text)


def table(
    head: tuple[str, ...], rows: list[tuple[nodes.Node, ...]], widths: tuple[int, ...]
) -> nodes.table:
    """Builds a table from nodes, one a cell; widths are percentages."""
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=width) for width in widths]
    group += nodes.thead("", row([paragraph(text) for text in head]))
    group += nodes.tbody("", *[row(cells) for cells in rows])
    return nodes.table("", group, classes=["generated", "colwidths-given"])


def row(cells) -> nodes.row:
    return nodes.row("", *[nodes.entry("", cell) for cell in cells])


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", add_way_back)
    app.add_directive("course-map", CourseMap)
    app.add_directive("corrections", Corrections)
    app.add_directive("notes-map", NotesMap)
    return {"parallel_read_safe": True, "version": "1"}
