"""book/notebooks.py: which files are chapters, and any valid notebook is read, by every tool."""

import json
import shutil
import subprocess
import sys

import nbformat
import pytest

from book import notebooks
from tests.notebooks import PATHS, ROOT


def written(folder, content, name="05_sample.ipynb"):
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def sample():
    """A notebook as JSON, with ids that follow from the content."""
    cells = [
        nbformat.v4.new_markdown_cell("# Sample\n\nü and 漢"),
        nbformat.v4.new_code_cell("1 + 1", execution_count=1),
        nbformat.v4.new_code_cell("1 + 1", execution_count=2),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebooks.name_cells(notebook)
    return json.loads(nbformat.writes(notebook))


def ids(notebook):
    return [cell.id for cell in notebook.cells]


@pytest.mark.parametrize("indent", [None, 0, 1, 4, "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_layout_of_the_file_does_not_matter(tmp_path, sample, indent, end):
    plain = notebooks.read(written(tmp_path, sample))
    text = json.dumps(sample, indent=indent, ensure_ascii=indent == 4, sort_keys=indent == 1)
    path = tmp_path / "other.ipynb"
    path.write_bytes(text.replace("\n", end).encode())
    assert notebooks.read(path) == plain


@pytest.mark.parametrize("minor", range(6))
def test_cells_without_ids_are_named_after_their_content(tmp_path, sample, minor):
    """Colab writes nbformat 4.0 and keeps its own ids in the metadata."""
    expected = [cell["id"] for cell in sample["cells"]]
    for cell in sample["cells"]:
        cell["metadata"]["id"] = "of-colab"
        del cell["id"]
    sample["nbformat_minor"] = minor
    found = notebooks.read(written(tmp_path, sample))
    assert ids(found) == expected
    assert (found.nbformat, found.nbformat_minor) == (4, 5)


def test_ids_that_are_there_stay(tmp_path, sample):
    for cell, name in zip(sample["cells"], ("a", "b", "c"), strict=True):
        cell["id"] = name
    assert ids(notebooks.read(written(tmp_path, sample))) == ["a", "b", "c"]


def test_an_id_that_stands_twice_is_replaced(tmp_path, sample):
    expected = [cell["id"] for cell in sample["cells"]]
    sample["cells"][2]["id"] = sample["cells"][1]["id"]
    assert ids(notebooks.read(written(tmp_path, sample))) == expected


def test_a_notebook_of_version_3_is_read(tmp_path):
    code = {"cell_type": "code", "language": "python", "input": ["a = 1\n", "a"], "outputs": [],
            "collapsed": False, "prompt_number": 1, "metadata": {}}  # fmt: skip
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""},
           "worksheets": [{"cells": [code], "metadata": {}}]}  # fmt: skip
    path = written(tmp_path, old)
    assert [cell.source for cell in notebooks.read(path).cells] == ["a = 1\na"]
    assert notebooks.read(path) == notebooks.read(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "it is empty"),
        (" \n\n", "it is empty"),
        ("[1]", "it holds no JSON object but list"),
        ('"text"', "it holds no JSON object but str"),
        ("{}", "it has no number 'nbformat'"),
        ('{\n "cells": [],\n oh\n}', "line 3 is not JSON"),
        ('{\n "cells": [\n', "line 3 is not JSON"),
        ('{\n<<<<<<< ours\n "cells": 1\n}', "line 2 is a conflict marker, '<<<<<<< ours'"),
        ('{"cells": 1\n}\n||||||| base\n{}', "line 3 is a conflict marker"),
        ('{"nbformat": 7, "nbformat_minor": 0}', "nbformat 7 is newer"),
        ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "missing an expected key: cells"),
        ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [5]}', "TypeError"),
        (
            '{"nbformat": 4, "nbformat_minor": 4, "metadata": {},'
            ' "cells": [{"cell_type": "markdown", "metadata": {}, "source": 5}]}',
            "5 is not valid",
        ),
    ],
)
def test_what_is_no_notebook_is_named_and_how_to_restore_it(tmp_path, content, words):
    path = written(tmp_path, content)
    with pytest.raises(notebooks.NotebookError) as error:
        notebooks.read(path)
    message = str(error.value)
    assert message.startswith(f"{path} is not a valid notebook: ")
    assert words in message
    assert message.endswith(f"git checkout HEAD -- '{path}'")


