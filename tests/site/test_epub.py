"""The book as an ePub: its pages are well-formed, formulas are MathML, pictures are there."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import PurePosixPath
from xml.etree import ElementTree

import pytest

from tests.notebooks import ROOT
from tests.site.conftest import BOOK, IDS

XHTML = "{http://www.w3.org/1999/xhtml}"
MATH = "{http://www.w3.org/1998/Math/MathML}math"


@pytest.fixture(scope="module")
def epub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("epub")
    script = "from jupyter_book.cli.main import main; main()"
    options = ["build", ".", "-W", "-n", "--keep-going", "--quiet", "--path-output", str(folder)]
    command = [sys.executable, "-c", script, *options]
    done = subprocess.run(
        [*command, "--builder", "custom", "--custom-builder", "epub"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    [path] = folder.rglob("*.epub")
    with zipfile.ZipFile(path) as archive:
        yield {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.slow
def test_each_page_of_the_epub_is_well_formed_and_has_its_pictures(epub):
    assert epub["mimetype"] == b"application/epub+zip"
    pages = {name: content for name, content in epub.items() if name.endswith(".xhtml")}
    stems = {PurePosixPath(name).stem for name in pages}
    assert {*IDS, *BOOK} <= stems
    formulas = pictures = 0
    for name, content in pages.items():
        root = ElementTree.fromstring(content)
        formulas += sum(1 for _ in root.iter(MATH))
        for image in root.iter(f"{XHTML}img"):
            source = PurePosixPath(name).parent / image.get("src")
            parts: list[str] = []
            for part in source.parts:
                parts = parts[:-1] if part == ".." else [*parts, part]
            assert "/".join(parts) in epub, f"{name} shows {source}"
            pictures += 1
    assert formulas > 150 and pictures > 100


@pytest.mark.slow
def test_what_a_page_of_the_epub_names_is_in_it(epub):
    links = 0
    for name, content in epub.items():
        if not name.endswith(".xhtml"):
            continue
        text = content.decode()
        assert "_sources/" not in text and "<noscript" not in text, name
        assert "<form" not in text, f"{name}: it needs a script"
        for address in re.findall(r'(?:href|src)="([^"#:]+)(?:#[^"]*)?"', text):
            place = os.path.normpath(PurePosixPath(name).parent / address)
            assert place in epub, f"{name} names {address}"
            links += 1
        for summary in re.findall(r"<summary.*?</summary>", text, re.S):
            assert "<p" not in summary
    assert links > 500


@pytest.mark.slow
def test_the_contents_of_the_epub_name_each_page_once(epub):
    contents = ElementTree.fromstring(epub["content.opf"])
    opf = "{http://www.idpf.org/2007/opf}"
    items = {item.get("id"): item for item in contents.iter(f"{opf}item")}
    spine = [reference.get("idref") for reference in contents.iter(f"{opf}itemref")]
    assert set(spine) <= set(items) and len(spine) == len(set(spine))
    for item in items.values():
        words = item.get("properties", "").split()
        for word, element in (("mathml", b"<math"), ("svg", b"<svg")):
            if item.get("href").endswith(".xhtml"):
                assert (word in words) == (element in epub[item.get("href")]), item.get("href")
