"""Files: damaged ones, downloads from a server on this machine, full disks."""

import errno
import gzip
import hashlib
import http.server
import os
import threading

import numpy as np
import pytest

from helpers import files


def idx(array):
    """Returns a gzipped IDX file of bytes."""
    header = (
        b"\x00\x00\x08"
        + bytes([array.ndim])
        + b"".join(int(n).to_bytes(4, "big") for n in array.shape)
    )
    return gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0)


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
        files.read_idx(path)
    assert str(path) in str(caught.value)


def test_a_flipped_byte_in_an_idx_file_is_noticed(tmp_path):
    content = bytearray(idx(np.random.default_rng(0).integers(0, 256, (40, 4, 4))))
    content[200] ^= 0x55
    (tmp_path / "images.gz").write_bytes(content)
    with pytest.raises(ValueError, match="damaged or truncated"):
        files.read_idx(tmp_path / "images.gz")


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
    files.fetch(server.address, target, md5=md5)
    assert target.read_bytes() == server.content
    assert [path.name for path in target.parent.iterdir()] == ["file.gz"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_download_goes_on_where_it_stopped(server, md5, tmp_path, ranges):
    target = tmp_path / "file.gz"
    server.cut, server.ranges = 200_000, ranges
    with pytest.raises(ConnectionError, match="What has arrived is kept"):
        files.fetch(server.address, target, md5=md5)
    assert not target.exists() and (tmp_path / "file.gz.part").stat().st_size == 200_000
    server.cut = None
    files.fetch(server.address, target, md5=md5)
    assert target.read_bytes() == server.content
    assert server.asked == [None, "bytes=200000-"]


def test_a_part_that_is_complete_is_only_checked(server, md5, tmp_path):
    (tmp_path / "file.gz.part").write_bytes(server.content)
    files.fetch(server.address, tmp_path / "file.gz", md5=md5)
    assert (tmp_path / "file.gz").read_bytes() == server.content


def test_another_checksum_is_told_and_the_file_removed(server, tmp_path):
    wrong = "0" * 32
    with pytest.raises(ValueError, match=f"MD5 {wrong} expected, [0-9a-f]{{32}} found"):
        files.fetch(server.address, tmp_path / "file.gz", md5=wrong)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_server_is_told(server, md5, tmp_path):
    server.status = 404
    with pytest.raises(ConnectionError, match="answered 404"):
        files.fetch(server.address, tmp_path / "file.gz", md5=md5)
    assert list(tmp_path.iterdir()) == []


def test_no_network_is_told(server, md5, tmp_path):
    address = server.address
    server.shutdown()
    server.server_close()
    with pytest.raises(ConnectionError, match=r"cannot be reached .*full=False"):
        files.fetch(address, tmp_path / "file.gz", md5=md5)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk_is_told(server, md5, tmp_path, monkeypatch, code):
    def refuse(*arguments, **options):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files, "_receive", refuse)
    with pytest.raises(OSError, match=r"cannot write .*file\.gz\.part.* root=") as caught:
        files.fetch(server.address, tmp_path / "file.gz", md5=md5)
    assert caught.value.errno == code and os.strerror(code) in str(caught.value)


def test_write_atomically_replaces_in_full(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    files.write_atomically(path, b"new")
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch, step):
    def refuse(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(files.os, step, refuse)
    with pytest.raises(OSError, match="No space left"):
        files.write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
