"""Packaging, requirements, workflows, the repository's address and the Makefile's promises."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version
from setuptools import find_packages

from tests.notebooks import PATHS as NOTEBOOKS
from tests.notebooks import ROOT, code_cells
from tests.traces import hear_sigint

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SHIP = PROJECT["project"]["optional-dependencies"]["ship"]


def _load(path: Path):
    spec = spec_from_file_location(path.stem, path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


repository = _load(ROOT / "book" / "tools" / "repository.py")


def _setup_source(path: Path) -> str:
    return code_cells(path)[0].source


def _lines(name: str) -> list[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


# Packaging and requirements


def test_dependencies_never_move_torch_or_numpy():
    needs = {need.name: need for need in map(Requirement, PROJECT["project"]["dependencies"])}
    assert {"torch", "torchvision", "numpy"} <= set(needs)
    assert [str(needs[name].specifier) for name in ("torch", "torchvision", "numpy")] == [""] * 3
    for need in [*needs.values(), *map(Requirement, SHIP)]:
        assert not [s for s in need.specifier if s.operator not in (">=", "!=")], need


def test_the_extra_holds_what_its_chapter_installs():
    """make and the environment with Colab's versions install it, too; the setup cell does not."""
    sources = [cell.source for path in NOTEBOOKS for cell in code_cells(path)[1:]]
    (cell,) = [source for source in sources if "%pip install" in source]
    named = set(re.findall(r'"(\w+)"', cell))
    assert named == {Requirement(need).name for need in SHIP}
    for name in ("requirements.txt", "tests/platforms/colab.txt"):
        assert "-e .[ship]" in _lines(name)
    assert not [path.name for path in NOTEBOOKS if "[ship]" in _setup_source(path)]


