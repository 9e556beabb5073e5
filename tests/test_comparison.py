"""The comparison of outputs catches what it should and lets through what it may."""

import base64
import copy
import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.comparison import NUMBER, Tolerance, differences
from tests.notebooks import IDS, PATHS, ROOT, code_cells, tags


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def picture(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return {"output_type": "display_data", "data": {"image/png": encoded}, "metadata": {}}


def mutations(outputs, tolerance):
    """Yields (what was done, the stored outputs with that one thing changed)."""
    for index, output in enumerate(outputs):
        dropped = copy.deepcopy(outputs)
        del dropped[index]
        yield "missing output", dropped
        where = output if output["output_type"] == "stream" else output["data"]
        for key in [key for key in where if key in ("text", "text/plain", "text/html")]:
            for what, text in text_mutations(where[key], tolerance):
                changed = copy.deepcopy(outputs)
                place = changed[index]
                (place if place["output_type"] == "stream" else place["data"])[key] = text
                yield what, changed
        if "image/png" in where:
            for what, encoded in picture_mutations(where["image/png"]):
                changed = copy.deepcopy(outputs)
                changed[index]["data"]["image/png"] = encoded
                yield what, changed
    yield "added output", [*copy.deepcopy(outputs), stream("one more\n", "stderr")]


def text_mutations(text, tolerance):
    lines = text.split("\n")
    yield "added line", text + "\nanother line"
    if len(lines) > 1:
        yield "dropped line", "\n".join(lines[1:])
    word = re.search(r"[A-Za-z]{2,}", text)
    if word:
        yield "changed word", text[: word.start()] + "zebra" + text[word.end() :]
    for found in NUMBER.finditer(text):
        if found.group() in ("nan", "inf"):
            continue
        value = float(found.group())
        step = 3 * (tolerance.atol + tolerance.rtol * abs(value)) + 1
        decimal = any(mark in found.group() for mark in ".eE")
        other = f"{value + step:.6f}" if decimal else str(int(value + step))
        yield f"changed number {found.group()}", text[: found.start()] + other + text[found.end() :]


def picture_mutations(encoded):
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGBA"))
    changed = {
        "cropped picture": pixels[:-8],
        "empty picture": np.zeros_like(pixels),
        "upside down picture": pixels[::-1].copy(),
        "noise": np.random.default_rng(0).integers(0, 256, pixels.shape, dtype=np.uint8),
    }
    for what, other in changed.items():
        yield what, picture(np.ascontiguousarray(other))["data"]["image/png"]


@pytest.mark.parametrize("path", PATHS, ids=IDS)
def test_every_mutation_of_a_stored_output_is_caught(path, record_property):
    caught, missed = 0, []
    for number, cell in enumerate(code_cells(path)):
        tolerance = Tolerance.from_tags(tags(cell))
        outputs = json.loads(json.dumps(cell.outputs))
        for what, mutated in mutations(outputs, tolerance):
            if differences(outputs, mutated, tags(cell)):
                caught += 1
            else:
                missed.append(f"cell {number}: {what}")
    record_property("mutations", (caught, caught + len(missed)))
    assert not missed
    assert caught > 100


@pytest.mark.parametrize("path", PATHS, ids=IDS)
def test_a_change_within_tolerance_passes(path):
    changed = 0
    for cell in code_cells(path):
        tolerance = Tolerance.from_tags(tags(cell))
        if not tolerance.numbers:
            continue
        for output in cell.outputs:
            if output.output_type != "stream":
                continue

            def nudge(match, tolerance=tolerance):
                value = float(match.group())
                allowed = tolerance.atol + tolerance.rtol * abs(value)
                return match.group().replace(match.group(), f"{value + 0.9 * allowed:.6f}")

            text = re.sub(r"(?<![\w.])-?\d+\.\d+", nudge, output.text)
            changed += text != output.text
            assert not differences([stream(text)], [stream(output.text)], tags(cell))
    if "16_training" in path.stem:
        assert changed > 0


@pytest.mark.parametrize(
    ("new", "stored", "given", "equal"),
    [
        ("loss 0.501", "loss 0.500", ["atol=0.01"], True),
        ("loss 0.520", "loss 0.500", ["atol=0.01"], False),
        ("loss 0.501", "loss 0.500", [], False),
        ("gain 0.501", "loss 0.500", ["atol=0.01"], False),
        ("epoch 3", "epoch 2", ["atol=5"], False),
        ("10.01", " 9.99", ["atol=0.1"], True),
        ("conv2 1.0", "conv1 1.0", ["atol=5"], False),
        ("nan", "0.5", ["atol=0.1"], False),
        ("1e-05", "2e-05", ["rtol=0.1"], False),
        ("-0.01", "0.01", ["atol=0.03"], True),
        ("0.5\n", "0.5", ["atol=0.1"], False),
    ],
)
def test_text(new, stored, given, equal):
    assert (not differences([stream(new)], [stream(stored)], given)) == equal


def test_pieces_of_one_stream_count_as_one():
    assert not differences([stream("a\n"), stream("b\n")], [stream("a\nb\n")])
    assert differences([stream("a"), stream("b", "stderr")], [stream("ab")])


def test_pictures():
    ground = np.full((40, 60, 4), 255, dtype=np.uint8)
    line, moved = ground.copy(), ground.copy()
    line[20, 5:55, :3] = 0
    moved[30, 5:55, :3] = 0
    slightly = line.copy()
    slightly[20, 5, :3] = 80
    assert not differences([picture(line)], [picture(line)])
    assert not differences([picture(slightly)], [picture(line)])
    assert differences([picture(moved)], [picture(line)])
    assert differences([picture(line[:-1])], [picture(line)])
    assert not differences([picture(moved)], [picture(line)], ["picture=1"])


@pytest.mark.parametrize("tag", ["atol=x", "atol=0", "rtol=-1", "picture=2", "rtol=nan"])
def test_a_tag_that_cannot_be_meant_is_refused(tag):
    with pytest.raises(ValueError, match=re.escape(tag)):
        Tolerance.from_tags([tag])


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [False, True])
def test_plain_pytest_nbval_uses_the_comparison(tmp_path, wrong):
    """End to end, in a process of its own: a wrong digit, which a tolerance does not allow."""
    notebook = {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": 1,
                "id": "a",
                "metadata": {"tags": ["atol=0.1"]},
                "outputs": [stream("0.9\n" if wrong else "0.55\n")],
                "source": "print(0.5)",
            }
        ],
        "metadata": {"kernelspec": {"display_name": "p", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path = tmp_path / "one.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    options = ["--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), "--confcutdir=/"]
    plugins = ["-p", "no:cacheprovider", "-p", "tests.nbval_comparison"]
    command = [sys.executable, "-m", "pytest", "--nbval", *options, *plugins, str(path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ("1 failed" if wrong else "1 passed") in result.stdout, result.stdout
