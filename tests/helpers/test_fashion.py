"""Fashion-MNIST: what is bundled, damaged files, the original files."""

import hashlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets import FashionMNIST

from helpers import data, files
from helpers.data import fashion
from tests.helpers.test_files import idx
from tests.notebooks import PATHS, ROOT

SCRIPT = ROOT / "book" / "tools" / "pack_fashion_mnist.py"
_spec = importlib.util.spec_from_file_location("pack_fashion_mnist", SCRIPT)
packing = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(packing)

CHECKSUMS = {
    "train": "8011080c952628f2",
    "test": "788913f16e63dd28",
    "fresh": "d9c831817a00b024",
}
SIZES = {"train": 10_000, "test": 2_000, "fresh": 2_000}


def checksum(*tensors):
    return hashlib.sha256(b"".join(t.numpy().tobytes() for t in tensors)).hexdigest()[:16]


@pytest.mark.parametrize("split", SIZES)
def test_the_bundled_part(split):
    images, labels = data.fashion_mnist(split)
    assert images.shape == (SIZES[split], 1, 28, 28) and images.dtype == torch.uint8
    assert labels.shape == (SIZES[split],) and labels.dtype == torch.int64
    assert torch.bincount(labels).tolist() == [SIZES[split] // 10] * 10
    assert checksum(images, labels) == CHECKSUMS[split]


def test_no_image_is_in_two_sets():
    train, test, fresh = (
        {image.numpy().tobytes() for image in data.fashion_mnist(split)[0]} for split in SIZES
    )
    assert not (train & test or train & fresh or test & fresh)


def test_only_the_last_chapter_opens_the_fresh_images():
    users = [path.stem for path in PATHS if re.search(r'\(\\?"fresh', path.read_text("utf-8"))]
    assert users == ["26_capstone"]


def test_the_bundled_part_is_small_and_has_its_licence_beside_it():
    assets = ROOT / "helpers" / "assets"
    assert sum(path.stat().st_size for path in assets.glob("fashion_mnist*")) <= 6_000_000
    licence = (assets / "fashion_mnist.LICENSE").read_text(encoding="utf-8")
    assert "MIT License" in licence and "Zalando" in licence


@pytest.mark.parametrize("damage", [lambda b: b[:100_000], lambda b: b"", lambda b: b"no zip"])
def test_a_damaged_bundle_is_named(tmp_path, monkeypatch, damage):
    (tmp_path / "assets").mkdir()
    bundle = (ROOT / "helpers" / "assets" / "fashion_mnist.npz").read_bytes()
    (tmp_path / "assets" / "fashion_mnist.npz").write_bytes(damage(bundle))
    monkeypatch.setattr(fashion, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match=r"fashion_mnist\.npz is damaged .* Install the package"):
        data.fashion_mnist("train")


def test_a_bundle_with_a_flipped_byte_is_named(tmp_path, monkeypatch):
    (tmp_path / "assets").mkdir()
    bundle = bytearray((ROOT / "helpers" / "assets" / "fashion_mnist.npz").read_bytes())
    bundle[2_000_000] ^= 0xFF
    (tmp_path / "assets" / "fashion_mnist.npz").write_bytes(bundle)
    monkeypatch.setattr(fashion, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match="is damaged"):
        data.fashion_mnist("train")


@pytest.mark.parametrize("split", ["validation", "Train", "", None, 0])
def test_an_unknown_split_is_named(split):
    with pytest.raises(ValueError, match="'train', 'test' or 'fresh'") as caught:
        data.fashion_mnist(split)
    assert repr(split) in str(caught.value)


def test_the_fresh_images_are_bundled_only():
    with pytest.raises(ValueError, match="'train' or 'test', got 'fresh'"):
        data.fashion_mnist("fresh", full=True)


@pytest.mark.parametrize("options", [{"root": "somewhere"}, {"download": True}])
def test_options_of_the_full_set_need_full(options):
    with pytest.raises(ValueError, match="full=True"):
        data.fashion_mnist("train", **options)


def originals(folder, monkeypatch, size=60, test_size=30):
    """Writes four small files in the originals' format; returns the arrays by split."""
    generator, arrays = np.random.default_rng(0), {}
    for split, count in (("train", size), ("test", test_size)):
        prefix = fashion._FASHION_PREFIX[split]
        images = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = generator.permutation(np.arange(count) % 10).astype(np.uint8)
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(idx(images))
        (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(idx(labels))
        arrays[split] = images, labels
    monkeypatch.setattr(fashion, "_FASHION_SIZE", {"train": size, "test": test_size})
    return arrays


def test_full_reads_all_images_of_a_folder(tmp_path, monkeypatch):
    arrays = originals(tmp_path, monkeypatch)
    images, labels = data.fashion_mnist("test", full=True, root=tmp_path)
    assert np.array_equal(images[:, 0].numpy(), arrays["test"][0])
    assert np.array_equal(labels.numpy(), arrays["test"][1])


@pytest.mark.parametrize(("split", "prefix", "count"), [
    ("train", "train", 60_000), ("test", "t10k", 10_000),
])  # fmt: skip
def test_full_has_as_many_images_as_the_original(tmp_path, split, prefix, count):
    images, labels = np.zeros((count, 28, 28), np.uint8), np.zeros(count, np.uint8)
    (tmp_path / f"{prefix}-images-idx3-ubyte.gz").write_bytes(idx(images))
    (tmp_path / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(idx(labels))
    assert len(data.fashion_mnist(split, full=True, root=tmp_path)[0]) == count


def test_full_is_never_fetched_silently(tmp_path, monkeypatch):
    monkeypatch.setattr(fashion, "fetch", lambda *a, **k: pytest.fail("it went to the network"))
    with pytest.raises(FileNotFoundError, match=r"Pass download=True .* root=") as caught:
        data.fashion_mnist("train", full=True, root=tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(caught.value)


def test_full_looks_into_the_cache(tmp_path, monkeypatch):
    cache = tmp_path / "pytorch-executed"
    cache.mkdir()
    originals(cache, monkeypatch)
    monkeypatch.setattr(fashion, "_DEBIAN_FOLDER", tmp_path / "absent")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert len(data.fashion_mnist("train", full=True)[0]) == 60


def test_files_of_another_size_are_refused(tmp_path, monkeypatch):
    originals(tmp_path, monkeypatch)
    monkeypatch.setattr(fashion, "_FASHION_SIZE", {"train": 61, "test": 30})
    with pytest.raises(
        ValueError, match=r"must hold bytes of shape \(61, 28, 28\), got \(60, 28, 28\)"
    ):
        data.fashion_mnist("train", full=True, root=tmp_path)


def test_download_takes_addresses_and_checksums_from_torchvision(tmp_path, monkeypatch):
    folder = tmp_path / "source"
    folder.mkdir()
    arrays = originals(folder, monkeypatch)
    contents = {path.name: path.read_bytes() for path in folder.iterdir()}
    fetched = []

    def fetch(address, target, *, md5):
        fetched.append((address, md5))
        Path(target).write_bytes(contents[Path(target).name])

    monkeypatch.setattr(fashion, "fetch", fetch)
    images, _ = data.fashion_mnist("train", full=True, root=tmp_path, download=True)
    assert np.array_equal(images[:, 0].numpy(), arrays["train"][0])
    known = {FashionMNIST.mirrors[0] + name: md5 for name, md5 in FashionMNIST.resources}
    assert len(fetched) == 2 and all(known[address] == md5 for address, md5 in fetched)


DAMAGE = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "a page": lambda content: b"<html>Please log in</html>",
    "another set": lambda content: idx(np.zeros((7, 28, 28))),
}


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """The original files by name, which a pretended download delivers, and the arrays in them."""
    folder = tmp_path / "source"
    folder.mkdir()
    arrays = originals(folder, monkeypatch)
    contents = {path.name: path.read_bytes() for path in folder.iterdir()}
    md5 = [(name, hashlib.md5(content).hexdigest()) for name, content in contents.items()]
    monkeypatch.setattr(FashionMNIST, "resources", md5)
    fetched = []

    def receive(address, part):
        fetched.append(part.name.removesuffix(".part"))
        part.write_bytes(contents[fetched[-1]])

    monkeypatch.setattr(files, "_receive", receive)
    return contents, arrays, fetched


@pytest.mark.parametrize("where", ["root", "cache"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_fetched_again(tmp_path, monkeypatch, sources, damage, where):
    contents, arrays, fetched = sources
    monkeypatch.setattr(fashion, "_DEBIAN_FOLDER", tmp_path / "absent")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "pytorch-executed"
    folder.mkdir()
    bad = "t10k-images-idx3-ubyte.gz"
    for name, content in contents.items():
        (folder / name).write_bytes(DAMAGE[damage](content) if name == bad else content)
    options = {"full": True, "root": folder if where == "root" else None}
    with pytest.raises(ValueError, match=rf"{bad} .*Pass download=True to fetch it again, or dele"):
        data.fashion_mnist("test", **options)
    assert not fetched
    images, labels = data.fashion_mnist("test", download=True, **options)
    assert np.array_equal(images[:, 0].numpy(), arrays["test"][0])
    assert np.array_equal(labels.numpy(), arrays["test"][1])
    assert fetched == [bad] and {path.name for path in folder.iterdir()} == set(contents)
    data.fashion_mnist("test", **options)


def test_a_file_of_the_right_shape_with_other_images_is_fetched_only_when_asked(tmp_path, sources):
    contents, arrays, fetched = sources
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    other = 255 - arrays["test"][0]
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(idx(other))
    images, _ = data.fashion_mnist("test", full=True, root=tmp_path)
    assert np.array_equal(images[:, 0].numpy(), other) and not fetched
    images, _ = data.fashion_mnist("test", full=True, root=tmp_path, download=True)
    assert np.array_equal(images[:, 0].numpy(), arrays["test"][0])


def test_a_damaged_file_stays_until_the_new_one_is_there(tmp_path, monkeypatch, sources):
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(b"")

    def refuse(address, part):
        raise TimeoutError("no answer")

    monkeypatch.setattr(files, "_receive", refuse)
    with pytest.raises(ConnectionError, match="cannot be reached"):
        data.fashion_mnist("test", full=True, root=tmp_path, download=True)
    assert path.read_bytes() == b""


def test_a_damaged_file_of_debian_is_left_alone_and_fetched_into_the_cache(
    tmp_path, monkeypatch, sources
):
    contents, arrays, fetched = sources
    debian = tmp_path / "debian"
    debian.mkdir()
    monkeypatch.setattr(fashion, "_DEBIAN_FOLDER", debian)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, content in contents.items():
        (debian / name).write_bytes(content[:-9] if name.startswith("train-labels") else content)
    before = {path.name: path.read_bytes() for path in debian.iterdir()}
    with pytest.raises(ValueError, match=r"train-labels.*Pass download=True"):
        data.fashion_mnist("train", full=True)
    _, labels = data.fashion_mnist("train", full=True, download=True)
    assert np.array_equal(labels.numpy(), arrays["train"][1])
    assert fetched == ["train-labels-idx1-ubyte.gz"]
    assert {path.name: path.read_bytes() for path in debian.iterdir()} == before
    assert torch.equal(data.fashion_mnist("train", full=True)[1], labels)


def test_packing_takes_the_first_of_each_class_in_order(tmp_path, monkeypatch):
    arrays = originals(tmp_path, monkeypatch)
    packing.pack(tmp_path, tmp_path, {"train": 4, "test": 1})
    with np.load(tmp_path / "fashion_mnist.npz") as packed:
        for split, count in (("train", 4), ("test", 1)):
            images, labels = arrays[split]
            chosen = [i for i in range(len(labels)) if (labels[:i] == labels[i]).sum() < count]
            assert np.array_equal(packed[f"{split}_labels"], labels[chosen])
            assert np.array_equal(packed[f"{split}_images"], images[chosen])
    with np.load(tmp_path / "fashion_mnist_fresh.npz") as fresh:
        images, labels = arrays["test"]
        others = [image for image, i in zip(images, range(len(labels)), strict=True)
                  if i not in chosen]  # fmt: skip
        assert np.bincount(fresh["fresh_labels"]).tolist() == [1] * 10
        assert all(any((image == other).all() for other in others)
                   for image in fresh["fresh_images"])  # fmt: skip
    files = ["fashion_mnist.npz", "fashion_mnist_fresh.npz"]
    first = [(tmp_path / name).read_bytes() for name in files]
    packing.pack(tmp_path, tmp_path, {"train": 4, "test": 1})
    assert [(tmp_path / name).read_bytes() for name in files] == first


def test_packing_too_few_images_names_the_class(tmp_path, monkeypatch):
    originals(tmp_path, monkeypatch)
    with pytest.raises(ValueError, match="class 'T-shirt/top' needs 7 images, the file has 6"):
        packing.pack(tmp_path, tmp_path, {"train": 7, "test": 1})
    with pytest.raises(ValueError, match="class 'T-shirt/top' needs 4 images, the file has 3"):
        packing.pack(tmp_path, tmp_path, {"train": 4, "test": 2})
    assert not list(tmp_path.glob("*.npz"))


@pytest.mark.slow
def test_packing_without_the_files_is_an_error_of_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("pack_fashion_mnist: ") and done.stderr.count("\n") == 1
