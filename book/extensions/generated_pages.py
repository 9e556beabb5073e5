"""Directives for the pages that are made from the notebooks and from data files."""

import html
import json
import re
from pathlib import Path

import yaml
from chapters import (
    ROOT,
    Claim,
    cell_with,
    claims,
    course,
    docnames,
    notebook,
    number,
    section_title,
)  # fmt: skip
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from book import notebooks

NO_BREAK = "\N{NON-BREAKING HYPHEN}"
# In the names of corrections: what is a name of the field, or of Python's.
SPELLING = {
    "amp": "AMP", "batchnorm": "BatchNorm", "bce": "BCE", "ctc": "CTC", "cuda": "CUDA",
    "default true": "default=True", "dice": "Dice", "flashtorch": "flashtorch",
    "float16": "float16", "grad fn": "grad_fn", "huber": "Huber", "imgaug": "imgaug", "kl": "KL",
    "l1": "L1", "nll": "NLL", "poisson": "Poisson", "pretrained true": "pretrained=True",
    "relu": "ReLU", "size average": "size_average", "store true": "store_true",
    "tensorboardx": "tensorboardX", "torch load": "torch.load", "weights only": "weights_only",
    "xavier": "Xavier",
}  # fmt: skip


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
    """A table with one row for each claim of the notes that a chapter treats."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(ROOT / "_toc.yml"))
        titles = chapter_titles()
        rows = []
        for docname in docnames(self.env):
            self.env.note_dependency(str(ROOT / f"{docname}.ipynb"))
            chapter = f"{number(docname)} · {titles[docname]}"
            for claim in claims(docname):
                place = nodes.container("", link(in_words(claim.name), docname, claim.anchor))
                place += paragraph(chapter)
                lines = "lines" if "-" in claim.line else "line"
                verdict = claim.verdict.replace(" ", "-")
                quotation = nodes.container("", *self.parse(f"“{claim.quotation}”").children)
                quotation += paragraph(f"{lines} {claim.line.replace('-', ' to ')}")
                answer = nodes.container(
                    "",
                    nodes.paragraph(
                        "",
                        "",
                        nodes.inline("", claim.verdict, classes=["verdict", f"verdict-{verdict}"]),
                    ),
                    *self.parse(claim.answer).children,
                )
                rows.append((place, quotation, answer))
        head = ("Claim", "What the notes say", "What holds")
        return [table(head, rows, widths=(20, 35, 45))]

    def parse(self, text: str) -> nodes.Node:
        holder = nodes.container()
        text = re.sub(r"\]\((\d\d_\w+\.ipynb)", r"](../notebooks/\1", text)  # links of a chapter
        self.state.nested_parse(StringList(text.splitlines(), source=""), 0, holder)
        return holder


class NotesMap(SphinxDirective):
    """A table with one row for each section of the notes: see ``book/notes_map.yml``."""

    def run(self) -> list[nodes.Node]:
        path = ROOT / "book" / "notes_map.yml"
        for source in (path, ROOT / "_toc.yml", ROOT / "book" / "course.yml"):
            self.env.note_dependency(str(source))
        written = docnames(self.env)
        for docname in written:
            self.env.note_dependency(str(ROOT / f"{docname}.ipynb"))
        treated = {c.name: (docname, c) for docname in written for c in claims(docname)}
        rows = []
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
            rows.append(
                (
                    paragraph(entry["section"]),
                    names_of(entry),
                    nodes.container("", *map(place_of, entry["chapters"])),
                    nodes.container(
                        "", *[claim_of(name, treated) for name in entry["corrections"]]
                    ),
                )
            )
        head = ("Section of the notes", "What it names", "Where it is taught", "What is corrected")
        return [table(head, rows, widths=(18, 36, 25, 21))]


def place_of(where: str) -> nodes.paragraph:
    """Returns a link to a section of a chapter, ``"01_tensors#what-is-a-tensor"``."""
    name, _, anchor = where.partition("#")
    docname = f"notebooks/{name}"
    title = section_title(docname, anchor).replace("`", "")
    return link(f"{number(docname)} · {title}", docname, anchor)


def names_of(entry: dict) -> nodes.container:
    """Returns what a section is about, and its names, each a link to the first cell that runs it.

    Raises:
        ExtensionError: No cell of the section's chapters runs a name.
    """
    chapters = list(dict.fromkeys(where.partition("#")[0] for where in entry["chapters"]))
    about = paragraph(f"{entry['about']}:" if entry["names"] else entry["about"])
    links = nodes.paragraph()
    for name in entry["names"]:
        found = ((c, cell_with(f"notebooks/{c}", name)) for c in chapters)
        chapter, cell = next(((c, cell) for c, cell in found if cell), (None, None))
        if cell is None:
            raise ExtensionError(f"book/notes_map.yml: no cell of {chapters} runs {name!r}")
        if links.children:
            links += nodes.Text(", ")
        code = nodes.literal("", name.rstrip("="))
        address = f"../notebooks/{chapter}.html#cell-{cell}"
        links += nodes.reference("", "", code, refuri=address, internal=True)
    return nodes.container("", about, links)


def claim_of(name: str, treated: dict[str, tuple[str, Claim]]) -> nodes.paragraph:
    """Returns a link to where a claim is treated, with the verdict.

    Raises:
        ExtensionError: No chapter treats it.
    """
    if name not in treated:
        raise ExtensionError(f"book/notes_map.yml: no chapter has the correction {name!r}")
    docname, claim = treated[name]
    place = link(in_words(name), docname, claim.anchor)
    place += nodes.Text(f" ({claim.verdict})")
    return place


def in_words(name: str) -> str:
    """Returns a correction's name as a reader writes it, ``"Smooth L1 is Huber rescaled"``."""
    words = name.replace("-", " ")
    if not any(words.startswith(f"{plain} ") for plain in SPELLING):
        words = words[0].upper() + words[1:]
    for plain, written in SPELLING.items():
        words = re.sub(rf"\b{plain}\b", written, words)
    return words


