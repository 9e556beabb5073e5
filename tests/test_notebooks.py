"""The rules that every notebook obeys."""

import ast
import importlib
import inspect
import re
import statistics

import pytest
import yaml
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from helpers.checks import machinery
from tests.comparison import Tolerance
from tests.notebooks import IDS, PATHS, ROOT, code_cells, python, read, tags

every_notebook = pytest.mark.parametrize("path", PATHS, ids=IDS)
KNOWN_TAGS = {"setup", "predict", "hide-output", "hide-cell", "exercise", "solution"}
LONGEST_CELL, MEDIAN_CELL, LARGEST_FILE = 25, 7, 1_500_000


def lines(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def headings(path):
    text = "\n".join(c.source for c in read(path).cells if c.cell_type == "markdown")
    return re.findall(r"^#+ .*$", text, re.MULTILINE)


def test_there_are_notebooks():
    assert {"01_tensors", "02_autograd", "16_training"} <= set(IDS)


def test_titles_are_the_same_everywhere():
    titles = {path.stem: read(path).cells[0].source.split("\n")[0][2:] for path in PATHS}
    course = yaml.safe_load((ROOT / "book" / "course.yml").read_text(encoding="utf-8"))
    named = {c["name"]: c["title"] for part in course for c in part["chapters"]}
    # A chapter of the course that is not written yet is shown as planned.
    assert {name: title for name, title in named.items() if name in titles} == titles
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"\[\d\d ([^\]]+)\]\(notebooks/(\w+)", readme)) == {
        title: name for name, title in titles.items()
    }


@every_notebook
def test_frame(path):
    cells = read(path).cells
    found = headings(path)
    assert cells[0].source.startswith("# ") and "**You will be able to**" in cells[0].source
    assert sum(heading.startswith("# ") for heading in found) == 1
    assert found[-3:] == ["## Summary", "## Where to go next", "## References"]
    assert "## Exercises" in found
    questions = [heading for heading in found if heading.endswith("?")]
    assert len(questions) >= 5, "sections are led by questions"


def test_setup_cells_are_identical():
    setups = {path.stem: code_cells(path)[0] for path in PATHS}
    assert len({cell.source for cell in setups.values()}) == 1
    for cell in setups.values():
        assert tags(cell) == ["setup"]
        assert cell.outputs == []


@every_notebook
def test_cells_are_short(path):
    sizes = [len(lines(cell)) for cell in code_cells(path)]
    assert max(sizes) <= LONGEST_CELL
    assert statistics.median(sizes) <= MEDIAN_CELL


@every_notebook
def test_code_fits_the_page(path):
    lines = [
        line for c in code_cells(path) if "setup" not in tags(c) for line in c.source.split("\n")
    ]
    assert not [line for line in lines if len(line) > 96]


@every_notebook
def test_executed_in_order(path):
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))
    executed = read(path).metadata["executed"]
    versions = {"python", "torch", "torchvision", "matplotlib"}
    assert set(executed) == {"date", "device", "seconds", *versions}


@every_notebook
def test_an_error_shown_on_purpose_is_shown(path):
    for cell in code_cells(path):
        if re.search(r"^except .*\n(?:    .*\n)*?    print\(", cell.source + "\n", re.M):
            assert cell.outputs, f"no error was caught:\n{cell.source}"


@every_notebook
def test_nothing_is_skipped_or_ignored(path):
    for cell in code_cells(path):
        assert not re.search(
            r"nbval|raises-exception|%%capture", cell.source + " ".join(tags(cell)), re.I
        )
        unknown = {tag for tag in tags(cell) if "=" not in tag} - KNOWN_TAGS
        assert not unknown
        Tolerance.from_tags(tags(cell))
        assert {t.partition("=")[0] for t in tags(cell) if "=" in t} <= {
            "atol",
            "rtol",
            "figure",
            "picture",
        }


@every_notebook
def test_outputs_are_clean(path):
    for cell in code_cells(path):
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", f"a warning in: {cell.source}"
            text = output.get("text", "") or output.get("data", {}).get("text/plain", "")
            assert not re.search(r"0x[0-9a-f]{6,}", text), f"an address in: {cell.source}"


