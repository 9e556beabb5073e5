"""Figures: what is drawn, the palette's contrast, wrong input."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from helpers import plotting

LIGHT, DARK = "#ffffff", "#10141c"


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def luminance(colour):
    """Relative luminance in [0, 1]. Source: WCAG 2.2, definition of relative luminance."""
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_right():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#ff7f0e", "#ffffff") < 3


@pytest.mark.parametrize("ground", [LIGHT, DARK])
@pytest.mark.parametrize("colour", [*plotting.PALETTE, plotting.GREY])
def test_every_colour_is_seen_on_light_and_dark(colour, ground):
    assert contrast(colour, ground) >= 3


def test_the_style_uses_the_palette_on_no_ground():
    plotting.use_style()
    cycle = plt.rcParams["axes.prop_cycle"].by_key()["color"]
    assert [colour.lower().lstrip("#") for colour in cycle] == [
        colour.lstrip("#") for colour in plotting.PALETTE
    ]
    for name in ("figure.facecolor", "axes.facecolor", "savefig.facecolor"):
        assert plt.rcParams[name] in ("none", (0, 0, 0, 0))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_draws_each_image_with_its_label(dtype, channels):
    batch = torch.arange(5 * channels * 12).view(5, channels, 4, 3).to(dtype) % 255
    batch = batch / 255 if dtype.is_floating_point else batch
    axes = plotting.images(batch, list("abcde"), columns=3)
    assert axes.shape == (5,)
    assert [ax.get_title() for ax in axes] == list("abcde")
    shown = np.asarray(axes[4].images[0].get_array())
    expected = batch[4].permute(1, 2, 0).squeeze(-1).numpy()
    assert np.array_equal(shown, expected)
    assert len(axes[0].figure.axes) == 6


def test_curves_draws_a_line_an_entry():
    ax = plotting.curves([1, 2], {"a": [3, 4], "b": [5, 6]}, xlabel="step", ylabel="loss")
    assert [list(line.get_ydata()) for line in ax.lines] == [[3, 4], [5, 6]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "loss")


@pytest.mark.parametrize("draw", [
    lambda ax: plotting.curves([1], {"a": [1]}, xlabel="x", ylabel="y", ax=ax),
    lambda ax: plotting.heatmap(torch.eye(2), ax=ax),
    lambda ax: plotting.confusion_matrix(torch.eye(2).long(), ["a", "b"], ax=ax),
])  # fmt: skip
def test_given_axes_are_used_and_returned(draw):
    ax = plt.subplots()[1]
    assert draw(ax) is ax
    assert plt.get_fignums() == [ax.figure.number]


def test_heatmap_writes_the_numbers():
    ax = plotting.heatmap(torch.tensor([[0.0, 1.0], [0.5, 0.25]]), annotate=".2f")
    assert [text.get_text() for text in ax.texts] == ["0.00", "1.00", "0.50", "0.25"]
    assert ax.texts[0].get_color() == "white" and ax.texts[1].get_color() == "black"


def test_confusion_matrix_shows_shares_of_the_true_class():
    ax = plotting.confusion_matrix(torch.tensor([[3, 1], [0, 2]]), ["cat", "dog"])
    assert [text.get_text() for text in ax.texts] == ["0.75", "0.25", "0.00", "1.00"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["cat", "dog"]


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: plotting.images([1, 2]), TypeError, "batch must be a torch.Tensor, got list"),
    (lambda: plotting.images(torch.zeros(2, 1, 4, 4, dtype=torch.int64)), TypeError,
     "uint8 or floating point, got torch.int64"),
    (lambda: plotting.images(torch.zeros(2, 4, 4)), ValueError, r"got \(2, 4, 4\)"),
    (lambda: plotting.images(torch.zeros(2, 5, 4, 4)), ValueError, r"got \(2, 5, 4, 4\)"),
    (lambda: plotting.images(torch.zeros(0, 1, 4, 4)), ValueError, "N >= 1"),
    (lambda: plotting.images(torch.zeros(2, 1, 4, 4), ["a"]), ValueError, r"\(2\), got 1"),
    (lambda: plotting.images(torch.zeros(2, 1, 4, 4), columns=0), ValueError, "at least 1, got 0"),
    (lambda: plotting.curves([1], {}, xlabel="", ylabel=""), ValueError, "at least one entry"),
    (lambda: plotting.curves([1], {"a": [1, 2]}, xlabel="", ylabel=""), ValueError,
     r"'a' must have len\(x\) = 1 values, got 2"),
    (lambda: plotting.heatmap(torch.zeros(3)), ValueError, r"\(rows, columns\), got \(3,\)"),
    (lambda: plotting.confusion_matrix(torch.eye(3), ["a", "b"]), ValueError,
     r"must have shape \(2, 2\).*got \(3, 3\)"),
    (lambda: plotting.confusion_matrix(torch.zeros(2, 2), ["a", "b"]), ValueError,
     "at least one sample in every row"),
])  # fmt: skip
def test_wrong_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
    assert plt.get_fignums() == []
