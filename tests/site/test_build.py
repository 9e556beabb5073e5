"""What the extensions of the build do themselves: links in code, pictures, large pages."""

import os
import re
from importlib import import_module

import pytest
from PIL import Image, UnidentifiedImageError
from sphinx_codeautolink.extension.block import Name
from sphinx_codeautolink.parse import LinkContext, parse_names

from tests.notebooks import ROOT

CELLS = [
    "import torch\nfrom torch import nn",
    "class Net(nn.Module):\n    def forward(self, x):\n        return torch.relu(x)",
    "x = torch.ones(2)\nnn = x.relu()\ny = nn.sum()",
    "for row in torch.eye(2):\n    del nn\n    z = row.exp().sum()",
]


@pytest.fixture
def extension(monkeypatch):
    """Imports a module of ``book/extensions``."""
    monkeypatch.syspath_prepend(ROOT / "book" / "extensions")
    return import_module


def test_names_read_cell_by_cell_are_those_of_the_whole(extension):
    reader = extension("code_links").Reader()
    source, found = "", []
    for cell in CELLS:
        source = f"{source}\n{cell}" if source else cell
        found += reader(source, None)
        assert found == parse_names(source, None)
    assert len(found) > 10


def test_a_reader_begins_anew_with_another_page_and_after_an_error(extension):
    reader = extension("code_links").Reader()
    reader("import math\nmath.pi", None)
    assert reader(CELLS[0], None) == parse_names(CELLS[0], None)
    with pytest.raises(SyntaxError):
        reader("\n".join([*CELLS[:2], "x = ("]), None)
    whole = "\n".join(CELLS[:3])
    assert reader(whole, None) == parse_names(whole, None)


def name(code, line, location):
    return Name(code.split("."), code, line, line, LinkContext.none, location)


def test_names_become_links_from_right_to_left(extension):
    code = '<span class="n">x</span> <span class="o">=</span> <span class="n">x</span>\nplain'
    links = extension("code_links").with_links(
        code, [name("x", 1, "torch.Tensor")], {"torch.Tensor": "api.html#t"}, "../"
    )
    assert links == (
        '<span class="n">x</span> <span class="o">=</span> '
        '<a class="sphinx-codeautolink-a" href="../api.html#t" title="torch.Tensor">'
        '<span class="n">x</span></a>\nplain'
    )


def test_a_link_to_what_it_says_has_no_title_and_keeps_a_whole_address(extension):
    links = extension("code_links").with_links(
        '<span class="n">torch</span>',
        [name("torch", 1, "torch")],
        {"torch": "https://pytorch.org/"},
        "../",
    )
    assert 'href="https://pytorch.org/"' in links and "title" not in links


def test_each_example_of_a_page_gets_its_own_links(extension, tmp_path):
    module = extension("code_links")
    block = '<div class="highlight-python x"><div class="highlight"><pre>{}\n</pre></div></div>'
    x = '<span class="n">x</span>'
    page = "<p>a &amp; b</p>".join(block.format(code) for code in (x, f"a &lt; {x}", x))
    (tmp_path / "page.html").write_text(page)
    transforms = [
        module.SourceTransform(source, [name("x", 1, "torch.x")], None, 1)
        for source in ("x\n", "a < x", "x")
    ]
    module.link_html("page", tmp_path, transforms, {"torch.x": "y.html"})
    linked = (tmp_path / "page.html").read_text()
    assert re.sub(r"</?a[^>]*>", "", linked) == page
    assert linked.count('href="y.html"') == 3 and 'a &lt; <a class="' in linked


def test_a_picture_that_cannot_be_read_ends_the_build(extension, tmp_path):
    module = extension("pictures")
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Image.new("RGB", (4, 4)).save(good)
    bad.write_bytes(b"no picture")
    for path in (good, bad):
        target = path.with_suffix(".webp")
        module.packing[str(target)] = module.workers.submit(module.to_webp, path, target)
    with pytest.raises(UnidentifiedImageError):
        module.wait(None)
        module.wait(None)
    module.wait(None)
    with Image.open(good.with_suffix(".webp")) as picture:
        assert picture.size == (4, 4)
    assert module.packing == {}


def test_a_large_page_keeps_its_words_and_its_keywords(extension, tmp_path):
    lighter_page = extension("lighter_site").lighter_page
    code = '<span class="k">for</span> <span class="mi">1</span>'
    code += '<code><span class="pre">a</span></code>'
    contents = (
        '<div id="jb-print-toc"><nav><ul class="nav"><li><a>two</a>'
        '<ul class="nav section-nav"><li>three</li></ul></li></ul></nav></div>'
    )
    small, large = (lighter_page(contents + code * n, tmp_path / "p.html", tmp_path)
                    for n in (1, 2000))  # fmt: skip
    assert '<span class="mi">1</span>' in small and "three" in small
    assert large.startswith('<div id="jb-print-toc"><nav><ul class="nav"><li><a>two</a></li></ul>')
    assert large.endswith('<span class="k">for</span> 1<code>a</code>')


def test_what_a_name_leads_to_is_looked_up_once_for_all_builds(extension, tmp_path):
    code_links = extension("code_links")
    path, looked_up = tmp_path / "locations.json", []

    def look_up(name, inventory):
        looked_up.append(name.code_str)
        if name.code_str == "torch.lost":
            raise code_links.resolve.CouldNotResolve
        return name.code_str

    def find(locations, code):
        try:
            return locations(name(code, 1, None), {}, look_up)
        except code_links.resolve.CouldNotResolve:
            return None

    first = code_links.Locations(path, "one version")
    for code, expected in (("torch.eye", "torch.eye"), ("torch.lost", None),
                           ("torch.eye", "torch.eye"), ("sklearn.svm", None)):  # fmt: skip
        assert find(first, code) == expected
    first.save(None, None)
    second = code_links.Locations(path, "one version")
    assert [find(second, code) for code in ("torch.lost", "torch.eye")] == [None, "torch.eye"]
    assert looked_up == ["torch.eye", "torch.lost"]
    assert find(code_links.Locations(path, "another version"), "torch.eye") == "torch.eye"
    assert looked_up == ["torch.eye", "torch.lost", "torch.eye"]


def test_explorers_data_are_made_again_where_they_are_older_than_their_sources(
    extension, tmp_path, monkeypatch
):
    explorers = extension("explorers")
    monkeypatch.setattr(explorers, "HELPERS", tmp_path)
    (tmp_path / "assets").mkdir()
    site = tmp_path / "site"
    site.mkdir()
    source, made = tmp_path / "assets" / "draw.safetensors", site / "draw.data.js"
    source.touch()
    assert not explorers.has_data(site)
    made.touch()
    os.utime(source, (100, 100))
    for seconds, expected in ((200, True), (50, False)):
        os.utime(made, (seconds, seconds))
        assert explorers.has_data(site) is expected
