"""``python -m helpers.predict``: any picture file, how far to believe it, errors on one line."""

import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from helpers import predict, train
from helpers.checkpoints import save_checkpoint
from helpers.data import FASHION_CLASSES, fashion_mnist
from helpers.networks import CLASSIFIERS, conv_net
from tests.helpers.odd_pictures import bomb, damaged_exif

IMAGES, LABELS = fashion_mnist("test")
# The first of two classes that are easy to tell.
BOOT, TROUSER = (
    IMAGES[FASHION_CLASSES.index(name) == LABELS][0, 0].numpy()
    for name in ("Ankle boot", "Trouser")
)
PROGRAM = "python -m helpers.predict: error: "


@pytest.fixture(scope="module")
def shipped():
    return predict.load_network()


def garment(pixels=TROUSER, side=280, margin=40, negative=True, mode="L"):
    """Returns a garment as a photograph would show it: larger, on a light ground."""
    grey = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
    sheet = Image.new("L", (side + 2 * margin, side + 2 * margin))
    sheet.paste(grey, (margin, margin))
    values = np.asarray(sheet)
    return Image.fromarray(255 - values if negative else values).convert(mode)


def named(capsys, *words):
    """Runs the command; returns its lines."""
    assert predict.main([str(word) for word in words]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out.splitlines()


def refused(capsys, *words):
    """Runs the command on something wrong; returns the one line it says."""
    try:
        status = predict.main([str(word) for word in words])
    except SystemExit as stop:
        status = stop.code
    said = capsys.readouterr()
    assert status == 2 and said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith(PROGRAM)
    return line.removeprefix(PROGRAM)


# Any picture


def test_a_test_image_is_taken_as_it_is(tmp_path, capsys):
    path = tmp_path / "boot.png"
    Image.fromarray(BOOT).save(path)
    tensor, done = predict.as_input(predict.read_picture(path)[0])
    assert torch.equal(tensor[0, 0], torch.from_numpy(BOOT)) and done == []
    first, second, third = named(capsys, path)
    assert re.fullmatch(
        rf"{re.escape(str(path))}: Ankle boot 0\.\d\d, .* \d\.\d\d, .* \d\.\d\d", first
    )
    assert second == "  28 x 28, grey"
    assert re.fullmatch(r"  (fairly )?sure: of 100 validation images with such .*", third)


def palette():
    return garment().convert("RGB").quantize(16)


def clear():
    """Light on nothing: what is black in the image is transparent."""
    values = np.asarray(garment(negative=False))
    dark = np.zeros((*values.shape, 4), np.uint8)
    dark[..., 3] = values
    return Image.fromarray(dark)


def sixteen_bits():
    return Image.fromarray(np.asarray(garment()).astype(np.uint16) * 257)


KINDS = {
    "grey.png": (lambda: garment(), "360 x 360, grey"),
    "colour.jpg": (lambda: garment(mode="RGB"), "360 x 360, RGB"),
    "ink.jpg": (lambda: garment(mode="RGB").convert("CMYK"), "360 x 360, CMYK"),
    "ink.tif": (lambda: garment(mode="RGB").convert("CMYK"), "360 x 360, CMYK"),
    "video.jpg": (lambda: garment(mode="RGB").convert("YCbCr"), "360 x 360, RGB"),
    "palette.png": (palette, "360 x 360, with a palette"),
    "palette.gif": (palette, "360 x 360, with a palette"),
    "deep.png": (sixteen_bits, "360 x 360, grey, 16 bits; scaled to 8 bits"),
    "deep.tif": (sixteen_bits, "360 x 360, grey, 16 bits; scaled to 8 bits"),
    "float.tif": (lambda: Image.fromarray(np.asarray(garment()).astype(np.float32) / 255),
                  "360 x 360, grey, floats; scaled to 8 bits"),
    "clear.png": (clear, "360 x 360, RGBA; transparent parts white"),
    "clear.webp": (clear, "360 x 360, RGBA; transparent parts white"),
    "grey_clear.png": (lambda: clear().convert("LA"), "360 x 360, LA; transparent parts white"),
    "bits.png": (lambda: garment().convert("1", dither=Image.Dither.NONE),
                 "360 x 360, black and white"),
    "small.bmp": (lambda: garment(side=60, margin=3), "66 x 66, grey"),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_pictures_of_every_kind_are_named(name, tmp_path, capsys):
    make, words = KINDS[name]
    make().save(tmp_path / name)
    first, second, *_ = named(capsys, tmp_path / name)
    assert first.startswith(f"{tmp_path / name}: Trouser over 0.99, ")
    assert second.startswith(f"  {words}; ")
    assert "taken for dark on light: turned into its negative" in second
    assert second.endswith("made 28 x 28")


def test_kinds_give_the_same_input(tmp_path):
    """But for what a palette, ink or a lossy file changes."""
    reference = predict.as_input(garment())[0].int()
    for name, allowed in (("deep.png", 0), ("deep.tif", 0), ("float.tif", 1), ("clear.png", 3),
                          ("colour.jpg", 12), ("ink.tif", 2)):  # fmt: skip
        KINDS[name][0]().save(tmp_path / name)
        found = predict.as_input(predict.read_picture(tmp_path / name)[0])[0].int()
        assert (found - reference).abs().max() <= allowed, name


def test_a_colour_marked_as_transparent_is_white(tmp_path):
    image = garment(mode="RGB").quantize(16)
    image.save(tmp_path / "x.png", transparency=image.getpixel((0, 0)))
    grey, done = predict.read_picture(tmp_path / "x.png")
    assert done[-1] == "transparent parts white" and grey.getpixel((0, 0)) == 255


def test_of_an_animation_the_first_frame_is_taken_and_said(tmp_path, capsys):
    frames = [garment(), garment(BOOT)]
    for name in ("two.gif", "two.webp", "two.png"):
        frames[0].convert("RGB").save(tmp_path / name, save_all=True, append_images=frames[1:])
        first, second, *_ = named(capsys, tmp_path / name)
        assert ": Trouser over 0.99" in first and "; the first of 2 frames; " in second


def test_a_photograph_that_lies_on_its_side_is_turned(tmp_path, capsys):
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = garment().rotate(90, expand=True)
    lying.save(tmp_path / "x.jpg", exif=exif)
    first, second, *_ = named(capsys, tmp_path / "x.jpg")
    assert ": Trouser over 0.99" in first and "; turned as its EXIF data say; " in second
    lying.save(tmp_path / "y.jpg")
    assert ": Trouser over 0.99" not in named(capsys, tmp_path / "y.jpg")[0]


def test_a_garment_keeps_its_proportions_and_comes_to_the_middle():
    picture = np.zeros((100, 300), np.uint8)
    picture[20:40, 30:130] = 200
    tensor, done = predict.as_input(Image.fromarray(picture))
    rows, columns = tensor[0, 0].nonzero().T
    assert (rows.min(), rows.max()) == (11, 16) and (columns.min(), columns.max()) == (0, 27)
    assert done == ["trimmed to 100 x 20", "made 28 x 28"]
    kept, done = predict.as_input(Image.fromarray(picture), trim=False)
    rows, columns = kept[0, 0].nonzero().T
    assert done == ["made 28 x 28"] and columns.max() <= 14


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (27, 28), (29, 28), (3000, 2000)])
def test_every_size_fits(size):
    for value in (0, 128, 255):
        tensor, _ = predict.as_input(Image.new("L", size, value))
        assert tensor.shape == (1, 1, 28, 28) and tensor.dtype == torch.uint8


