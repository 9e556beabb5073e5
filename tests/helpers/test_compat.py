"""helpers.compat: the packages fail unmended, in processes of their own, and work mended."""

import json
import subprocess
import sys
import warnings
from importlib import import_module

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from captum.attr import GuidedBackprop, Saliency
from torch import nn

from helpers.compat import augmenters, flashtorch, imgaug
from tests.notebooks import ROOT

iaa = imgaug.augmenters
WITH_SCTYPES = """
import numpy as np
np.sctypes = {"float": [np.float16, np.float32, np.float64], "int": [np.int8, np.int16, np.int32,
              np.int64], "uint": [np.uint8, np.uint16, np.uint32, np.uint64]}
import imgaug, imgaug.augmenters as iaa
image = np.zeros((16, 16, 3), np.uint8)
"""

pytestmark = pytest.mark.slow


def unmended(code):
    """Runs code in a fresh process; returns what it said when it failed."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode != 0, f"it works without a mend now: {code}"
    return done.stderr


@pytest.fixture
def image():
    return imgaug.quokka(size=(64, 96))


def test_imgaug_as_published_cannot_be_imported():
    assert "`np.sctypes` was removed" in unmended("import imgaug")


def test_imgaug_with_only_its_import_mended_fails():
    expected = {
        "imgaug.parameters.FrequencyNoise().draw_samples((8, 8))": "no attribute 'complex'",
        "iaa.ElasticTransformation(alpha=20, sigma=5)(image=image)": "Assertion failed",
        "iaa.pillike.Autocontrast(20)(image=image)": "0-dimensional arrays",
        "iaa.WithPolarWarping(iaa.Crop(px=1))(image=image, keypoints=[(3, 4)])":
            "axis 1 is out of bounds",
        "imgaug.imshow(image)": "no attribute 'set_window_title'",
        "imgaug.augmentables.Polygon([(-4, 0), (-4, 9), (0, 9), (0, 6), (-2, 6), (-2, 3), (8, 3),"
        "(8, 0)]).clip_out_of_image(image)": "AssertionError",
    }  # fmt: skip
    attempts = f"""
import json, traceback
said = {{}}
for code in {list(expected)!r}:
    try:
        exec(code)
    except Exception:
        said[code] = traceback.format_exc()
