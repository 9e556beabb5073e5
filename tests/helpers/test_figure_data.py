"""What a figure's description holds, that it is bounded, and that IPython stores it."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.patches import Circle

from helpers import figure_data


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def described(figure):
    found = figure_data.describe(figure)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def test_a_curve_has_its_words_colour_and_points():
    figure, axes = plt.subplots()
    axes.plot([1, 2, 4], [0.1, 10, 1000], "o--", color="#2b7fd4", label="loss")
    axes.set(title="Run", xlabel="epoch", ylabel="loss (nats)", yscale="log", xlim=(0, 5))
    axes.legend()
    [found] = described(figure)["axes"]
    assert found["title"] == "Run"
    assert found["x"] == {"label": "epoch", "scale": "linear", "limits": [0, 5]}
    assert (found["y"]["label"], found["y"]["scale"]) == ("loss (nats)", "log")
    assert found["legend"] == [{"label": "loss", "color": "#2b7fd4"}]
    assert found["artists"] == [
        {
            "label": "loss",
            "kind": "line",
            "color": "#2b7fd4",
            "n": 3,
            "x": [1, 2, 4],
            "y": [0.1, 10, 1000],
            "style": "--",
            "marker": "o",
        }
    ]


def test_an_image_is_a_grid_of_means():
    figure, axes = plt.subplots()
    values = np.zeros((64, 32))
    values[:32, 16:] = 1
    axes.imshow(values, cmap="magma", vmin=-1, vmax=1)
    [image] = described(figure)["axes"][0]["artists"]
    assert (image["kind"], image["shape"], image["cmap"]) == ("image", [64, 32], "magma")
    assert image["range"] == [-1, 1]
    means = np.array(image["means"])
    assert means.shape == (16, 16)
    assert means[:8, 8:].min() == 1 and means[8:].max() == means[:, :8].max() == 0


def test_colours_of_an_image_without_a_colour_map_are_in_it():
    figure, axes = plt.subplots()
    picture = np.zeros((4, 4, 3), dtype=np.uint8)
    picture[0, 0] = 10, 20, 30
    axes.imshow(picture)
    [image] = described(figure)["axes"][0]["artists"]
    assert image["means"][0][:3] == [10, 20, 30]
    assert "cmap" not in image


def test_bars_points_areas_texts_and_arrows_are_told_apart():
    figure, axes = plt.subplots()
    axes.barh(["a", "b"], [3, 4], color=["#ff0000", "#00ff00"])
    axes.scatter([1, 2, 3], [1, 2, 3], color=["#000000", "#ffffff", "#0000ff"], label="seen")
    axes.fill_between([0, 1], [0, 1], [1, 2], color="#123456")
    axes.add_patch(Circle((1, 1), 0.5, color="#abcdef"))
    axes.text(0.5, 0.5, "here")
    axes.annotate("there", (1, 2), xytext=(3, 4), arrowprops={})
    [found] = described(figure)["axes"]
    assert found["y"]["ticks"] == ["a", "b"]
    by_kind = {}
    for artist in found["artists"]:
        by_kind.setdefault(artist["kind"], []).append(artist)
    assert [bar["color"] for bar in by_kind["Rectangle"]] == ["#ff0000", "#00ff00"]
    assert [max(bar["x"]) for bar in by_kind["Rectangle"]] == [3, 4]
    [points] = by_kind["PathCollection"]
    assert (points["label"], points["n"], points["x"]) == ("seen", 3, [1, 2, 3])
    assert points["colors"] == ["#000000", "#ffffff", "#0000ff"]
    [circle] = by_kind["Circle"]
    assert circle["color"] == "#abcdef"
    assert min(circle["x"]) == pytest.approx(0.5) and max(circle["y"]) == pytest.approx(1.5)
    texts = {artist["text"]: artist for artist in by_kind["text"]}
    assert texts["here"]["at"] == [0.5, 0.5]
    assert (texts["there"]["at"], texts["there"]["points_to"]) == ([3, 4], [1, 2])


def test_what_is_hidden_is_left_out_and_the_frame_is_told():
    figure, axes = plt.subplots()
    [line] = axes.plot([1, 2], [1, 2])
    line.set_visible(False)
    axes.axis("off")
    [found] = described(figure)["axes"]
    assert found["artists"] == [] and found["frame"] is False


def test_numbers_that_are_not_finite_are_words():
    figure, axes = plt.subplots()
    axes.plot([1, 2, 3], [1, np.nan, np.inf])
    [line] = described(figure)["axes"][0]["artists"]
    assert line["y"] == [1, "nan", "inf"]


def test_a_large_figure_has_a_small_description():
    figure, grid = plt.subplots(4, 4)
    generator = np.random.default_rng(0)
    for axes in grid.flat[:8]:
        axes.imshow(generator.random((500, 400, 3)))
    for axes in grid.flat[8:]:
        for _ in range(3):
            axes.plot(generator.standard_normal(10_000))
    assert len(json.dumps(described(figure))) < 20_000


def test_a_long_curve_is_thinned_and_its_mean_kept():
    figure, axes = plt.subplots()
    [line] = axes.plot(np.arange(1001), np.arange(1001))
    [found] = described(figure)["axes"][0]["artists"]
    assert found["n"] == 1001 and len(found["x"]) == figure_data.POINTS
    assert found["x"][0] == 0 and found["x"][-1] == 1000
    assert found["mean"] == [500, 500]
    line.set_ydata(np.where(np.arange(1001) % 20 == 10, 0, np.arange(1001)))
    [changed] = described(figure)["axes"][0]["artists"]
    assert changed["mean"] != found["mean"]


def test_the_same_figure_has_the_same_description():
    def draw():
        figure, axes = plt.subplots()
        axes.hist(np.random.default_rng(0).random(100), bins=7)
        return json.dumps(described(figure))

    assert draw() == draw()


def test_ipython_stores_the_description_beside_the_picture():
    shell = InteractiveShell()
    figure_data.register(shell)
    figure, axes = plt.subplots()
    axes.plot([1, 2], [3, 4])
    data, _ = shell.display_formatter.format(figure)
    assert data[figure_data.MIME] == figure_data.describe(figure)
    assert figure_data.MIME not in shell.display_formatter.format(3)[0]


def test_without_a_notebook_nothing_is_registered():
    figure_data.register(None)


@pytest.mark.parametrize("name", ["unnamed", "from_list"])
def test_given_colours_are_described_whatever_matplotlib_calls_their_map(name):
    grid = np.add.outer(np.arange(4.0), np.arange(4.0))
    figure, axes = plt.subplots()
    lines = axes.contour(grid, levels=[1, 3], colors=["#2b7fd4", "#d9480f"])
    lines.get_cmap().name = name
    [found] = described(figure)["axes"]
    assert [artist["cmap"] for artist in found["artists"]] == ["#2b7fd4 #d9480f"]
