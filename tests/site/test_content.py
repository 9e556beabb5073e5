"""What is built: links, addresses, descriptions."""

import html
import json
import re
import shutil
import tomllib
from functools import cache
from importlib import import_module
from types import SimpleNamespace

import pytest
import sphobjinv
import yaml
from sphinx.errors import ExtensionError

from book import notebooks as book_notebooks
from tests import notebooks
from tests.notebooks import ROOT, code_cells, read, tags
from tests.site.conftest import FILES, IDS, PAGES, PATHS, SITE

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
DOCS = {
    "torch": "https://docs.pytorch.org/docs/stable/",
    "torchvision": "https://docs.pytorch.org/vision/stable/",
}
CODE_LINK = re.compile(r'<a class="sphinx-codeautolink-a" href="([^"]+)"[^>]*>(.*?)</a>', re.S)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("site")]


def text(path: str) -> str:
    return (SITE / path).read_text(encoding="utf-8")


@cache
def code_links(name: str) -> set[tuple[str, str]]:
    """Returns (code, address) of each link in a chapter's code."""
    found = CODE_LINK.findall(text(f"notebooks/{name}.html"))
    return {(html.unescape(re.sub(r"<[^>]+>", "", code)), address) for address, code in found}


@cache
def inventory(project: str) -> dict[str, str]:
    """Returns the address of each name that an inventory holds."""
    found = sphobjinv.Inventory(ROOT / "book" / "inventories" / f"{project}.inv")
    return {item.name: item.uri_expanded for item in found.objects}


def test_every_notebook_and_page_is_in_the_book():
    pages = [f"book/{path.stem}" for path in (ROOT / "book").glob("*.md")]
    assert {*pages, *(f"notebooks/{name}" for name in notebooks.IDS)} == {"book/index", *FILES}


LINKS = {
    "01_tensors": {
        "torch.tensor": "generated/torch.tensor.html#torch.tensor",
        "torch.einsum": "generated/torch.einsum.html#torch.einsum",
        "torch.from_numpy": "generated/torch.from_numpy.html#torch.from_numpy",
    },
    "02_autograd": {
        "torch.autograd.Function": "autograd.html#torch.autograd.Function",
        "torch.no_grad": "generated/torch.no_grad.html#torch.no_grad",
    },
    "16_training": {
        "nn.Linear": "generated/torch.nn.Linear.html#torch.nn.Linear",
        "DataLoader": "data.html#torch.utils.data.DataLoader",
        "torch.optim.Adam": "generated/torch.optim.Adam.html#torch.optim.Adam",
        "loss.backward": "generated/torch.Tensor.backward.html#torch.Tensor.backward",
    },
}


@pytest.mark.parametrize("name", LINKS)
def test_api_names_in_code_lead_to_pytorch(name):
    for code, address in LINKS[name].items():
        assert (code, DOCS["torch"] + address) in code_links(name)


def test_helpers_in_code_lead_to_their_page():
    everywhere = set().union(*map(code_links, IDS))
    for code in ("helpers.check", "helpers.plotting.images", "helpers.setup"):
        name = {
            "helpers.check": "helpers.checks.check",
            "helpers.setup": "helpers.environment.setup",
        }
        assert (code, f"../book/api.html#{name.get(code, code)}") in everywhere


@pytest.mark.parametrize("name", IDS)
def test_every_link_in_code_is_a_known_address(name):
    known = {DOCS[project] + address for project in DOCS for address in inventory(project).values()}
    links = {address for _, address in code_links(name)}
    outside = {address for address in links if address.startswith("http")}
    assert outside, "a chapter's code has links to PyTorch's documentation"
    assert outside <= known
    for address in links - outside:
        page, _, anchor = address.partition("#")
        assert page == "../book/api.html"
        assert f'id="{anchor}"' in text("book/api.html")


@pytest.mark.parametrize("project", ["torch", "torchvision"])
def test_inventories_hold_the_installed_names(project):
    known = inventory(project)
    expected = {
        "torch": {
            "torch.Tensor.backward": "generated/torch.Tensor.backward.html#torch.Tensor.backward",
            "torch.inference_mode": "generated/torch.autograd.grad_mode.inference_mode.html"
            "#torch.autograd.grad_mode.inference_mode",
            "torch.amp.autocast": "amp.html#torch.autocast",
            "torch.utils.tensorboard.writer.SummaryWriter.add_scalar": "tensorboard.html"
            "#torch.utils.tensorboard.writer.SummaryWriter.add_scalar",
            "torch.nn.init.xavier_normal_": "nn.init.html#torch.nn.init.xavier_normal_",
            "torch.nn.modules.conv.Conv2d": "generated/torch.nn.Conv2d.html#torch.nn.Conv2d",
            "torch.nn.Linear.train": "generated/torch.nn.Module.html#torch.nn.Module.train",
        },
        "torchvision": {
            "torchvision.models.resnet18": "models/generated/torchvision.models.resnet18.html"
            "#torchvision.models.resnet18",
            "torchvision.transforms.v2.Resize": "generated/torchvision.transforms.v2.Resize.html"
            "#torchvision.transforms.v2.Resize",
            "torchvision.ops.nms": "generated/torchvision.ops.nms.html#torchvision.ops.nms",
        },
    }
    for name, address in expected[project].items():
        assert known[name] == address