print(json.dumps(said))
"""
    done = subprocess.run(
        [sys.executable, "-c", WITH_SCTYPES + attempts], capture_output=True, text=True, check=True
    )
    said = json.loads(done.stdout.splitlines()[-1])
    assert said.keys() == expected.keys(), "what is missing works without a mend now"
    for code, message in expected.items():
        assert message in said[code], code


def test_numpy_and_opencv_are_left_alone():
    assert not hasattr(np, "sctypes") and not hasattr(np, "complex")
    with pytest.raises(cv2.error):
        cv2.convertMaps(np.zeros((4, 4)), np.zeros((4, 4)), cv2.CV_16SC2)


def test_the_mended_package_is_the_package():
    assert imgaug.__name__ == "imgaug" and flashtorch.__name__ == "flashtorch"
    assert sys.modules["imgaug"] is imgaug


def test_import_helpers_mends_nothing():
    code = "import helpers, sys; print({'imgaug', 'flashtorch', 'cv2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_an_elastic_transformation_of_nothing_is_the_identity(image):
    assert np.array_equal(iaa.ElasticTransformation(alpha=0.0, sigma=5.0)(image=image), image)
    imgaug.seed(0)
    moved = iaa.ElasticTransformation(alpha=40.0, sigma=5.0)(image=image)
    assert moved.shape == image.shape and not np.array_equal(moved, image)


def test_autocontrast_equals_pillow(image):
    from PIL import Image, ImageOps

    expected = np.asarray(ImageOps.autocontrast(Image.fromarray(image), cutoff=20))
    assert np.array_equal(iaa.pillike.Autocontrast(20)(image=image), expected)


def annotations(shape):
    """Returns one annotation of each kind that imgaug moves with a picture."""
    size = shape[:2]
    return {
        "keypoints": imgaug.KeypointsOnImage(
            [imgaug.Keypoint(5, 9), imgaug.Keypoint(60, 20)], shape
        ),
        "bounding_boxes": imgaug.quokka_bounding_boxes(size=size),
        "polygons": imgaug.quokka_polygons(size=size),
        "line_strings": imgaug.LineStringsOnImage([imgaug.LineString([(2, 2), (50, 10)])], shape),
        "heatmaps": imgaug.quokka_heatmap(size=size),
        "segmentation_maps": imgaug.quokka_segmentation_map(size=size),
    }


# What imgaug itself says it cannot do. RandAugment draws the Affine of pillike now and then.
IMAGES_ONLY = {"pillike.Affine"}
NOT_IN_PIECES = {"bounding_boxes", "polygons", "line_strings"}


@pytest.mark.parametrize("kind", annotations((64, 96, 3)))
def test_every_augmenter_moves_annotations_along_but_those_that_say_no(image, kind):
    given = annotations(image.shape)
    failing = {}
    for name, make in augmenters.examples().items():
        if name.startswith("imgcorruptlike."):
            continue
        needed = [kind]
        needed += ["segmentation_maps"] * ("SegMap" in name)
        needed += ["bounding_boxes"] * ("BoundingBoxes" in name)
        imgaug.seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                make()(image=image, **{key: given[key] for key in needed})
            except Exception as error:
                failing[name] = str(error)
    expected = IMAGES_ONLY | ({"Jigsaw"} if kind in NOT_IN_PIECES else set())
    assert set(failing) - {"RandAugment"} == expected
    assert all("can currently only process" in text or "only supports" in text
               for text in failing.values())  # fmt: skip


def test_polar_warping_moves_a_point_with_its_pixel():
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[11:14, 40:43] = 255
    # Cropped by nothing, the way there and back is the identity.
    stay = iaa.WithPolarWarping(iaa.Identity())
    (_, points) = stay(image=pixels, keypoints=[(41.5, 12.5), (3.0, 40.0)])
    assert np.allclose(points, [(41.5, 12.5), (3.0, 40.0)], atol=0.05)
    imgaug.seed(3)
    turn = iaa.WithPolarWarping(iaa.Affine(translate_percent={"y": 0.125}, mode="wrap"))
    moved, points = turn(image=pixels, keypoints=[(41.5, 12.5)])
    rows, columns = np.nonzero(moved[:, :, 0] > 128)
    assert np.allclose(points[0], (columns.mean() + 0.5, rows.mean() + 0.5), atol=1)
    assert not np.allclose(points[0], (41.5, 12.5), atol=3)


@pytest.mark.parametrize("show", [
    lambda picture: imgaug.imshow(picture),
    lambda picture: imgaug.imgaug.imshow(picture[:, :, 0]),
    lambda picture: imgaug.show_grid([picture] * 4, rows=2),
    lambda picture: iaa.Fliplr(1.0).show_grid([picture], 2, 2),
], ids=["imshow", "grey", "show_grid", "augmenter"])  # fmt: skip
def test_a_picture_is_shown(image, monkeypatch, show):
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf()))
    show(image)
    (axes,) = shown[0].axes
    assert len(axes.images) == 1 and axes.images[0].get_array().max() > 200
    plt.close("all")


def test_a_picture_is_shown_by_matplotlib_only(image):
    with pytest.raises(ValueError, match="backend must be 'matplotlib', got 'cv2'"):
        imgaug.imshow(image, backend="cv2")


@pytest.mark.parametrize(("exterior", "areas"), [
    # An edge on the left border, beside one polygon and two.
    ([(-4, 0), (-4, 9), (0, 9), (0, 6), (-2, 6), (-2, 3), (8, 3), (8, 0)], [24]),
    ([(-9, 0), (-9, 20), (5, 20), (5, 16), (0, 16), (0, 10), (-3, 10), (-3, 4), (7, 4), (7, 0)],
     [28, 20]),
    # A corner that touches the lower border.
    ([(2, 40), (6, 32), (8, 40), (12, 20), (20, 40)], [43.2]),
    ([(4, 4), (4, 12), (12, 12)], [32]),
    ([(-4, 4), (-4, 12), (0, 8)], []),
    ([(-9, 4), (-9, 12), (-5, 8)], []),
])  # fmt: skip
def test_a_polygon_is_clipped_to_its_polygons(exterior, areas):
    polygon = imgaug.Polygon(exterior, label="pond")
    clipped = polygon.clip_out_of_image((32, 48, 3))
    assert sorted(part.area for part in clipped) == pytest.approx(sorted(areas))
    assert all(part.label == "pond" for part in clipped)
    on_image = imgaug.PolygonsOnImage([polygon], (32, 48, 3)).clip_out_of_image()
    assert len(on_image.polygons) == len(areas)


def outcome(name, make, image):
    """Returns "works", or the error of one of three runs."""
    size = image.shape[:2]
    annotations = {}
    if "SegMap" in name:
        annotations["segmentation_maps"] = imgaug.quokka_segmentation_map(size=size)
    if "BoundingBoxes" in name:
        annotations["bounding_boxes"] = imgaug.quokka_bounding_boxes(size=size)
    imgaug.seed(0)
    try:
        augmenter = make()
        for _ in range(3):
            result = augmenter(image=image, **annotations)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    pixels = result[0] if annotations else result
    assert pixels.dtype == np.uint8 and pixels.ndim == 3
    return "works"


def test_every_augmenter_runs_but_those_of_another_package(image):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcomes = {
            name: outcome(name, make, image) for name, make in augmenters.examples().items()
        }
    failing = {name: text for name, text in outcomes.items() if text != "works"}
    assert set(failing) == {n for n in outcomes if n.startswith("imgcorruptlike.")}
    assert all("imagecorruptions" in text for text in failing.values())
    assert len(outcomes) - len(failing) >= 160


def network(activation, inplace=False):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), activation(inplace=inplace),
        nn.Conv2d(8, 8, 3, padding=1), activation(inplace=inplace),
        nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, 10),
    ).eval()  # fmt: skip


@pytest.fixture
def picture():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(1, 3, 24, 24, generator=generator).requires_grad_()


def backprop(model):
    return flashtorch.saliency.Backprop(model)


def predicted(model, picture):
    with torch.no_grad():
        return model(picture).argmax().item()


FLASHTORCH = """
import torch, warnings
from torch import nn
from flashtorch.saliency import Backprop
torch.manual_seed(0)
model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                      nn.Linear(8, 10))
picture = torch.randn(1, 3, 24, 24, requires_grad=True)
"""


def test_flashtorch_as_published_cannot_visualize():
    text = unmended(FLASHTORCH + "Backprop(model).visualize(picture, model(picture).argmax())")
    assert "is a view and is being modified inplace" in text


def test_flashtorch_as_published_uses_deprecated_hooks():
    code = FLASHTORCH.replace("torch.manual_seed(0)", "warnings.simplefilter('error')")
    text = unmended(code + "Backprop(model).calculate_gradients(picture)")
    assert "non-full backward hook" in text


def test_flashtorch_as_published_stays_guided():
    code = FLASHTORCH + (
        "b = Backprop(model)\nplain = b.calculate_gradients(picture)\n"
        "b.calculate_gradients(picture, guided=True)\n"
        "assert torch.equal(plain, b.calculate_gradients(picture)), 'AssertionError: still guided'"
    )
    assert "still guided" in unmended(code)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.ReLU6])
def test_plain_gradients_are_autograds_and_captums(activation, inplace, picture):
    model = network(activation, inplace)
    label = predicted(model, picture)
    gradients = backprop(model).calculate_gradients(picture, label)
    (expected,) = torch.autograd.grad(model(picture)[0, label], picture)
    assert torch.equal(gradients, expected[0])
    captum = Saliency(model).attribute(picture.detach().requires_grad_(), target=label, abs=False)
    assert torch.allclose(gradients, captum[0])


def test_an_image_without_gradient_is_refused(picture):
    with pytest.raises(ValueError, match="input_ must require a gradient"):
        backprop(network(nn.ReLU, False)).calculate_gradients(picture.detach())


@pytest.mark.parametrize("inplace", [False, True])
def test_guided_gradients_are_those_of_the_published_package(tmp_path, inplace):
    """With ReLU the published hooks still compute: the mended ones equal them."""
    setup = FLASHTORCH.replace("nn.ReLU()", f"nn.ReLU(inplace={inplace})")
    store = "torch.save(Backprop(model).calculate_gradients(picture, guided=True), 'guided.pt')"
    command = [sys.executable, "-W", "ignore", "-c", setup + store]
    subprocess.run(command, cwd=tmp_path, check=True)
    published = torch.load(tmp_path / "guided.pt", weights_only=True)
    here = {}
    exec(setup, here)
    mended = backprop(here["model"]).calculate_gradients(here["picture"], guided=True)
    assert published.abs().max() > 0
    assert torch.allclose(mended, published)


def test_guided_mode_scales_by_the_activation_and_captum_does_not(picture):
    """One ReLU: flashtorch's signal in front of it is Captum's times the activation."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 1, 1), nn.ReLU(), nn.Flatten(), nn.Linear(24 * 24, 2)
    ).eval()  # fmt: skip
    label = predicted(model, picture)
    guided = backprop(model).calculate_gradients(picture, label, guided=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        captum = GuidedBackprop(model).attribute(picture.detach().requires_grad_(), target=label)
    activation = model[:2](picture).detach()[0]
    assert not torch.allclose(guided, captum[0])
    assert torch.allclose(guided, captum[0] * activation, atol=1e-7)


def test_relu6_is_guided_where_it_is_neither_zero_nor_six(picture):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 1, 1), nn.ReLU6(), nn.Flatten(), nn.Linear(24 * 24, 2))
    with torch.no_grad():
        model[0].weight.mul_(20)
    label = predicted(model, picture)
    guided = backprop(model).calculate_gradients(picture, label, guided=True)
    inner = model[0](picture).detach()
    incoming = model[3].weight[label].detach().view(1, 1, 24, 24).clamp(min=0)
    signal = incoming * inner * ((inner > 0) & (inner < 6))
    expected = nn.functional.conv_transpose2d(signal, model[0].weight.detach())
    assert (inner > 6).any() and torch.allclose(guided, expected[0], atol=1e-5)