def test_the_ground_decides_about_the_negative():
    """No training image has a light border; the rule is measured on all of them."""
    images = fashion_mnist("train")[0][:, 0]
    border = torch.cat([images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]], 1)
    grounds = border.double().quantile(0.5, dim=1)
    assert grounds.max() < predict.LIGHT < 255 - grounds.max()
    light, dark = garment(), garment(negative=False)
    assert torch.equal(predict.as_input(light)[0], predict.as_input(dark)[0])
    forced = predict.as_input(light, invert="no")[0]
    assert not torch.equal(forced, predict.as_input(light)[0])
    forced, plain = (
        predict.as_input(dark, invert=choice, trim=False)[0].int() for choice in ("yes", "no")
    )
    assert (forced + plain - 255).abs().max() <= 1


def test_a_ground_that_is_not_black_becomes_black():
    values = np.asarray(garment(negative=False)).astype(float)
    grey = Image.fromarray((60 + values * 195 / 255).round().astype(np.uint8))
    away = predict.as_input(grey)[0].int() - predict.as_input(garment(negative=False))[0].int()
    assert away.abs().float().mean() < 4


# How far to believe


def test_probabilities_are_compared_with_validation_images(shipped):
    images, labels = fashion_mnist("train")
    assert len(shipped.right) == 1500
    logits = shipped.logits(images[-1500:])
    assert torch.equal(shipped.right, logits.argmax(dim=1) == labels[-1500:])
    assert 0.8 < shipped.right.float().mean() < 0.95
    first, sure = predict.sentences(shipped, torch.from_numpy(BOOT)[None, None])[:2]
    p = float(re.search(r" (\d\.\d\d)", first)[1])
    near = (shipped.probabilities - p).abs() < 0.05
    said = int(re.search(r", (\d+) were named rightly", sure)[1])
    assert abs(said - 100 * shipped.right[near].float().mean()) < 6


