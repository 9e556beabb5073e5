"""Renders formulas at build time, as MathML: no script and no second copy on any page.

Temml turns LaTeX into MathML. It is JavaScript, and runs here in V8 (``mini-racer``); the browser
lays the result out with the site's mathematical font, and screen readers read it.
"""

import html
from functools import cache
from pathlib import Path

from docutils import nodes
from py_mini_racer import JSEvalException, MiniRacer
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

TEMML = Path(__file__).parent / "vendor" / "temml.min.js"
RENDER = """
function render(formula, display) {
    return temml.renderToString(
        formula, {displayMode: display, throwOnError: true, xml: true, annotate: true});
}
"""


@cache
def _engine() -> MiniRacer:
    engine = MiniRacer()
    engine.eval(TEMML.read_text(encoding="utf-8") + RENDER)
    return engine


@cache
def mathml(formula: str, display: bool) -> str:
    """Returns a formula as a ``<math>`` element that carries its LaTeX as an annotation.

    Args:
        formula: LaTeX, without dollars.
        display: Whether it stands on lines of its own.

    Raises:
        ExtensionError: Temml does not understand it; the message names the formula.
    """
    try:
        return _engine().call("render", formula, display)
    except JSEvalException as error:
        raise ExtensionError(f"no MathML for the formula {formula!r}: {error}") from error


def visit_inline(self, node: nodes.math) -> None:
    self.body.append(f'<span class="math notranslate">{mathml(node.astext(), False)}</span>')
    raise nodes.SkipNode


def visit_block(self, node: nodes.math_block) -> None:
    label = f' id="{html.escape(node["ids"][0])}"' if node["ids"] else ""
    formula = mathml(node.astext(), True)
    self.body.append(f'<div class="math notranslate"{label} tabindex="-1">{formula}</div>\n')
    raise nodes.SkipNode


def render(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Renders a page's formulas before it is written: processes that write have no V8."""
    for kind in (nodes.math, nodes.math_block):
        for node in doctree.findall(kind):
            mathml(node.astext(), kind is nodes.math_block)


def setup(app: Sphinx) -> dict:
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.config.html_math_renderer = "mathml"
    app.connect("doctree-resolved", render)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