def test_a_plain_call_after_a_guided_one_is_plain(picture):
    model = network(nn.ReLU)
    saliency = backprop(model)
    plain = saliency.calculate_gradients(picture)
    saliency.calculate_gradients(picture, guided=True)
    assert torch.equal(saliency.calculate_gradients(picture), plain)
    assert not any(m._forward_hooks for m in model.modules())


def test_guiding_ends_even_when_the_model_fails(picture):
    model = network(nn.ReLU)
    saliency = backprop(model)
    with pytest.raises(RuntimeError):
        saliency.calculate_gradients(torch.zeros(1, 4, 24, 24, requires_grad=True), guided=True)
    assert not any(m._forward_hooks for m in model.modules())


@pytest.mark.filterwarnings("error::FutureWarning")
@pytest.mark.parametrize("guided", [False, True])
def test_visualize_draws_four_panels(guided, picture):
    model = network(nn.ReLU, inplace=True)
    before = picture.detach().clone()
    gradients, largest = backprop(model).visualize(
        picture, predicted(model, picture), guided=guided, return_output=True
    )
    assert len(plt.gcf().axes) == 4
    assert torch.equal(largest, gradients.max(dim=0, keepdim=True)[0])
    assert torch.equal(picture, before)
    plt.close("all")


def test_the_asked_class_is_not_explained(picture):
    model = network(nn.ReLU)
    label = predicted(model, picture)
    saliency = backprop(model)
    with pytest.warns(UserWarning, match="w.r.t. the predicted class"):
        other = saliency.calculate_gradients(picture, (label + 1) % 10)
    assert torch.equal(other, saliency.calculate_gradients(picture, label))


