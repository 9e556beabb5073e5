"""Explorers on the site: their scripts, once on each page that shows one; a directive for pages.

The scripts are those of ``helpers/assets/explorers``, which notebooks show as well. A page that
shows no explorer loads none.
"""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).parents[2]))

HELPERS = Path(__file__).parents[2] / "helpers"
SCRIPTS = HELPERS / "assets" / "explorers"
# What explorers' data are made of, by PyTorch: a build that finds them made does not import it.
SOURCES = ("explorers/*.py", "assets/*.safetensors", "assets/*.npz")
ELEMENT = re.compile(r"<explorer-([a-z]+) ")
SHARED = "explorer"


class Explorer(SphinxDirective):
    """An explorer at its own start, with its still figure: ``{explorer} convolution``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        from helpers import explorers  # PyTorch is needed on such a page alone

        (name,) = self.arguments
        self.env.note_dependency(explorers.stills.__file__)
        self.env.note_dependency(str(SCRIPTS / f"{name}.js"))
        try:
            return [nodes.raw("", explorers.html(name), format="html")]
        except ValueError as error:
            raise ExtensionError(f"{self.env.docname}: {error}") from None


def copy_scripts(app: Sphinx) -> None:
    """Puts the scripts beside the site's other ones, before the first page names them."""
    if app.builder.name == "html":
        target = Path(app.outdir, "_static", "explorers")
        shutil.copytree(SCRIPTS, target, dirs_exist_ok=True)
        if not has_data(target):
            for name, text in data().items():
                (target / name).write_text(text, encoding="utf-8")


def has_data(folder: Path) -> bool:
    """Tells whether a site's folder holds the explorers' data, newer than what they are made of."""
    made = [path.stat().st_mtime for path in folder.glob("*.data.js")]
    newest = max(path.stat().st_mtime for source in SOURCES for path in HELPERS.glob(source))
    return bool(made) and min(made) > newest


def data() -> dict[str, str]:
    """Returns the scripts that hold explorers' data, by the names of their files."""
    from helpers import explorers

    found = {f"{name}.data.js": explorers.data(name) for name in explorers.names()}
    return {name: text for name, text in found.items() if text}


def load_scripts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Lets a page load the scripts of the explorers that it shows."""
    if app.builder.name != "html":
        return  # an ePub shows the still figures
    found = set(ELEMENT.findall(context.get("body", "")))
    kept = {path.name for path in Path(app.outdir, "_static", "explorers").glob("*.data.js")}
    for name in [SHARED, *sorted(found)] if found else []:
        for file in (f"{name}.data.js", f"{name}.js"):
            if file in kept or file == f"{name}.js":
                app.add_js_file(f"explorers/{file}", loading_method="defer")


def pages_to_write(app: Sphinx, env, added: set[str], changed: set[str], removed: set[str]) -> list:
    """Returns the pages whose explorers' scripts have changed: a page names a script's checksum."""
    site = Path(app.outdir, "_static", "explorers")
    same = has_data(site) and all(
        (site / path.name).is_file() and (site / path.name).read_bytes() == path.read_bytes()
        for path in SCRIPTS.iterdir()
    )
    if same:
        return []
    return [
        name
        for name in env.found_docs
        if "explorers" in Path(env.doc2path(name)).read_text(encoding="utf-8")
    ]


def setup(app: Sphinx) -> dict:
    app.add_directive("explorer", Explorer)
    app.connect("env-get-outdated", pages_to_write)
    # Before pictures are waited for: what PyTorch computes here, it computes beside their packing.
    app.connect("env-check-consistency", lambda app, env: copy_scripts(app), priority=400)
    app.connect("html-page-context", load_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
