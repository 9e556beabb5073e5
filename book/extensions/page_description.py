"""Describes each page to search engines and link previews by its first paragraph."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform

LONGEST = 200


class PageDescription(SphinxTransform):
    """Runs before a chapter's title gets its number."""

    default_priority = 390

    def apply(self) -> None:
        title = next(self.document.findall(nodes.title), None)
        if title is None:
            return
        paragraph = next(title.parent.findall(nodes.paragraph), None)
        if paragraph is None:
            raise ExtensionError(f"{self.env.docname} needs a first paragraph that describes it")
        text = shorten(" ".join(paragraph.astext().split()))
        self.document.insert(0, nodes.meta(name="description", content=text))
        for name, content in (
            ("og:title", title.astext()),
            ("og:description", text),
            ("og:site_name", self.config.project),
        ):
            self.document.insert(0, nodes.meta(property=name, content=content))


def shorten(text: str) -> str:
    """Cuts after the last whole sentence, or else the last whole word, that fits."""
    if len(text) <= LONGEST:
        return text
    head = text[: LONGEST - 1]
    end = head.rfind(". ")
    return head[: end + 1] if end > 60 else head.rpartition(" ")[0] + "…"


def setup(app: Sphinx) -> dict:
    app.add_transform(PageDescription)
    return {"parallel_read_safe": True, "version": "1"}
