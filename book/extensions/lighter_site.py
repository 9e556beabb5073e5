"""Takes out of the built site what no page needs.

The theme brings its icons twice: as a web font and as a script of 1.5 MB that replaces each icon
by an SVG with an identifier drawn at random. The font alone shows them all.
"""

from pathlib import Path

from sphinx.application import Sphinx

SCRIPT = "_static/scripts/fontawesome.js"


def drop_icon_script(app: Sphinx, error: Exception | None) -> None:
    path = Path(app.outdir) / SCRIPT
    if error is None and path.exists():
        path.write_text("/* left out: icons come from the web font */\n", encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", drop_icon_script, priority=900)
    return {"parallel_read_safe": True, "version": "1"}