@every_notebook
def test_figures_have_alt_text(path):
    figures = 0
    for cell in code_cells(path):
        shown = [o for o in cell.outputs if "image/png" in o.get("data", {})]
        if shown:
            figures += 1
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt) > 20, f"no alt text in: {cell.source}"
    assert figures >= 3


@every_notebook
def test_size_and_metadata(path):
    assert path.stat().st_size < LARGEST_FILE
    notebook = read(path)
    assert set(notebook.metadata) == {"kernelspec", "language_info", "executed"}
    assert notebook.metadata.kernelspec.name == "python3"
    # IPython's syntax, %magic and !command, is coloured as such.
    assert notebook.metadata.language_info == {"name": "python", "pygments_lexer": "ipython3"}
    allowed = {"tags", "mystnb", "correction", "jupyter", "cellView"}
    for cell in notebook.cells:
        assert set(cell.metadata) <= allowed


@every_notebook
def test_markdown_reads_well_everywhere(path):
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            assert not re.search(r"```\{|\{[a-z:]+\}`|^:::|\[\^", cell.source, re.MULTILINE), (
                cell.source
            )
        assert not re.search(r"/(home|root|work|tmp|Users)/", cell.source), cell.source


SITES_MARKDOWN = MarkdownIt().use(dollarmath_plugin, double_inline=True)


def prices(text):
    """Returns what stands between two dollars and reads as prose; the site would make it a formula.

    A formula neither begins nor ends with a space or with what separates two prices, and has no
    plain word after a number.
    """
    formulas = [
        part.content
        for token in SITES_MARKDOWN.parse(text)
        for part in token.children or []
        if part.type == "math_inline"
    ]
    odd = re.compile(r"^\s|[\s,;/–-]$|^\d[^\\{]*\s[A-Za-z]{2,}")
    return [formula for formula in formulas if odd.search(formula)]


@pytest.mark.parametrize(
    "text",
    [
        "It costs $10 a month, and a larger machine $50 a month.",
        "Between $5 and $20.",
        "From $10–$20, or $1/$2.",
        "Prices in US$ and CA$ differ.",
        "**$3**, then $4 each",
    ],
)
def test_two_prices_in_a_sentence_are_found(text):
    assert prices(text)
    assert not prices(text.replace("$", r"\$"))


@pytest.mark.parametrize(
    "text",
    [
        "$x$ and $2 \\pi r$, $10^{-3}$, $3 \\text{ times as much}$, $-1 < x$",
        "`$HOME and $PATH` are code, $5 is one price",
        "$$\n1 + 1 = 2\n$$",
    ],
)
def test_formulas_and_code_are_no_prices(text):
    assert not prices(text)


def test_dollars_are_formulas_or_escaped():
    """In the chapters, and on the pages of the book."""
    texts = {
        f"{path.name}, cell {cell.id}": cell.source
        for path in PATHS
        for cell in read(path).cells
        if cell.cell_type == "markdown"
    }
    texts |= {path.name: path.read_text(encoding="utf-8") for path in ROOT.glob("book/*.md")}
    found = {place: prices(text) for place, text in texts.items() if prices(text)}
    assert not found, rf"write \$ where a dollar is a currency: {found}"


@every_notebook
def test_predictions_are_questions(path):
    cells = read(path).cells
    predictions = [i for i, cell in enumerate(cells) if "predict" in tags(cell)]
    assert len(predictions) >= 4
    for index in predictions:
        assert "hide-output" in tags(cells[index])
        assert "**Predict.**" in cells[index - 1].source and "?" in cells[index - 1].source


