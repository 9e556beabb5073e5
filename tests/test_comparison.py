"""The comparison of outputs catches what it should and lets through what it may."""

import json
import re
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers.figure_data import describe
from tests.comparison import FIGURE, Tolerance, differences
from tests.mutations import mutations, png
from tests.notebooks import IDS, PATHS, ROOT, code_cells, tags


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def picture(pixels):
    return {"output_type": "display_data", "data": {"image/png": png(pixels)}, "metadata": {}}


def figure(draw):
    """Returns the output of a figure's description, as stored and read again."""
    drawn, axes = plt.subplots()
    draw(axes)
    data = {FIGURE: json.loads(json.dumps(describe(drawn)))}
    plt.close(drawn)
    return {"output_type": "display_data", "data": data, "metadata": {}}


@pytest.mark.slow
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

            text = re.sub(r"(?<!\w=)(?<!\w=-)(?<![\w.])-?\d+\.\d+", nudge, output.text)
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
        ("lr=0.0045: loss 0.500", "lr=0.003: loss 0.500", ["atol=0.02"], False),
        ("lr=0.003: loss 0.501", "lr=0.003: loss 0.500", ["atol=0.02"], True),
        ("x=-0.31 0.5", "x=-0.30 0.5", ["atol=0.1"], False),
        ("loss = 0.501", "loss = 0.500", ["atol=0.02"], True),
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


def test_pixels_are_left_out_where_another_matplotlib_drew_and_data_are_not():
    one, other = (figure(lambda axes, y=y: axes.plot([0, 1], y)) for y in ([0, 1], [1, 0]))
    pixels = np.full((2, 40, 60, 4), 255, dtype=np.uint8)
    pixels[1, :20, :, :3] = 0
    for output, drawn in ((one, pixels[0]), (other, pixels[1])):
        output["data"]["image/png"] = png(drawn)
    repainted = {**one, "data": {**one["data"], "image/png": png(pixels[1])}}
    assert differences([repainted], [one])
    assert not differences([repainted], [one], pixels=False)
    assert differences([other], [one], pixels=False)
    assert differences([picture(pixels[0])], [picture(pixels[1])], pixels=False)


STEPS = np.linspace(0, 1, 400)


def line(*y, style="-"):
    return figure(lambda axes: axes.plot(range(len(y)), y, style))


def image(values, **options):
    return figure(lambda axes: axes.imshow(values, **options))


def setting(**values):
    return figure(lambda axes: axes.set(**values))


@pytest.mark.parametrize(
    ("new", "stored", "given", "equal"),
    [
        (line(0, 1), line(0, 1), [], True),
        (line(0, 0.99), line(0, 1), [], False),
        (line(0, 0.99), line(0, 1), ["figure=0.02"], True),
        (line(0, 0.9), line(0, 1), ["figure=0.02"], False),
        (line(0, 1, style="r"), line(0, 1), ["figure=1"], False),
        (line(0, 1, style=":"), line(0, 1), ["figure=1"], False),
        (setting(xlim=(0, 1)), line(0, 1), ["figure=1"], False),
        (line(*STEPS**1.01), line(*STEPS), ["figure=0.01"], True),
        (line(*STEPS**1.1), line(*STEPS), ["figure=0.01"], False),
        (line(*STEPS[:300]), line(*STEPS), ["figure=1"], False),
        (setting(title="loss"), setting(title="Loss"), ["figure=1"], False),
        (setting(title="0.51"), setting(title="0.50"), ["figure=1"], False),
        (setting(title="0.51"), setting(title="0.50"), ["atol=0.02"], True),
        (setting(yscale="log"), setting(), ["figure=1"], False),
        (setting(ylim=(1, 0)), setting(ylim=(0, 1)), ["figure=0.5"], False),
        (image(np.eye(4)), image(np.eye(4)[::-1]), ["figure=0.5"], False),
        (image(np.eye(4)), image(np.eye(4), cmap="gray"), ["figure=1"], False),
    ],
)
def test_figures(new, stored, given, equal):
    assert (not differences([new], [stored], given)) == equal


def test_values_on_a_logarithmic_axis_are_compared_by_their_place():
    def rising(last):
        return figure(lambda a: (a.plot([0, 1], [1e-4, last]), a.set(yscale="log", ylim=(1e-5, 1))))

    assert not differences([rising(2e-3)], [rising(1e-3)], ["figure=0.07"])
    assert differences([rising(2e-3)], [rising(1e-3)], ["figure=0.05"])


@pytest.mark.parametrize(
    "tag", ["atol=x", "atol=0", "rtol=-1", "picture=2", "rtol=nan", "figure=0", "figure=2"]
)
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
