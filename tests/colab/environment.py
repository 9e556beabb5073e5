"""An environment like Colab's, made once and shared by the workers of a test run.

It has what Colab has (PyTorch, NumPy, Matplotlib, a kernel, ...) and neither ``helpers`` nor the
smaller libraries. The chapters' setup cell, unchanged, installs them with pip from the
repository's git address, for which a local repository with the working tree's files stands in.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import nbformat
from filelock import FileLock
from nbclient import NotebookClient
from packaging.requirements import Requirement

from tests.notebooks import PATHS, ROOT, read

KERNEL = "colab"
ON_COLAB = (
    *("torch", "torchvision", "numpy", "matplotlib", "ipykernel", "scipy", "scikit-learn"),
    *("scikit-image", "tqdm", "requests", "opencv-python", "imageio", "shapely", "av"),
    *("safetensors", "tensorboard"),
)
# What chapter 32 installs in a cell of its own. Here it is there before: a chapter's test says that
# it installs nothing, so that one run of the tests does not depend on the order of its chapters.
SHIP = ("onnx", "onnxscript", "onnxruntime", "torchao")
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
            assert name not in (*ON_COLAB, *SHIP), f"the running environment lacks {name}"
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


def setup_cell() -> nbformat.NotebookNode:
    """Returns the cell with which every chapter starts."""
    cells = read(PATHS[0]).cells
    return next(cell for cell in cells if "setup" in cell.metadata.get("tags", []))


class Colab:
    """A virtual environment that sees some packages of the running one, and a kernel in it.

    Args:
        folder: Where it is, or is to be made.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.python = folder / "venv" / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.python.parents[1] / "lib" / version / "site-packages"

    def make(self) -> None:
        """Makes the environment without ``helpers``."""
        venv.create(self.folder / "venv", with_pip=True, symlinks=True)
        self._link_packages(self.folder / "packages")
        address, tag = re.search(r"git\+([^@\s]+)@([^\s\"]+)", setup_cell().source).groups()
        repository = _published(self.folder / "repository", tag)
        self._define_kernel(
            {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": f"url.{repository}.insteadOf",
                "GIT_CONFIG_VALUE_0": address,
                "PYTHONPATH": "",
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
                "IPYTHONDIR": str(self.folder / "ipython"),
            }
        )

    def _link_packages(self, folder: Path) -> None:
        # Links, and not the whole folder on the path: its other packages stay out of sight, this
        # project's own among them, and pip sees the linked ones as installed.
        folder.mkdir()
        for package in _with_needs((*ON_COLAB, *SHIP)).values():
            for top in {file.parts[0] for file in package.files or []} - {"..", "__pycache__"}:
                link = folder / top
                if not link.exists():
                    link.symlink_to(Path(package.locate_file(top)).resolve())
        (self.site_packages / "colab.pth").write_text(f"{folder}\n")

    def _define_kernel(self, environment: dict[str, str]) -> None:
        command = [str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": command, "display_name": "Colab", "language": "python"}
        folder = self.jupyter_path / "kernels" / KERNEL
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(json.dumps({**spec, "env": environment}))

    def run_python(self, *arguments: str) -> str:
        environment = {**os.environ, "PYTHONPATH": ""}
        return _run(self.python, *arguments, env=environment, cwd=self.python.parent)

    def installed(self) -> dict[str, str]:
        """Returns the version of every distribution that the environment's metadata names."""
        return json.loads(self.run_python("-c", LIST))

    def own_packages(self) -> set[str]:
        """Returns the names of what is installed in the environment itself."""
        folders = self.site_packages.glob("*.dist-info")
        return {path.name.split("-")[0].lower().replace("_", "-") for path in folders}

    @property
    def jupyter_path(self) -> Path:
        """The folder to name in ``JUPYTER_PATH``, so that Jupyter finds the kernel."""
        return self.folder / "jupyter"

    def run_setup_cell(self) -> None:
        """Runs the chapters' setup cell in an empty folder, as the first notebook on Colab does."""
        notebook = nbformat.v4.new_notebook(cells=[setup_cell()])
        folder = self.folder / "first"
        folder.mkdir()
        # The client ends the kernel that it starts itself, and only that one.
        NotebookClient(
            notebook,
            kernel_name=KERNEL,
            timeout=1800,
            resources={"metadata": {"path": str(folder)}},
        ).execute()
        assert not list(folder.iterdir())


def shared(folder: Path) -> tuple[Colab, dict[str, dict[str, str]]]:
    """Returns the environment of a test run, made by the worker that needs it first.

    Args:
        folder: A folder of the run, in which the environment is or is to be.

    Returns:
        The environment with ``helpers`` installed by the setup cell, and the versions of what was
        installed ``"before"`` and ``"after"`` that cell ran.
    """
    folder.mkdir(exist_ok=True)
    record = folder / "installed.json"
    colab = Colab(folder)
    with FileLock(folder / "lock"):
        if not record.exists():
            colab.make()
            look = "import importlib.util as u; print(u.find_spec('helpers'))"
            assert colab.run_python("-c", look).split() == ["None"]
            before = colab.installed()
            colab.run_setup_cell()
            record.write_text(json.dumps({"before": before, "after": colab.installed()}))
    return colab, json.loads(record.read_text())
