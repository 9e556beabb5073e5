"""Every page in a real browser: light and dark, wide and narrow."""

import re
from urllib.parse import urlsplit

import pytest
import yaml
from playwright.sync_api import expect

from tests.notebooks import ROOT, code_cells, read, tags
from tests.site.conftest import IDS, PAGES, PATHS, PATIENCE, SITE

expect.set_options(timeout=PATIENCE)
AXE = (ROOT / "tests" / "site" / "vendor" / "axe.min.js").read_text(encoding="utf-8")
# Both schemes and both widths: what axe finds depends on each, and on no pair of them.
LOOKS = [("light", 1280), ("dark", 390)]
RUN_AXE = """() => axe.run(document, {resultTypes: ["violations"]})
    .then(result => result.violations.map(
    v => [v.id, v.nodes.slice(0, 3).map(n => n.html.slice(0, 160))]))"""
# A figure's table has thousands of cells, which one loop has made: axe looks at its first rows.
SHORT_TABLES = """() => document.querySelectorAll("main .figure-table table")
    .forEach(table => [...table.rows].slice(4).forEach(row => row.remove()))"""
# Each box that scrolls can be reached by keyboard, and no other.
SCROLLING_BOXES = """() => [...document.querySelectorAll(
    'pre, .nboutput > .output_area, .cell_output > .output, .jp-RenderedHTMLCommon, ' +
    '.pst-scrollable-table-container'
)].every(box => (box.tabIndex === 0) ===
    (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight))"""

pytestmark = pytest.mark.slow


def faults_in_all_looks(page):
    """Returns what axe finds, and sideways scrolling, light and wide, dark and narrow."""
    page.evaluate(AXE)
    page.evaluate(SHORT_TABLES)
    faults = []
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
        if page.viewport_size["width"] != width:
            page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(SCROLLING_BOXES)  # the theme looks for them a moment later
        extent = page.evaluate("document.documentElement.scrollWidth")
        if extent > width:
            faults.append((scheme, width, f"scrolls sideways: {extent}"))
        faults += [(scheme, width, *found) for found in page.evaluate(RUN_AXE)]
    return faults


@pytest.mark.parametrize("path", [*PAGES, "search.html"])
def test_page(open_page, path):
    page = open_page(path)
    for alt in page.eval_on_selector_all("main img", "all => all.map(i => i.alt)"):
        assert len(alt) > 20 and not re.search(r"\.(png|svg|jpe?g)$", alt), alt
    assert page.locator(".math > math").count() == page.locator(".math").count()
    assert page.locator("merror").count() == 0
    assert "$" not in page.locator("main").inner_text().replace("$ ", "")
    moving = page.evaluate("""() => {
        document.querySelectorAll('main details').forEach(d => { d.open = true; });
        return document.getAnimations().map(a => a.animationName || a.transitionProperty);
    }""")
    assert moving == [], "this browser asked for reduced motion; half-faded text has no contrast"
    assert faults_in_all_looks(page) == []


def test_the_404_page_works_at_any_depth(open_page):
    shown = []
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    prefix = config["sphinx"]["config"]["notfound_urls_prefix"]

    def answer(route):
        path = urlsplit(route.request.url).path.removeprefix(prefix)
        if path and (SITE / path).is_file():
            return route.fulfill(path=SITE / path)
        shown.append(path)
        return route.fulfill(status=404, path=SITE / "404.html", content_type="text/html")

    page = open_page(f"{prefix[1:]}no/such/page.html", answer)
    assert shown == ["no/such/page.html"], "something that the page needs was not found"
    assert page.locator("article h1").inner_text() == "Page not found"
    assert page.locator("img.logo__image").first.evaluate("i => i.naturalWidth") > 0
    assert faults_in_all_looks(page) == []
    page.get_by_role("link", name="All chapters").click()
    expect(page.locator("a.course-card")).to_have_count(len(PATHS))


@pytest.mark.parametrize("path", PATHS, ids=IDS)
def test_answers_and_solutions_open(open_page, path):
    page = open_page(f"notebooks/{path.stem}.html")
    folded = page.locator("main details.hide")
    expected = [c for c in code_cells(path) if {"predict", "solution"} & set(tags(c))]
    assert folded.count() == len(expected)
    for index, key in ((0, None), (1, "Enter"), (folded.count() - 1, "Enter")):
        details = folded.nth(index)
        summary = details.locator("summary")
        assert summary.inner_text().startswith("Show ")
        assert details.get_attribute("open") is None
        if key:
            summary.focus()
            page.keyboard.press(key)
        else:
            summary.click()
        assert details.get_attribute("open") is not None
        expect(summary).to_contain_text("Hide ", use_inner_text=True)


def test_search_finds_terms(open_page):
    for term, expected in (("broadcasting", "01_tensors"), ("gradcheck", "02_autograd")):
        page = open_page(f"search.html?q={term}")
        page.wait_for_selector("#search-results li a")
        links = page.eval_on_selector_all("#search-results li a", "all => all.map(a => a.href)")
        assert any(expected in link for link in links)


def test_every_correction_has_its_row(open_page):
    page = open_page("book/corrections.html")
    claims = [
        (cell.metadata.correction, cell.source.startswith("> **Correction: "))
        for path in PATHS
        for cell in read(path).cells
        if "correction" in cell.metadata
    ]
    assert page.locator("table.generated tbody tr").count() == len(claims)
    for claim, boxed in claims:
        if boxed:
            assert page.locator(f'a[href$="#correction-{claim.name}"]').count() == 1
    assert page.locator(".verdict").count() == len(claims)
