"""Puts the data of each figure below it, folded: for screen readers, and to take away as CSV.

Without JavaScript it is text; ``figure_tables.js`` turns it into a table when it is opened, and
adds a button that saves it.
"""

import csv
import html
import io
from collections.abc import Iterator, Mapping
from typing import Any

from chapters import notebook, number
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.writers.html5 import HTML5Translator

MIME = "application/vnd.executed.figure+json"
COLUMNS = ("panel", "kind", "name", "x", "y", "value")


class figure_data(nodes.Element):
    """A figure's data as HTML. Text or raw HTML would fill the search index with numbers."""


class FigureTables(SphinxTransform):
    """Runs on each chapter, after its outputs are in the document."""

    default_priority = 410

    def apply(self) -> None:
        docname = self.env.docname
        if number(docname) is None:
            return
        cells = notebook(docname).cells
        for node in list(self.document.findall(nodes.container)):
            if node.get("nb_element") != "cell_code":
                continue
            outputs = cells[node["cell_index"]].get("outputs", [])
            pictures = [o["data"] for o in outputs if "image/png" in o.get("data", {})]
            bundles = [
                bundle
                for bundle in node.findall(nodes.container)
                if bundle.get("nb_element") == "mime_bundle" and any(bundle.findall(nodes.image))
            ]
            for bundle, data in zip(bundles, pictures, strict=True):
                if MIME in data:
                    place = bundle.parent.index(bundle) + 1
                    bundle.parent.insert(place, figure_data(html=folded(data[MIME])))


def write(translator: HTML5Translator, node: figure_data) -> None:
    translator.body.append(node["html"])
    raise nodes.SkipNode


def folded(figure: Mapping[str, Any]) -> str:
    """Returns the HTML of a figure's data."""
    text = "\n".join([*panels(figure), table(figure)])
    return (
        '<details class="figure-data"><summary>Data of this figure</summary>'
        f'<pre class="figure-csv" tabindex="0">{html.escape(text)}</pre></details>'
    )


def panels(figure: Mapping[str, Any]) -> Iterator[str]:
    """Yields a line for each panel: its title and what its axes show."""
    for count, axes in enumerate(figure["axes"], 1):
        words = [axes["title"]] if axes["title"] else []
        for name in ("x", "y"):
            axis = axes[name]
            if axis["label"]:
                scale = "" if axis["scale"] == "linear" else f" ({axis['scale']} scale)"
                words.append(f"{name}: {axis['label']}{scale}")
        yield f"# panel {count}: {'; '.join(words) or 'no words'}".replace("\n", " ")


def table(figure: Mapping[str, Any]) -> str:
    """Returns a figure's values as CSV, with a line of names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for count, axes in enumerate(figure["axes"], 1):
        for artist in axes["artists"]:
            name = artist.get("label", "")
            for x, y, value in _values(artist):
                writer.writerow([count, artist["kind"], name, x, y, value])
    return text.getvalue().rstrip("\n")


def _values(artist: Mapping[str, Any]) -> Iterator[tuple[Any, Any, Any]]:
    if "means" in artist:
        channels = artist["shape"][2] if len(artist["shape"]) == 3 else 1
        for row, means in enumerate(artist["means"]):
            for column in range(len(means) // channels):
                part = means[column * channels : (column + 1) * channels]
                yield column, row, " ".join(map(str, part))
    elif "text" in artist:
        yield *artist["at"], artist["text"].replace("\n", " ")
    else:
        values = artist.get("values", [])
        for place, (x, y) in enumerate(zip(artist.get("x", []), artist.get("y", []), strict=True)):
            yield x, y, values[place] if place < len(values) else ""


def setup(app: Sphinx) -> dict:
    app.add_node(figure_data, html=(write, None))
    app.add_transform(FigureTables)
    app.add_js_file("figure_tables.js", loading_method="defer")
    return {"parallel_read_safe": True, "version": "1"}
