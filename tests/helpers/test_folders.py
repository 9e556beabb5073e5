"""The dataset over files: what else lies in folders, every kind of picture, random transforms."""

import os
import random
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from helpers.data import CHANNELS, ImageFiles, seeded, visible
from tests.helpers.odd_pictures import bomb, damaged_exif, png
from tests.notebooks import ROOT


def pixels(seed=0, size=(6, 8)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


@pytest.fixture
def clothes(tmp_path):
    """Three class folders of four pictures each."""
    for number, name in enumerate(("bag", "coat", "dress")):
        (tmp_path / name).mkdir()
        for place in range(4):
            Image.fromarray(pixels(4 * number + place)).save(tmp_path / name / f"{place}.png")
    return tmp_path


def described(folder):
    data = ImageFiles(folder)
    return data.classes, [(path.name, label) for path, label in data.samples]


def test_labels_number_the_folders_and_pictures_come_by_name(clothes):
    classes, samples = described(clothes)
    assert classes == ["bag", "coat", "dress"]
    assert samples == [(f"{place}.png", label) for label in range(3) for place in range(4)]
    image, label = ImageFiles(clothes)[5]
    assert label == 1 and image.dtype == torch.uint8
    assert np.array_equal(image.permute(1, 2, 0).numpy(), pixels(5))


@pytest.mark.parametrize("hidden", [
    ".ipynb_checkpoints/0-checkpoint.png", ".git/HEAD", ".DS_Store", "bag/.DS_Store", "bag/._0.png",
    "coat/.ipynb_checkpoints/1-checkpoint.png", "coat/Thumbs.db", "dress/desktop.ini",
    "labels.csv", "LICENSE", "loose.png",
])  # fmt: skip
def test_what_is_hidden_or_beside_the_classes_moves_nothing(clothes, hidden):
    before = described(clothes)
    (clothes / hidden).parent.mkdir(exist_ok=True)
    (clothes / hidden).write_bytes(b"\x00\x01")
    assert described(clothes) == before


@pytest.mark.parametrize(
    "name", ["notes.txt", "0.gif", "1.bmp", "2.webp", "3.tif", "png", "4.png~"]
)
def test_a_file_that_is_not_a_picture_is_named(clothes, name):
    (clothes / "coat" / name).write_bytes(b"anything")
    with pytest.raises(ValueError, match=r"coat.*is not a \.png or \.jpg file") as caught:
        ImageFiles(clothes)
    assert str(clothes / "coat" / name) in str(caught.value)


def test_a_folder_inside_a_class_is_named(clothes):
    (clothes / "coat" / "old.png").mkdir()
    with pytest.raises(ValueError, match=r"old\.png is not a \.png or \.jpg file"):
        ImageFiles(clothes)


def test_a_link_that_leads_nowhere_is_named_and_a_good_one_is_read(clothes):
    os.symlink(clothes / "bag" / "0.png", clothes / "coat" / "9.png")
    assert torch.equal(ImageFiles(clothes)[8][0], ImageFiles(clothes)[0][0])
    os.symlink(clothes / "gone.png", clothes / "dress" / "9.png")
    with pytest.raises(ValueError, match=r"9\.png is not a"):
        ImageFiles(clothes)


def test_a_linked_class_folder_is_a_class(clothes, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    Image.fromarray(pixels(7)).save(other / "0.jpg")
    os.symlink(other, clothes / "anorak")
    assert ImageFiles(clothes).classes == ["anorak", "bag", "coat", "dress"]


@pytest.mark.parametrize("inside", [None, ".DS_Store"])
def test_an_empty_class_is_named(clothes, inside):
    (clothes / "empty").mkdir()
    if inside:
        (clothes / "empty" / inside).write_bytes(b"")
    with pytest.raises(ValueError, match=r"there is no picture in .*empty"):
        ImageFiles(clothes)


def test_no_folder_and_no_class_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        ImageFiles(tmp_path / "nowhere")
    (tmp_path / "0.png").write_bytes(b"")
    (tmp_path / ".hidden").mkdir()
    with pytest.raises(ValueError, match="there is no class folder in"):
        ImageFiles(tmp_path)


def test_names_are_sorted_alike_on_every_system(tmp_path):
    for name in ("b", "B", "a", "C", "Ä"):
        (tmp_path / name).mkdir()
    # By code point. Windows compares paths without regard to case, names are compared with it.
    assert [path.name for path in visible(tmp_path)] == ["B", "C", "a", "b", "Ä"]


def write(path, kind):
    """Writes a picture of a kind; returns its true colours as Pillow or its maker knows them."""
    colours = pixels(3)
    if kind == "16 bits":
        path.write_bytes(png(16, 2, [row.tobytes() for row in colours.astype(">u2") * 257]))
        return colours
    if kind == "16 bits of grey":
        path.write_bytes(
            png(16, 0, [row.tobytes() for row in colours[:, :, 0].astype(">u2") * 257])
        )
        return colours[:, :, :1].repeat(3, axis=2)
    if kind == "2 bits":
        path.write_bytes(png(2, 0, [bytes([0b00011011, 0b11100100])] * 6))
        return np.tile(np.uint8([0, 85, 170, 255, 255, 170, 85, 0])[:, None], (6, 1, 3))
    picture = Image.fromarray(colours)
    if kind.endswith("colours"):
        picture = picture.quantize(int(kind.split()[0]))
        picture.save(path, transparency=1)
    else:
        picture = picture.convert(kind)
        picture.save(path)
    return np.asarray(Image.open(path).convert("RGB"))


KINDS = ["L", "1", "LA", "RGB", "RGBA", "2 colours", "4 colours", "16 colours", "200 colours",
         "16 bits", "16 bits of grey", "2 bits"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_png_is_read_in_its_colours(tmp_path, kind):
    (tmp_path / "a").mkdir()
    true = write(tmp_path / "a" / "0.PNG", kind)
    for _ in range(3):
        image, _ = ImageFiles(tmp_path)[0]
        assert image.dtype == torch.uint8
        assert np.array_equal(image.permute(1, 2, 0).numpy(), true)
    grey, _ = ImageFiles(tmp_path, mode="GRAY")[0]
    expected = true @ [0.299, 0.587, 0.114]
    assert grey.shape == (1, 6, 8) and np.abs(grey[0].numpy() - expected).max() <= 1


@pytest.mark.parametrize(("suffix", "kind"), [(".jpg", "RGB"), (".JPEG", "L"), (".JPG", "CMYK")])
def test_every_kind_of_jpeg_is_read(tmp_path, suffix, kind):
    (tmp_path / "a").mkdir()
    Image.fromarray(pixels(1, (16, 16))).convert(kind).save(tmp_path / "a" / f"0{suffix}")
    assert ImageFiles(tmp_path)[0][0].shape == (3, 16, 16)
    assert ImageFiles(tmp_path, mode="GRAY")[0][0].shape == (1, 16, 16)


def test_a_photograph_that_a_phone_stored_on_its_side_is_turned_upright(tmp_path):
    (tmp_path / "a").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn by 90 degrees clockwise"
    Image.fromarray(pixels(1, (6, 8))).save(tmp_path / "a" / "0.png", exif=exif)
    image, _ = ImageFiles(tmp_path)[0]
    assert np.array_equal(image.permute(1, 2, 0).numpy(), np.rot90(pixels(1, (6, 8)), -1))


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("GRAY", 1)])
def test_pictures_of_all_kinds_make_one_batch(tmp_path, mode, channels):
    (tmp_path / "a").mkdir()
    for number, kind in enumerate(KINDS):
        write(tmp_path / "a" / f"{number:02}.png", kind)
    (batch, _), *more = DataLoader(ImageFiles(tmp_path, mode=mode), len(KINDS))
    assert batch.shape == (len(KINDS), channels, 6, 8) and batch.dtype == torch.uint8 and not more
    assert CHANNELS[mode] == channels


@pytest.mark.parametrize("damage", [b"", b"not a picture", "half", "bmp", "exif", "bomb"])
def test_a_picture_that_cannot_be_read_is_named(clothes, damage):
    path = clothes / "coat" / "2.png"
    if damage == "half":
        damage = path.read_bytes()[:70]
    if damage == "bmp":
        Image.fromarray(pixels()).save(clothes / "x.bmp")
        damage = (clothes / "x.bmp").read_bytes()
    if damage == "exif":
        damage = damaged_exif(Image.fromarray(pixels()))
    if damage == "bomb":
        damage = bomb()
    path.write_bytes(damage)
    data = ImageFiles(clothes)
    with pytest.raises(ValueError, match=r"coat.2\.png is not a picture that can be read"):
        data[6]
    assert data[5][1] == 1


def test_a_film_under_the_name_of_a_picture_is_named(clothes):
    frames = [Image.fromarray(pixels(seed)) for seed in (1, 2)]
    frames[0].save(clothes / "x.gif", save_all=True, append_images=frames[1:])
    (clothes / "coat" / "2.png").write_bytes((clothes / "x.gif").read_bytes())
    with pytest.raises(ValueError, match=r"2\.png is not a picture that can be read"):
        ImageFiles(clothes)[6]


@pytest.mark.parametrize("mode", ["rgb", "L", "UNCHANGED", "", None, 3])
def test_another_mode_is_named(clothes, mode):
    with pytest.raises(ValueError, match="mode must be 'RGB' or 'GRAY', got") as caught:
        ImageFiles(clothes, mode=mode)
    assert repr(mode) in str(caught.value)


def draw(image):
    """A transform that draws from all three generators."""
    numbers = [random.random(), np.random.rand(), torch.rand(1).item()]
    return torch.tensor([*numbers, image.float().mean() / 255])


def batches(data, workers, *, epochs=2):
    generator = torch.Generator().manual_seed(0)
    loader = DataLoader(data, 3, shuffle=True, num_workers=workers, generator=generator)
    result = []
    for epoch in range(epochs):
        data.set_epoch(epoch)
        result.append(torch.cat([batch for batch, _ in loader]))
    return torch.stack(result)


TRANSFORMS = {
    "all generators": draw,
    "flip": v2.RandomHorizontalFlip(),
    "several": v2.Compose([v2.RandomCrop(5), v2.ColorJitter(0.5), v2.RandomErasing(0.5)]),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_batches_do_not_depend_on_the_number_of_workers(clothes, transform):
    data = ImageFiles(clothes, TRANSFORMS[transform])
    torch.manual_seed(1)
    without = batches(data, 0)
    torch.manual_seed(2)
    for workers in (1, 2):
        assert torch.equal(batches(data, workers), without)


def test_another_epoch_draws_other_numbers(clothes):
    data = ImageFiles(clothes, draw)
    first, second = ({*map(tuple, epoch[:, :3].tolist())} for epoch in batches(data, 0))
    assert len(first) == len(second) == 12 and not first & second


def test_epochs_beyond_what_a_float_counts_are_told_apart(clothes):
    data = ImageFiles(clothes, draw)
    data.set_epoch(2**24)
    before = data[0][0]
    data.set_epoch(2**24 + 1)
    assert not torch.equal(data[0][0], before)


def test_workers_that_stay_see_the_new_epoch(clothes):
    data = ImageFiles(clothes, draw)
    kept = DataLoader(data, 3, num_workers=2, persistent_workers=True)
    for epoch in range(3):
        data.set_epoch(epoch)
        expected = torch.stack([values for values, _ in data])
        assert torch.equal(torch.cat([batch for batch, _ in kept]), expected)


@pytest.mark.slow
def test_a_started_process_draws_as_a_forked_one(clothes):
    """In a process of its own: starting one leaves another behind until its parent ends."""
    script = clothes / "started.py"
    script.write_text(textwrap.dedent("""
        import sys, torch
        from helpers.data import ImageFiles
        from torch.utils.data import DataLoader
        from torchvision.transforms import v2

        if __name__ == "__main__":
            data = ImageFiles(sys.argv[1], v2.RandomHorizontalFlip())
            data.set_epoch(4)
            ((images, _),) = DataLoader(data, 12, num_workers=1, multiprocessing_context="spawn")
            print(torch.equal(images, torch.stack([image for image, _ in data])))
    """))  # fmt: skip
    command = [sys.executable, script, clothes]
    paths = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=paths)
    assert done.stdout == "True\n"


def test_a_draw_follows_from_seed_epoch_and_index(clothes):
    data, same = ImageFiles(clothes, draw), ImageFiles(clothes, draw, seed=0)
    other = ImageFiles(clothes, draw, seed=1)
    assert torch.equal(data[3][0], same[3][0]) and torch.equal(data[3][0], data[-9][0])
    assert torch.equal(data[torch.tensor(3)][0], data[3][0])
    seen = [data[index][0][:3] for index in range(12)] + [other[3][0][:3]]
    data.set_epoch(1)
    seen += [data[index][0][:3] for index in range(12)]
    values = torch.cat(seen)
    assert len(values.unique()) == len(values)


def test_seeded_leaves_the_generators_as_they_were():
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    with pytest.raises(RuntimeError, match="inside"), seeded(1, 2):
        draw(torch.zeros(1))
        raise RuntimeError("inside")
    assert random.getstate() == before[0]
    assert np.random.get_state()[1].tolist() == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])
