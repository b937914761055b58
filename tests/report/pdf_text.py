"""What stands in a PDF of typst: its objects, its words, the words of each sheet. Standard library only."""

from __future__ import annotations

import re
import unicodedata
import zlib

STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.S)
ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.S)
SHORT = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
TOKEN = re.compile(rb"(?:ActualText ?)?[(]|/(f\d+) [\d.]+ Tf|/(x\d+) Do|\bBT\b|\bET\b")
EDGE = re.compile(rb"[()\\]")


class Pdf:
    """A PDF without object streams."""

    def __init__(self, content: bytes):
        assert b"/ObjStm" not in content
        parts = re.findall(rb"\n(\d+) 0 obj\n(.*?)\nendobj", content, re.S)
        self.objects = {int(number): body for number, body in parts}

    def names(self) -> set[str]:
        """Every name (/Type, /URI, ...) outside of strings and streams."""
        found = set()
        for body in self.objects.values():
            bare = b"".join(_outside(STREAM.sub(b"", body)))
            found |= {name.decode("latin-1") for name in re.findall(rb"/([^\s/<>()\[\]{}%]+)", bare)}
        return found

    def sheets(self) -> list[str]:
        """The words of each sheet, in the order in which they are painted."""
        pages = [body for body in self.objects.values() if re.search(rb"/Type/Page\b(?!s)", body)]
        return [self._words(int(re.search(rb"/Contents (\d+)", page)[1]), page) for page in pages]

    def _words(self, number: int, owner: bytes) -> str:
        """The words of one stream of painting and of the drawings that it places."""
        resources = self._resources(owner)
        fonts = {name: self._font(int(at)) for name, at in re.findall(rb"/(f\d+) (\d+) 0 R", resources)}
        drawings = dict(re.findall(rb"/(x\d+) (\d+) 0 R", resources))
        painted, words, codes, at, is_text = self._stream(number), [""], {}, 0, False
        while match := TOKEN.search(painted, at):
            font, drawing = match.groups()
            at = match.end()
            if font:
                codes = fonts[font]
            elif drawing:
                form = int(drawings[drawing])
                if b"/Subtype/Form" in self.objects[form]:
                    words += [self._words(form, self.objects[form]), ""]
            elif match[0].endswith(b"("):
                at = _end(painted, at)
                # What a reader aloud is told instead of a glyph is not painted.
                if not is_text or match[0] != b"(":
                    continue
                text = _meant(painted[match.end() : at - 1])
                words[-1] += "".join(
                    codes.get(text[place : place + 2], "") for place in range(0, len(text), 2)
                )
            else:
                is_text = match[0] == b"BT"
                words.append("")
        return " ".join(words)

    def _resources(self, owner: bytes) -> bytes:
        reference = re.search(rb"/Resources (\d+) 0 R", owner)
        return self.objects[int(reference[1])] if reference else owner.split(b"stream", 1)[0]

    def _stream(self, number: int) -> bytes:
        head, body = self.objects[number].split(b"stream", 1)
        body = body.removeprefix(b"\r").removeprefix(b"\n")
        return zlib.decompressobj().decompress(body) if b"FlateDecode" in head else body

    def _font(self, number: int) -> dict[bytes, str]:
        """Two bytes to the letters that they stand for."""
        table = self._stream(int(re.search(rb"/ToUnicode (\d+)", self.objects[number])[1])).decode()
        pairs = re.findall(r"<([0-9A-F]{4})> <([0-9A-F]+)>\n", table.split("beginbfchar", 1)[1])
        return {bytes.fromhex(code): bytes.fromhex(text).decode("utf-16-be") for code, text in pairs}


def _end(content: bytes, at: int) -> int:
    """Where the string ends whose first sign stands at `at`; brackets in pairs stand in it as they are."""
    depth = 1
    while depth:
        edge = EDGE.search(content, at)
        at = edge.end() + (edge[0] == b"\\")
        depth += {b"(": 1, b")": -1}.get(edge[0], 0)
    return at


def _outside(body: bytes):
    """The parts of an object that are in no string."""
    at = 0
    while (start := body.find(b"(", at)) >= 0:
        yield body[at:start]
        at = _end(body, start + 1)
    yield body[at:]


def _meant(string: bytes) -> bytes:
    """A string of the file as the bytes that it means."""

    def one(match: re.Match) -> bytes:
        code = match[1]
        return bytes([int(code, 8) & 255]) if code.isdigit() else SHORT.get(code, code)

    return ESCAPE.sub(one, string)


def squeezed(text: str) -> str:
    """`text` without what setting it in lines adds or takes: white space, break marks, marks over letters."""
    letters = unicodedata.normalize("NFD", re.sub(r"[\s\u200b\u00ad]+", "", text))
    return "".join(letter for letter in letters if unicodedata.category(letter) != "Mn")