def test_every_package_and_data_file_is_installed():
    options = PROJECT["tool"]["setuptools"]
    found = set(find_packages(ROOT, include=options["packages"]["find"]["include"]))
    folders = {path.parent for path in (ROOT / "helpers").rglob("*.py")}
    assert found == {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    data = {
        path
        for package, patterns in options["package-data"].items()
        for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    others = {
        path
        for path in (ROOT / "helpers").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert others <= data


def test_tool_chain_is_pinned_and_runtime_has_floors():
    needs = {
        need.name: str(need.specifier)
        for need in map(
            Requirement, [line for line in _lines("requirements.txt") if line[0] != "-"]
        )
    }
    assert set(needs.pop("torch").split(",")) == {">=2.11", "!=2.13.0"}
    assert needs.pop("torchvision") == ">=0.26"
    assert not {name: spec for name, spec in needs.items() if not spec.startswith("==")}


def test_lock_fits_the_requirements_and_names_no_host():
    lines = _lines("requirements.lock")
    assert "-e ." in lines
    locked: dict[str, list[Version]] = {}
    for line in lines:
        if line == "-e .":
            continue
        need = Requirement(line)
        (pin,) = need.specifier
        assert pin.operator == "=="
        assert need.url is None
        locked.setdefault(need.name.lower(), []).append(Version(pin.version))
    wanted = [line for line in _lines("requirements.txt") if line[0] != "-"]
    for need in map(Requirement, [*wanted, *PROJECT["project"]["dependencies"], *SHIP]):
        versions = locked[need.name.lower()]
        assert all(need.specifier.contains(version) for version in versions), need


def test_version_and_address_are_the_same_everywhere():
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]
    tag = f"v{PROJECT['project']['version']}"
    assert config["branch"] == tag
    line = f'%pip install -q "pytorch-executed @ git+{config["url"]}@{tag}"'
    assert len(NOTEBOOKS) >= 3
    assert not [path.name for path in NOTEBOOKS if line not in _setup_source(path)]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert f"v{citation['version']}" == tag


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "LICENSES/README.md"])
def test_links_of_front_page_files_resolve(name: str):
    text = (ROOT / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", text)
    assert links
    assert not [link for link in links if not ((ROOT / name).parent / link).exists()]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_make_targets_in_front_page_files_exist(name: str):
    text = (ROOT / name).read_text(encoding="utf-8")
    named = set(re.findall(r"`make ([a-z]+)|^make ([a-z]+)", text, re.MULTILINE))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named
    assert {a or b for a, b in named} <= targets


# Workflows


def _check(schema: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    return subprocess.run([*command, *map(str, paths)], text=True, capture_output=True)


@pytest.mark.slow
def test_workflows_and_citation_are_valid(tmp_path: Path):
    assert [path.stem for path in WORKFLOWS] == ["gpu", "publish", "tests"]
    done = _check("vendor.github-workflows", *WORKFLOWS)
    assert done.returncode == 0, done.stdout
    done = _check("vendor.citation-file-format", ROOT / "CITATION.cff")
    assert done.returncode == 0, done.stdout
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "run-on:"))
    assert _check("vendor.github-workflows", broken).returncode != 0


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_is_pinned_and_has_least_permissions(path: Path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    uses = [step["uses"] for step in steps if "uses" in step]
    assert uses
    assert not [use for use in uses if not re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", use)]
    for step in steps:
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False
        assert "${{" not in step.get("run", ""), "pass values through env"
    assert workflow["permissions"] in ({}, {"contents": "read"})
    for name, job in workflow["jobs"].items():
        assert "timeout-minutes" in job
        writes = {key for key, value in job.get("permissions", {}).items() if value == "write"}
        assert writes == ({"pages", "id-token"} if name == "deploy" else set())


# The repository's address

CONFIG = """\
title: Sample  # a comment stays
repository:
  url: https://github.com/OWNER/pytorch-executed   # here
  branch: v1.0.0
sphinx:
  config:
    html_baseurl: https://owner.github.io/pytorch-executed/
    notfound_urls_prefix: /pytorch-executed/
    other: https://github.com/OWNER/pytorch-executed-data
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "_config.yml").write_text(CONFIG)
    (tmp_path / "notebooks").mkdir()
    for path in NOTEBOOKS:
        shutil.copy2(path, tmp_path / "notebooks")
    return tmp_path


def _texts(tree: Path) -> dict[str, str]:
    return {str(p.relative_to(tree)): p.read_text() for p in tree.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_repository_changes_the_address_and_nothing_else(tree: Path):
    before = _texts(tree)
    changed = repository.set_repository("https://github.com/Ada-L/book.v2/", tree)
    after = _texts(tree)
    assert len(changed) == 1 + len(NOTEBOOKS)
    assert set(after) == set(before)
    config = yaml.safe_load(after["_config.yml"])
    assert config["repository"]["url"] == "https://github.com/Ada-L/book.v2"
    assert config["sphinx"]["config"] == {
        "html_baseurl": "https://ada-l.github.io/book.v2/",
        "notfound_urls_prefix": "/book.v2/",
        "other": "https://github.com/OWNER/pytorch-executed-data",
    }
    old, new = "https://github.com/OWNER/pytorch-executed", "https://github.com/Ada-L/book.v2"
    for path in NOTEBOOKS:
        name = f"notebooks/{path.name}"
        current = re.search(r"git\+([^@]+)@", _setup_source(path))[1]
        assert after[name] == before[name].replace(f"git+{current}@", f"git+{new}@")
        assert f"git+{new}@v" in _setup_source(tree / name)
    assert repository.set_repository(new + ".git", tree) == []
    assert _texts(tree) == after
    repository.set_repository(old, tree)
    assert _texts(tree)["_config.yml"] == CONFIG


def test_repository_of_an_own_site_has_no_prefix():
    own = repository.parse("https://github.com/Ada/ada.github.io")
    assert (own.prefix, own.site) == ("/", "https://ada.github.io/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "github.com/ada/book",
        "http://github.com/ada/book",
        "https://github.com/ada",
        "https://github.com/ada/book/tree/main",
        "https://github.com/-ada/book",
        "https://github.com/ada/bo ok",
        'https://github.com/ada/book"',
        "https://ada:secret@github.com/ada/book",
        "https://example.org/ada/book",
    ],
)
def test_repository_refuses_other_addresses(tree: Path, url: str):
    before = _texts(tree)
    with pytest.raises(ValueError, match=r"URL must be https://github\.com/OWNER/NAME") as error:
        repository.set_repository(url, tree)
    assert repr(url) in str(error.value)
    assert _texts(tree) == before


@pytest.mark.slow
def test_repository_leaves_all_as_it_was_when_a_file_is_odd_or_the_disk_full(tree, monkeypatch):
    before = _texts(tree)

    def full(self: Path, *args: object, **kwargs: object) -> int:
        raise OSError(28, "No space left on device", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="No space left"):
            repository.set_repository("https://github.com/ada/book", tree)
    assert _texts(tree) == before
    odd = tree / "notebooks" / "99_odd.ipynb"
    empty = '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}'
    for text, words in ((empty, "must install"), ("<<<<<<< HEAD\n", "is not a valid notebook")):
        odd.write_text(text)
        with pytest.raises(ValueError, match=rf"99_odd\.ipynb {words}"):
            repository.set_repository("https://github.com/ada/book", tree)
        odd.unlink()
        assert _texts(tree) == before


def test_repository_passes_over_what_is_no_chapter(tree: Path):
    copy = tree / "notebooks" / "01_tensors copy.ipynb"
    copy.write_text("no notebook")
    changed = repository.set_repository("https://github.com/ada/book", tree)
    assert copy not in changed
    assert copy.read_text() == "no notebook"


# The Makefile, with a Python, a pip and a uv that pretend to install, and a build that pretends

FAKE_PYTHON = """\
#!/bin/bash
echo "$@" >> "$LOG"
pretend() {
    echo partial > .venv/partial
    for name in jupyter-book jupyter ruff; do cp "$TREE/fake-$name" .venv/bin/$name; done
}
case "$*" in
  -c*) exit "${FAKE_VERSION:-0}" ;;
  book/tools/install.py*)
    exec "$REAL_PYTHON" -c 'import runpy, sys
