"""python -m tests.mutate: what it changes, what it passes over, what kills a mutant."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

from book.notebooks import code_digest
from tests.mutate import __main__ as mutate
from tests.mutate import equivalent
from tests.mutate.changes import changes
from tests.mutate.running import Outcome, run_chapter, run_mutants, run_tests
from tests.notebooks import ROOT


def texts(source: str) -> set[str]:
    return {change.what for change in changes(source)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 3", {"3 -> 4"}),
        ("x = 0.5", {"0.5 -> 0.75"}),
        ("x = 0.0", {"0.0 -> 0.5"}),
        ("x = True", {"True -> False"}),
        ("x = a + b", {"Add -> Sub in a + b"}),
        ("x = a ** b", {"Pow -> Mult in a ** b"}),
        ("x = a < b", {"Lt -> LtE in a < b"}),
        ("x = a is None", {"Is -> IsNot in a is None"}),
        ("x = a and b", {"And -> Or in a and b"}),
        ("x = f(dim=d)", {"without dim=d in f(dim=d)"}),
        ("x += y", {"Add -> Sub in x += y", "without x += y"}),
        ("f(x)", {"without f(x)"}),
        ("print(f'{a * b:.3f}')", {"without print(f'{a * b:.3f}')", "Mult -> Div in a * b"}),
    ],
)
def test_each_kind_of_change(source: str, expected: set[str]):
    assert texts(source) == expected
    for change in changes(source):
        ast.parse(change.source)
        assert change.source != ast.unparse(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    [
        "'a docstring'",
        "figure, axes = plt.subplots(figsize=(6, 4))",
        "lines = axes.plot(x, y, linewidth=2 + 1)",
        "figure.tight_layout()",
        "loader = DataLoader(data, num_workers=2)",
        "folder.cleanup()",
        "plt.show()",
    ],
)
def test_what_is_cosmetic_is_passed_over(source: str):
    assert texts(source) == set()


def test_a_function_named_as_a_cosmetic_one_is_another():
    assert texts("show(x)\ny = 2") == {"without show(x)", "2 -> 3"}


LINES = [f"value_{number} = {number} + {number}" for number in range(30)]


def drawn(source: str, seed: int = 1) -> list[tuple[str, str]]:
    found = changes(source)
    return [(found[i].text, found[i].what) for i in mutate.sample(found, seed, 10)]


def test_a_sample_is_the_same_for_the_same_seed():
    source = "\n".join(LINES)
    assert drawn(source) == drawn(source)
    assert drawn(source) != drawn(source, seed=2)
    found = changes(source)
    assert mutate.sample(found, 1, 1000) == list(range(len(found)))


def test_an_edit_leaves_the_changes_of_other_lines_in_the_sample():
    before = drawn("\n".join(LINES))
    after = drawn("\n".join(["print('new')", *LINES[:15], "", *LINES[15:]]))
    assert len(set(before) & set(after)) >= 9
    twice = drawn("\n".join(LINES * 2))
    assert len(twice) == 10 and set(twice) != set(before)


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    stored = nbformat.v4.new_output("stream", name="stdout", text="7\n")
    cells = [
        nbformat.v4.new_code_cell("unused = 1\ntotal = 3 + 4"),
        nbformat.v4.new_code_cell("print(total)", outputs=[stored]),
    ]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("unused = 1\ntotal = 3 + 4", ""),
        ("unused = 2\ntotal = 3 + 4", ""),
        ("unused = 1\ntotal = 3 - 4", "cell 1: stdout: line 1: stored '7', new '-1'"),
        ("unused = 1\ntotal = 1 / 0", "ZeroDivisionError: division by zero"),
        ("while True: pass", "CellTimeoutError"),
    ],
)
def test_a_chapter_is_run_up_to_the_first_difference(notebook, tmp_path, first, told):
    limit = 3 if "while" in first else 600
    outcome = run_chapter(notebook, [first, "print(total)"], tmp_path, limit)
    assert outcome.killed == bool(told)
    assert outcome.told.startswith(told)


def stored(text: str) -> list[nbformat.NotebookNode]:
    return [nbformat.v4.new_output("stream", name="stdout", text=text)]


KEPT = """
import tempfile, threading, queue
from pathlib import Path
folder = Path(tempfile.mkdtemp())
(folder / "kept").write_text("here")
asked, answered = queue.Queue(), queue.Queue()
"""
SQUARES = """
def serve():
    while True:
        answered.put(asked.get() ** 2)
