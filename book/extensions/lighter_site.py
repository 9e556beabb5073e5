"""Makes each page of the built site light: what it shows stays, what it does not use goes.

Works on the written pages, after every other extension, and leaves pages that it has already
treated as they are. In this order:

- code: a token in the colour of plain text needs no element of its own;
- pictures: width and height, and loading when they come near the screen;
- scripts: none blocks, and the search index is loaded where somebody searches;
- one style sheet (``style_sheet.py``), with the icons and mathematical characters that occur.
"""

import html
import logging
import re
import sys
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from PIL import Image
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parents[2]))
from style_sheet import icons, purge, subset_font, words

from helpers.files import write_atomically

MATH_FONT = Path(__file__).parent / "vendor" / "stix-two-math.woff2"
SHEET, MATH = "site.css", "fonts/math.woff2"
FORMULA = re.compile(r"<math.*?</math>", re.S)
# Names, punctuation, operators and blanks: shown in the colour of plain text.
PLAIN_TOKEN = re.compile(r'<span class="(?:n|nn|nx|p|o|w|pm)">([^<]*)</span>')
EMPTY = re.compile(r"<span></span>")
ELEMENT = re.compile(r"<[a-z]")
# What a page that is still too large does without: the colour of numbers, constants, braces and
# self in code, an element for each word of inline code, a link from each variable to the page of
# torch.Tensor, and the third level of the contents for print.
LARGEST = 3_900  # of at most 4,000; scripts add some
MORE_TOKENS = re.compile(r'<span class="(?:mi|mf|si|sa|kc|ow|bp|fm|pre)">([^<]*)</span>')
VARIABLE = re.compile(
    r'<a class="sphinx-codeautolink-a" href="[^"]*tensors.html#torch.Tensor"[^>]*>([^<]*)</a>'
)
PRINTED = re.compile(r'<div id="jb-print-toc">.*?</nav>', re.S)
THIRD_LEVEL = re.compile(r'(?<=</a>)<ul class="[^"]*section-nav[^"]*">.*?</ul>', re.S)
SHEETS = re.compile(r'<link (?=[^>]*rel="stylesheet")[^>]*?href="([^"]+)"[^>]*>\s*')
SCRIPT = re.compile(r"<script(?P<given>[^>]*)>(?P<body>.*?)</script>\s*", re.S)
SEARCH = ("searchtools.js", "language_data.js", "searchindex.js")
NEEDLESS = ("scripts/fontawesome.js",)
PICTURE = re.compile(r'<img (?![^>]*\bwidth=)([^>]*?src="([^"]+\.(?:webp|png|jpg))"[^>]*?)/?>')


def lighten(app: Sphinx, error: Exception | None) -> None:
    """Treats all pages of a finished build."""
    if error is not None or app.builder.name != "html":
        return
    site = Path(app.outdir)
    pages = sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)
    texts = {page: page.read_text(encoding="utf-8") for page in pages}
    lighter = {page: lighter_page(text, page, site) for page, text in texts.items()}
    lighter = one_sheet(lighter, site)
    for page, text in lighter.items():
        if text != texts[page]:
            write_atomically(page, text.encode())
    for name in NEEDLESS:
        (site / "_static" / name).unlink(missing_ok=True)
    for path in (site / "_static").rglob("*.map"):
        path.unlink()


def lighter_page(text: str, page: Path, site: Path) -> str:
    """Returns a page with less to load and to lay out."""
    text = PLAIN_TOKEN.sub(r"\1", EMPTY.sub("", text))
    if len(ELEMENT.findall(text)) > LARGEST:
        text = VARIABLE.sub(r"\1", MORE_TOKENS.sub(r"\1", text))
        text = PRINTED.sub(lambda found: THIRD_LEVEL.sub("", found[0]), text)
    text = SCRIPT.sub(lambda found: script(found, page.name), text)
    places = iter(range(10**6))
    return PICTURE.sub(lambda found: picture(found, page, next(places)), text)


def script(found: re.Match, page: str) -> str:
    """Returns a script's element, so that it blocks nothing; empty where it is not needed."""
    given, body = found["given"], found["body"]
    source = re.search(r'src="([^"?]+)', given)
    if source is None:
        # The theme's colours are set before anything is drawn. What asks for another script waits.
        late = "DOCUMENTATION_OPTIONS" in body and "type=" not in given
        return f'<script type="module">{body}</script>\n' if late else found[0]
    name = source[1].partition("_static/")[2] or source[1].rpartition("/")[2]
    if name in NEEDLESS or (name in SEARCH and page != "search.html"):
        return ""
    return found[0] if "defer" in given else f'<script defer=""{given}>{body}</script>\n'


