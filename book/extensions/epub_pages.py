"""Makes the finished ePub valid, as EPUBCheck asks: what its pages name is in it, and nothing else.

Sphinx writes an ePub from the same document as the site. Links that the generated pages give, to a
page or to a notebook's file, are those of the site; here they are turned or taken out.
"""

import re
import zipfile
from pathlib import Path, PurePosixPath

from sphinx.application import Sphinx

from helpers.files import write_atomically

PAGE = re.compile(r'href="([^":#]+)\.html(#[^"]*)?"')
DOWNLOAD = re.compile(r'<a [^>]*href="[^"]*_sources/[^>]*>[^<]*</a>')
SHEET = re.compile(r'\s*<link rel="stylesheet"[^>]*href="([^"]+)"[^>]*/>')
SUMMARY = re.compile(r"<summary.*?</summary>", re.S)
NOSCRIPT = re.compile(r"<noscript>.*?</noscript>", re.S)
FORM = re.compile(r"<form\b.*?</form>", re.S)  # a search that needs a script
FONT = re.compile(r"@font-face\s*\{[^}]*\}")
ITEM = re.compile(r'<item id="([^"]+)" href="([^"]+)"[^>]*/>')
REFERENCE = re.compile(r'\s*<itemref idref="([^"]+)"[^>]*/>')


def mend(app: Sphinx, error: Exception | None) -> None:
    """Rewrites the pages and the table of contents of a finished ePub."""
    if error is not None or app.builder.name != "epub":
        return
    [path] = Path(app.outdir).glob("*.epub")
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for name, content in parts.items():
        if name.endswith(".xhtml"):
            parts[name] = page(content.decode(), PurePosixPath(name), set(parts)).encode()
        elif name.endswith(".css"):
            parts[name] = FONT.sub("", content.decode()).encode()
    parts["content.opf"] = contents(parts["content.opf"].decode(), properties(parts)).encode()
    made = path.with_suffix(".mended")
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            # The first entry says what the file is, for readers that do not unpack it.
            packing = zipfile.ZIP_STORED if name == "mimetype" else None
            archive.writestr(name, content, packing)
    write_atomically(path, made.read_bytes())
    made.unlink()


def page(text: str, name: PurePosixPath, names: set[str]) -> str:
    """Returns a page whose links and sheets lead to what the ePub has."""

    def inside(address: str) -> bool:
        place: list[str] = []
        for part in (name.parent / address).parts:
            place = place[:-1] if part == ".." else [*place, part]
        return "/".join(place) in names

    def link(found: re.Match) -> str:
        other = f"{found[1]}.xhtml"
        return f'href="{other}{found[2] or ""}"' if inside(other) else found[0]

    text = FORM.sub("", DOWNLOAD.sub("", NOSCRIPT.sub("", text)))
    text = SUMMARY.sub(
        lambda found: found[0].replace("<p ", "<span ").replace("</p>", "</span>"), text
    )
    text = SHEET.sub(lambda found: found[0] if inside(found[1]) else "", text)
    return PAGE.sub(link, text)


def properties(parts: dict[str, bytes]) -> dict[str, str]:
    """Returns what the table of contents has to say of each page: formulas and drawings in it."""
    inside = {"mathml": b"<math", "svg": b"<svg"}
    return {
        name: " ".join(word for word, element in inside.items() if element in content)
        for name, content in parts.items()
        if name.endswith(".xhtml")
    }


def contents(text: str, properties: dict[str, str]) -> str:
    """Returns the table of contents: each page once, with its properties."""
    known = {identity for identity, _ in ITEM.findall(text)}
    seen: set[str] = set()

    def reference(found: re.Match) -> str:
        if found[1] not in known or found[1] in seen:
            return ""
        seen.add(found[1])
        return found[0]

    def item(found: re.Match) -> str:
        if not properties.get(found[2]):
            return found[0]
        return found[0].replace(" />", f' properties="{properties[found[2]]}" />')

    return ITEM.sub(item, REFERENCE.sub(reference, text))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