def test_surer_words_for_surer_answers(shipped):
    words = [predict.sentences(shipped, image[None]) for image in IMAGES[:150]]
    found = [(float(re.search(r" (\d\.\d\d)", first)[1]), sure.partition(":")[0])
             for first, sure in words if "do not" not in sure]  # fmt: skip
    assert len(found) > 130
    assert {word for _, word in found} == {"sure", "fairly sure", "unsure"}
    by_word = {word: [p for p, w in found if w == word] for _, word in found}
    assert min(by_word["sure"]) > max(by_word["unsure"])


def test_what_is_unlike_garments_is_not_to_be_believed(shipped):
    doubts = {
        "test images": IMAGES[:300],
        "noise": torch.randint(
            0, 256, (100, 1, 28, 28), generator=torch.Generator().manual_seed(0)
        ),
        "nothing": torch.zeros(1, 1, 28, 28),
        "white": torch.full((1, 1, 28, 28), 255),
    }
    share = {
        name: np.mean(["do not believe it: " in predict.sentences(shipped, image[None].byte())[-1]
                       for image in images])
        for name, images in doubts.items()
    }  # fmt: skip
    assert share["test images"] < 0.06
    assert share["noise"] == share["nothing"] == share["white"] == 1


def test_as_many_classes_as_asked_for(tmp_path, capsys):
    Image.fromarray(BOOT).save(tmp_path / "x.png")
    line = named(capsys, tmp_path / "x.png", "--top", "10")[0]
    shares = [float(p) for p in re.findall(r" (\d\.\d\d)", line)]
    assert len(shares) == 10 and abs(sum(shares) - 1) < 0.05 and shares == sorted(shares)[::-1]
    assert all(name in line for name in FASHION_CLASSES)


# Checkpoints


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    words = [str(folder), "--model=linear", "--images=1500", "--epochs=1", "--device=cpu"]
    assert train.main(words) == 0
    return folder / "checkpoint.pt"


def test_the_network_of_a_checkpoint_answers(trained, tmp_path, capsys):
    for number, pixels in enumerate((BOOT, TROUSER)):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    lines = named(capsys, tmp_path / "0.png", tmp_path / "1.png", "--checkpoint", trained)
    heads = [line for line in lines if not line.startswith("  ")]
    assert len(heads) == 2 and ": Trouser 0." in heads[1]
    state = torch.load(trained, weights_only=True)["model"]
    x = torch.from_numpy(BOOT).double().flatten() / 255
    logits = state["1.weight"].double() @ x + state["1.bias"].double()
    p, i = logits.softmax(dim=0).max(dim=0)
    assert f": {FASHION_CLASSES[i]} {p:.2f}, " in heads[0]


