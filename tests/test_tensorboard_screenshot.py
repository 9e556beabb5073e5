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
STEPS = (320, 447, 890, 463)  # the numbers below the upper chart, in pixels


def _blurred(path, radius=8, part=None) -> np.ndarray:
    with Image.open(path) as image:
        blurred = image.convert("RGB").filter(ImageFilter.BoxBlur(radius))
        return np.asarray(blurred.crop(part) if part else blurred, dtype=float)


def test_the_stored_picture_is_what_the_page_looks_like(tmp_path):
    subprocess.run([sys.executable, TOOL, tmp_path / "new.png"], check=True)
    new, stored = _blurred(tmp_path / "new.png"), _blurred(STORED)
    assert new.shape == stored.shape
    assert np.abs(new - stored).mean() < 6
    # Epochs in place of steps, as in an older picture, lie 8 apart.
    steps = [_blurred(path, 1, STEPS) for path in (tmp_path / "new.png", STORED)]
    assert np.abs(steps[0] - steps[1]).mean() < 3
    # The page of another folder, empty but for its frame, would not pass.
    assert np.abs(stored[::-1] - stored).mean() > 12
