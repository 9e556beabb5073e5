"""Picture files that Pillow does not write: deep, damaged, too large."""

import io
import struct
import zlib

from PIL import Image


def png(depth: int, colour: int, rows: list[bytes], size: tuple[int, int] = (8, 6)) -> bytes:
    """Returns a PNG of these bits per value, colour type, rows of bytes, and width and height."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def bomb() -> bytes:
    """Returns a PNG of few bytes that claims to hold 900 million pixels."""
    return png(8, 0, [], size=(30_000, 30_000))


def damaged_exif(image: Image.Image) -> bytes:
    """Returns a JPEG to be turned upright, whose resolution is said to be a word."""
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "abc", 6
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    whole = file.getvalue()
    assert whole.count(b"\x01\x0e\x00\x02") == 1
    return whole.replace(b"\x01\x0e\x00\x02", b"\x01\x1a\x00\x02")
