"""Explorers in a notebook: what is displayed, still figures, errors that say what is allowed."""

import base64
import html
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from helpers import explorers
from helpers.data import FASHION_CLASSES, fashion_mnist
from helpers.explorers.stills import STILLS

every_explorer = pytest.mark.parametrize("name", explorers.names())


class Handle:
    def __init__(self, shown):
        self.shown = shown

    def update(self, bundle, raw=False):
        assert raw
        self.shown.append(bundle)


@pytest.fixture
def displayed(monkeypatch):
    """Returns what is displayed, one state of the output after the other."""
    shown = []

    def display(bundle, raw=False, display_id=False):
        assert raw
        shown.append(bundle)
        return Handle(shown) if display_id else None

    monkeypatch.setattr("IPython.display.display", display)
    return shown


def still(text):
    return ElementTree.fromstring(text)


@every_explorer
def test_an_element_holds_its_state_and_a_still_figure(name):
    text = explorers.html(name)
    element = still(text)
    assert element.tag == f"explorer-{name}"
    start = {control["key"]: control["value"] for control in explorers.controls(name)}
    assert json.loads(element.get("state")) == start
    words = " ".join(element.itertext())
    assert "nan" not in words and len(words) > 60
    assert "<script" not in text and len(text) < 12_000
    drawn = re.findall(r"<(svg|table)", text)
    assert drawn and (drawn[0] == "table" or 'role="img"' in text)
    assert text == explorers.html(name), "the same in every run"


@every_explorer
def test_the_script_comes_and_goes(name, displayed):
    assert explorers.show(name) is None
    first, middle, last = displayed
    assert first == last
    assert first["text/html"] == explorers.html(name)
    assert (
        middle["text/html"] == f"{explorers.html(name)}<script>{explorers.scripts(name)}</script>"
    )
    assert f'define("{name}", {{' in middle["text/html"]
    assert "</script" not in explorers.scripts(name)


def test_a_front_end_without_html_shows_the_sentence(displayed):
    explorers.show("boxes", threshold=0)
    assert displayed[-1]["text/plain"] == (
        "At an IoU threshold of 0, the boxes 0, 3 are kept. The IoU of box 0 and box 1 is 0.5727."
    )
    explorers.show("convolution", size=1)
    assert displayed[-1]["text/plain"].startswith("RuntimeError: Calculated padded input size")