def test_denormalize_reverses_apply_transforms():
    photo = np.uint8(np.arange(3 * 32 * 32).reshape(32, 32, 3) % 256)
    tensor = flashtorch.utils.apply_transforms(photo, size=32)
    restored = flashtorch.utils.denormalize(tensor)[0].permute(1, 2, 0) * 255
    assert torch.allclose(restored, torch.from_numpy(photo).float(), atol=1e-3)


@pytest.mark.filterwarnings("error::FutureWarning")
def test_gradient_ascent_raises_the_activation():
    model = network(nn.ReLU)
    np.random.seed(0)
    ascent = flashtorch.activmax.GradientAscent(model, img_size=32)
    images = ascent.optimize(model[2], 1, num_iter=10)
    with torch.no_grad():
        first, last = (model[:3](image)[0, 1].mean() for image in (images[0], images[-1]))
    assert last > first
    ascent.visualize(model[2], [0, 1], num_iter=2)
    ascent.visualize(model[2], 1, num_iter=2)
    plt.close("all")


def test_gradient_ascent_takes_the_gradient_at_the_image():
    """Any first layer, any number of channels, an image with and without a gradient."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(1, 4, 3)).eval()
    image = torch.rand(1, 1, 12, 12)
    (gradient,) = torch.autograd.grad(
        model(image.requires_grad_())[:, 2].mean(), image
    )  # fmt: skip
    step = gradient / (gradient.square().mean().sqrt() + 1e-5)
    for given in (image, image.detach()):
        (moved,) = flashtorch.activmax.GradientAscent(model).optimize(
            model[1], 2, given, num_iter=1
        )
        assert torch.allclose(moved, image + step)


def test_gradient_ascent_of_a_layer_that_does_not_see_the_image_is_refused():
    class Blind(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 2, 3)

        def forward(self, x):
            return self.conv(torch.zeros_like(x))

    model = Blind()
    with pytest.raises(ValueError, match="must depend on input_"):
        flashtorch.activmax.GradientAscent(model, img_size=16).optimize(model.conv, 0, num_iter=1)


class TwoPaths(nn.Module):
    """The picture goes through a convolution and around it."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 3, 3, padding=1), nn.Linear(3, 4)

    def forward(self, x):
        return self.head((self.conv(x) + x).mean((2, 3)))


class LastRegisteredFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.second, self.first = nn.Conv2d(6, 5, 3), nn.Conv2d(3, 6, 3)

    def forward(self, x):
        return self.second(self.first(x).relu()).mean((2, 3))


@pytest.mark.parametrize("model", [
    lambda: nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(400, 3)),
    lambda: nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(1936, 3)),
    lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * 24 * 24, 3)),
    lambda: nn.Sequential(nn.ConvTranspose2d(3, 2, 3), nn.Flatten(), nn.Linear(1352, 3)),
    TwoPaths, LastRegisteredFirst,
], ids=["pooling", "norm", "linear", "transposed", "two paths", "order"])  # fmt: skip
def test_plain_gradients_are_those_at_the_picture_whatever_comes_first(model, picture):
    torch.manual_seed(0)
    model = model().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.fill_(4.0)
    label = predicted(model, picture)
    (expected,) = torch.autograd.grad(model(picture)[0, label], picture)
    gradients = backprop(model).calculate_gradients(picture, label)
    assert expected.abs().max() > 0 and torch.equal(gradients, expected[0])
    assert not picture._backward_hooks


def test_an_output_that_does_not_depend_on_the_picture_is_refused(picture):
    class Cut(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return self.conv(x.detach()).mean((2, 3))

    with pytest.raises(ValueError, match="must depend on input_ by steps with a gradient"):
        backprop(Cut()).calculate_gradients(picture)


def test_flashtorch_as_published_is_blank_where_the_first_convolution_is_not_first():
    code = FLASHTORCH.replace("nn.Sequential(", "nn.Sequential(nn.AvgPool2d(2), ") + (
        "gradients = Backprop(model).calculate_gradients(picture)\n"
        "assert gradients.abs().max() > 0, 'AssertionError: blank'"
    )
    assert "blank" in unmended(code)


@pytest.mark.parametrize("name", ["imgaug.augmenters", "flashtorch.saliency"])
def test_a_submodule_is_the_same_under_both_names(name):
    first, _, _ = name.partition(".")
    import_module(f"helpers.compat.{first}")
    assert import_module(f"helpers.compat.{name}") is import_module(name)
