"""Photographs, digits, composites."""

from importlib.metadata import files as installed_files
from pathlib import Path

import pytest
import torch

from helpers import data
from helpers.data import pictures


@pytest.mark.parametrize("name", data.PHOTOS)
def test_photos_load_without_a_network(name):
    photo = data.photo(name)
    assert photo.dtype == torch.uint8 and photo.ndim == 3 and photo.shape[0] in (1, 3)
    assert min(photo.shape[1:]) >= 200 and photo.float().std() > 10


@pytest.mark.parametrize("name", data.PHOTOS)
def test_photos_are_files_of_an_installed_package(name):
    package = {"skimage": "scikit-image", "sklearn": "scikit-learn"}
    source = data.PHOTOS[name]
    names = [Path(str(f)).stem for f in installed_files(package.get(source, source))]
    assert {"cat": "chelsea"}.get(name, name) in names


def test_an_unknown_photo_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"astronaut, .*rocket; got 'dog'"):
        data.photo("dog")


def test_digits():
    images, labels = data.digits()
    assert images.shape == (1797, 1, 8, 8) and images.dtype == torch.float32
    assert images.min() == 0 and images.max() == 1
    assert labels.dtype == torch.int64 and set(labels.tolist()) == set(range(10))


def test_composites_have_exact_masks():
    images, masks = data.composites(20, seed=3, size=40, garments=1)
    assert images.shape == (20, 1, 40, 40) and images.dtype == torch.float32
    assert masks.shape == (20, 40, 40) and masks.dtype == torch.int64
    grounds = [data.photo(name)[0, :, :384] for name in ("brick", "grass", "gravel")]
    for image, mask in zip((images[:, 0] * 255).round().to(torch.uint8), masks, strict=True):
        assert 0 < mask.sum() < 28 * 28
        assert (image[mask == 1] > data.GROUND).all()
        # Outside the mask, the picture is a piece of one of the textures, pixel for pixel.
        row = next(r for r in range(40) if not mask[r].any())
        pieces = [ground.unfold(1, 40, 1) for ground in grounds]
        assert any((piece == image[row]).all(dim=2).any() for piece in pieces)


def test_composites_are_repeatable_and_differ_by_seed_and_split():
    first = data.composites(5, seed=1)
    again = data.composites(5, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], data.composites(5, seed=2)[0])
    assert not torch.equal(first[0], data.composites(5, seed=1, split="test")[0])


def test_a_mask_is_where_the_garment_is_lighter_than_the_ground(monkeypatch):
    grey = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    grey[0, 0, 10, :3] = torch.tensor([20, 21, 255], dtype=torch.uint8)
    monkeypatch.setattr(pictures, "fashion_mnist", lambda split: (grey, None))
    _, masks = data.composites(1, seed=0, size=28, garments=1)
    assert masks.nonzero().tolist() == [[0, 10, 1], [0, 10, 2]]


def test_composites_are_of_48_pixels_with_two_garments_for_training_unless_told():
    made = data.composites(2, seed=1)
    told = data.composites(2, seed=1, split="train", size=48, garments=2)
    assert all(torch.equal(a, b) for a, b in zip(made, told, strict=True))


@pytest.mark.parametrize("size", [28, 128])
def test_composites_may_have_the_smallest_and_the_largest_size(size):
    images, masks = data.composites(1, seed=0, size=size, garments=1)
    assert images.shape == (1, 1, size, size) and masks.any()


@pytest.mark.parametrize("split", ["train", "test"])
def test_composites_reach_every_place_of_their_texture_and_no_other(monkeypatch, split):
    """The textures are ramps, so that a picture's grey tells where it was cut out."""
    # Two columns have one grey; the border of the split must fall between two greys.
    first, last = (0, 383) if split == "train" else (384, 511)
    ramp = (torch.arange(512) - int(split == "test")).clamp(min=0) // 2
    sides = [ramp.expand(1, 512, 512), ramp[:, None].expand(1, 512, 512)]
    no_garment = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    monkeypatch.setattr(pictures, "fashion_mnist", lambda split: (no_garment, None))
    for side, (low, high) in zip(sides, [(first, last), (0, 511)], strict=True):
        monkeypatch.setattr(pictures, "photo", lambda name, side=side: side.to(torch.uint8))
        images, _ = data.composites(6000, seed=0, size=28, split=split)
        greys = (images * 255).round()
        assert (greys.min(), greys.max()) == (ramp[low], ramp[high])


def test_garments_reach_every_corner_of_the_picture(monkeypatch):
    white = torch.full((1, 1, 28, 28), 255, dtype=torch.uint8)
    monkeypatch.setattr(pictures, "fashion_mnist", lambda split: (white, None))
    _, masks = data.composites(200, seed=0, size=32, garments=1)
    assert (masks.sum(dim=(1, 2)) == 28 * 28).all()
    assert masks.any(dim=0).all()


@pytest.mark.parametrize("options", [
    {"count": 0}, {"count": 1, "garments": 0}, {"count": 1, "size": 27}, {"count": 1, "size": 129},
    {"count": 1, "split": "val"},
])  # fmt: skip
def test_composites_name_what_is_out_of_range(options):
    with pytest.raises(ValueError, match=r"must be .*got"):
        data.composites(seed=0, **options)
