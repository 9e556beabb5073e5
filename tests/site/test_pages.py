"""Every page in a real browser: light and dark, wide and narrow."""

import re
import tomllib

import pytest
import sphobjinv
import yaml
from playwright.sync_api import expect

from tests.notebooks import IDS, PATHS, ROOT, code_cells, read, tags
from tests.site.conftest import SITE

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
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
    assert colab.endswith(f"/blob/v{VERSION}/notebooks/{path.stem}.ipynb")
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


def descriptions():
    """Returns each page's metadata, by page."""
    pattern = r'<meta content="([^"]*)" (?:lang="en" )?(?:name|property)="(description|og:[a-z_]+)"'
    texts = {path: (SITE / path).read_text(encoding="utf-8") for path in PAGES[:-1]}
    return {path: [(k, v) for v, k in re.findall(pattern, text)] for path, text in texts.items()}


def test_pages_describe_themselves(site):
    found = descriptions()
    for path, pairs in found.items():
        names = [name for name, _ in pairs]
        assert sorted(names) == ["description", "og:description", "og:site_name", "og:title"], path
        values = dict(pairs)
        assert values["description"] == values["og:description"]
        assert 30 <= len(values["description"]) <= 250 and "{" not in values["description"], path
        assert values["og:site_name"] == "PyTorch, Executed"
    texts = [dict(pairs)["description"] for pairs in found.values()]
    assert len(set(texts)) == len(texts)


API = {
    "01_tensors": ["torch.tensor", "torch.einsum", "torch.from_numpy"],
    "02_autograd": ["torch.autograd.Function", "torch.func.grad", "torch.no_grad"],
    "16_training": ["torch.nn.Conv2d", "torch.utils.data.DataLoader", "torch.optim.Adam"],
}


@pytest.mark.parametrize("name", API)
def test_api_names_in_code_are_links(site, name):
    text = (SITE / "notebooks" / f"{name}.html").read_text(encoding="utf-8")
    links = re.findall(r'<a class="sphinx-codeautolink-a" href="([^"]+)"', text)
    for wanted in API[name]:
        assert any(
            link.startswith("https://docs.pytorch.org/docs/stable/") and link.endswith(f"#{wanted}")
            for link in links
        ), wanted
    assert "../book/api.html#helpers.checks.check" in links


@pytest.mark.parametrize("project", ["torch", "torchvision"])
def test_inventories_hold_the_installed_names(project):
    inventory = sphobjinv.Inventory(ROOT / "book" / "inventories" / f"{project}.inv")
    known = {item.name: item.uri_expanded for item in inventory.objects}
    expected = {
        "torch": {
            "torch.Tensor.backward": "generated/torch.Tensor.backward.html#torch.Tensor.backward",
            "torch.nn.init.xavier_normal_": "nn.init.html#torch.nn.init.xavier_normal_",
            "torch.nn.modules.conv.Conv2d": "generated/torch.nn.Conv2d.html#torch.nn.Conv2d",
            "torch.nn.Linear.train": "generated/torch.nn.Module.html#torch.nn.Module.train",
        },
        "torchvision": {
            "torchvision.ops.nms": "generated/torchvision.ops.nms.html#torchvision.ops.nms",
        },
    }
    for name, address in expected[project].items():
        assert known[name] == address


def test_the_404_page_works_at_any_depth(open_page, site):
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    repository = config["repository"]["url"].rpartition("/")[2]
    prefix = config["sphinx"]["config"]["notfound_urls_prefix"]
    assert prefix == f"/{repository}/"
    text = (SITE / "404.html").read_text(encoding="utf-8")
    assert "Page not found" in text
    for address in re.findall(r'(?:href|src)="([^"#]+)"', text):
        if not re.match(r"(https?|mailto|data):", address):
            assert address.startswith(prefix), address
            assert (SITE / address.removeprefix(prefix).partition("?")[0]).exists(), address


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
