"""Every page in a real browser: light and dark, wide and narrow."""

import re

import pytest
from playwright.sync_api import expect

from tests.notebooks import IDS, PATHS, ROOT, code_cells, read, tags
from tests.site.conftest import SITE

AXE = (ROOT / "tests" / "site" / "vendor" / "axe.min.js").read_text(encoding="utf-8")
BOOK = ["index", "how_to_use", "corrections", "notes_map", "glossary", "api", "references"]
PAGES = [f"book/{name}.html" for name in BOOK]
PAGES += [f"notebooks/{name}.html" for name in IDS] + ["search.html"]
LOOKS = {"light": ("light", 1280), "dark": ("dark", 1280), "narrow": ("light", 390)}
LOOKS["narrow-dark"] = ("dark", 390)


@pytest.fixture
def open_page(browser, site):
    """Opens a page; afterwards nothing may have failed or gone to another host."""
    contexts, troubles = [], []

    def open_it(path, scheme="light", width=1280):
        context = browser.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda r: r.url.startswith((site, "data:")) or troubles.append(r.url))
        page.on("console", lambda m: m.type == "error" and troubles.append(m.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("response", lambda r: r.status >= 400 and troubles.append(f"{r.status} {r.url}"))
        page.goto(f"{site}/{path}", wait_until="networkidle")
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert not troubles


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("path", PAGES)
def test_page(open_page, path, look):
    page = open_page(path, *LOOKS[look])
    wide = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide[0] <= wide[1], "the page scrolls sideways"
    assert page.evaluate("document.documentElement.dataset.theme") == LOOKS[look][0]
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document).then(result => result.violations)")
    told = [(v["id"], [n["html"][:160] for n in v["nodes"][:3]]) for v in found]
    assert not told


@pytest.mark.parametrize("path", PAGES)
def test_pictures_have_text(open_page, path):
    page = open_page(path)
    for alt in page.eval_on_selector_all("main img", "all => all.map(i => i.alt)"):
        assert len(alt) > 20 and not re.search(r"\.(png|svg|jpe?g)$", alt), alt


@pytest.mark.parametrize("name", IDS)
def test_math_is_set(open_page, name):
    page = open_page(f"notebooks/{name}.html")
    wanted = page.locator(".math").count()
    assert page.locator(".math mjx-container").count() == wanted
    assert page.locator("mjx-merror").count() == 0
    assert "$" not in page.locator("main").inner_text().replace("$ ", "")


@pytest.mark.parametrize("path", PATHS, ids=IDS)
def test_chapter_line(open_page, path):
    page = open_page(f"notebooks/{path.stem}.html")
    line = page.locator(".chapter-line").inner_text()
    executed = read(path).metadata["executed"]
    assert f"torch {executed['torch']}" in line and executed["date"] in line
    assert page.locator("article h1").inner_text().startswith(f"{int(path.stem[:2])} · ")
    colab = page.get_by_role("link", name="Open in Colab").get_attribute("href")
    assert colab.endswith(f"/blob/v1.0.0/notebooks/{path.stem}.ipynb")
    source = page.get_by_role("link", name="Download the notebook").get_attribute("href")
    assert (SITE / "notebooks" / source).resolve().read_bytes() == path.read_bytes()


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
        page.wait_for_selector("#search-results li a", timeout=10_000)
        links = page.eval_on_selector_all("#search-results li a", "all => all.map(a => a.href)")
        assert any(expected in link for link in links)


def test_every_correction_has_its_row(open_page):
    page = open_page("book/corrections.html")
    names = [
        c.metadata.correction for p in PATHS for c in read(p).cells if "correction" in c.metadata
    ]
    assert page.locator("table.generated tbody tr").count() == len(names)
    for name in names:
        assert page.locator(f'a[href$="#correction-{name}"]').count() == 1


def test_links_inside_the_book_resolve():
    ids = {}

    def text(file):
        return file.read_text(encoding="utf-8")

    for path in PAGES:
        file = SITE / path
        for href in re.findall(r'<a[^>]* href="([^"]+)"', text(file)):
            if re.match(r"(https?|mailto|javascript):", href):
                continue
            where, _, anchor = href.partition("#")
            target = (file.parent / where.partition("?")[0]).resolve() if where else file
            assert target.exists(), f"{path}: {href}"
            if anchor and target.suffix == ".html":
                if target not in ids:
                    ids[target] = set(re.findall(r' id="([^"]+)"', text(target)))
                assert anchor in ids[target], f"{path}: {href}"


def test_planned_chapters_are_no_links(open_page):
    page = open_page("book/index.html")
    assert page.locator("a.course-card").count() == len(PATHS)
    assert page.locator(".course-card").count() == 26
