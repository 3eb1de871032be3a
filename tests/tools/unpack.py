"""Inflates whatever is compressed anywhere in the files named on standard input: gzip, zlib, members of zip archives,
and any of these in base64. Writes each finding into the directory given as argument."""

import base64
import binascii
import pathlib
import re
import struct
import sys
import zlib

DEPTH = 3
LARGEST = 64 << 20
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}")
ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]")


def inflate(data, start, bits):
    inflater = zlib.decompressobj(bits)
    plain = bytearray()
    try:
        # Piece by piece, so that what comes before a defect counts too.
        for at in range(start, len(data), 64):
            plain += inflater.decompress(data[at : at + 64], LARGEST)
            if inflater.eof or len(plain) > LARGEST:
                break
    except zlib.error:
        pass
    return bytes(plain)


def layers(data):
    for match in re.finditer(rb"\x1f\x8b\x08", data):
        yield inflate(data, match.start(), 31)
    for match in ZLIB.finditer(data):
        yield inflate(data, match.start(), 15)
    for match in re.finditer(rb"PK\x03\x04", data):
        head = data[match.start() : match.start() + 30]
        if len(head) == 30:
            name, extra = struct.unpack("<HH", head[26:30])
            yield inflate(data, match.start() + 30 + name + extra, -15)
    for match in BASE64.finditer(data):
        text = match.group().translate(bytes.maketrans(b"-_", b"+/"))
        for shift in range(4):
            part = text[shift:]
            try:
                plain = base64.b64decode(part[: len(part) // 4 * 4])
            except binascii.Error:
                continue
            if any(magic in plain for magic in (b"\x1f\x8b\x08", b"PK\x03\x04")) or ZLIB.match(plain):
                yield plain


def main():
    into = pathlib.Path(sys.argv[1])
    count = 0
    for name in sys.stdin.read().splitlines():
        level = [pathlib.Path(name).read_bytes()]
        for _ in range(DEPTH):
            level = [plain for data in level for plain in layers(data) if len(plain) >= 8]
            for plain in level:
                count += 1
                base = pathlib.Path(name).name
                (into / f"{count}-out-of-{base}").write_bytes(plain)


main()
