"""What the bytes of a video file say beside its pictures: whether it is whole, its codec, which frames an AVI has lost.

Knows MP4 and MOV (boxes), AVI (RIFF chunks and the index at the end), MKV and WebM (the size of the segment). Of other
files it says nothing.
"""

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

CODECS = {
    "av01": "AV1", "V_AV1": "AV1", "hev1": "HEVC", "hvc1": "HEVC", "V_MPEGH/ISO/HEVC": "HEVC", "avc1": "H.264",
    "avc3": "H.264", "V_MPEG4/ISO/AVC": "H.264", "vp09": "VP9", "V_VP9": "VP9", "vp08": "VP8", "V_VP8": "VP8",
    "vvc1": "VVC", "vvi1": "VVC", "apch": "ProRes", "apcn": "ProRes", "apcs": "ProRes", "ap4h": "ProRes",
    "mp4v": "MPEG-4", "dvh1": "Dolby Vision", "dvhe": "Dolby Vision",
}  # fmt: skip
_SOUND = (b"mp4a", b"ac-3", b"ec-3", b"sowt", b"twos", b"alac", b"Opus", b"samr", b"lpcm", b"ulaw", b"alaw")
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")  # an MP4 begins with one of them
_SEARCHED = 1 << 20  # bytes from the beginning that are searched for the name of a codec


def find_break(path: Path) -> str:
    """Why the file cannot be whole, in words; "" where nothing says so."""
    size = path.stat().st_size
    if size == 0:
        return "it has zero bytes"
    with path.open("rb") as file:
        head = file.read(64)
        if head[4:8] in _BOXES:
            return _break_of_boxes(file, size)
        expected = _riff_end(head) if _is_riff(head) else _segment_end(head) if head[:4] == _EBML else None
    return _cut(size, expected) if expected is not None and expected > size else ""


def find_codec(path: Path) -> str:
    """The codec's common name, or its code where that is all there is; "" if it is not found."""
    with path.open("rb") as file:
        head = file.read(_SEARCHED)
        if _is_riff(head):
            found = re.search(rb"strf.{4}.{16}([\x20-\x7e]{4})", head, re.DOTALL)
            return found[1].decode().strip() if found else ""
        if head[:4] == _EBML:
            found = re.search(rb"V_[A-Z0-9/_]+", head)
            return _name(found[0]) if found else ""
        moov = next((box for kind, box in _boxes(file, path.stat().st_size) if kind == b"moov"), None)
        if moov is None:
            return ""
        file.seek(moov[0])
        entries = re.findall(rb"stsd.{12}([\x20-\x7e]{4})", file.read(moov[1] - moov[0]), re.DOTALL)
        return next((_name(code) for code in entries if code not in _SOUND), "")


def is_avi(path: Path) -> bool:
    """Whether the file is an AVI."""
    return _is_riff(_head(path))


def is_mp4(path: Path) -> bool:
    """Whether the file is an MP4, MOV or one of their kin."""
    return _head(path)[4:8] in _BOXES


def lost_in_avi(path: Path) -> tuple[int, list[int]] | None:
    """How many frames an AVI's index lists, and which (0-based) are empty or not where it says; None without index."""
    if not is_avi(path):
        return None
    with path.open("rb") as file:
        movi, index = None, b""
        for kind, (start, end) in _chunks(file, path.stat().st_size):
            file.seek(start)
            if kind == b"LIST" and file.read(4) == b"movi":
                movi = start
            elif kind == b"idx1":
                index = file.read(end - start)
        entries = [entry for entry in struct.iter_unpack("<4sIII", index[: len(index) // 16 * 16]) if _shows(entry[0])]
        if movi is None or not entries:
            return None
        shift = movi if entries[0][2] < movi else 0  # places count from `movi`, or from the beginning of the file
        lost = [i for i, (kind, _, at, size) in enumerate(entries) if not _is_there(file, shift + at, kind, size)]
        return len(entries), lost


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)


def _is_riff(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:11] == b"AVI"


def _shows(kind: bytes) -> bool:
    """Whether a chunk is a frame."""
    return kind[2:] in (b"dc", b"db")


def _is_there(file: BinaryIO, at: int, kind: bytes, size: int) -> bool:
    file.seek(at)
    return size > 0 and file.read(8) == kind + struct.pack("<I", size)


def _chunks(file: BinaryIO, size: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Chunks of a RIFF file, and where their content lies."""
    at = 12
    while at + 8 <= size:
        file.seek(at)
        kind, length = struct.unpack("<4sI", file.read(8))
        yield kind, (at + 8, min(at + 8 + length, size))
        at += 8 + length + length % 2


def _boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Outermost boxes of an MP4 file, and where they begin and should end."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        if length == 1:
            length = int.from_bytes(file.read(8), "big")
        end = at + length if length else size
        yield kind, (at, end)
        if end < at + 8:
            return
        at = end


def _break_of_boxes(file: BinaryIO, size: int) -> str:
    boxes = list(_boxes(file, size))
    if not any(kind == b"moov" for kind, _ in boxes):
        return "its index (the box `moov`) is missing, as when a recording or a copy is broken off"
    end = boxes[-1][1][1]
    return _cut(size, end) if end > size else ""


def _riff_end(head: bytes) -> int:
    return 8 + int.from_bytes(head[4:8], "little")


def _segment_end(head: bytes) -> int | None:
    """Where the segment of a Matroska file should end; None where it does not say."""
    at = head.find(_SEGMENT) + 4
    if at < 4 or at >= len(head) or not head[at]:
        return None
    length = 9 - head[at].bit_length()
    value = int.from_bytes(head[at : at + length], "big") & ((1 << 7 * length) - 1)
    return None if value == (1 << 7 * length) - 1 else at + length + value


def _cut(size: int, expected: int) -> str:
    return f"it ends after {size:,} of {expected:,} bytes, as when a copy is broken off"


def _name(code: bytes) -> str:
    text = code.decode("ascii", "replace").strip()
    return CODECS.get(text, text)