def descriptions(path: str) -> dict[str, str]:
    pattern = r"<meta content=([\"'])(.*?)\1 (?:name|property)=\"(description|og:[a-z_]+)\""
    pairs = [(name, html.unescape(value)) for _, value, name in re.findall(pattern, text(path))]
    assert len(pairs) == len(dict(pairs)), f"{path} says something twice"
    return dict(pairs)


@pytest.mark.parametrize("path", PAGES)
def test_pages_describe_themselves(path):
    found = descriptions(path)
    assert set(found) == {"description", "og:description", "og:site_name", "og:title"}
    assert found["description"] == found["og:description"]
    assert 30 <= len(found["description"]) <= 200
    assert found["og:site_name"] == "PyTorch, Executed"
    assert found["og:title"] in re.sub(r"<[^>]+>", "", text(path))


def test_descriptions_differ():
    found = [descriptions(path)["description"] for path in PAGES]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("path", PATHS, ids=IDS)
def test_no_solution_leaks_into_a_description(path):
    description = descriptions(f"notebooks/{path.stem}.html")["description"]
    promise = " ".join(read(path).cells[0].source.split())
    assert description.rstrip("….") in promise.replace("`", "").replace("*", "")
    for cell in code_cells(path):
        if "solution" in tags(cell):
            for line in cell.source.splitlines()[1:]:
                assert len(line.strip()) < 12 or line.strip() not in description


@pytest.mark.parametrize("path", PATHS, ids=IDS)
def test_chapter_line(path):
    page = text(f"notebooks/{path.stem}.html")
    line = page.partition('<div class="chapter-line">')[2].partition("</div>")[0]
    executed = read(path).metadata["executed"]
    assert f"executed on {executed['date']} with Python {executed['python']}" in line
    assert f"torch {executed['torch']}, torchvision {executed['torchvision']}" in line
    assert re.search(r"\d+ min to read · about \d+ s to run", line)
    assert f"<h1>{int(path.stem[:2])} · " in page
    colab, kaggle, source = re.findall(r'href="([^"]+)"', line)
    assert kaggle.startswith("https://kaggle.com/kernels/welcome?src=https://github.com/")
    assert kaggle.endswith(f"/blob/v{VERSION}/notebooks/{path.stem}.ipynb")
    assert colab.startswith("https://colab.research.google.com/github/")
    assert colab.endswith(f"/blob/v{VERSION}/notebooks/{path.stem}.ipynb")
    assert (SITE / "notebooks" / source).resolve().read_bytes() == path.read_bytes()


def test_addresses_of_the_404_page_have_the_prefix_and_exist():
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    owner, name = config["repository"]["url"].split("/")[-2:]
    prefix = config["sphinx"]["config"]["notfound_urls_prefix"]
    assert prefix == ("/" if name.lower() == f"{owner.lower()}.github.io" else f"/{name}/")
    for address in re.findall(r'(?:href|src)="([^"#]+)"', text("404.html")):
        if not re.match(r"(https?|mailto|data):", address):
            assert address.startswith(prefix), address
            assert (SITE / address.removeprefix(prefix).partition("?")[0]).exists(), address


def test_links_inside_the_book_resolve():
    ids = {}
    for path in PAGES:
        file = SITE / path
        for href in re.findall(r'<a[^>]* href="([^"]+)"', text(path)):
            if re.match(r"(https?|mailto|javascript):", href):
                continue
            where, _, anchor = href.partition("#")
            target = (file.parent / where.partition("?")[0]).resolve() if where else file
            assert target.exists(), f"{path}: {href}"
            if anchor and target.suffix == ".html":
                if target not in ids:
                    content = target.read_text(encoding="utf-8")
                    ids[target] = set(re.findall(r' id="([^"]+)"', content))
                assert anchor in ids[target], f"{path}: {href}"


def test_the_landing_page_links_the_chapters_that_exist():
    page = text("book/index.html")
    course = yaml.safe_load((ROOT / "book" / "course.yml").read_text(encoding="utf-8"))
    chapters = [chapter["name"] for part in course for chapter in part["chapters"]]
    for name in chapters:
        linked = f'class="course-card" href="../notebooks/{name}.html"' in page
        assert linked == (name in IDS), name
    assert set(IDS) <= set(chapters)
    assert len(re.findall(r'class="course-card[ "]', page)) == len(chapters)


def notes_map() -> list[dict]:
    return yaml.safe_load((ROOT / "book" / "notes_map.yml").read_text(encoding="utf-8"))


