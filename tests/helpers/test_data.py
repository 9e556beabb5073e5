"""Data: what is bundled, damaged files, downloads from a server on this machine, full disks."""

import errno
import gzip
import hashlib
import http.server
import importlib.util
import os
import subprocess
import sys
import threading
from importlib.metadata import files as installed_files
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets import FashionMNIST

from helpers import data
from tests.notebooks import ROOT

SCRIPT = ROOT / "book" / "tools" / "pack_fashion_mnist.py"
_spec = importlib.util.spec_from_file_location("pack_fashion_mnist", SCRIPT)
packing = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(packing)

CHECKSUMS = {
    "train": "8011080c952628f2",
    "test": "788913f16e63dd28",
}
SIZES = {"train": 10_000, "test": 2_000}


def checksum(*tensors):
    return hashlib.sha256(b"".join(t.numpy().tobytes() for t in tensors)).hexdigest()[:16]


@pytest.mark.parametrize("split", SIZES)
def test_the_bundled_part(split):
    images, labels = data.fashion_mnist(split)
    assert images.shape == (SIZES[split], 1, 28, 28) and images.dtype == torch.uint8
    assert labels.shape == (SIZES[split],) and labels.dtype == torch.int64
    assert torch.bincount(labels).tolist() == [SIZES[split] // 10] * 10
    assert checksum(images, labels) == CHECKSUMS[split]


def test_no_image_is_in_both_sets():
    seen = {image.numpy().tobytes() for image in data.fashion_mnist("train")[0]}
    assert not any(image.numpy().tobytes() in seen for image in data.fashion_mnist("test")[0])


def test_the_bundled_part_is_small_and_has_its_licence_beside_it():
    assets = ROOT / "helpers" / "assets"
    assert (assets / "fashion_mnist.npz").stat().st_size <= 6_000_000
    licence = (assets / "fashion_mnist.LICENSE").read_text(encoding="utf-8")
    assert "MIT License" in licence and "Zalando" in licence


@pytest.mark.parametrize("damage", [lambda b: b[:100_000], lambda b: b"", lambda b: b"no zip"])
def test_a_damaged_bundle_is_named(tmp_path, monkeypatch, damage):
    (tmp_path / "assets").mkdir()
    bundle = (ROOT / "helpers" / "assets" / "fashion_mnist.npz").read_bytes()
    (tmp_path / "assets" / "fashion_mnist.npz").write_bytes(damage(bundle))
    monkeypatch.setattr(data, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match=r"fashion_mnist\.npz is damaged .* Install the package"):
        data.fashion_mnist("train")


def test_a_bundle_with_a_flipped_byte_is_named(tmp_path, monkeypatch):
    (tmp_path / "assets").mkdir()
    bundle = bytearray((ROOT / "helpers" / "assets" / "fashion_mnist.npz").read_bytes())
    bundle[2_000_000] ^= 0xFF
    (tmp_path / "assets" / "fashion_mnist.npz").write_bytes(bundle)
    monkeypatch.setattr(data, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match="is damaged"):
        data.fashion_mnist("train")


@pytest.mark.parametrize("split", ["validation", "Train", "", None, 0])
def test_an_unknown_split_is_named(split):
    with pytest.raises(ValueError, match="'train' or 'test'") as caught:
        data.fashion_mnist(split)
    assert repr(split) in str(caught.value)


@pytest.mark.parametrize("options", [{"root": "somewhere"}, {"download": True}])
def test_options_of_the_full_set_need_full(options):
    with pytest.raises(ValueError, match="full=True"):
        data.fashion_mnist("train", **options)


def idx(array):
    header = (
        b"\x00\x00\x08"
        + bytes([array.ndim])
        + b"".join(int(n).to_bytes(4, "big") for n in array.shape)
    )
    return gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0)