def test_every_network_of_the_training_command_is_known(capsys):
    with pytest.raises(SystemExit):
        train.main(["--help"])
    (names,) = set(re.findall(r"--model \{([a-z,]+)\}", capsys.readouterr().out))
    assert names.split(",") == list(CLASSIFIERS)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(CLASSIFIERS))
def test_a_network_of_the_training_command_is_read(name, tmp_path):
    words = [str(tmp_path), f"--model={name}", "--images=64", "--epochs=1", "--device=cpu"]
    assert train.main(words) == 0
    network = predict.load_network(tmp_path / "checkpoint.pt")
    assert network.logits(IMAGES[:3]).shape == (3, 10)
    again = network.logits(IMAGES[:3])
    assert torch.equal(network.logits(IMAGES[:3]), again) and not network.module.training


def test_a_network_trained_on_all_images_is_judged_by_test_images(trained, tmp_path):
    """The bundled training images are among those that it has seen."""
    saved = torch.load(trained, weights_only=True)
    settings = {**saved["settings"], "full": True}
    save_checkpoint(tmp_path / "whole.pt", model=saved["model"], settings=settings)
    network = predict.load_network(tmp_path / "whole.pt")
    logits = network.logits(IMAGES[-1500:])
    assert torch.equal(network.right, logits.argmax(dim=1) == LABELS[-1500:])
    assert "of 100 test images" in " ".join(predict.sentences(network, IMAGES[:1]))


# What cannot be used


def broken(tmp_path, kind):
    path = tmp_path / kind
    whole = io.BytesIO()
    garment(mode="RGB").save(whole, "JPEG")
    content = {
        "text.png": b"This is no picture.\n",
        "empty.png": b"",
        "cut.jpg": whole.getvalue()[: len(whole.getvalue()) // 2],
    }
    if kind == "cut.png":
        garment().save(path)
        path.write_bytes(path.read_bytes()[:500])
    elif kind == "bomb.png":
        path.write_bytes(bomb())
    elif kind == "exif.jpg":
        path.write_bytes(damaged_exif(garment()))
    elif kind == "deep.tif":
        Image.fromarray(np.full((9, 9), 1e6, np.float32)).save(path)
    elif kind == "nan.tif":
        Image.fromarray(np.full((9, 9), np.nan, np.float32)).save(path)
    elif kind == "below.tif":
        Image.fromarray(np.full((9, 9), -3, np.int32)).save(path)
    elif kind == "folder.png":
        path.mkdir()
    elif kind in content:
        path.write_bytes(content[kind])
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing.png", "there is no file {}; name a picture file"),
        ("folder.png", "{} is a folder; name a picture file"),
        ("text.png", "{} is not a picture that Pillow can read; PNG, JPEG, GIF or WebP are"),
        ("empty.png", "{} is not a picture that Pillow can read"),
        ("cut.jpg", "{} is damaged or cut off (image file is truncated"),
        ("cut.png", "{} is damaged or cut off ("),
        ("exif.jpg", "{} is damaged or cut off ("),
        ("bomb.png", "{} is too large; at most "),
        ("deep.tif", "{} has values from 1e+06 to 1e+06; 0 to 65535 are allowed, or 0 to 1"),
        ("nan.tif", "{} has values from nan to nan; 0 to 65535 are allowed"),
        ("below.tif", "{} has values from -3 to -3; 0 to 65535 are allowed"),
    ],
)
def test_a_file_that_is_no_picture_is_refused_on_one_line(kind, words, tmp_path, capsys):
    path = broken(tmp_path, kind)
    assert refused(capsys, path).startswith(words.format(path))


