"""What the pages weigh, and that what was taken away from them was of no use."""

import gzip
import json
import re
from importlib import import_module

import numpy as np
import pytest
from PIL import Image
from sphinx.errors import ExtensionError

from tests.notebooks import ROOT
from tests.site.conftest import PAGES, SITE

WIRE, PLAIN, ELEMENTS = 600_000, 1_000_000, 4_000
LOADED = re.compile(r'<(?:img|script|link)\b[^>]*?(?:src|href)="([^"#]+)"[^>]*>')


@pytest.fixture
def extension(monkeypatch):
    """Imports a module of ``book/extensions``."""
    monkeypatch.syspath_prepend(ROOT / "book" / "extensions")
    return import_module


def files(page):
    """Returns what a browser loads for a page, but for pictures that are loaded when needed."""
    text = page.read_text(encoding="utf-8")
    found = {page}
    for element in re.finditer(LOADED, text):
        is_needed = re.search(r'<img|<script|rel="(?:stylesheet|icon|preload)"', element[0])
        if is_needed and 'loading="lazy"' not in element[0]:
            found.add((page.parent / element[1].partition("?")[0]).resolve())
    if "<math" in text:
        found.add(SITE / "_static" / "fonts" / "math.woff2")
    fonts = (SITE / "_static" / "fonts").glob("*.woff2")
    return found | {font for font in fonts if font.name != "math.woff2"}


def on_the_wire(path):
    content = path.read_bytes()
    is_packed = path.suffix in {".webp", ".png", ".jpg", ".woff2"}
    return len(content if is_packed else gzip.compress(content))


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_light(site, path):
    page = SITE / path
    assert sum(map(on_the_wire, files(page))) <= WIRE
    assert sum(file.stat().st_size for file in files(page)) <= PLAIN
    text = page.read_text(encoding="utf-8")
    # Scripts add a button to copy each cell, and some forty elements elsewhere.
    added = text.count('class="cell_input') + 45
    assert len(re.findall(r"<[a-z]", text)) + added <= ELEMENTS


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES)
def test_nothing_blocks_a_page(site, path):
    text = (SITE / path).read_text(encoding="utf-8")
    for given in re.findall(r"<script([^>]*\bsrc=[^>]*)>", text):
        assert "defer" in given
    sheets = re.findall(r'<link[^>]*rel="stylesheet"[^>]*>', text)
    assert len(sheets) == 1 and "site.css" in sheets[0]
    assert "searchindex.js" not in text and "tex-chtml" not in text
    for picture in re.findall(r"<img [^>]*\.webp[^>]*>", text):
        assert re.search(r'width="\d+" height="\d+"', picture)


@pytest.mark.slow
def test_fonts_have_what_pages_show(site):
    from fontTools.ttLib import TTFont

    sheet = (SITE / "_static" / "site.css").read_text(encoding="utf-8")
    shown = {ord(letter) for letter in sheet if "\ue000" <= letter <= "\uf8ff"}
    fonts = list((SITE / "_static" / "fonts").glob("fa-*.woff2"))
    assert shown and shown <= {code for font in fonts for code in TTFont(font).getBestCmap()}
    assert sum(font.stat().st_size for font in fonts) < 10_000


@pytest.mark.parametrize(
    ("sheet", "left"),
    [
        ("p { color: red }", "p{color: red}"),
        (".gone { color: red }", ""),
        ("p, .gone { color: red }", "p{color: red}"),
        ("p:not(.gone) a[href] { color: red }", "p:not(.gone) a[href]{color: red}"),
        (".note > .gone { color: red }", ""),
        ("@media (min-width: 1px) { .gone { top: 0 } p { top: 0 } }",
         "@media (min-width: 1px){p{top: 0}}"),
        ("@media print { .gone { top: 0 } }", ""),
        ("/* a { } */ :root { --a: 1 }", ":root{--a: 1}"),
    ],
)  # fmt: skip
def test_rules_that_no_page_uses_go(extension, sheet, left):
    module = extension("style_sheet")
    used = module.words(['<p class="note">text <a href="x">link</a></p>'])
    assert module.purge(sheet, used) == left


def test_a_picture_keeps_each_pixel(extension, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 4), dtype=np.uint8)
    pixels[:5, :, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    extension("pictures").to_webp(tmp_path / "a.png", tmp_path / "a.webp")
    assert (np.asarray(Image.open(tmp_path / "a.webp")) == pixels).all()
    assert [path.name for path in tmp_path.iterdir()] in (["a.png", "a.webp"], ["a.webp", "a.png"])


def test_a_formula_becomes_mathml_and_a_wrong_one_ends_the_build(extension):
    mathml = extension("formulas").mathml
    assert re.search(r"<msup><mi>d</mi><mn[^>]*>2</mn></msup>", mathml("d^2", False))
    with pytest.raises(ExtensionError, match=r"no MathML for the formula '\\\\frac\{1'"):
        mathml(r"\frac{1", True)


@pytest.mark.slow
def test_the_search_index_leaves_out_the_data_of_figures(site):
    text = (SITE / "searchindex.js").read_text(encoding="utf-8")
    terms = json.loads(text[text.index("(") + 1 : text.rindex(")")])["terms"]
    numbers = [term for term in terms if re.fullmatch(r"[\d.]+", term)]
    assert "broadcast" in terms and len(numbers) < len(terms) / 4
