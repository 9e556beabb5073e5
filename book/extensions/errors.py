"""The page *Errors*: the atlas of errors by message, and a field that finds the entry for a paste.

The entries are those of the chapter: each has a heading of the third level, in a section of the
second. Nothing is kept twice: title, message and anchor are read from the chapter's cells.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from chapters import ROOT, notebook
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

CHAPTER = "notebooks/33_errors"
# The section after the last entry.
END = "How do I find a mistake that is not listed?"
FIELD = """<form class="errors-form" id="errors-form" hidden="">
<label for="errors-paste">Your traceback, or what you see</label>
<textarea id="errors-paste" rows="6" spellcheck="false" autocapitalize="off"></textarea>
<p>
<button type="submit">Find the entry</button> <button type="reset">Clear</button>
<span id="errors-status" role="status" aria-live="polite"></span>
</p>
</form>
<ol class="errors-found" id="errors-found" aria-label="Entries that match best" hidden=""></ol>
<script type="application/json" id="errors-data">@@DATA@@</script>
"""


@dataclass(frozen=True)
class Entry:
    """An entry of the atlas.

    Attributes:
        group: The section it stands in.
        title: Its heading, in Markdown.
        anchor: Of the heading, on the chapter's page.
        message: What PyTorch prints; empty for a mistake without a message.
        texts: What a reader may paste or type to find it.
    """

    group: str
    title: str
    anchor: str
    message: str
    texts: tuple[str, ...]


def entries(docname: str = CHAPTER) -> list[Entry]:
    """Returns the entries of the atlas, in order.

    Raises:
        ExtensionError: Two entries would have the same anchor, or one has no code cell.
    """
    cells = notebook(docname).cells
    group, found = "", []
    for index, cell in enumerate(cells):
        if cell.cell_type != "markdown":
            continue
        for part in re.split(r"(?m)^(?=##+ )", cell.source):
            heading, _, text = part.partition("\n")
            if heading.startswith("## "):
                group = heading[3:].strip()
            elif heading.startswith("### ") and group != END:
                code = next((c for c in cells[index:] if c.cell_type == "code"), None)
                if code is None:
                    raise ExtensionError(f"{docname}: no cell follows {heading!r}")
                found.append(_entry(group, heading[4:].strip(), text, code))
        if group == END:
            break
    anchors = [entry.anchor for entry in found]
    twice = sorted({anchor for anchor in anchors if anchors.count(anchor) > 1})
    if twice:
        raise ExtensionError(f"{docname}: two headings have the anchor {twice[0]!r}")
    return found


def _entry(group: str, title: str, text: str, code: Any) -> Entry:
    plain = title.replace("`", "")
    printed = "".join(output.get("text", "") for output in code.get("outputs", []))
    message = ""
    if "with caught(" in code.source:
        # The first line, and the indented ones that belong to it.
        message = re.match(r".*(?:\n[ \t]+.*)*", printed)[0].rstrip()
    # Messages of a GPU or of another version stand in the text as code of four words or more.
    spans = re.findall(r"`([A-Za-z][^`]*)`", text)
    others = [span for span in spans if len(span.split()) >= 4]
    if message or others:
        texts = [message or others[0], plain, *others]
    else:
        sentence = re.split(r"(?<=[.?])\s", text.replace("**Predict.**", "").strip())[0]
        texts = [plain, f"{plain} {sentence}".replace("`", "")]
    texts = tuple(dict.fromkeys(texts))
    return Entry(group, title, nodes.make_id(plain), message, texts)


class Errors(SphinxDirective):
    """The field, and below it all entries by section."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(ROOT / f"{CHAPTER}.ipynb"))
        atlas = entries()
        data = json.dumps([{"anchor": e.anchor, "texts": e.texts} for e in atlas])
        html = FIELD.replace("@@DATA@@", data.replace("<", "\\u003c"))
        parts: list[nodes.Node] = [nodes.raw("", html, format="html")]
        for group in dict.fromkeys(entry.group for entry in atlas):
            section = nodes.section("", nodes.title("", group), ids=[nodes.make_id(group)])
            self.state.document.note_explicit_target(section, section)
            items = [_item(entry) for entry in atlas if entry.group == group]
            section += nodes.bullet_list("", *items, classes=["errors-list"])
            parts.append(section)
        return parts


def _item(entry: Entry) -> nodes.list_item:
    """Returns an entry as a link with its title and, where it says more, its message."""
    title = [
        nodes.literal("", part) if place % 2 else nodes.Text(part)
        for place, part in enumerate(entry.title.split("`"))
        if part
    ]
    address = f"../{CHAPTER}.html#{entry.anchor}"
    link = nodes.reference("", "", nodes.inline("", "", *title), refuri=address, internal=True)
    item = nodes.list_item("", nodes.paragraph("", "", link))
    if entry.message:
        words = nodes.literal("", " ".join(entry.message.split()))
        item += nodes.paragraph("", "", words, classes=["errors-message"])
    return item


def load_script(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Lets the page with the field load what it needs; no other page does."""
    if app.builder.name == "html" and 'id="errors-data"' in context.get("body", ""):
        app.add_css_file("errors.css")
        app.add_js_file("errors.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    app.add_directive("errors", Errors)
    app.connect("html-page-context", load_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
