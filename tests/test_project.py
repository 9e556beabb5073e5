"""Packaging, requirements, workflows, the repository's address and the Makefile's promises."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version
from setuptools import find_packages

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _load(path: Path):
    spec = spec_from_file_location(path.stem, path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


repository = _load(ROOT / "book" / "tools" / "repository.py")


def _setup_source(path: Path) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "".join(next(c["source"] for c in cells if "setup" in c["metadata"].get("tags", [])))


def _lines(name: str) -> list[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


# Packaging and requirements


def test_dependencies_never_move_torch_or_numpy():
    needs = {need.name: need for need in map(Requirement, PROJECT["project"]["dependencies"])}
    assert {"torch", "torchvision", "numpy"} <= set(needs)
    assert [str(needs[name].specifier) for name in ("torch", "torchvision", "numpy")] == [""] * 3
    for need in needs.values():
        assert not [s for s in need.specifier if s.operator not in (">=", "!=")], need


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
    for need in map(Requirement, [*wanted, *PROJECT["project"]["dependencies"]]):
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


def test_repository_leaves_all_as_it_was_when_a_file_is_odd_or_the_disk_full(tree, monkeypatch):
    before = _texts(tree)

    def full(self: Path, *args: object, **kwargs: object) -> int:
        raise OSError(28, "No space left on device", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="No space left"):
            repository.set_repository("https://github.com/ada/book", tree)
    assert _texts(tree) == before
    (tree / "notebooks" / "99_odd.ipynb").write_text('{"cells": []}')
    with pytest.raises(ValueError, match=r"99_odd\.ipynb must install"):
        repository.set_repository("https://github.com/ada/book", tree)
    (tree / "notebooks" / "99_odd.ipynb").unlink()
    assert _texts(tree) == before


# The Makefile, with a Python that pretends to install and to build

FAKE_PYTHON = """\
#!/bin/bash
echo "$@" >> "$LOG"
case "$*" in
  -c*) exit "${FAKE_VERSION:-0}" ;;
  "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  "-m pip install"*)
    echo partial > .venv/partial
    [ "${FAKE_PIP:-0}" = killed ] && kill -9 $PPID
    for name in jupyter-book ruff; do cp "$TREE/fake-$name" .venv/bin/$name; done
    exit "${FAKE_PIP:-0}" ;;
esac
"""
FAKE_BOOK = """\
#!/bin/bash
echo "jupyter-book $@" >> "$LOG"
mkdir -p _build/html && echo page > _build/html/index.html
exit "${FAKE_BOOK:-0}"
"""


class Make:
    """A copy of the Makefile in a folder of its own, called with the pretending Python."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.log = folder / "log"
        for name in ("Makefile", "pyproject.toml", "requirements.txt", "requirements.lock"):
            shutil.copy(ROOT / name, folder)
        (folder / "notebooks").mkdir()
        self.notebook = folder / "notebooks" / "01_sample.ipynb"
        self.notebook.write_text("{}")
        self.python = self._script("fake-python", FAKE_PYTHON)
        self._script("fake-jupyter-book", FAKE_BOOK)
        self._script("fake-ruff", "#!/bin/bash\n")

    def _script(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def __call__(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {
            k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
        }
        kept = {k: v for k, v in kept.items() if k not in ("PYTHON", "REQUIREMENTS", "TORCH_INDEX")}
        own = {"LOG": str(self.log), "TREE": str(self.folder), "LC_ALL": "C"}
        self.log.write_text("")
        command = ["make", f"PYTHON={self.python}", *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**kept, **own, **variables},
            text=True,
            capture_output=True,
            timeout=60,
        )

    def logged(self) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if not line.startswith("-c")]

    def installs(self) -> int:
        return sum("pip install" in line for line in self.logged())

    def builds(self) -> int:
        return sum(line.startswith("jupyter-book") for line in self.logged())


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return Make(tmp_path)


def test_make_book_installs_builds_and_says_what_to_open(make: Make):
    done = make("book")
    assert done.returncode == 0, done.stderr
    assert f"{make.folder}/_build/html/index.html" in done.stdout
    assert "make serve" in done.stdout
    assert make.logged()[0] == "-m venv .venv"
    assert (make.installs(), make.builds()) == (1, 1)
    assert "-r requirements.lock" in make.log.read_text()
    assert "-W" in make.logged()[-1].split()


def test_make_does_not_repeat_a_step_that_is_up_to_date(make: Make):
    make("book")
    assert make("book").returncode == 0
    assert make.logged() == []
    later = (make.folder / "_build/html/index.html").stat().st_mtime + 10
    os.utime(make.notebook, (later, later))
    make("book")
    assert (make.installs(), make.builds()) == (0, 1)


def test_make_installs_again_when_the_requirements_change(make: Make):
    make("book")
    later = (make.folder / ".venv/installed").stat().st_mtime + 10
    os.utime(make.folder / "requirements.lock", (later, later))
    make("book")
    assert (make.installs(), make.builds()) == (1, 1)
    assert "-m venv .venv" not in make.logged()


def test_failed_install_leaves_no_environment(make: Make):
    done = make("book", FAKE_PIP="1")
    assert done.returncode != 0
    assert "The install failed; .venv was removed. Run make again." in done.stderr
    assert not (make.folder / ".venv").exists()
    assert make("book").returncode == 0
    assert make.logged()[0] == "-m venv .venv"


def test_killed_install_is_not_taken_for_good(make: Make):
    assert make("book", FAKE_PIP="killed").returncode != 0
    assert not (make.folder / ".venv/installed").exists()
    assert make("book").returncode == 0
    assert make.logged()[0] == "-m venv .venv"
    assert (make.installs(), make.builds()) == (1, 1)


def test_site_built_with_a_warning_is_thrown_away(make: Make):
    assert make("book", FAKE_BOOK="1").returncode != 0
    assert not (make.folder / "_build").exists()
    make("book")
    assert (make.installs(), make.builds()) == (0, 1)


def test_unsupported_python_is_refused_with_what_is_allowed(make: Make):
    done = make("book", FAKE_VERSION="1")
    assert done.returncode != 0
    assert "No Python 3.11, 3.12 or 3.13 found" in done.stderr
    assert str(make.python) in done.stderr
    assert not (make.folder / ".venv").exists()


def test_build_of_torch_from_another_index_leaves_the_cuda_libraries_out(make: Make):
    wanted = make("-n", "book", "TORCH_INDEX=https://index.example/cpu").stdout
    assert "--extra-index-url https://index.example/cpu" in wanted
    pattern = re.search(r"grep -vE '([^']+)'", wanted)[1]
    kept = [line for line in _lines("requirements.lock") if not re.search(pattern, line)]
    assert any(line.startswith("torch==") for line in kept)
    assert not [line for line in kept if re.match(r"nvidia|cuda|triton", line)]
    assert "--extra-index-url" not in make("-n", "book").stdout


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
