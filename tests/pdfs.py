"""Read a PDF of ours back: the text of each page, by the font's own table of what its glyphs stand for."""

from __future__ import annotations

import re
import zlib

_OBJECT = re.compile(rb"(?<!\d)(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)
_SHOWN = re.compile(rb"/(F\d+) [\d.]+ Tf|\(((?:[^()\\]|\\.)*)\) Tj", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def pages_of(content: bytes) -> list[str]:
    """The text of each page; a space between what stands apart."""
    objects = {int(number): body for number, body in _OBJECT.findall(content)}
    fonts: dict[bytes, dict[int, str]] = {}
    for body in objects.values():
        for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", body):
            above = re.search(rb"/ToUnicode (\d+) 0 R", objects[int(number)])
            if above:
                fonts[name] = _letters(_stream(objects[int(above[1])]))
    return [
        _text(_stream(objects[int(found[1])]), fonts)
        for body in objects.values()
        if b"/Type /Page\n" in body and (found := re.search(rb"/Contents (\d+) 0 R", body))
    ]


def text_of(content: bytes) -> str:
    return " ".join(pages_of(content))


def _stream(body: bytes) -> bytes:
    raw = body.partition(b"stream\n")[2].rpartition(b"\nendstream")[0]
    return zlib.decompress(raw) if b"/FlateDecode" in body else raw


def _letters(table: bytes) -> dict[int, str]:
    pairs = re.findall(rb"<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]+)>\n", table)
    return {int(glyph, 16): bytes.fromhex(text.decode()).decode("utf-16-be") for glyph, text in pairs}


def _text(drawn: bytes, fonts: dict[bytes, dict[int, str]]) -> str:
    said, letters = [], {}
    for font, shown in _SHOWN.findall(drawn):
        if font:
            letters = fonts[font]
            continue
        plain = re.sub(rb"\\(.)", lambda found: _ESCAPED.get(found[1], found[1]), shown, flags=re.DOTALL)
        glyphs = [int.from_bytes(plain[at : at + 2], "big") for at in range(0, len(plain), 2)]
        said.append("".join(letters.get(glyph, "\ufffd") for glyph in glyphs))
    return re.sub(r"\s+", " ", " ".join(said)).strip()
