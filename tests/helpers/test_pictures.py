"""Photographs, digits, composites."""

from importlib.metadata import files as installed_files
from pathlib import Path

import pytest
import torch

from helpers import data


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


@pytest.mark.parametrize("options", [
    {"count": 0}, {"count": 1, "garments": 0}, {"count": 1, "size": 27}, {"count": 1, "size": 200},
    {"count": 1, "split": "val"},
])  # fmt: skip
def test_composites_name_what_is_out_of_range(options):
    with pytest.raises(ValueError, match=r"must be .*got"):
        data.composites(seed=0, **options)