def test_a_name_that_no_system_allows_is_refused_on_one_line(tmp_path, capsys):
    long = tmp_path / ("x" * 300)
    assert "File name too long" in refused(capsys, long)
    Image.fromarray(BOOT).save(tmp_path / "x.png")
    assert "File name too long" in refused(capsys, tmp_path / "x.png", "--checkpoint", long)


def test_one_wrong_picture_and_none_is_named(tmp_path, capsys):
    Image.fromarray(BOOT).save(tmp_path / "x.png")
    before = sorted(tmp_path.iterdir())
    assert "there is no file" in refused(capsys, tmp_path / "x.png", tmp_path / "y.png")
    assert sorted(tmp_path.iterdir()) == before


def test_a_checkpoint_of_something_else_is_refused(trained, tmp_path, capsys):
    picture = tmp_path / "x.png"
    Image.fromarray(BOOT).save(picture)

    def say(path):
        return refused(capsys, picture, "--checkpoint", path)

    known = "it must be of helpers.train: linear, alexnet, convnet, quick, wide, vgg"
    assert say(tmp_path / "no.pt").endswith(f"there is no checkpoint {tmp_path / 'no.pt'}")
    assert say(tmp_path) == f"--checkpoint {tmp_path} is a folder; name the checkpoint.pt in it"
    assert "is not a checkpoint, or only a part of one" in say(picture)
    cut = tmp_path / "cut.pt"
    cut.write_bytes(trained.read_bytes()[:3000])
    assert "is not a checkpoint, or only a part of one" in say(cut)
    torch.save({"weights": torch.zeros(3)}, tmp_path / "plain.pt")
    assert "but not of save_checkpoint" in say(tmp_path / "plain.pt")
    other = tmp_path / "other.pt"
    save_checkpoint(other, model=conv_net(), epoch=3)
    assert say(other) == f"--checkpoint {other} holds no network's name; {known}"
    save_checkpoint(other, model=conv_net(), settings={"model": "resnet"})
    assert say(other) == f"--checkpoint {other} holds a network 'resnet'; {known}"
    save_checkpoint(other, model=conv_net(), settings={"model": ["convnet"]})
    assert say(other) == f"--checkpoint {other} holds a network ['convnet']; {known}"
    save_checkpoint(other, model=conv_net(width=8), settings={"model": "convnet"})
    assert say(other).startswith(f"--checkpoint {other} holds other weights than convnet has; ")
    save_checkpoint(other, settings={"model": "convnet"})
    assert say(other).startswith(f"--checkpoint {other} holds other weights than convnet has; ")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "the following arguments are required: PICTURE"),
        (["x.png", "--top", "11"], "argument --top: invalid choice: "),
        (["x.png", "--invert", "maybe"], "argument --invert: invalid choice: 'maybe'"),
        (["x.png", "--colour"], "unrecognized arguments: --colour"),
    ],
)
def test_a_wrong_option_is_told_on_one_line(words, line, capsys):
    assert refused(capsys, *words).startswith(line)


@pytest.mark.slow
def test_from_the_shell(tmp_path):
    garment(BOOT).save(tmp_path / "boot.png")
    command = [sys.executable, "-W", "error", "-m", "helpers.predict", "boot.png"]
    folder = Path(predict.__file__).parents[1]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("boot.png: Ankle boot 0.")
    done = subprocess.run(
        [*command, "hat.png"], cwd=tmp_path, env={"PYTHONPATH": str(folder)}, capture_output=True,
        text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{PROGRAM}there is no file hat.png; name a picture file\n"


@pytest.mark.parametrize(("column", "turned"), [([255, 0, 0, 255], True), ([255, 0, 0, 0], False)])
def test_each_pixel_of_the_border_counts_once_in_a_picture_one_pixel_wide(column, turned):
    image = Image.fromarray(np.array(column, dtype=np.uint8).reshape(4, 1))
    done = predict.as_input(image, trim=False)[1]
    assert any("negative" in words for words in done) == turned