def originals(folder, monkeypatch, size=60, test_size=30):
    """Writes four small files in the originals' format; returns the arrays by split."""
    generator, arrays = np.random.default_rng(0), {}
    for split, count in (("train", size), ("test", test_size)):
        prefix = data._FASHION_PREFIX[split]
        images = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = generator.permutation(np.arange(count) % 10).astype(np.uint8)
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(idx(images))
        (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(idx(labels))
        arrays[split] = images, labels
    monkeypatch.setattr(data, "_FASHION_SIZE", {"train": size, "test": test_size})
    return arrays


def test_full_reads_all_images_of_a_folder(tmp_path, monkeypatch):
    arrays = originals(tmp_path, monkeypatch)
    images, labels = data.fashion_mnist("test", full=True, root=tmp_path)
    assert np.array_equal(images[:, 0].numpy(), arrays["test"][0])
    assert np.array_equal(labels.numpy(), arrays["test"][1])


def test_full_is_never_fetched_silently(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "fetch", lambda *a, **k: pytest.fail("it went to the network"))
    with pytest.raises(FileNotFoundError, match=r"Pass download=True .* root=") as caught:
        data.fashion_mnist("train", full=True, root=tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(caught.value)


def test_full_looks_into_the_cache(tmp_path, monkeypatch):
    cache = tmp_path / "pytorch-executed"
    cache.mkdir()
    originals(cache, monkeypatch)
    monkeypatch.setattr(data, "_DEBIAN_FOLDER", tmp_path / "absent")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert len(data.fashion_mnist("train", full=True)[0]) == 60


def test_files_of_another_size_are_refused(tmp_path, monkeypatch):
    originals(tmp_path, monkeypatch)
    monkeypatch.setattr(data, "_FASHION_SIZE", {"train": 61, "test": 30})
    with pytest.raises(
        ValueError, match=r"must hold bytes of shape \(61, 28, 28\), got \(60, 28, 28\)"
    ):
        data.fashion_mnist("train", full=True, root=tmp_path)


@pytest.mark.parametrize(("content", "message"), [
    (b"", "no IDX file|damaged"),
    (b"<html>not found</html>", "damaged or truncated"),
    (idx(np.zeros((4, 2, 2)))[:-12], "damaged or truncated"),
    (gzip.compress(b"\x00\x00\x08\x01\x00\x00\x00\x05abc", mtime=0), "12|13 bytes announced"),
    (gzip.compress(b"\x00\x00\x0d\x01\x00\x00\x00\x01a", mtime=0), "no IDX file of bytes"),
    (gzip.compress(b"", mtime=0), "begins with nil"),
    (gzip.compress(b"\x00\x00\x08\x03\x00\x00", mtime=0), "16 bytes of header announced, 6"),
], ids=["nothing", "a page", "cut off", "too long", "integers", "no header", "half"])  # fmt: skip
def test_a_damaged_idx_file_is_named(tmp_path, content, message):
    path = tmp_path / "labels.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        data.read_idx(path)
    assert str(path) in str(caught.value)


def test_a_flipped_byte_in_an_idx_file_is_noticed(tmp_path):
    content = bytearray(idx(np.random.default_rng(0).integers(0, 256, (40, 4, 4))))
    content[200] ^= 0x55
    (tmp_path / "images.gz").write_bytes(content)
    with pytest.raises(ValueError, match="damaged or truncated"):
        data.read_idx(tmp_path / "images.gz")


class Server(http.server.ThreadingHTTPServer):
    """Serves one file; can ignore ranges, cut the connection, or answer an error."""

    content = bytes(range(256)) * 2000
    ranges, cut, status = True, None, 200

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}/file.gz"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        start = int(wanted[6:-1]) if wanted and server.ranges else 0
        if server.status != 200 or start >= len(server.content):
            self.send_error(server.status if server.status != 200 else 416)
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.cut] if server.cut else body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    server = Server()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def md5():
    return hashlib.md5(Server.content).hexdigest()


