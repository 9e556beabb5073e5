"""With ``--colab``, each chapter is run and compared where Colab would run it.

The kernel is one of an environment without the repository (see ``environment``), and the working
folder is empty. A last test for each chapter looks at what the chapter used, and what it left.
``JUPYTER_PATH`` makes the kernel known to nbval and to nbclient.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbFile

from tests.colab.environment import KERNEL, Colab, shared

_cells = IPyNbFile.collect
PROBE = """
import json as _json, importlib.metadata as _metadata, pathlib as _pathlib, sys as _sys
import helpers as _helpers, numpy as _numpy, torch as _torch, torchvision as _torchvision
_pathlib.Path({path!r}).write_text(_json.dumps({{
    "helpers": _helpers.__file__,
    "prefix": _sys.prefix,
    "folder": [path.name for path in _pathlib.Path({folder!r}).iterdir()],
    "installed": {{d.name.lower(): d.version for d in _metadata.distributions()
                  # Whoever imports setuptools finds what it keeps for itself on the path, too.
                  if "_vendor" not in str(d.locate_file(""))}},
    "imported": {{
        "torch": _torch.__version__,
        "torchvision": _torchvision.__version__,
        "numpy": _numpy.__version__,
    }},
}}))
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("notebooks").addoption(
        "--colab",
        action="store_true",
        help="run each chapter in an environment like Colab's: without the repository, in an "
        "empty folder, with helpers installed by the setup cell",
    )


def folder() -> Path:
    """Returns the folder of this test run's environment, the same in all of its workers."""
    return Path(tempfile.gettempdir()) / "colab"


def setup(self: IPyNbFile) -> None:
    """Replaces nbval's ``setup``: starts the kernel of the other environment, elsewhere."""
    self.colab, self.installed = shared(folder())
    self.work = tempfile.TemporaryDirectory(prefix="content-")
    self.kernel = RunningKernel(
        KERNEL,
        cwd=self.work.name,
        startup_timeout=self.config.option.nbval_kernel_startup_timeout,
    )
    self.setup_sanitize_files()


def collect(self: IPyNbFile) -> Iterator[pytest.Item]:
    """Adds a test to those that nbval makes of the cells."""
    yield from _cells(self)
    yield RunsAlone.from_parent(self, name="runs alone")


class RunsAlone(pytest.Item):
    """What a chapter used and what it left behind, asked of its kernel after its last cell."""

    def runtest(self) -> None:
        chapter = self.parent
        answer = chapter.colab.folder / f"{chapter.path.stem}.json"
        probe = PROBE.format(path=str(answer), folder=chapter.work.name)
        message = chapter.kernel.execute_cell_input(probe)
        chapter.kernel.await_reply(message, timeout=self.config.option.nbval_cell_timeout)
        found = json.loads(answer.read_text())
        assert Path(found["prefix"]) == chapter.colab.python.parents[1]
        assert Path(found["helpers"]).parent == chapter.colab.site_packages / "helpers"
        assert found["installed"] == chapter.installed["after"]
        for name, version in found["imported"].items():
            recorded = chapter.installed["before"][name]
            assert version.partition("+")[0] == recorded.partition("+")[0], name
        assert not found["folder"]

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"{self.path.stem} runs alone"


def pytest_configure(config: pytest.Config) -> None:
    if config.option.colab:
        os.environ["JUPYTER_PATH"] = str(Colab(folder()).jupyter_path)
        IPyNbFile.setup, IPyNbFile.collect = setup, collect