def test_colab_keeps_the_script(displayed, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", object())
    explorers.show("boxes", threshold=0.3)
    (only,) = displayed
    text = only["text/html"]
    assert text.startswith(explorers.html("boxes", threshold=0.3)) and text.endswith("</script>")


def test_a_state_replaces_the_start():
    text = explorers.html("convolution", size=4, stride=2)
    assert json.loads(still(text).get("state"))["stride"] == 2
    assert "Output 1 × 1" in text
    assert html.unescape(text).count("Output") == 1
    assert "RuntimeError: Calculated padded input size" in explorers.html("convolution", size=1)


@pytest.mark.parametrize(
    ("name", "state", "words"),
    [
        ("convolutions", {}, "name must be one of broadcasting, .*, got 'convolutions'"),
        ("convolution", {"strides": 2}, "convolution has size, .* to set, got 'strides'"),
        ("convolution", {"stride": 4}, "stride .* a whole number from 1 to 3, got 4"),
        ("convolution", {"stride": 1.5}, "whole number from 1 to 3, got 1.5"),
        ("convolution", {"stride": True}, "whole number from 1 to 3, got True"),
        ("convolution", {"stride": "2"}, "whole number from 1 to 3, got '2'"),
        ("convolution", {"transposed": 1}, "transposed .* must be True or False, got 1"),
        ("signal", {"gain": 1.05}, "a number from 0.5 to 3 in steps of 0.1, got 1.05"),
        ("signal", {"gain": float("nan")}, "in steps of 0.1, got nan"),
        ("race", {"rate": 0.2}, "rate of race must be one of 0.0001, .*, got 0.2"),
        ("race", {"first": "adam"}, "must be one of 'SGD', .*, got 'adam'"),
        ("strides", {"shape": 3}, "a string of at most 20 characters, got 3"),
        ("strides", {"shape": "3, x"}, "1 to 3 sizes of 1 or more, .* got '3, x'"),
        ("strides", {"shape": "7, 7"}, "at most 48 numbers in all, got '7, 7'"),
        ("broadcasting", {"a": "1, 1, 1, 1, 1"}, "0 to 4 sizes from 0 to 6"),
        ("broadcasting", {"a": "7"}, "0 to 4 sizes from 0 to 6"),
        ("boxes", {"boxes": []}, r"1 to 8 rows of \(x1 from 0 to 99 in steps of 1, .*got \[\]"),
        ("boxes", {"boxes": [[1, 2, 3, 4]]}, "rows of"),
        ("boxes", {"boxes": [[9, 2, 3, 4, 0.5]]}, "x1 < x2 and y1 < y2"),
        ("graph", {"expression": "__import__('os')"}, "expression must be made of a, b, c"),
        ("graph", {"expression": "2 * 3"}, "has no gradient"),
        ("graph", {"expression": "a +"}, "has no gradient"),
        ("floats", {"value": "one"}, "value must be a number, got 'one'"),
        ("draw", {"picture": "Hat"}, "picture of draw must be one of 'nothing', .*, got 'Hat'"),
        ("draw", {"strokes": [[0, 0, 28, 0, 1, 5]]}, r"0 to 150 rows of \(x1 from 0 to 27"),
    ],
)
def test_an_error_names_what_was_given_and_what_is_allowed(name, state, words):
    with pytest.raises(ValueError, match=words):
        explorers.show(name, **state)


def test_fields_say_what_can_be_set():
    assert explorers.fields("boxes")["threshold"] == "a number from 0 to 1 in steps of 0.05"
    assert explorers.fields("graph")["expression"] == "a string of at most 48 characters"
    for name in explorers.names():
        keys = [control["key"] for control in explorers.controls(name)]
        assert list(explorers.fields(name)) == keys and "name" not in keys


@pytest.mark.parametrize(
    ("name", "state", "words"),
    [
        ("broadcasting", {"a": "2, 3, 1", "b": "3, 4"}, "(2, 3, 1) and (3, 4) fit: (2, 3, 4)"),
        ("broadcasting", {"a": "2", "b": "3"}, "RuntimeError: The size of tensor a (2)"),
        ("strides", {"second": ".reshape(-1)"}, "stride (1,) and offset 0. It is a copy"),
        ("strides", {"second": ".view(-1)"}, "RuntimeError: view size is not compatible"),
        ("graph", {"expression": "a * b", "a": 2, "b": -1}, "y = a * b = -2."),
        ("line", {"steps": 0}, "After 0 steps with the rate 0.05: slope -2, intercept -2"),
        ("boxes", {"threshold": 0.0}, "the boxes 0, 3 are kept"),
        ("convolution", {"padding": 1, "stride": 2}, "from 6 × 6 to 3 × 3"),
        ("convolution", {"transposed": True, "stride": 2}, "from 6 × 6 to 13 × 13"),
        ("signal", {"depth": 1}, "in 1 layers of 64 units with tanh"),
        ("losses", {"loss": "MSELoss"}, "the loss is 4, its slope 4."),
        ("losses", {"loss": "CrossEntropyLoss"}, "The label is class 1; the loss is 1.349"),
        ("race", {"first": "Nesterov", "momentum": 0}, "ValueError: Nesterov momentum"),
        ("race", {"steps": 1, "second": "nothing"}, "SGD at 0.05 is at (-3.8, 0), value 7.22"),
        ("schedule", {"at": 0}, "Epoch 0 of 60 trains with 0.01"),
        ("floats", {"value": "3"}, "In bfloat16, 3 is 3."),
        ("draw", {}, "The network says T-shirt/top, with the probability 0.97; then Shirt, 0.02."),
        ("draw", {"picture": "Trouser", "strokes": []}, "The network says Trouser"),
    ],
)  # fmt: skip
def test_still_figures_say_what_pytorch_says(name, state, words):
    assert words in html.unescape(explorers.html(name, **state))


def test_still_figures_draw_what_is_there():
    """A curve's points, a table's numbers and a box's frame are those of the state."""
    boxes = explorers.html("boxes", boxes=[[10, 20, 30, 60, 0.5]])
    assert '<rect x="30" y="60" width="60" height="120"' in boxes
    ones = explorers.html("convolution", size=2, kernel=1)
    found = " ".join(re.findall(r">(-?\d+)</text>", ones))
    assert found == "0 7 4 1 0 -7 -4 -1"
    line = explorers.html("line", steps=0, w0=1, b0=0, points=[[1, 2]])
    descent = re.search(r'd="(M[^"]*)" fill="none" stroke="#d9480f"', line)[1]
    first, *_, last = re.findall(r"([\d.]+),([\d.]+)", descent)
    assert (first, last) == (("46.0", "246.0"), ("348.0", "24.0"))


def test_a_picture_is_drawn_in_seven_greys():
    text = explorers.html("draw", picture="nothing", strokes=[[5, 9, 15, 9, 1, 255]])
    (path,) = re.findall(r'<path fill="#ffffff" d="([^"]+)"/>', text)
    assert path == "M25 45h55v5h-55z"
    assert "<path" not in explorers.html("draw", picture="nothing", strokes=[])


def test_the_data_of_draw_are_the_shipped_file_and_the_first_garments():
    before, _, given = explorers.data("draw").partition(" = ")
    assert before == "(window.executedExplorers.data ??= {}).draw"
    found = json.loads(given.removesuffix(";\n"))
    folder = Path(explorers.__file__).parents[1] / "assets"
    assert base64.b64decode(found["weights"]) == (folder / "draw.safetensors").read_bytes()
    images, labels = fashion_mnist("test")
    assert found["names"] == list(FASHION_CLASSES)
    assert labels[found["places"]].tolist() == list(range(10))
    assert base64.b64decode(found["pictures"]) == images[found["places"]].numpy().tobytes()
    assert explorers.data("boxes") == ""


@pytest.mark.slow
def test_importing_explorers_loads_no_front_end():
    code = "import sys, helpers; helpers.explorers; print('IPython' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_every_explorer_has_a_still_figure():
    scripts = {path.stem for path in explorers.SCRIPTS.glob("*.js")} - {"explorer"}
    assert scripts == set(STILLS) == set(explorers.names())
