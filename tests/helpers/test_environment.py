"""setup, seeds and the device, and that ``import helpers`` stays light."""

import random
import subprocess
import sys

import numpy as np
import pytest
import torch

import helpers
from helpers import environment


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


@pytest.mark.parametrize("found", ["2.10.1", "1.13.0", "2.9.0+cpu"])
def test_an_old_torch_is_an_error(monkeypatch, found):
    monkeypatch.setattr(environment, "version", lambda name: found)
    with pytest.raises(RuntimeError, match=r"needs torch 2\.11 or newer, found"):
        helpers.setup()


@pytest.mark.parametrize("found", ["2.11.0", "2.15.0+cu130", "3.0.0a0+git1"])
def test_a_newer_torch_is_welcome(monkeypatch, found):
    monkeypatch.setattr(environment, "version", lambda name: found)
    helpers.setup()


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