def test_a_download_arrives_whole(server, md5, tmp_path):
    target = tmp_path / "new" / "file.gz"
    data.fetch(server.address, target, md5=md5)
    assert target.read_bytes() == server.content
    assert [path.name for path in target.parent.iterdir()] == ["file.gz"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_download_goes_on_where_it_stopped(server, md5, tmp_path, ranges):
    target = tmp_path / "file.gz"
    server.cut, server.ranges = 200_000, ranges
    with pytest.raises(ConnectionError, match="What has arrived is kept"):
        data.fetch(server.address, target, md5=md5)
    assert not target.exists() and (tmp_path / "file.gz.part").stat().st_size == 200_000
    server.cut = None
    data.fetch(server.address, target, md5=md5)
    assert target.read_bytes() == server.content
    assert server.asked == [None, "bytes=200000-"]


def test_a_part_that_is_complete_is_only_checked(server, md5, tmp_path):
    (tmp_path / "file.gz.part").write_bytes(server.content)
    data.fetch(server.address, tmp_path / "file.gz", md5=md5)
    assert (tmp_path / "file.gz").read_bytes() == server.content


def test_another_checksum_is_told_and_the_file_removed(server, tmp_path):
    wrong = "0" * 32
    with pytest.raises(ValueError, match=f"MD5 {wrong} expected, [0-9a-f]{{32}} found"):
        data.fetch(server.address, tmp_path / "file.gz", md5=wrong)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_server_is_told(server, md5, tmp_path):
    server.status = 404
    with pytest.raises(ConnectionError, match="answered 404"):
        data.fetch(server.address, tmp_path / "file.gz", md5=md5)
    assert list(tmp_path.iterdir()) == []


def test_no_network_is_told(server, md5, tmp_path):
    address = server.address
    server.shutdown()
    server.server_close()
    with pytest.raises(ConnectionError, match=r"cannot be reached .*full=False"):
        data.fetch(address, tmp_path / "file.gz", md5=md5)


def test_download_takes_addresses_and_checksums_from_torchvision(server, tmp_path, monkeypatch):
    folder = tmp_path / "source"
    folder.mkdir()
    arrays = originals(folder, monkeypatch)
    contents = {path.name: path.read_bytes() for path in folder.iterdir()}
    fetched = []

    def fetch(address, target, *, md5):
        fetched.append((address, md5))
        Path(target).write_bytes(contents[Path(target).name])

    monkeypatch.setattr(data, "fetch", fetch)
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

    monkeypatch.setattr(data, "_receive", receive)
    return contents, arrays, fetched


@pytest.mark.parametrize("where", ["root", "cache"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_fetched_again(tmp_path, monkeypatch, sources, damage, where):
    contents, arrays, fetched = sources
    monkeypatch.setattr(data, "_DEBIAN_FOLDER", tmp_path / "absent")
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

    monkeypatch.setattr(data, "_receive", refuse)
    with pytest.raises(ConnectionError, match="cannot be reached"):
        data.fashion_mnist("test", full=True, root=tmp_path, download=True)
    assert path.read_bytes() == b""


def test_a_damaged_file_of_debian_is_left_alone_and_fetched_into_the_cache(
    tmp_path, monkeypatch, sources
):
    contents, arrays, fetched = sources
    debian = tmp_path / "debian"
    debian.mkdir()
    monkeypatch.setattr(data, "_DEBIAN_FOLDER", debian)
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


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk_is_told(server, md5, tmp_path, monkeypatch, code):
    def refuse(*arguments, **options):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(data, "_receive", refuse)
    with pytest.raises(OSError, match=r"cannot write .*file\.gz\.part.* root=") as caught:
        data.fetch(server.address, tmp_path / "file.gz", md5=md5)
    assert caught.value.errno == code and os.strerror(code) in str(caught.value)


def test_write_atomically_replaces_in_full(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    data.write_atomically(path, b"new")
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch, step):
    def refuse(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(data.os, step, refuse)
    with pytest.raises(OSError, match="No space left"):
        data.write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_packing_takes_the_first_of_each_class_in_order(tmp_path, monkeypatch):
    arrays = originals(tmp_path, monkeypatch)
    target = tmp_path / "packed.npz"
    packing.pack(tmp_path, target, {"train": 4, "test": 2})
    with np.load(target) as packed:
        for split, count in (("train", 4), ("test", 2)):
            images, labels = arrays[split]
            chosen = [i for i in range(len(labels)) if (labels[:i] == labels[i]).sum() < count]
            assert np.array_equal(packed[f"{split}_labels"], labels[chosen])
            assert np.array_equal(packed[f"{split}_images"], images[chosen])
    first = target.read_bytes()
    packing.pack(tmp_path, target, {"train": 4, "test": 2})
    assert target.read_bytes() == first


def test_packing_too_few_images_names_the_class(tmp_path, monkeypatch):
    originals(tmp_path, monkeypatch)
    with pytest.raises(ValueError, match="class 'T-shirt/top' needs 7 images, the file has 6"):
        packing.pack(tmp_path, tmp_path / "packed.npz", {"train": 7, "test": 2})
    assert not (tmp_path / "packed.npz").exists()


def test_packing_without_the_files_is_an_error_of_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("pack_fashion_mnist: ") and done.stderr.count("\n") == 1


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
