"""Runs every chapter as Colab does: alone in an empty folder, without the repository.

The environment has what Colab has (PyTorch, NumPy, Matplotlib, a kernel, ...) and neither
``helpers`` nor the smaller libraries. The unchanged setup cell installs them with pip from the
repository's git address, for which a local repository with the working tree's files stands in.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
ON_COLAB = (
    *("torch", "torchvision", "numpy", "matplotlib", "ipykernel", "scipy", "scikit-learn"),
    *("scikit-image", "tqdm", "requests", "opencv-python", "imageio", "shapely", "av"),
    *("safetensors", "tensorboard"),
)
NEVER_MOVED = {"torch", "torchvision", "numpy"}
PROBE = """
import json as _json, importlib.metadata as _metadata, sys as _sys
import helpers as _helpers, numpy as _numpy, torch as _torch, torchvision as _torchvision
print(_json.dumps({
    "helpers": _helpers.__file__,
    "prefix": _sys.prefix,
    "versions": [m.__version__ for m in (_torch, _torchvision, _numpy)],
}))
"""
LIST = """
import json, importlib.metadata as m
print(json.dumps({d.name.lower(): d.version for d in m.distributions()}))
"""


def _with_needs(names: Iterable[str]) -> dict[str, Distribution]:
    """Returns the named distributions and all that they need, from the running environment."""
    found: dict[str, Distribution] = {}
    waiting = [(name, "") for name in names]
    seen = set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            assert name not in ON_COLAB, f"the running environment lacks {name}"
            continue
        for text in found[name].requires or []:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                waiting += [(need.name, ""), *((need.name, wanted) for wanted in need.extras)]
    return found


def _run(*command: object, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command], env=env, cwd=cwd, text=True, capture_output=True
    )
    assert done.returncode == 0, f"{command[:4]} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


class Colab:
    """A virtual environment that sees some packages of the running one, and a kernel in it."""

    def __init__(self, folder: Path, environment: dict[str, str]):
        self.python = folder / "venv" / "bin" / "python"
        self.environment = environment
        venv.create(folder / "venv", with_pip=True, symlinks=True)
        self._link_packages(folder / "packages")
        kernel = folder / "kernels" / "colab"
        kernel.mkdir(parents=True)
        command = [str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": command, "display_name": "Colab", "language": "python"}
        (kernel / "kernel.json").write_text(json.dumps({**spec, "env": environment}))
        self.kernels = KernelSpecManager(kernel_dirs=[str(kernel.parent)])
        self.before = self.installed()

    @property
    def site_packages(self) -> Path:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.python.parents[1] / "lib" / version / "site-packages"

    def _link_packages(self, folder: Path) -> None:
        # Links, and not the whole folder on the path: its other packages stay out of sight, this
        # project's own among them, and pip sees the linked ones as installed.
        folder.mkdir()
        for package in _with_needs(ON_COLAB).values():
            for top in {file.parts[0] for file in package.files or []} - {"..", "__pycache__"}:
                link = folder / top
                if not link.exists():
                    link.symlink_to(Path(package.locate_file(top)).resolve())
        (self.site_packages / "colab.pth").write_text(f"{folder}\n")

    def run_python(self, *arguments: str) -> str:
        environment = {**os.environ, **self.environment}
        return _run(self.python, *arguments, env=environment, cwd=self.python.parent)

    def installed(self) -> dict[str, str]:
        """Returns the version of every distribution that the environment's metadata names."""
        return json.loads(self.run_python("-c", LIST))

    def own_packages(self) -> set[str]:
        """Returns the names of what is installed in the environment itself."""
        return {path.name.split("-")[0].lower() for path in self.site_packages.glob("*.dist-info")}

    def reset(self) -> None:
        """Takes away what earlier notebooks installed: each starts on a fresh machine."""
        if added := sorted(set(self.installed()) - set(self.before)):
            self.run_python("-m", "pip", "uninstall", "--quiet", "--yes", *added)
        assert self.installed() == self.before

    def execute(self, notebook: nbformat.NotebookNode, folder: Path) -> None:
        manager = AsyncKernelManager(kernel_name="colab", kernel_spec_manager=self.kernels)
        resources = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, km=manager, timeout=600, resources=resources).execute()


def _published(folder: Path, tag: str) -> Path:
    """Commits the working tree as it is now to a new repository under a tag."""
    listed = _run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    identity = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
    _run("git", "init", "--quiet", folder)
    _run("git", "-C", folder, "add", "--all")
    _run("git", "-C", folder, *identity, "commit", "--quiet", "--message", "Working tree")
    _run("git", "-C", folder, "tag", tag)
    return folder


def _setup_source(notebook: nbformat.NotebookNode) -> str:
    return next(c.source for c in notebook.cells if "setup" in c.metadata.get("tags", []))


@pytest.fixture(scope="module")
def colab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Colab]:
    folder = tmp_path_factory.mktemp("colab")
    setup = _setup_source(nbformat.read(NOTEBOOKS[0], as_version=4))
    address, tag = re.search(r"git\+([^@\s]+)@([^\s\"]+)", setup).groups()
    repository = _published(folder / "repository", tag)
    yield Colab(
        folder,
        {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{repository}.insteadOf",
            "GIT_CONFIG_VALUE_0": address,
            "PYTHONPATH": "",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "TQDM_DISABLE": "1",
            "IPYTHONDIR": str(folder / "ipython"),
        },
    )


def test_the_environment_has_no_helpers(colab: Colab):
    colab.reset()
    look = "import importlib.util as u; print(u.find_spec('helpers'), u.find_spec('flashtorch'))"
    assert colab.run_python("-c", look).split() == ["None", "None"]
    assert set(colab.before) > NEVER_MOVED
    assert "pytorch-executed" not in colab.before
    assert not NEVER_MOVED & colab.own_packages()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_chapter_runs_alone(colab: Colab, tmp_path: Path, path: Path):
    colab.reset()
    shutil.copy2(path, tmp_path)
    notebook = nbformat.read(tmp_path / path.name, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.cells.append(nbformat.v4.new_code_cell(PROBE))

    colab.execute(notebook, tmp_path)

    found = json.loads(notebook.cells.pop().outputs[0].text)
    assert Path(found["helpers"]).parent == colab.site_packages / "helpers"
    after = colab.installed()
    assert {name: after[name] for name in colab.before} == colab.before
    assert "pytorch-executed" in set(after) - set(colab.before)
    assert not NEVER_MOVED & colab.own_packages()
    recorded = [colab.before[name] for name in ("torch", "torchvision", "numpy")]
    assert [v.split("+")[0] for v in found["versions"]] == [v.split("+")[0] for v in recorded]
    errors = [
        output.evalue
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]
    assert not errors
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
