"""The tool that photographs TensorBoard: it works today, and its picture is the stored one."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tests.notebooks import ROOT

pytestmark = pytest.mark.slow
STORED = ROOT / "helpers" / "assets" / "tensorboard.png"
TOOL = ROOT / "book" / "tools" / "tensorboard_screenshot.py"


def _blurred(path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").filter(ImageFilter.BoxBlur(8)), dtype=float)


def test_the_stored_picture_is_what_the_page_looks_like(tmp_path):
    subprocess.run([sys.executable, TOOL, tmp_path / "new.png"], check=True)
    new, stored = _blurred(tmp_path / "new.png"), _blurred(STORED)
    assert new.shape == stored.shape
    assert np.abs(new - stored).mean() < 6
    # The page of another folder, empty but for its frame, would not pass.
    assert np.abs(stored[::-1] - stored).mean() > 12
