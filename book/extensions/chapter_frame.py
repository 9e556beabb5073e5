"""Dresses a chapter: its number, the line under its title, its boxes, its folded cells."""

import html
import re

from chapters import check_notebooks, claims, notebook, number
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform

BOXES = {
    "Common mistake": ("Common mistake", "warning"),
    "Why": ("Why", "tip"),
    "Note": ("Note", "note"),
}
WORDS_A_MINUTE = 200


class ChapterFrame(SphinxTransform):
    """Runs on each page; pages that are no chapters only get their boxes."""

    default_priority = 400

    def apply(self) -> None:
        docname = self.env.docname
        boxed = [claim for claim in claims(docname) if claim.boxed] if number(docname) else []
        anchors = [claim.anchor for claim in boxed]
        for quote in list(self.document.findall(nodes.block_quote)):
            box(quote, anchors)
        if number(docname) is None:
            return
        name_code_cells(self.document, docname)
        title = next(self.document.findall(nodes.title))
        title.insert(0, nodes.Text(f"{number(docname)} · "))
        line = nodes.raw("", header_line(docname, self.config), format="html")
        title.parent.insert(title.parent.index(title) + 1, line)


def name_code_cells(document: nodes.document, docname: str) -> None:
    """Gives each code cell an address, ``#cell-<id>``, and IPython's syntax, whoever saved it.

    A notebook's metadata say how its code is to be coloured, and some programs leave that out.
    Python's colours do not know ``%magic`` and ``!command``: a build would end with a warning.
    """
    cells = notebook(docname).cells
    for node in document.findall(nodes.container):
        if node.get("nb_element") == "cell_code":
            node["ids"].append(f"cell-{cells[node['cell_index']].id}")
        elif node.get("nb_element") == "cell_code_source":
            for block in node.findall(nodes.literal_block):
                block["language"] = "ipython3"


def box(quote: nodes.block_quote, anchors: list[str]) -> None:
    """Turns a block quote that begins with one of the agreed words into an admonition."""
    first = next(iter(quote.children), None)
    if not isinstance(first, nodes.paragraph):
        return
    while first.children and isinstance(first[0], nodes.Text) and not first[0].astext().strip():
        first.pop(0)
    if not first.children or not isinstance(first[0], nodes.strong):
        return
    words = first[0].astext()
    if words.startswith("Correction: "):
        heading, kind = first[0].children, "correction"
    elif words in BOXES:
        heading, kind = [nodes.Text(BOXES[words][0])], BOXES[words][1]
    else:
        return
    admonition = nodes.admonition("", nodes.title("", "", *heading), classes=["admonition", kind])
    if kind == "correction" and anchors:
        admonition["ids"].append(anchors.pop(0))
    first.remove(first[0])
    if first.children and isinstance(first[0], nodes.Text):
        first.replace(first[0], nodes.Text(first[0].astext().lstrip()))
    admonition += quote.children
    quote.replace_self(admonition)


def header_line(docname: str, config) -> str:
    """Returns the line under the title: reading and running time, what it ran on, two links."""
    content = notebook(docname)
    words = sum(
        len(re.findall(r"\w+", cell.source))
        for cell in content.cells
        if cell.cell_type == "markdown"
    )
    run = content.metadata.get("executed")
    if run is None:
        raise ExtensionError(
            f"{docname} was never executed: make execute CHAPTER={number(docname):02}"
        )
    options = config.html_theme_options
    repository = options["repository_url"].removeprefix("https://github.com/")
    branch = options["repository_branch"]
    colab = f"https://colab.research.google.com/github/{repository}/blob/{branch}/{docname}.ipynb"
    kaggle = f"https://kaggle.com/kernels/welcome?src={options['repository_url']}/blob/{branch}/{docname}.ipynb"
    source = f"../_sources/{docname}.ipynb"
    text = (
        f"{max(1, round(words / WORDS_A_MINUTE))} min to read · about {run['seconds']} s to run · "
        f"executed on {run['date']} with Python {run['python']}, torch {run['torch']}, "
        f"torchvision {run['torchvision']} on {run['device']}"
    )
    return (
        f'<div class="chapter-line"><p>{html.escape(text)}</p><p>'
        f'<a class="chapter-button" href="{html.escape(colab)}">Open in Colab</a> '
        f'<a class="chapter-button" href="{html.escape(kaggle)}">Open in Kaggle</a> '
        f'<a class="chapter-button" href="{source}" download="">Download the notebook</a></p></div>'
    )


def setup(app: Sphinx) -> dict:
    app.connect("builder-inited", check_notebooks)
    app.add_transform(ChapterFrame)
    return {"parallel_read_safe": True, "version": "1"}