threading.Thread(target=serve, daemon=True).start()
"""


@pytest.mark.slow
@pytest.mark.parametrize("forks", [True, False])
@pytest.mark.parametrize(
    ("cells", "mutants", "told"),
    [
        pytest.param(
            [("total = 3 + 4", ""), ("x = 0\nprint(total)", "7\n")],
            [(0, "total = 3 - 4"), (0, "total = 5 + 2"), (1, "x = 1\nprint(total)"),
             (0, "while True: pass"), (1, "print(1 / 0)"), (1, "import os; os._exit(3)")],
            ["cell 1: stdout: line 1: stored '7', new '-1'", "", "", "CellTimeoutError",
             "ZeroDivisionError: division by zero", "DeadKernelError"],
            id="told",
        ),
        pytest.param(
            [(KEPT, ""), ("x = 1", ""), ("print((folder / 'kept').read_text())", "here\n")],
            [(1, "import shutil; shutil.rmtree(folder)"),
             (1, "x = (folder / 'kept').write_text('x')"), (1, "x = 2"), (2, "print('there')")],
            ["FileNotFoundError", "cell 2: stdout", "", "cell 2: stdout"],
            id="files put back",
        ),
        pytest.param(
            [(KEPT + SQUARES, ""), ("x = 3", ""),
             ("asked.put(x)\nprint(answered.get(timeout=9))", "9\n")],
            [(1, "x = 4"), (1, "x = -3"), (2, "print(9)")],
            ["cell 2: stdout: line 1: stored '9', new '16'", "", ""],
            id="a thread that forks do not have",
        ),
    ],
)  # fmt: skip
def test_mutants_are_told_by_forks_as_by_whole_runs(cells, mutants, told, forks, monkeypatch):
    if not forks:
        monkeypatch.delattr(os, "fork")
    made = [nbformat.v4.new_code_cell(c, outputs=stored(text) if text else []) for c, text in cells]
    outcomes = run_mutants(nbformat.v4.new_notebook(cells=made), mutants, 20)
    assert [bool(outcome.told) for outcome in outcomes] == [bool(text) for text in told]
    for outcome, text in zip(outcomes, told, strict=True):
        assert outcome.told.startswith(text) and outcome.killed == bool(text)


@pytest.mark.slow
def test_a_chapter_that_differs_by_itself_is_refused():
    cells = [nbformat.v4.new_code_cell("print(7)", outputs=stored("8\n"))]
    with pytest.raises(ValueError, match="without any change it differs already: cell 0"):
        run_mutants(nbformat.v4.new_notebook(cells=cells), [(0, "print(9)")], 20)


@pytest.mark.slow
def test_a_module_is_tried_by_its_tests():
    module = Path("helpers", "validation.py")
    source = (ROOT / module).read_text(encoding="utf-8")
    tests = ["tests/helpers/test_validation.py"]
    assert not run_tests(module, source, tests, 600).killed
    wrong = source.replace("labels < 0", "labels < -1")
    outcome = run_tests(module, wrong, tests, 600)
    assert outcome.killed and "FAILED tests/helpers/test_validation.py" in outcome.told


def test_reasons_beside_survivors_are_kept(tmp_path: Path):
    path = tmp_path / "mutation.json"
    entry = {"mutants": 3, "killed": 2, "survivors": [{"change": "cell 1: 1 -> 2", "reason": ""}]}
    mutate.store("chapters", "02_b", json.loads(json.dumps(entry)), path)
    record = json.loads(path.read_text())
    record["chapters"]["02_b"]["survivors"][0]["reason"] = "it is not used"
    path.write_text(json.dumps(record))
    mutate.store("chapters", "02_b", json.loads(json.dumps(entry)), path)
    mutate.store("chapters", "01_a", json.loads(json.dumps(entry)), path)
    record = json.loads(path.read_text())
    assert list(record["chapters"]) == ["01_a", "02_b"]
    assert record["chapters"]["02_b"]["survivors"][0]["reason"] == "it is not used"
    assert record["chapters"]["01_a"]["survivors"][0]["reason"] == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "told"),
    [(["--chapter", "99"], "there is no chapter '99'"),
     (["--helpers", "magic"], "there is no helpers/magic.py")],
)  # fmt: skip
def test_an_unknown_name_is_an_error_of_one_line(options, told):
    command = [sys.executable, "-m", "tests.mutate", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr == f"mutate: {told}\n"


@pytest.mark.parametrize(
    ("source", "what", "rule"),
    [
        ("torch.optim.Adam(p, lr=0.001)", "without lr=0.001", equivalent.DEFAULT),
        ("torch.optim.Adam(p, lr=0.002)", "without lr=0.002", ""),
        ("torch.load(f, weights_only=True)", "without weights_only", equivalent.DEFAULT),
        ("torch.load(f, weights_only=False)", "without weights_only", ""),
        ("F.dropout(x, training=1)", "without training=1", ""),
        ("Adam(p, lr=0.001)", "without lr=0.001", ""),
        ("torch.zeros(3, device=device)", "without device=device", equivalent.CPU),
        ("torch.zeros(3, device='meta')", "without device='meta'", ""),
        ("model.to(device)", "without model.to(device)", equivalent.CPU),
        ("show(x.to(device))", "without show(x.to(device))", ""),
        ("subprocess.run(c, check=True)", "without check=True", equivalent.GUARD),
        ("model.load_state_dict(s, strict=False)", "without strict=False", ""),
        ("subprocess.run(c, stderr=subprocess.DEVNULL)", "without stderr", equivalent.SILENCE),
        ("add('--seed', help='a number')", "without help", equivalent.HELP),
    ],
)
def test_what_does_the_same_is_known_by_a_rule(source: str, what: str, rule: str):
    found = [change.rule for change in changes(source) if change.what.startswith(what)]
    assert found == [rule]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "stored", "rules"),
    [
        ("print(3 > 2)", "True\n", [equivalent.BORDER]),
        ("print(3 > 3)", "False\n", [""]),  # killed
        ("x = 3 > 3", "", [""]),
        ("import torch\nx = torch.arange(3) < 2.5", "", [equivalent.BORDER]),
        ("import torch\nx = torch.arange(3) < 2", "", [""]),
        ("import math\nx = math.sin(1) <= 2 <= 3", "", ["", ""]),
    ],
)
def test_a_comparison_that_never_met_its_border(source: str, stored: str, rules: list[str]):
    outputs = [nbformat.v4.new_output("stream", name="stdout", text=stored)] if stored else []
    cell = nbformat.v4.new_code_cell(source, outputs=outputs)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    chosen = [m for m in mutate.chapter_mutants(notebook) if "Gt" in m[1].what or "Lt" in m[1].what]
    outcomes = run_mutants(notebook, [(number, c.source) for number, c in chosen], 600)
    assert mutate._equivalent(notebook, chosen, outcomes) == rules


@pytest.mark.parametrize(
    ("left", "right", "order", "value"),
    [(1, 2, "lt", True), (2, 1, "le", False), (1.5, 1, "gt", True), (0, 1, "ge", False)],
)
def test_a_probe_compares_as_the_code_does(left, right, order, value):
    assert equivalent.compared(left, right, order) is value


@pytest.mark.parametrize("order", ["lt", "le", "gt", "ge"])
def test_a_probe_raises_at_the_border(order):
    with pytest.raises(equivalent.MeetsBorder):
        equivalent.compared(2, 2, order)
    with pytest.raises(equivalent.MeetsBorder):
        equivalent.compared(np.array([1, 2]), 2, order)


def test_an_entry_names_the_code_that_it_is_of(notebook):
    entry = mutate._entry(["cell 0: 1 -> 2"], [Outcome(False, "", 0.0)], 1, 0.0, [""], "1234abcd")
    assert (entry["code"], entry["killed"], entry["equivalent"]) == ("1234abcd", 0, [])
    assert [survivor["change"] for survivor in entry["survivors"]] == ["cell 0: 1 -> 2"]
    before = code_digest(notebook)
    notebook.cells[1].outputs = []
    assert code_digest(notebook) == before
    notebook.cells[1].source = "print(total + 0)"
    assert code_digest(notebook) != before
