"""book/tools/execute.py: which chapters, clean metadata, a failing cell leaves the file alone."""

import importlib.util
import subprocess
import sys

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from tests.notebooks import ROOT

SCRIPT = ROOT / "book" / "tools" / "execute.py"
_spec = importlib.util.spec_from_file_location("execute", SCRIPT)
execute = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(execute)


@pytest.fixture
def notebook(tmp_path):
    """Writes a notebook of the given cells as 01_sample.ipynb."""

    def write(*sources):
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        cells[0].metadata.update(tags=["predict"], collapsed=True)
        cells[-1].metadata.update(tags=["solution"])
        path = tmp_path / "01_sample.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        return path

    return write


def test_chapters_are_chosen_by_number_or_name(tmp_path):
    for name in ("01_a", "02_b", "03_c", "x"):
        (tmp_path / f"{name}.ipynb").touch()
    names = [path.stem for path in execute.chapters([], tmp_path)]
    assert names == ["01_a", "02_b", "03_c"]
    assert [path.stem for path in execute.chapters(["03", "01_a"], tmp_path)] == ["03_c", "01_a"]
    with pytest.raises(ValueError, match="no chapter '04'; there are: 01_a, 02_b, 03_c"):
        execute.chapters(["04"], tmp_path)


@pytest.mark.slow
def test_outputs_are_stored_and_metadata_is_clean(notebook):
    path = notebook("print(6 * 7)", "6 * 7", "6 * 7")
    execute.execute(path)
    stored = nbformat.read(path, as_version=4)
    assert [cell.execution_count for cell in stored.cells] == [1, 2, 3]
    assert stored.cells[0].outputs[0].text == "42\n"
    assert stored.cells[1].outputs[0].data["text/plain"] == "42"
    assert stored.cells[0].metadata == {"tags": ["predict"]}
    folded = {"jupyter": {"source_hidden": True}, "cellView": "form"}
    assert stored.cells[2].metadata == {"tags": ["solution"], **folded}
    assert len({cell.id for cell in stored.cells}) == 3
    assert set(stored.metadata) == {"kernelspec", "language_info", "executed"}
    nbformat.validate(stored)


@pytest.mark.slow
def test_a_second_run_changes_nothing(notebook):
    path = notebook("print(6 * 7)")
    execute.execute(path)
    first = path.read_bytes()
    execute.execute(path)
    assert path.read_bytes() == first


@pytest.mark.slow
def test_a_failing_cell_leaves_the_file_as_it_was(notebook):
    path = notebook("print(1)", "1 / 0")
    before = path.read_bytes()
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute.execute(path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_an_unknown_chapter_is_an_error_of_one_line():
    done = subprocess.run(
        [sys.executable, SCRIPT, "99"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("execute: no chapter '99'; there are: 01_tensors")
    assert done.stderr.count("\n") == 1