@every_notebook
def test_an_exercise_is_a_stub_a_check_and_a_solution(path):
    cells = code_cells(path)
    exercises = [i for i, cell in enumerate(cells) if "exercise" in tags(cell)]
    assert len(exercises) >= 3
    for index in exercises:
        stub, solution = cells[index], cells[index + 1]
        number = re.search(r'helpers\.check\("(\d\d\.\d+)", \w+\)$', stub.source).group(1)
        assert "..." in stub.source
        assert "not answered yet" in stub.outputs[0].text
        assert tags(solution) == ["solution", "hide-cell"]
        assert solution.metadata.jupyter.source_hidden and solution.metadata.cellView == "form"
        assert solution.source.startswith(f"# @title Solution {number}\n")
        assert solution.source.splitlines()[-1] == stub.source.splitlines()[-1]
        assert f"{number}: correct." in solution.outputs[0].text
    importlib.import_module(f"helpers.checks.chapter_{path.stem[:2]}")
    numbers = {n for n in machinery.EXERCISES if n.startswith(f"{path.stem[:2]}.")}
    assert len(numbers) == len(exercises)


@every_notebook
def test_corrections_are_boxes(path):
    for cell in read(path).cells:
        if cell.cell_type != "markdown":
            continue
        boxed = cell.source.startswith("> **Correction: ")
        assert boxed == ("**Correction" in cell.source) and "The notes say" not in cell.source
        assert not boxed or "correction" in cell.metadata
        if "correction" not in cell.metadata:
            continue
        claim = cell.metadata.correction
        assert set(claim) == {
            "name",
            "line",
            "quotation",
            "verdict",
            *([] if boxed else ["answer"]),
        }
        assert re.fullmatch(r"[a-z0-9-]+", claim.name) and re.fullmatch(r"\d+(-\d+)?", claim.line)
        assert claim.verdict in {"right", "imprecise", "out of date", "wrong"}
        assert not (boxed and claim.verdict == "right") and len(claim.quotation) > 15


def test_correction_names_are_unique():
    names = [
        c.metadata.correction.name
        for p in PATHS
        for c in read(p).cells
        if "correction" in c.metadata
    ]
    assert len(names) == len(set(names))


def bare(node):
    """Returns a definition as text, without docstrings and annotations."""
    for part in ast.walk(node):
        if isinstance(part, ast.FunctionDef):
            part.returns = None
            given = part.args
            named = [*given.args, *given.kwonlyargs, *given.posonlyargs]
            for argument in filter(None, [*named, given.vararg, given.kwarg]):
                argument.annotation = None
        if isinstance(part, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(part):
            part.body = part.body[1:]
    return ast.unparse(node)


# Where helpers keeps what chapters build.
SHOWN = (
    *("checkpoints", "data.folders", "diagnosis", "losses", "networks.classifiers"),
    *("networks.operations", "networks.unet", "train", "training"),
)


def shared():
    """Returns what those modules define for readers, by name."""
    found = {}
    for module in SHOWN:
        for name, thing in vars(importlib.import_module(f"helpers.{module}")).items():
            if getattr(thing, "__module__", "") == f"helpers.{module}" and name[0] != "_":
                assert name not in found, f"{name} is defined twice in helpers"
                found[name] = thing
    return found


SHARED = shared()


def definitions(path):
    """Returns the chapter's functions and classes outside exercises that helpers has as well."""
    found = {}
    for cell in code_cells(path):
        if {"exercise", "solution"} & set(tags(cell)):
            continue
        for node in ast.parse(python(cell)).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in SHARED:
                found[node.name] = bare(node)
    return found


@every_notebook
def test_definitions_equal_those_in_helpers(path):
    for name, text in definitions(path).items():
        source = ast.parse(inspect.getsource(inspect.unwrap(SHARED[name]))).body[0]
        assert text == bare(source), name


def test_what_is_shared_stands_in_a_chapter():
    """Later chapters import nothing that no chapter has shown."""
    shown = {name for path in PATHS for name in definitions(path)}
    # A record with a table and a plot, what the command does with its options, and how it names a
    # wrong one: bookkeeping.
    assert set(SHARED) - shown == {"History", "main", "OneLineParser"}


def test_the_address_and_the_version_stand_once():
    import tomllib

    import yaml

    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    repository = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]
    assert repository["branch"] == f"v{version}"
    config = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]["config"]
    assert config["version"] == version
    expected = f'git+{repository["url"]}@v{version}"'
    for path in PATHS:
        assert expected in code_cells(path)[0].source
