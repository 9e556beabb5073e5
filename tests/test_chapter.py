"""book/tools/chapter.py: what it writes runs and passes the rules; it never overwrites."""

import importlib.util
import os
import shutil
import subprocess
import sys

import pytest

from tests import test_notebooks
from tests.checks import FEWEST_RIGHT, FEWEST_WRONG
from tests.notebooks import ROOT, code_cells

TOOLS = ROOT / "book" / "tools"


def load(path):
    spec = importlib.util.spec_from_file_location(f"loaded_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


chapter = load(TOOLS / "chapter.py")
RULES = [
    test_notebooks.test_frame,
    test_notebooks.test_cells_are_short,
    test_notebooks.test_executed_in_order,
    test_notebooks.test_nothing_is_skipped_or_ignored,
    test_notebooks.test_outputs_are_clean,
    test_notebooks.test_figures_have_alt_text,
    test_notebooks.test_size_and_metadata,
    test_notebooks.test_markdown_reads_well_everywhere,
    test_notebooks.test_predictions_are_questions,
    test_notebooks.test_corrections_are_boxes,
]


@pytest.fixture
def root(tmp_path):
    """An empty repository but for the first chapter and the helpers."""
    shutil.copytree(ROOT / "helpers", tmp_path / "helpers")
    (tmp_path / "tests" / "checks").mkdir(parents=True)
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "01_tensors.ipynb", tmp_path / "notebooks")
    return tmp_path


@pytest.mark.slow
def test_a_new_chapter_runs_and_follows_the_rules(root):
    path, checks, wrong = chapter.start("90_tiny_models", root)
    script = (
        "import importlib.util, pathlib\n"
        f"spec = importlib.util.spec_from_file_location('e', {str(TOOLS / 'execute.py')!r})\n"
        "e = importlib.util.module_from_spec(spec); spec.loader.exec_module(e)\n"
        f"e.execute(pathlib.Path({str(path)!r}))"
    )
    env = {**os.environ, "PYTHONPATH": str(root), "TQDM_DISABLE": "1"}
    subprocess.run([sys.executable, "-c", script], env=env, cwd=root, check=True)
    for rule in RULES:
        rule(path)
    printed = [cell.outputs[0].text for cell in code_cells(path) if "check" in cell.source]
    assert sum("correct." in text for text in printed) == 3
    assert sum("not answered yet" in text for text in printed) == 3
    code = (
        f"import helpers, runpy; answers = runpy.run_path({str(wrong)!r})\n"
        "for number, right in answers['RIGHT'].items():\n"
        "    for answer in right: print('correct. | ', end=''); helpers.check(number, answer)\n"
        "for number, wrong in answers['WRONG'].items():\n"
        "    for answer, hint in wrong: print(hint, '|', end=' '); helpers.check(number, answer)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=root, capture_output=True,
                          text=True, check=True)  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) >= 3 * (FEWEST_RIGHT + FEWEST_WRONG)
    for line in lines:
        hint, _, answer = line.partition(" | ")
        assert hint in answer
        assert ("correct." in answer) == (hint == "correct.")
    assert checks.exists()


@pytest.mark.parametrize("name", ["quantization", "27", "27-quantization", "27_Models", "7_x", ""])
def test_other_names_are_refused(root, name):
    with pytest.raises(ValueError, match="NAME must be two digits and lower-case words"):
        chapter.start(name, root)


def test_a_number_that_is_taken_is_refused(root):
    before = sorted(path for path in root.rglob("*") if path.is_file())
    with pytest.raises(ValueError, match=r"number 01 is taken: notebooks/01_tensors\.ipynb"):
        chapter.start("01_other", root)
    assert sorted(path for path in root.rglob("*") if path.is_file()) == before
