"""Files that come from elsewhere and files that are written: downloads, IDX, atomic writes."""

import gzip
import hashlib
import os
import tempfile
import urllib.error
import urllib.request
import zlib
from pathlib import Path

import numpy as np
from tqdm import tqdm


def checksum(path: str | os.PathLike) -> str:
    """Returns a file's MD5 checksum, hexadecimal.

    Raises:
        OSError: The file cannot be read.
    """
    return hashlib.md5(Path(path).read_bytes()).hexdigest()


def fetch(address: str, target: str | os.PathLike, *, md5: str) -> None:
    """Downloads a file, or the rest of one, and puts it in place once its checksum is right.

    What has arrived is kept in ``<target>.part``, and the next call goes on from there.

    Args:
        address: http(s) address of the file.
        target: Where the file goes; its folder is made if it is missing.
        md5: The file's MD5 checksum, hexadecimal.

    Raises:
        ConnectionError: The server did not answer, or not with the file.
        OSError: The file could not be written.
        ValueError: The file that arrived has another checksum; it is removed.
    """
    target = Path(target)
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _receive(address, part)
    except urllib.error.HTTPError as error:
        # 416: the part is complete already, and the checksum decides.
        if error.code != 416:
            raise ConnectionError(f"{address} answered {error.code} {error.reason}.") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise ConnectionError(
            f"{address} cannot be reached ({error}). Without a network, use the bundled part "
            "(full=False) or files that you have (root=...). What has arrived is kept."
        ) from error
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror}: cannot write {part}. Pass root=... to name another folder",
        ) from error
    found = checksum(part)
    if found != md5:
        part.unlink()
        raise ValueError(
            f"{address} gave a damaged file: MD5 {md5} expected, {found} found. It was removed; "
            "call again to fetch it anew."
        )
    os.replace(part, target)


def _receive(address: str, part: Path) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=30) as answer:
        resumed = answer.status == 206
        total = int(answer.headers.get("Content-Length", 0)) + (have if resumed else 0)
        with (
            open(part, "ab" if resumed else "wb") as file,
            tqdm(total=total, initial=file.tell(), unit="B", unit_scale=True, leave=False) as bar,
        ):
            while block := answer.read(1 << 16):
                file.write(block)
                bar.update(len(block))
            if total and file.tell() < total:
                raise ConnectionError(f"the connection closed after {file.tell()} of {total} bytes")


def write_atomically(path: str | os.PathLike, content: bytes) -> None:
    """Writes a file so that it is there in full or, if anything fails, as it was before.

    Args:
        path: The file to write or replace.
        content: What it shall hold.

    Raises:
        OSError: The disk is full or read-only, or the folder is missing.
    """
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_idx(path: str | os.PathLike) -> np.ndarray:
    """Reads a gzipped IDX file of bytes, the format of MNIST and Fashion-MNIST.

    Args:
        path: The file.

    Returns:
        uint8, shape as the file's header says.

    Raises:
        ValueError: The file is truncated or is no such file.

    Source: http://yann.lecun.com/exdb/mnist/ (section on file formats).
    """
    try:
        raw = gzip.decompress(Path(path).read_bytes())
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged or truncated ({error}).") from error
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08":
        raise ValueError(
            f"{path} is no IDX file of bytes: it begins with {raw[:4].hex() or 'nil'}."
        )
    dimensions = raw[3]
    start = 4 + 4 * dimensions
    if len(raw) < start:
        raise ValueError(
            f"{path} is truncated: {start} bytes of header announced, {len(raw)} found."
        )
    shape = np.frombuffer(raw, ">u4", count=dimensions, offset=4)
    expected = start + int(np.prod(shape, dtype=np.int64))
    if len(raw) != expected:
        raise ValueError(f"{path} is truncated: {expected} bytes announced, {len(raw)} found.")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape).copy()
