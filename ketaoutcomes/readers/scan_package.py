"""All texts that a workbook's package holds beside its cells: every element and attribute of every part.

Nothing is looked for by name, since a text can stand anywhere: in prompts,
tooltips, alternative texts, scenarios, earlier versions, copies for pivot
tables. Left out is only what says nothing of anybody: places, sizes, colours,
addresses of schemas, and the cells, which are looked at as a table.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Collection
from dataclasses import dataclass, field
from html import unescape
from xml.parsers import expat

from defusedxml.common import DTDForbidden

__all__ = ["PackageTexts", "package_texts"]

MOST_ELEMENTS = 12_000_000  # of one package
MOST_DISTINCT = 1_000_000
CHUNK = 1 << 20
ENDINGS = (".xml", ".vml", ".rels")
# What programs write as author when nobody has given a name.
PROGRAMS = re.compile(
    r"(?i)(?:openpyxl|xlsxwriter|microsoft.*|excel.*|libreoffice.*|apache poi|sas.*|r|python|pandas"
    r"|redcap|user|windows user|unknown|administrator|admin)?"
)
PERSONS = frozenset({"creator", "lastModifiedBy", "Manager", "author"})
PERSON_KEYS = frozenset({"userName", "userId", ("person", "displayName"), ("scenario", "user")})
PERSON_KEYS |= {("userInfo", "name"), ("fileSharing", "userName")}
# When a part was made, and by which version, is about the file.
ABOUT = frozenset({"created", "modified", "lastPrinted", "AppVersion"})
ABOUT_KEYS = frozenset({"dT", "dateTime", "refreshedDateIso", "typeface", "ContentType", "PartName", "Type"})
SECRET_KEYS = re.compile(r"(?i)(?:hash|salt|spin|verifier|password|xmlns|uid|guid)")
# Elements whose text is cut into runs of one look each.
JOINED = frozenset({"si", "is", "comment", "threadedComment"})
MADE = re.compile(
    r"(?i)\s*(?:[-+]?[0-9.]{1,8}(?:e[-+]?[0-9]+)?|true|false|\{[0-9a-f-]{36}\}|#?[0-9a-f]{6,8}"
    r"|(?:https?://(?:schemas\.|www\.w3\.org|purl\.org)|urn:schemas)\S*"
    r"|(?:chart|picture|image|comment|table|textbox|shape) ?[0-9]{0,4})\s*"
)
GUID = re.compile(r"(?i)\{?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?")
# Numbers in attributes of these are places, sizes and identities of shapes.
PICTURED = ("xl/drawings", "xl/charts", "xl/diagrams", "xl/comments")
DRAWN = (*PICTURED, "xl/ctrlprops", "xl/worksheets", "xl/chartsheets", "docprops")
DATA_KEYS = frozenset({("inputCells", "val"), ("cfvo", "val"), ("property", "name")})
NUMBER = re.compile(r"[-+]?[0-9.]+")
LITERAL = re.compile(r"\"([^\"]{1,2000})\"|'([^'\n]{1,2000})'|(?<![0-9.])([0-9]{9,19})(?![0-9.])")
# &L, &"Arial,Bold" and the like set the place and the letters of what is printed above a page.
CODES = re.compile(r'&(?:"[^"]*"|[0-9]+|[A-Za-z])')
TAGGED = re.compile(r">([^<>]+)<")
VALUE = re.compile(r"([\w:]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")


@dataclass
class PackageTexts:
    """What a package holds beside cells.

    Parameters
    ----------
    texts : dict of str to None
        Each once, in order.
    persons : int
        Entries that name a person, as author or as the last to save the file.
    n_comments : int
        Distinct comments in all parts, whether a sheet shows them or not.
    unread : int
        Parts of which not everything was looked at.
    """

    texts: dict[str, None] = field(default_factory=dict)
    persons: int = 0
    comments: set[str] = field(default_factory=set)
    unread: int = 0
    n_elements: int = 0

    @property
    def n_comments(self) -> int:
        """Number of distinct comments."""
        return len(self.comments)


class _Full(Exception):
    """The package has more in it than is looked at."""


def package_texts(archive: zipfile.ZipFile, known: Collection[str]) -> PackageTexts:
    """Return the texts of all parts of a package in which text can stand.

    Parameters
    ----------
    archive : ZipFile
        Known to be safe to unpack.
    known : set of str
        Cells and comments, which are looked at elsewhere.
    """
    out = PackageTexts()
    for name in archive.namelist():
        part = name.lower()
        if not part.endswith(ENDINGS) or part.startswith("xl/theme/"):
            continue
        reader = _Reader(part, out, known)
        try:
            with archive.open(name) as stream:
                while chunk := stream.read(CHUNK):
                    reader.parser.Parse(chunk, False)
            reader.parser.Parse(b"", True)
        except _Full:
            out.unread += 1
        except (expat.ExpatError, DTDForbidden, ValueError, LookupError):
            _loose(archive.read(name), reader)
    return out


def _loose(data: bytes, reader: _Reader) -> None:
    """Take the texts of a part that is no well-formed XML, as old drawings are."""
    coding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    text = data.decode(coding, "replace")
    try:
        for found in TAGGED.finditer(text):
            reader.take(unescape(found.group(1)))
        for found in VALUE.finditer(text):
            reader.attribute("", found.group(1), unescape(found.group(2) or found.group(3) or ""))
    except _Full:
        reader.out.unread += 1


class _Reader:
    """Takes the texts of one part while it streams."""

    def __init__(self, part: str, out: PackageTexts, known: Collection[str]) -> None:
        self.part, self.out, self.known = part, out, known
        self.folder = posixpath.dirname(part)
        self.is_sheet = self.folder == "xl/worksheets"
        self.is_style = posixpath.basename(part) == "styles.xml"
        self.pieces: list[str] = []
        self.path: list[str] = []
        self.joined: list[list[str]] = []
        self.kind = ""
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.pieces.append
        self.parser.CommentHandler = self.take
        self.parser.ProcessingInstructionHandler = lambda target, data: self.take(data)
        self.parser.StartDoctypeDeclHandler = _refuse

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take an element's attributes, and the text before it."""
        self.out.n_elements += 1
        if self.out.n_elements > MOST_ELEMENTS:
            raise _Full
        tag = name.rpartition(":")[2]
        if self.path:
            self._text(self.path[-1])
        self.path.append(tag)
        if self._joins(tag):
            self.joined.append([])
        if self.is_sheet and tag in ("c", "row", "col"):
            self.kind = attributes.get("t", "n")
            return
        if self.part.endswith(".rels") and attributes.get("TargetMode") != "External":
            return
        for key, value in attributes.items():
            self.attribute(tag, key, value)

    def end(self, _: str) -> None:
        """Take an element's text."""
        tag = self.path.pop()
        self._text(tag)
        if self._joins(tag):
            pieces = self.joined.pop()
            if tag in ("comment", "threadedComment"):
                text = " ".join("".join(pieces).split())
                if text:
                    self.out.comments.add(text)
            else:
                text = "".join(pieces)
            self.take(text)
            if self.joined:
                self.joined[-1].append(text)

    def _joins(self, tag: str) -> bool:
        # A paragraph is that of a drawing; elsewhere letters may mean anything, and texts stay apart.
        return self.part.startswith("xl/") and (
            tag in JOINED or (tag == "p" and self.folder.startswith(PICTURED))
        )

    def attribute(self, tag: str, key: str, value: str) -> None:
        """Take the value of an attribute."""
        short = key.rpartition(":")[2]
        if short in PERSON_KEYS or (tag, short) in PERSON_KEYS:
            self._person(value)
        if self.is_style and short != "formatCode":
            return
        if key.startswith("xmlns") or short in ABOUT_KEYS or SECRET_KEYS.search(short):
            return
        if (short.lower().endswith("id") and GUID.fullmatch(value)) or MADE.fullmatch(value):
            return
        drawn = self.folder.startswith(DRAWN) or self.part == "xl/workbook.xml"
        if drawn and (tag, short) not in DATA_KEYS and NUMBER.fullmatch(value):
            return
        if self.is_style:
            value = value.replace("\\", "").replace('"', " ")
        self.take(value.replace("_", " ") if (tag, short) == ("definedName", "name") else value)

    def take(self, text: str) -> None:
        """Keep a text, unless it is known."""
        plain = text.strip()
        if plain and plain not in self.known and not MADE.fullmatch(plain):
            if len(self.out.texts) >= MOST_DISTINCT:
                raise _Full
            self.out.texts[plain] = None

    def _text(self, tag: str) -> None:
        """Take the text gathered for an element."""
        text = "".join(self.pieces)
        self.pieces.clear()
        if not text or (self.is_style and tag != "t"):
            return
        if self.joined:
            self.joined[-1].append(text)
            return
        if tag in PERSONS:
            self._person(text)
        elif self.is_sheet and tag == "v":
            # The cells of the table are known; others are above a header, or on a sheet that is not listed.
            plain = text.strip()
            if self.kind not in ("s", "b", "e", "n") or (len(plain) >= 9 and plain.isdigit()):
                self.take(plain)
        elif self.is_sheet and tag in ("f", "formula"):
            for found in LITERAL.finditer(text):
                self.take(next(one for one in found.groups() if one))
        elif tag not in ABOUT:
            self.take(CODES.sub(" ", text) if "Header" in tag or "Footer" in tag else text)

    def _person(self, text: str) -> None:
        self.out.persons += bool(text.strip()) and not PROGRAMS.fullmatch(text.strip())


def _refuse(*_: object) -> None:
    raise DTDForbidden("", None, None)