sys.executable, sys.argv = sys.argv[1], sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")' "$0" "$@" ;;
  "-m venv "*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  "-m pip"*" config list") printf "${FAKE_PIP_CONFIG:-}" ;;
  "-m pip"*" uv") [ "${FAKE_UV:-0}" != missing ] && cp "$TREE/fake-uv" .venv/bin/uv ;;
  "-m pip"*) pretend; exit "${FAKE_PIP:-0}" ;;
  book/notebooks.py) exit "${FAKE_NOTEBOOKS:-0}" ;;
  "pretend to be uv")
    pretend
    case "${FAKE_UV:-0}" in
      killed) kill -9 $PPID ;;
      waits)
        touch "$TREE/waiting"
        while [ -d "$TREE" ] && [ ! -e "$TREE/go" ]; do sleep 0.05; done ;;
      *) exit "${FAKE_UV:-0}" ;;
    esac ;;
esac
"""
FAKE_UV = """\
#!/bin/bash
echo "uv $@ [cert ${SSL_CERT_FILE:-}]" >> "$LOG"
exec "$TREE/fake-python" pretend to be uv
"""
FAKE_BOOK = """\
#!/bin/bash
echo "jupyter-book $@" >> "$LOG"
mkdir -p _build/html && echo page > _build/html/index.html
exit "${FAKE_BOOK:-0}"
"""
FAKE_JUPYTER = """\
#!/bin/bash
echo "jupyter $@" >> "$LOG"
exit "${FAKE_JUPYTER:-0}"
"""
# All that the commands call, so that a uv of this machine's is not found.
PROGRAMS = ("bash", "cp", "echo", "expand", "find", "grep", "kill", "make", "mkdir", "rm", "sed",
            "sleep", "touch")  # fmt: skip


class Make:
    """A copy of the Makefile in a folder of its own, called with the pretending Python."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.log = folder / "log"
        for name in ("Makefile", "pyproject.toml", "requirements.txt", "requirements.lock"):
            shutil.copy(ROOT / name, folder)
        (folder / "book" / "tools").mkdir(parents=True)
        shutil.copy(ROOT / "book" / "tools" / "install.py", folder / "book" / "tools")
        (folder / "notebooks").mkdir()
        self.notebook = folder / "notebooks" / "01_sample.ipynb"
        self.notebook.write_text("{}")
        self.python = self._script("fake-python", FAKE_PYTHON)
        self._script("fake-uv", FAKE_UV)
        self._script("fake-jupyter-book", FAKE_BOOK)
        self._script("fake-jupyter", FAKE_JUPYTER)
        self._script("fake-ruff", "#!/bin/bash\n")
        (folder / "bin").mkdir()
        for name in PROGRAMS:
            (folder / "bin" / name).symlink_to(shutil.which(name))

    def _script(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def started(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Starts make in a process group of its own."""
        own = {"LOG": str(self.log), "TREE": str(self.folder), "LC_ALL": "C"}
        own |= {"PATH": str(self.folder / "bin"), "REAL_PYTHON": sys.executable}
        return subprocess.Popen(
            ["make", f"PYTHON={self.python}", *arguments],
            cwd=self.folder,
            env={**own, **variables},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=hear_sigint,
        )

    def __call__(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        self.log.write_text("")
        process = self.started(*arguments, **variables)
        out, err = process.communicate(timeout=600)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def waiting_install(self) -> subprocess.Popen[str]:
        """Starts ``make book`` and returns when its uv has begun; it ends when ``go`` is there."""
        self.log.write_text("")
        process = self.started("book", FAKE_UV="waits")
        self.until((self.folder / "waiting").exists)
        return process

    def until(self, happened: Callable[[], bool], limit: float = 600) -> None:
        """Waits for an event."""
        end = time.monotonic() + limit
        while not happened():
            assert time.monotonic() < end, "it never happened"
            time.sleep(0.02)

    def logged(self) -> list[str]:
        """Returns the programs that were called, without the questions for a Python and for pip's
        configuration."""
        passed_over = ("-c", "book/", "pretend")
        lines = self.log.read_text().splitlines()
        return [line for line in lines if not line.startswith(passed_over) and "config" not in line]

    def installs(self) -> list[str]:
        """Returns what installed: ``"uv"``, ``"pip"``."""
        found = (re.search(r"^uv|pip(?=.* install .*-r )", line) for line in self.logged())
        return [match[0] for match in found if match]

    def environments(self) -> int:
        return sum("-m venv" in line for line in self.logged())

    def builds(self) -> int:
        return sum(line.startswith("jupyter-book") for line in self.logged())


@pytest.fixture(params=["book", "a folder"])
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Make]:
    """In a folder with a space in its name, too."""
    folder = tmp_path / request.param
    folder.mkdir()
    yield Make(folder)
    (folder / "go").touch()  # whatever still waits, ends


def test_make_book_installs_builds_and_says_what_to_open(make: Make):
    done = make("book")
    assert done.returncode == 0, done.stderr
    assert "some gigabytes" in done.stderr
    assert f"{make.folder}/_build/html/index.html" in done.stdout
    assert "make serve" in done.stdout
    assert (make.environments(), make.installs(), make.builds()) == (1, ["uv"], 1)
    assert f"-r {make.folder}/requirements.lock" in make.log.read_text()
    assert "-W" in make.logged()[-1].split()


def test_make_does_not_repeat_a_step_that_is_up_to_date(make: Make):
    make("book")
    assert make("book").returncode == 0
    assert make.logged() == []
    later = (make.folder / "_build/html/index.html").stat().st_mtime + 10
    os.utime(make.notebook, (later, later))
    make("book")
    assert (make.installs(), make.builds()) == ([], 1)


def test_make_passes_over_files_whose_names_it_cannot_take(make: Make):
    for name in ("01_sample copy.ipynb", "02_what: a draft.ipynb", "Kopie 100%.ipynb", "a$b.ipynb"):
        (make.notebook.parent / name).write_text("{}")
    done = make("book")
    assert done.returncode == 0, done.stderr
    assert make("book").returncode == 0
    assert make.logged() == []


def test_make_installs_again_when_the_requirements_change(make: Make):
    make("book")
    later = (make.folder / ".venv/installed").stat().st_mtime + 10
    os.utime(make.folder / "requirements.lock", (later, later))
    make("book")
    assert (make.environments(), make.installs(), make.builds()) == (0, ["uv"], 1)


def test_pip_installs_where_uv_cannot_be_had(make: Make):
    done = make("book", FAKE_UV="missing")
    assert done.returncode == 0, done.stderr
    assert "No uv from the package index: installing with pip" in done.stderr
    assert make.installs() == ["pip"]


def test_pip_installs_in_a_new_environment_where_uv_fails(make: Make):
    done = make("book", FAKE_UV="2")
    assert done.returncode == 0, done.stderr
    assert "uv failed" in done.stderr
    assert (make.environments(), make.installs()) == (2, ["uv", "pip"])


def test_a_uv_that_is_there_is_taken(make: Make):
    shutil.copy(make.folder / "fake-uv", make.folder / "bin" / "uv")
    assert make("book").returncode == 0
    assert make.installs() == ["uv"]
    assert not [line for line in make.logged() if line.endswith(" uv")]


def test_uv_is_told_what_pip_is_told(make: Make):
    """The last of pip's settings wins: a variable over the section ``install`` over ``global``."""
    config = (
        "global.index-url='https://one.example/simple'\\n"
        "install.constraint='oldest.txt'\\n"
        ":env:.index-url='https://two.example/simple'\\n"
        "global.extra-index-url='https://three.example/simple https://four.example'\\n"
        "global.cert='/certificates.pem'\\n"
        "global.timeout='7'\\n"
    )
    assert make("book", FAKE_PIP_CONFIG=config).returncode == 0
    [line] = [line for line in make.logged() if line.startswith("uv")]
    assert "--default-index https://two.example/simple " in line
    assert "--index https://three.example/simple --index https://four.example " in line
    assert "--constraints oldest.txt " in line
    assert "[cert /certificates.pem]" in line
    assert "one.example" not in line and "7" not in line.split()


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_build_of_torch_from_another_index_leaves_the_cuda_libraries_out(make: Make, tool: str):
    missing = {"FAKE_UV": "missing"} if tool == "pip" else {}
    done = make("book", "TORCH_INDEX=https://index.example/cpu", **missing)
    assert done.returncode == 0, done.stderr
    option = {"uv": "--index", "pip": "--extra-index-url"}[tool]
    [line] = [line for line in make.logged() if "index.example" in line]
    assert f"{option} https://index.example/cpu -r " in line
    kept = Path(line.partition(" -r ")[2].partition(" [cert")[0]).read_text().splitlines()
    left_out = set(_lines("requirements.lock")) - set(kept)
    assert any(line.startswith("torch==") for line in kept)
    assert {re.match(r"nvidia|cuda|triton", line)[0] for line in left_out} == {
        "nvidia", "cuda", "triton"
    }  # fmt: skip
    assert not [line for line in kept if re.match(r"nvidia|cuda|triton", line)]


def test_failed_install_leaves_no_environment(make: Make):
    done = make("book", FAKE_UV="1", FAKE_PIP="1")
    assert done.returncode != 0
    assert "The install failed; .venv was removed. Run make again." in done.stderr
    assert "Traceback" not in done.stderr
    assert not (make.folder / ".venv").exists()
    assert make("book").returncode == 0
    assert make.environments() == 1


def test_killed_install_is_not_taken_for_good(make: Make):
    assert make("book", FAKE_UV="killed").returncode != 0
    assert (make.folder / ".venv/partial").exists()
    assert not (make.folder / ".venv/installed").exists()
    (make.folder / ".venv/partial").rename(make.folder / ".venv/left")
    assert make("book").returncode == 0
    assert (make.environments(), make.installs(), make.builds()) == (1, ["uv"], 1)
    assert not (make.folder / ".venv/left").exists()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["Ctrl-C", "make is told to end", "the terminal is closed"])
def test_interrupted_install_leaves_no_environment(make: Make, how: str):
    process = make.waiting_install()
    if how == "Ctrl-C":
        os.killpg(process.pid, signal.SIGINT)
    elif how == "make is told to end":
        process.terminate()
    else:
        os.killpg(process.pid, signal.SIGHUP)
    make.until(lambda: not (make.folder / ".venv").exists(), limit=120)
    (make.folder / "go").touch()
    process.communicate(timeout=600)
    assert process.returncode != 0
    assert make("book").returncode == 0
    assert make.environments() == 1


def test_a_second_make_waits_for_the_first_and_installs_nothing(make: Make):
    first = make.waiting_install()
    second = make.started("book")
    assert "Another make is installing" in second.stderr.readline()
    (make.folder / "go").touch()
    for process in (first, second):
        process.communicate(timeout=600)
        assert process.returncode == 0
    assert (make.environments(), make.installs()) == (1, ["uv"])


def test_lab_may_be_opened_by_root_and_says_what_to_do_about_an_error(make: Make):
    done = make("lab")
    assert done.returncode == 0, done.stderr
    assert make.logged()[-1] == "jupyter lab --notebook-dir notebooks"
    config = make.folder / ".venv" / "etc" / "jupyter" / "jupyter_server_config.json"
    assert json.loads(config.read_text()) == {"ServerApp": {"allow_root": True}}
    done = make("lab", FAKE_JUPYTER="1")
    assert done.returncode != 0
    assert "make clean, then make lab" in done.stderr


def test_site_built_with_a_warning_is_thrown_away(make: Make):
    assert make("book", FAKE_BOOK="1").returncode != 0
    assert not (make.folder / "_build").exists()
    make("book")
    assert (make.installs(), make.builds()) == ([], 1)


def test_nothing_is_built_where_a_chapter_cannot_be_read(make: Make):
    assert make("book", FAKE_NOTEBOOKS="1").returncode != 0
    assert (make.installs(), make.builds()) == (["uv"], 0)


def test_unsupported_python_is_refused_with_what_is_allowed(make: Make):
    done = make("book", FAKE_VERSION="1")
    assert done.returncode != 0
    assert "No Python 3.11, 3.12 or 3.13 found" in done.stderr
    assert str(make.python) in done.stderr
    assert not (make.folder / ".venv").exists()


def test_make_help_lists_every_command(make: Make):
    listed = {line.split()[0] for line in make("help").stdout.splitlines()}
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    assert listed == set(phony.split())


def test_missing_chromium_is_said_and_not_skipped(tmp_path: Path):
    python = tmp_path / "python"
    python.write_text("#!/bin/bash\nexit 1\n")
    python.chmod(0o755)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "cat", "id"):
        (tools / name).symlink_to(shutil.which(name))
    done = subprocess.run(
        [ROOT / ".ci" / "chromium", python],
        env={"PATH": str(tools)},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 1
    assert "apt-get install chromium" in done.stderr
    assert "playwright install chromium" in done.stderr
