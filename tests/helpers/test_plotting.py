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


def every_form(values):
    """The same numbers as they come out of a network: half a dozen kinds of tensor."""
    return {
        "bfloat16": values.bfloat16(),
        "float16": values.half(),
        "float64": values.double(),
        "with a graph": values.clone().requires_grad_() * 1.0,
        "parameter": torch.nn.Parameter(values),
        "not contiguous": values.repeat_interleave(2, dim=-1)[..., ::2],
        "expanded": values[:1].expand(*values.shape),
        "negated lazily": torch.complex(values, -values).conj().imag,
        "inference": _in_inference(values),
    }


def _in_inference(values):
    with torch.inference_mode():
        return values * 1


FORMS = list(every_form(torch.ones(2, 2)))
# Numbers that bfloat16 holds exactly.
NUMBERS = torch.arange(12.0).view(2, 1, 2, 3) / 16


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("form", FORMS)
def test_pictures_of_every_form_are_drawn(form, channels):
    batch = every_form(NUMBERS.expand(2, channels, 2, 3).contiguous())[form]
    for image, ax in zip(batch.detach(), plotting.images(batch), strict=True):
        expected = image.double().permute(1, 2, 0).squeeze(-1).numpy(force=True)
        assert np.array_equal(np.asarray(ax.images[0].get_array(), float), expected)


@pytest.mark.parametrize("form", FORMS)
def test_values_of_every_form_are_drawn(form):
    matrix = every_form(NUMBERS[:, 0, 0])[form]
    expected = matrix.detach().double().numpy(force=True)
    shown = plotting.heatmap(matrix, annotate=".3f").images[0].get_array()
    assert np.array_equal(np.asarray(shown, float), expected)
    ax = plotting.curves(matrix[0], {"tensor": matrix[1], "list": list(matrix[1])},
                         xlabel="x", ylabel="y")  # fmt: skip
    for line in ax.lines:
        assert np.array_equal(np.asarray(line.get_xdata(), float), expected[0])
        assert np.array_equal(np.asarray(line.get_ydata(), float), expected[1])
    counts = every_form(torch.tensor([[3.0, 1.0], [3.0, 1.0]]))[form]
    ax = plotting.confusion_matrix(counts, ["cat", "dog"])
    assert [text.get_text() for text in ax.texts] == ["0.75", "0.25", "0.75", "0.25"]


def test_what_lies_on_another_device_is_fetched(monkeypatch):
    """No device but the CPU is sure to be there: a tensor that refuses numpy() stands in."""

    class Elsewhere(torch.Tensor):
        def numpy(self, *, force=False):
            if not force:
                raise TypeError("can't convert a tensor on another device to numpy")
            return torch.Tensor.numpy(self.as_subclass(torch.Tensor), force=True)

    values = torch.eye(3).as_subclass(Elsewhere)
    assert len(plotting.images(values.view(1, 1, 3, 3))) == 1
    plotting.heatmap(values)
    plotting.curves(values[0], {"a": values[1]}, xlabel="x", ylabel="y")
    plotting.confusion_matrix(values, ["a", "b", "c"])


def test_booleans_are_zero_and_one():
    matrix = torch.tensor([[True, False], [False, False]])
    ax = plotting.heatmap(matrix, annotate="d")
    assert [text.get_text() for text in ax.texts] == ["1", "0", "0", "0"]
    ax = plotting.curves([0, 1], {"a": matrix[0]}, xlabel="x", ylabel="y")
    assert list(ax.lines[0].get_ydata()) == [1, 0]


@pytest.mark.filterwarnings("error")
def test_a_value_that_is_no_number_is_left_blank_and_named():
    nan = float("nan")
    ax = plotting.heatmap(torch.tensor([[1.0, nan], [0.0, float("inf")]]), annotate=".1f")
    assert [text.get_text() for text in ax.texts] == ["1.0", "nan", "0.0", "inf"]
    assert ax.texts[1].get_color() == plotting.GREY
    axes = plotting.images(torch.full((2, 3, 2, 2), nan).half())
    plotting.images(torch.tensor([[[[nan, 1.0]]]]))
    plotting.curves([1, 2], {"a": torch.tensor([nan, 1.0])}, xlabel="x", ylabel="y")
    axes[0].figure.canvas.draw()


def test_labels_may_be_a_tensor():
    axes = plotting.images(NUMBERS, torch.tensor([3, 7]))
    assert [ax.get_title() for ax in axes] == ["3", "7"]


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


def test_confusion_matrix_writes_every_number_in_black():
    counts = torch.tensor([[100, 0], [38, 62]])
    ax = plotting.confusion_matrix(counts, ["cat", "dog"])
    assert {text.get_color() for text in ax.texts} == {"black"}


def test_heatmap_takes_the_values_of_its_colours_ends():
    matrix = torch.tensor([[0.0, 1.0]])
    assert plotting.heatmap(matrix).images[0].get_clim() == (0, 1)
    assert plotting.heatmap(matrix, limits=(-1, 3)).images[0].get_clim() == (-1, 3)


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