def picture(found: re.Match, page: Path, place: int) -> str:
    """Returns a picture's element with its size; all but the first load when they come near."""
    path = (page.parent / found[2]).resolve()
    if not path.is_file():
        return found[0]
    with Image.open(path) as image:
        size = f'width="{image.width}" height="{image.height}"'
    lazy = ' loading="lazy"' if place else ""
    return f'<img {found[1].strip()} {size}{lazy} decoding="async"/>'


def one_sheet(pages: dict[Path, str], site: Path) -> dict[Path, str]:
    """Writes the site's style sheet and fonts; returns the pages with a link to it alone."""
    static = site / "_static"
    sources = _sources(pages, static)
    scripts = [path.read_text(encoding="utf-8") for path in static.rglob("*.js")]
    whole = "".join(_read(static / name, static) for name in sources)
    used = words([*pages.values(), *scripts]) & words([whole])
    characters = formula_characters(pages.values())
    made_of = repr((whole, sorted(used), sorted(characters))).encode()
    head = f'@charset "UTF-8";/* {" ".join(sources)} */\n/* {sha256(made_of).hexdigest()} */\n'
    sheet = (static / SHEET).read_text(encoding="utf-8") if (static / SHEET).exists() else ""
    if not sheet.startswith(head):
        sheet = head + cut_fonts(purge(whole, used), characters, static)
        write_atomically(static / SHEET, sheet.encode())
    digest = sha256(sheet.encode()).hexdigest()[:8]
    treated = {}
    for page, text in pages.items():
        root = "../" * (len(page.relative_to(site).parts) - 1)
        link = f'<link href="{root}_static/{SHEET}?v={digest}" rel="stylesheet"/>\n'
        found = SHEETS.search(text)
        if found is None:  # a redirect
            treated[page] = text
            continue
        if page.name == "404.html":
            link = re.sub('href="', f'href="{found[1].partition("_static/")[0]}', link, count=1)
        rest = SHEETS.sub("", text[found.end() :])
        treated[page] = text[: found.start()] + link + rest
    return treated


def _sources(pages: dict[Path, str], static: Path) -> list[str]:
    """Returns the sheets that pages ask for, in order; those of treated pages as noted there."""
    merged = static / SHEET
    noted = merged.read_text(encoding="utf-8").partition("\n")[0] if merged.exists() else ""
    sources = noted.partition("/* ")[2].removesuffix(" */").split()
    for text in pages.values():
        for address in SHEETS.findall(text):
            name = address.partition("_static/")[2].partition("?")[0]
            if name not in (*sources, SHEET):
                sources.append(name)
    return sources


def _read(path: Path, static: Path) -> str:
    """Returns a sheet with its imports, its addresses as seen from the folder of all sheets."""
    text = path.read_text(encoding="utf-8")

    def imported(found: re.Match) -> str:
        return _read((path.parent / found[1]).resolve(), static)

    def rebased(found: re.Match) -> str:
        if found[1].startswith(("data:", "http", "#")):
            return found[0]
        target = (path.parent / found[1]).resolve().relative_to(static.resolve())
        return f"url({target.as_posix()})"

    text = re.sub(r"""url\(["']?([^"')]+)["']?\)""", rebased, text)
    return re.sub(r"""@import ["']([^"']+)["'];""", imported, text)


def formula_characters(pages: Iterable[str]) -> set[int]:
    """Returns the characters that the pages' formulas show, and those of every sentence."""
    formulas = " ".join(text for page in pages for text in FORMULA.findall(page))
    shown = html.unescape(re.sub(r"<[^>]+>", "", formulas))
    return set(map(ord, shown)) | set(range(32, 127))


def cut_fonts(sheet: str, characters: set[int], static: Path) -> str:
    """Writes the fonts of icons and formulas with what the pages show; returns the sheet for them.

    The icons that no page shows have no rule left in the sheet, and no place in its fonts.
    """
    symbols = icons(sheet)
    faces = re.compile(r"@font-face\s*\{[^}]*?fontawesome[^}]*\}")
    for face in faces.findall(sheet):
        name = re.search(r"fontawesome/webfonts/(fa-[\w-]+)\.woff2", face)[1]
        source = static / "vendor" / "fontawesome" / "webfonts" / f"{name}.woff2"
        font = subset_font(source, symbols)
        if font is None:
            sheet = sheet.replace(face, "")
            continue
        write_atomically(static / "fonts" / f"{name}.woff2", font)
        address = f'src:url(fonts/{name}.woff2) format("woff2")'
        sheet = sheet.replace(face, re.sub(r"src:[^;}]+", address, face))
    write_atomically(static / MATH, subset_font(MATH_FONT, characters))
    return sheet


def setup(app: Sphinx) -> dict:
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    app.connect("build-finished", lighten, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "2"}