class Platforms(SphinxDirective):
    """A table of the runs that ``python -m tests.platforms`` recorded."""

    def run(self) -> list[nodes.Node]:
        entries = recorded(self.env, "platforms")
        if entries is None:
            return [paragraph("Nothing has been recorded yet.")]
        rows = [
            (
                paragraph(f"Python {entry['python']}, torch {entry['torch']}, {entry['device']}"),
                paragraph(entry["condition"]),
                paragraph(f"{entry['cells']} cells, {entry['different']} different"),
                paragraph(f"{entry['seconds']} s, {entry['date'].replace('-', NO_BREAK)}"),
            )
            for entry in entries
        ]
        head = ("On", "Condition", "Compared", "Time, day")
        found = [table(head, rows, widths=(37, 19, 24, 20))]
        if all(entry["device"] == "CPU" for entry in entries):
            found.append(paragraph("No run on a GPU has been recorded yet."))
        return found


class Budgets(SphinxDirective):
    """A table of what ``make bench`` measured for each chapter."""

    def run(self) -> list[nodes.Node]:
        record = recorded(self.env, "budgets")
        if record is None:
            return [paragraph("Nothing has been measured yet.")]
        titles, chapters = chapter_titles(), record["chapters"]
        measured = (recorded(self.env, "pages") or {"pages": {}})["pages"]
        rows = [
            (
                link(f"{number(f'notebooks/{name}')} · {titles[f'notebooks/{name}']}",
                     f"notebooks/{name}"),
                paragraph(f"{chapter['seconds']:.0f} s"),
                paragraph(f"{chapter['peak_mib']:,} MiB"),
                paragraph(_kilobytes(measured.get(f"notebooks/{name}.html"))),
            )
            for name, chapter in chapters.items()
        ]  # fmt: skip
        total = sum(chapter["seconds"] for chapter in chapters.values())
        words = (
            f"Measured on {record['date']} on {record['cores']} cores ({record['device']}), with "
            f"Python {record['python']} and torch {record['torch']}. The whole course runs in "
            f"{total / 60:.1f} minutes. The site is built in {record['build_seconds']:.0f} s, and "
            f"after a change of one notebook in {record['rebuild_seconds']:.0f} s."
        )
        head = ("Chapter", "To run", "Peak memory", "Page, over the wire")
        return [paragraph(words), table(head, rows, widths=(43, 15, 19, 23))]


def _kilobytes(page: dict | None) -> str:
    return f"{page['wire_kb']:,} kB" if page else "not measured"