def test_bytes_that_are_no_text_are_named(tmp_path):
    path = tmp_path / "05_sample.ipynb"
    path.write_bytes(b"\x00\x05\x16\x07\xff")
    with pytest.raises(notebooks.NotebookError, match="byte 4 is not UTF-8"):
        notebooks.read(path)


def test_a_conflict_marker_inside_a_cell_is_text(tmp_path, sample):
    sample["cells"][0]["source"] = "<<<<<<< HEAD\n======="
    assert notebooks.read(written(tmp_path, sample)).cells[0].source.startswith("<<<<<<<")


def test_copies_and_drafts_are_no_chapters(tmp_path):
    chapters = ["01_tensors.ipynb", "02_autograd.ipynb", "27_tiny_models2.ipynb"]
    others = ["01_tensors copy.ipynb", "01_tensors-Copy1.ipynb", "01_tensors (1).ipynb",
              "Copy of 01_tensors.ipynb", "Untitled.ipynb", "Untitled1.ipynb", "3_x.ipynb",
              "03-x.ipynb", "._01_tensors.ipynb", "04_Über.ipynb"]  # fmt: skip
    for name in [*chapters, *others, "05_notes.md"]:
        written(tmp_path, "", name)
    (tmp_path / ".ipynb_checkpoints").mkdir()
    written(tmp_path / ".ipynb_checkpoints", "", "06_kept.ipynb")
    assert [path.name for path in notebooks.chapters(tmp_path)] == chapters


def test_all_chapters_that_cannot_be_read_are_named(tmp_path, sample):
    for name in ("01_a.ipynb", "03_c.ipynb"):
        written(tmp_path, "", name)
    written(tmp_path, sample, "02_b.ipynb")
    written(tmp_path, "", "02_b copy.ipynb")
    first, second = notebooks.problems(tmp_path)
    assert "01_a.ipynb is not" in first and "03_c.ipynb is not" in second
    written(tmp_path, sample, "02_d.ipynb")
    [same] = notebooks.problems(tmp_path)
    assert "02_b.ipynb and" in same and "the same number" in same


def test_two_chapters_with_one_number_are_named(tmp_path):
    for name in ("07_modules.ipynb", "07_modules_backup.ipynb", "08_x.ipynb"):
        written(tmp_path, "", name)
    with pytest.raises(notebooks.NotebookError, match=r"07_modules\.ipynb and .*_backup\.ipynb"):
        notebooks.chapters(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "code"),
    [
        ("extensions", "import chapters; chapters.cell_with('notebooks/01_tensors', 'x')"),
        ("extensions", "import chapters; chapters.check_notebooks(None)"),
        (".", "import runpy; runpy.run_path('notebooks.py', run_name='__main__')"),
        ("tools", "import execute as tool; sys.argv[1:] = ['01']; tool.main()"),
        ("tools", "import chapter as tool; sys.argv[1:] = ['27_new']; tool.main()"),
        (
            "tools",
            "import repository as tool; sys.argv[1:] = ['https://github.com/a/b']; tool.main()",
        ),
    ],
)
def test_extensions_and_tools_name_a_chapter_that_cannot_be_read(tmp_path, folder, code):
    """In a process of its own, from its own folder, as Sphinx and make load them."""
    shutil.copytree(ROOT / "book", tmp_path / "book")
    shutil.copy(ROOT / "_config.yml", tmp_path)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / PATHS[0].name).write_bytes(PATHS[0].read_bytes()[:-20])
    command = [sys.executable, "-c", f"import sys; {code}"]
    done = subprocess.run(
        command, cwd=tmp_path / "book" / folder, capture_output=True, text=True, check=False
    )
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert "notebooks/01_tensors.ipynb is not a valid notebook" in last
    assert "git checkout HEAD" in last
