"""Makes a build take over a changed style sheet, script or picture of ``book/assets``.

Sphinx copies static files only when it writes a page; a build after a change of nothing but a
style sheet would leave the old one in the site.
"""

import filecmp
from pathlib import Path

from sphinx.application import Sphinx

PAGE = "book/index"


def page_to_write(app: Sphinx, env, added: set[str], changed: set[str], removed: set[str]) -> list:
    """Returns one page to write if a file of ``book/assets`` differs from the site's."""
    there, site = Path(app.srcdir) / "book" / "assets", Path(app.outdir) / "_static"
    names = [str(path.relative_to(there)) for path in there.rglob("*") if path.is_file()]
    _, different, missing = filecmp.cmpfiles(there, site, names, shallow=False)
    return [PAGE] if different or missing else []


def setup(app: Sphinx) -> dict:
    app.connect("env-get-outdated", page_to_write)
    return {"parallel_read_safe": True, "version": "1"}