def test_the_map_of_the_notes_leads_to_sections_cells_and_corrections(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "extensions")
    chapters = import_module("chapters")
    anchors = {c.name: c.anchor for name in IDS for c in chapters.claims(f"notebooks/{name}")}
    rows = re.findall(r"<tr.*?</tr>", text("book/notes_map.html"), re.S)[1:]
    for entry, row in zip(notes_map(), rows, strict=True):
        for where in entry["chapters"]:
            name, anchor = where.split("#")
            assert f'href="../notebooks/{name}.html#{anchor}"' in row, where
        named, corrected = (row.split("<td>")[column] for column in (2, 4))
        links = re.findall(r'href="\.\./notebooks/(\w+)\.html#cell-([\w-]+)"', named)
        for name, (chapter, cell) in zip(entry["names"], links, strict=True):
            cells = {c.id: c.source for c in code_cells(ROOT / "notebooks" / f"{chapter}.ipynb")}
            assert name in cells[cell], name
        for name in entry["corrections"]:
            assert f'#{anchors[name]}"' in corrected, name


def test_every_correction_is_in_one_row_of_the_map_of_the_notes():
    mapped = [name for entry in notes_map() for name in entry["corrections"]]
    cells = [cell for path in notebooks.PATHS for cell in read(path).cells]
    boxes = [cell.metadata.correction.name for cell in cells if "correction" in cell.metadata]
    assert sorted(mapped) == sorted(boxes)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.place_of("01_tensors#gone"), "has no section 'gone'"),
        (lambda m: m.claim_of("gone", {}), "no chapter has the correction 'gone'"),
        (
            lambda m: m.names_of({"about": "", "names": ["gone_"], "chapters": ["01_tensors#x"]}),
            "no cell of ['01_tensors'] runs 'gone_'",
        ),
    ],
)
def test_a_target_of_the_map_that_is_gone_ends_the_build(monkeypatch, call, message):
    monkeypatch.syspath_prepend(ROOT / "book" / "extensions")
    module = import_module("generated_pages")
    with pytest.raises(ExtensionError, match=re.escape(message)):
        call(module)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("smooth-l1-is-huber-rescaled", "Smooth L1 is Huber rescaled"),
        ("store-true-with-default-true", "store_true with default=True"),
        ("margin-ranking-ranks-scores", "Margin ranking ranks scores"),
    ],
)
def test_a_correction_is_named_in_the_spelling_of_the_field(monkeypatch, name, words):
    monkeypatch.syspath_prepend(ROOT / "book" / "extensions")
    assert import_module("generated_pages").in_words(name) == words


def test_a_changed_style_sheet_reaches_the_site(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "book" / "extensions")
    page_to_write = import_module("fresh_assets").page_to_write
    shutil.copytree(ROOT / "book" / "assets", tmp_path / "book" / "assets")
    app = SimpleNamespace(srcdir=tmp_path, outdir=SITE)
    assert page_to_write(app, None, set(), set(), set()) == []
    (tmp_path / "book" / "assets" / "executed.css").write_text("p { color: red; }")
    assert page_to_write(app, None, set(), set(), set()) == ["book/index"]
    assert page_to_write(SimpleNamespace(srcdir=tmp_path, outdir=tmp_path), *[set()] * 4)


def test_every_chapter_that_treats_the_notes_is_in_their_map():
    mapped = {where.partition("#")[0] for entry in notes_map() for where in entry["chapters"]}
    of_the_notes = {name for name in IDS if int(name[:2]) <= 25}
    assert of_the_notes <= mapped


def test_the_references_page_has_each_paper_of_the_chapters_once():
    paper = re.compile(r"https://(?:arxiv\.org|doi\.org|distill\.pub)/[^)]+")
    page = paper.findall((ROOT / "book" / "references.md").read_text(encoding="utf-8"))
    cited = {url for path in notebooks.PATHS for url in paper.findall(read(path).cells[-1].source)}
    assert len(cited) > 30
    assert cited <= set(page)
    assert len(page) == len(set(page))


def test_the_glossary_is_in_alphabetical_order():
    terms = re.findall(r"^(\w.*)\n  ", (ROOT / "book" / "glossary.md").read_text("utf-8"), re.M)
    assert len(terms) > 80
    assert terms == sorted(set(terms), key=str.lower)


def test_what_went_unnoticed_stands_on_the_page(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "extensions")
    version = import_module("generated_pages").version
    record = json.loads((ROOT / "book" / "results" / "mutation.json").read_text(encoding="utf-8"))
    page = html.unescape(text("book/how_to_use.html"))
    for kind in ("chapters", "helpers"):
        for name, entry in record[kind].items():
            for survivor in entry["survivors"]:
                assert (survivor["reason"] or "open") in page, (name, survivor)
                assert survivor["change"].partition(": ")[2] in page, (name, survivor)
    entry = record["helpers"]["losses"]
    assert version("helpers", "losses", entry | {"code": "0"}) == " (an earlier version)"
    digest = book_notebooks.code_digest(read(PATHS[0]))
    assert version("chapters", IDS[0], {"code": digest}) == ""
