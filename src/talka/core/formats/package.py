"""The zip package that docx and xlsx are, opened with distrust and packed again without a trace of the clock.

Nothing is unpacked before the zip's own directory says that it is small enough, and nothing is trusted to be
as small as the directory says. No external link is ever followed and no entity ever expanded.
"""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from urllib.parse import unquote

from lxml import etree

from .limits import MB, Limits
from .places import Place
from .problems import Locked, TooLarge, Unreadable, Unsafe

_CHUNK = 1 << 20
_RATIO_MATTERS_FROM = MB  # a tiny file may well pack 1000 times; it costs nothing
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, RuntimeError)
_DECLARATIONS = [
    word.encode(code) for word in ("<!DOCTYPE", "<!ENTITY") for code in ("utf-8", "utf-16-le", "utf-16-be")
]


def local(tag: object) -> str:
    """The tag's name without its namespace, "" for comments: strict and transitional files differ only in
    that."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: etree._Element, name: str) -> str | None:
    """An attribute by its local name, whatever its namespace."""
    for key, value in element.attrib.items():
        if local(key) == name:
            return str(value)
    return None


@dataclass(frozen=True, slots=True)
class Relation:
    """A named link from one part to another; `target` is the other part's name."""

    id: str
    kind: str
    target: str


class Package:
    """An opened docx or xlsx. Raises BadFile if the zip is damaged, locked, too large or holds macros.

    `content` is "docx", "xlsx" or "" (some other zip); `format` is what messages call the file.
    """

    def __init__(self, data: bytes, place: Place, limits: Limits) -> None:
        self.place = place
        self.limits = limits
        self.format = "zip"
        try:
            self._zip = zipfile.ZipFile(BytesIO(data))
            infos = self._zip.infolist()
        except _DAMAGED as error:
            raise Unreadable("corrupt", place, format="docx / xlsx") from error
        self._check_directory(infos, len(data))
        self._names = {info.filename.lstrip("/"): info for info in infos}
        self._left = limits.unpacked_bytes
        self.content, self.main = self._kind()
        self.format = self.content or "zip"
        self._refuse_macros()

    def _check_directory(self, infos: list[zipfile.ZipInfo], packed: int) -> None:
        limits = self.limits
        if len(infos) > limits.parts:
            raise TooLarge("parts", self.place, limit=limits.parts)
        if any(info.flag_bits & 1 for info in infos):
            raise Locked("password", self.place)
        total = sum(info.file_size for info in infos)
        if total > limits.unpacked_bytes or any(info.file_size > limits.part_bytes for info in infos):
            raise TooLarge("unpacked-bytes", self.place, limit=limits.unpacked_bytes // MB)
        if total > _RATIO_MATTERS_FROM and total > limits.ratio * packed:
            raise TooLarge("ratio", self.place, limit=limits.ratio)

    def _kind(self) -> tuple[str, str]:
        if "[Content_Types].xml" not in self._names:
            return "", ""
        main = next((r.target for r in self.relations("") if r.kind == "officeDocument"), "")
        if main not in self._names:
            raise Unreadable("corrupt", self.place, format="docx / xlsx")
        folder = main.split("/", maxsplit=1)[0]
        return ({"word": "docx", "xl": "xlsx"}.get(folder, "") if main.endswith(".xml") else ""), main

    def _refuse_macros(self) -> None:
        types = self.read("[Content_Types].xml") if self.content else b""
        if b"macroEnabled" in types or any(name.endswith("vbaProject.bin") for name in self._names):
            raise Unsafe("macros", self.place, wanted=self.content or "docx / xlsx")

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def read(self, name: str) -> bytes:
        """A part's bytes. Counts what really comes out, over all parts, since a directory can lie."""
        pieces = []
        try:
            with self._zip.open(self._names[name]) as part:
                while piece := part.read(_CHUNK):
                    self._left -= len(piece)
                    if self._left < 0:
                        raise TooLarge("unpacked-bytes", self.place, limit=self.limits.unpacked_bytes // MB)
                    pieces.append(piece)
        except (KeyError, *_DAMAGED) as error:
            raise Unreadable("corrupt", self.place, format=self.format) from error
        return b"".join(pieces)

    def xml(self, name: str) -> bytes:
        """An XML part's bytes, sure to declare no entities."""
        data = self.read(name)
        if any(word in data for word in _DECLARATIONS):
            raise Unsafe("entities", self.place, part=name)
        return data

    def root(self, name: str) -> etree._Element:
        """An XML part as a tree."""
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True
        )
        try:
            return etree.fromstring(self.xml(name), parser)
        except etree.XMLSyntaxError as error:
            raise Unreadable("corrupt", self.place, format=self.format) from error

    def elements(self, name: str, *tags: str) -> Iterator[tuple[str, etree._Element]]:
        """Streams ("start" | "end", element) for the local names in `tags`, without keeping the tree."""
        source = BytesIO(self.xml(name))
        events = etree.iterparse(
            source,
            events=("start", "end"),
            tag=[f"{{*}}{tag}" for tag in tags],
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            remove_comments=True,
        )
        try:
            for event, element in events:
                yield event, element
                if event == "end":
                    element.clear()
                    parent = element.getparent()
                    while parent is not None and element.getprevious() is not None:
                        del parent[0]
        except etree.XMLSyntaxError as error:
            raise Unreadable("corrupt", self.place, format=self.format) from error

    def relations(self, part: str) -> list[Relation]:
        """The inner links of a part ("" is the package itself). Links to the outside are left out: never
        followed."""
        folder, base = posixpath.split(part)
        name = posixpath.join(folder, "_rels", f"{base}.rels")
        if name not in self._names:
            return []
        found = []
        for element in self.root(name):
            if local(element.tag) != "Relationship" or element.get("TargetMode") == "External":
                continue
            target = unquote(element.get("Target", ""))
            target = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
            kind = element.get("Type", "").rpartition("/")[2]
            found.append(Relation(element.get("Id", ""), kind, posixpath.normpath(target)))
        return found

    def related(self, part: str, kind: str) -> str | None:
        """The name of the first existing part that `part` links to as `kind`."""
        return next(
            (r.target for r in self.relations(part) if r.kind == kind and r.target in self._names), None
        )


_CORE_PROPERTIES = "docProps/core.xml"
_EPOCH = datetime(1980, 1, 1)  # noqa: DTZ001 -- the zip format's own beginning, and it knows no time zones


def repack(data: bytes, *, title: str, language: str, created: datetime | None) -> bytes:
    """The same package with our own core properties and one fixed time on every part, so that equal content
    gives equal bytes whenever and wherever it is written."""
    moment = _EPOCH if created is None else max(created.replace(tzinfo=None), _EPOCH)
    properties = {_CORE_PROPERTIES: _core_properties(title, language, created)}
    buffer = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            info = zipfile.ZipInfo(name, date_time=moment.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # else the bytes would tell Windows from Unix
            info.external_attr = 0o644 << 16
            new.writestr(info, properties.get(name) or old.read(name))
    return buffer.getvalue()


_NAMESPACES: Mapping[str, str] = {
    "cp": "http://schemas.openxmlformats.org/package/2006/metadata/core-properties",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}


def _core_properties(title: str, language: str, created: datetime | None) -> bytes:
    root = etree.Element(f"{{{_NAMESPACES['cp']}}}coreProperties", nsmap=dict(_NAMESPACES))
    etree.SubElement(root, f"{{{_NAMESPACES['dc']}}}title").text = title
    etree.SubElement(root, f"{{{_NAMESPACES['dc']}}}language").text = language
    if created is not None:
        for name in ("created", "modified"):
            element = etree.SubElement(root, f"{{{_NAMESPACES['dcterms']}}}{name}")
            element.set(f"{{{_NAMESPACES['xsi']}}}type", "dcterms:W3CDTF")
            element.text = f"{created.replace(tzinfo=None).isoformat(timespec='seconds')}Z"
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
