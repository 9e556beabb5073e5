"""setup, seeds and the device, and that ``import helpers`` stays light."""

import random
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
import torch

import helpers
from helpers import environment
from tests.notebooks import PATHS, ROOT, code_cells, python


def draws():
    return random.random(), np.random.rand(), torch.rand(1).item()


def test_setup_seeds_every_generator():
    helpers.setup(seed=3)
    first = draws()
    assert draws() != first
    helpers.setup(seed=3)
    assert draws() == first
    helpers.setup(seed=4)
    assert all(a != b for a, b in zip(draws(), first, strict=True))


def test_setup_asks_for_full_precision():
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    torch.backends.cudnn.benchmark = True
    helpers.setup()
    assert torch.backends.cuda.matmul.fp32_precision == "ieee"
    assert torch.backends.cudnn.conv.fp32_precision == "ieee"
    assert not torch.backends.cudnn.benchmark and torch.backends.cudnn.deterministic


@pytest.mark.slow
def test_a_network_can_be_exported_after_setup():
    """torch.export asks for the older switches, which must not contradict the newer ones."""
    code = (
        "import helpers, torch; helpers.setup(); net = torch.nn.Linear(2, 1)\n"
        "print(len(torch.export.export(net, (torch.zeros(3, 2),)).graph_signature.parameters))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert done.stdout == "2\n", done.stderr


def test_processes_print_tracebacks_without_colours(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("PYTHON_COLORS", raising=False)
    helpers.setup()
    done = subprocess.run([sys.executable, "-c", "1 / 0"], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize("seed", ["0", 1.0, None, True])
def test_a_seed_of_another_type_is_an_error(seed):
    with pytest.raises(TypeError, match=r"seed must be an int, got \w+"):
        helpers.setup(seed)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_an_error(seed):
    with pytest.raises(ValueError, match=str(seed)):
        helpers.seed_everything(seed)


def installed(monkeypatch, **numbers):
    """Pretends that these releases are installed, each torchvision with what it asks of torch."""

    def version(name):
        if name not in numbers:
            raise PackageNotFoundError(name)
        return numbers[name].split()[0]

    monkeypatch.setattr(environment, "version", version)
    needed = {name: text.split()[1:] for name, text in numbers.items()}
    monkeypatch.setattr(environment, "requires", lambda name: needed[name] or None)


@pytest.mark.parametrize("found", ["2.10.1", "1.13.0", "2.9.0+cpu"])
def test_an_old_torch_is_an_error_that_says_what_to_type(monkeypatch, found):
    installed(monkeypatch, torch=found, torchvision="0.20.0")
    with pytest.raises(RuntimeError) as caught:
        helpers.setup()
    assert str(caught.value) == (
        f"this book needs torch 2.11 or newer, found {found}: type  %pip install --upgrade torch "
        "torchvision  in a cell, then restart the kernel."
    )


@pytest.mark.parametrize(("torch_found", "vision"), [
    ("2.11.0", "0.26.0 torch==2.11.0 numpy"),
    ("2.11.1+cu130", "0.26.0 torch==2.11.0"),
    ("2.15.0", "0.29.2 torch>=2.14.0"),
    ("2.16.0.dev20261001", "0.31.0.dev20261001 torch==2.16.0.dev20261001"),
    ("2.15.0a0+git1", "0.30.0a0+git2 numpy"),
    ("2.15.0", "0.30.0"),
    ("3.0.0a0+git1", "1.0.0 torch>=2.14.0"),
])  # fmt: skip
def test_releases_that_fit_are_welcome(monkeypatch, torch_found, vision):
    installed(monkeypatch, torch=torch_found, torchvision=vision)
    helpers.setup()


@pytest.mark.parametrize(("torch_found", "vision", "told"), [
    ("2.15.0", "0.26.0 numpy torch==2.11.0", "torchvision 0.26.0 needs torch==2.11.0, found torch"),
    ("2.12.0+cpu", "0.28.1 torch==2.13.0", "torchvision 0.28.1 needs torch==2.13.0, found torch"),
    ("2.13.1", "0.29.2 torch>=2.14.0", "torchvision 0.29.2 needs torch>=2.14.0, found"),
])  # fmt: skip
def test_a_torchvision_of_another_release_is_named(monkeypatch, torch_found, vision, told):
    installed(monkeypatch, torch=torch_found, torchvision=vision)
    with pytest.raises(RuntimeError) as caught:
        helpers.setup()
    typed = f"%pip install --upgrade torchvision torch=={torch_found.removesuffix('+cpu')}  in"
    assert str(caught.value).startswith(told) and typed in str(caught.value)


def test_a_missing_torchvision_is_named(monkeypatch):
    installed(monkeypatch, torch="2.15.0")
    with pytest.raises(RuntimeError, match=r"torchvision is missing: type  %pip install"):
        helpers.setup()


SETUP = python(code_cells(PATHS[0])[0])


@pytest.mark.parametrize("own", ["helpers.py", "helpers/__init__.py", "helpers/plots.py"])
def test_another_module_called_helpers_is_named_by_the_setup_cell(tmp_path, own):
    (tmp_path / own).parent.mkdir(exist_ok=True)
    (tmp_path / own).write_text("def plot(): ...\n")
    # Without site-packages: a folder without __init__.py hides only what is not installed.
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = ['.']\n{SETUP}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    told = done.stderr.splitlines()[-1]
    assert told.startswith("ImportError: <module 'helpers' ")
    assert told.endswith("> is not the book's: rename it, then restart the kernel")
    assert str(Path(own).parts[0]) in told


@pytest.mark.slow
def test_the_setup_cell_takes_the_books_helpers():
    done = subprocess.run([sys.executable, "-c", SETUP], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_device_follows_the_machine_and_the_environment(monkeypatch):
    monkeypatch.delenv("BOOK_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert helpers.device() == torch.device("cuda")
    monkeypatch.setenv("BOOK_DEVICE", "cpu")
    assert helpers.device() == torch.device("cpu")
    assert helpers.device("cuda") == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("BOOK_DEVICE")
    assert helpers.device() == torch.device("cpu")
    with pytest.raises(RuntimeError, match="'cuda' was asked for"):
        helpers.device("cuda")


def test_an_unknown_device_is_an_error():
    with pytest.raises(ValueError, match="'cpu' or 'cuda', got 'tpu'"):
        helpers.device("tpu")


def test_import_loads_no_heavy_package():
    heavy = ["torch", "matplotlib", "sklearn", "skimage", "imgaug", "flashtorch", "numpy"]
    code = f"import helpers, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there():
    for name in helpers.__all__:
        assert getattr(helpers, name) is not None
        assert name in dir(helpers)


def test_an_unknown_name_is_an_error():
    with pytest.raises(AttributeError, match="'helpers' has no attribute 'trainer'"):
        helpers.trainer  # noqa: B018