class Lighthouse(SphinxDirective):
    """What Lighthouse said of some pages when ``make bench`` asked it."""

    def run(self) -> list[nodes.Node]:
        record = recorded(self.env, "pages")
        if record is None or not record["lighthouse"]:
            return [paragraph("Nothing has been measured yet.")]
        rows = [
            (paragraph(name), *(paragraph(f"{score:.2f}") for score in scores.values()))
            for name, scores in record["lighthouse"].items()
        ]
        words = (
            f"On {record['date']}, on {record['cores']} cores, with gzip: Lighthouse's standard "
            "phone, the median of five runs."
        )
        head = ("Page", "Performance", "Accessibility", "Best practices", "SEO")
        return [paragraph(words), table(head, rows, widths=(36, 16, 16, 16, 16))]


class Tests(SphinxDirective):
    """What ``make bench`` measured of the tests themselves."""

    def run(self) -> list[nodes.Node]:
        record = recorded(self.env, "tests")
        if record is None:
            return [paragraph("Nothing has been measured yet.")]
        rows = [
            (paragraph(name[0].upper() + name[1:]), paragraph(f"{seconds:.0f} s"))
            for name, seconds in record["groups"].items()
        ]
        words = (
            f"On {record['date']}, with Python {record['python']} and torch {record['torch']}, all "
            f"tests took {record['seconds'] / 60:.1f} minutes by two workers on {record['cores']} "
            f"cores: {record['ratio']} times what the notebooks alone took in the same hour. The "
            f"processes held {record['peak_mib']:,} MiB at most."
        )
        return [paragraph(words), table(("Tests", "Of one worker"), rows, widths=(70, 30))]


class Mutation(SphinxDirective):
    """A table of what ``python -m tests.mutate`` recorded for chapters and helpers."""

    def run(self) -> list[nodes.Node]:
        record = recorded(self.env, "mutation")
        if record is None:
            return [paragraph("Nothing has been recorded yet.")]
        titles, rows = chapter_titles(), []
        for name, entry in record["chapters"].items():
            docname = f"notebooks/{name}"
            self.env.note_dependency(str(ROOT / f"{docname}.ipynb"))
            label = f"{number(docname)} · {titles[docname]}{version('chapters', name, entry)}"
            rows.append((link(label, docname), *_mutants(entry)))
        for name, entry in record["helpers"].items():
            label = f"helpers.{name}{version('helpers', name, entry)}"
            rows.append((paragraph(label), *_mutants(entry)))
        head = ("Code", "Changes", "Equal", "Noticed")
        return [table(head, rows, widths=(55, 15, 10, 20)), unnoticed(record)]


def version(kind: str, name: str, entry: dict) -> str:
    """Returns a word where a chapter's or module's code is no longer what an entry is of."""
    if kind == "chapters":
        code = notebooks.code_digest(notebook(f"notebooks/{name}"))
    else:
        path = ROOT / "helpers" / f"{name.replace('.', '/')}.py"
        code = notebooks.digest(path.read_text(encoding="utf-8"))
    return "" if entry["code"] == code else " (an earlier version)"


def unnoticed(record: dict) -> nodes.raw:
    """Returns a folded list of the changes that no output told, each with its reason."""
    items = []
    for kind in ("chapters", "helpers"):
        for name, entry in record[kind].items():
            of = name.partition("_")[0] + version(kind, name, entry)
            for survivor in entry["survivors"]:
                where, _, change = map(html.escape, survivor["change"].partition(": "))
                why = html.escape(survivor["reason"] or "open")
                items.append(f"<li>{of}, {where}: <code>{change}</code>: {why}.</li>")
    return nodes.raw(
        "",
        '<details class="figure-data"><summary>What went unnoticed, and why</summary>'
        f"<ul>{''.join(items)}</ul></details>",
        format="html",
    )


def _mutants(entry: dict) -> tuple[nodes.Node, ...]:
    equivalent = len(entry["equivalent"])
    share = 100 * entry["killed"] / (entry["mutants"] - equivalent)
    numbers = entry["mutants"], equivalent, f"{entry['killed']} ({share:.0f} %)"
    return tuple(paragraph(str(number)) for number in numbers)


def recorded(env, name: str) -> list | dict | None:
    """Returns a record of ``book/results``, None if there is none yet."""
    path: Path = ROOT / "book" / "results" / f"{name}.json"
    env.note_dependency(str(path))
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


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
    app.add_directive("platforms", Platforms)
    app.add_directive("lighthouse", Lighthouse)
    app.add_directive("budgets", Budgets)
    app.add_directive("tests-record", Tests)
    app.add_directive("mutation", Mutation)
    return {"parallel_read_safe": True, "version": "1"}
