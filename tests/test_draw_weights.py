"""The weights that chapter 32 ships and the explorer draw runs: their file, and how it is made."""

import json
import runpy

import nbformat
import pytest
import torch
from safetensors import safe_open

from helpers.data import FASHION_CLASSES, fashion_mnist
from helpers.networks import shipped
from helpers.predict import load_network
from tests.notebooks import ROOT, code_cells

tool = runpy.run_path(str(ROOT / "book" / "tools" / "draw_weights.py"))
CHAPTER = ROOT / "notebooks" / "32_shipping.ipynb"


def test_the_tool_runs_the_chapter_as_far_as_its_file():
    whole = code_cells(CHAPTER)
    chosen = tool["cells"](nbformat.v4.new_notebook(cells=whole))
    assert [cell.source for cell in chosen] == [cell.source for cell in whole[: len(chosen)]]
    assert 'save_file(small.state_dict(), here / "garments.safetensors"' in chosen[-1].source
    assert any("train(seed=0)" in cell.source for cell in chosen)
    with pytest.raises(ValueError, match=r"no cell of 32_shipping.* saves the weights"):
        tool["cells"](nbformat.v4.new_notebook(cells=chosen[:-1]))


def test_the_file_says_what_it_is():
    (cell,) = [cell for cell in code_cells(CHAPTER) if "\nsave_file(small" in cell.source]
    names = {"MEAN": 0.286, "STD": 0.353, "FASHION_CLASSES": FASHION_CLASSES}
    exec(cell.source.partition("save_file(")[0], names)
    with safe_open(shipped.PATH, "pt") as file:
        assert json.loads(file.metadata()["card"]) == json.loads(json.dumps(names["card"]))
        tensors = [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118
    assert sum(tensor.numel() for tensor in tensors) == 29_066
    assert {tensor.dtype for tensor in tensors} == {torch.float32}
    licence = shipped.PATH.with_suffix(".LICENSE").read_text(encoding="utf-8")
    assert "MIT License" in licence and "Fashion-MNIST" in licence


@pytest.mark.slow
def test_the_network_knows_its_garments():
    images, labels = fashion_mnist("test")
    right = (load_network().logits(images).argmax(dim=1) == labels).float().mean()
    assert 0.88 < right < 0.89
