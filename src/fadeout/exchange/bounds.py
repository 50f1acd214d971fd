"""How large a file may be in every sense, so that no file takes the machine's memory, disk or day.

Reads   an archive's list of members, an XML text, geometries as WKB
Gives   nothing, or `InputRefused` with what is too large and what to do
Knows   the limits, all assumed: far above what programmes send, and below what a small machine holds
Start   at `LIMITS`
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import IO, Any
from xml.parsers import expat

from fadeout.errors import InputRefused, Problem

BLOCK = 2**20  # bytes read at once


@dataclass(frozen=True)
class Limits:
    """What is refused beyond; every number is assumed."""

    vertices: int = 5_000_000  # in one shape
    columns: int = 2_000  # in one layer, as many as GDAL and SQLite take
    cell: int = 64 * 2**20  # letters in a cell of a text table: a polygon of some two million corners as WKT
    members: int = 10_000  # in an archive
    unpacked: int = 4 * 2**30  # bytes, all members of an archive of Shapefiles or of a File Geodatabase
    unpacked_whole: int = 2**30  # bytes, where all of it is held in memory: XLSX, ODS, KMZ
    whole: int = 2 * 2**30  # bytes of a file that is held in memory: GeoJSON, KML, GPX
    ratio: int = 500  # unpacked to packed; tables of blanks reach some 200
    ratio_from: int = 100 * 2**20  # bytes unpacked; below, no ratio can do harm
    depth: int = 100  # elements within elements of an XML text
    track_points: int = 20_000_000  # of one GPX file, whose times are kept


LIMITS = Limits()


def refuse(code: str, path: Path, message: str, remedy: str, row: int | None = None) -> InputRefused:
    """The refusal of a file, or of one of its rows."""
    return InputRefused([Problem(code, message, remedy, path.name, row=row)])


def check_size(path: Path) -> None:
    """Refuse a file that would be held in memory and is too large for it."""
    if path.stat().st_size > LIMITS.whole:
        size = path.stat().st_size / 2**30
        message = (
            f"the file has {size:.1f} GB; this format is read as a whole, up to {LIMITS.whole / 2**30:g} GB"
        )
        raise refuse("file.too-large", path, message, "export it to GeoPackage, or in parts")


def check_columns(count: int, path: Path) -> None:
    """Refuse a layer with more columns than any programme has."""
    if count > LIMITS.columns:
        message = f"a layer has {count} columns; at most {LIMITS.columns} are read"
        raise refuse("file.too-large", path, message, "take out the empty columns and export it again")


def check_vertices(wkb: Sequence[Any], path: Path, first: int = 1) -> None:
    """Refuse a shape of too many corners before it is made; `first` is the row of the first one."""
    for n, one in enumerate(wkb):
        if one is not None and len(one) > LIMITS.vertices * 16:  # a corner is two doubles
            message = f"a shape has some {len(one) // 16} corners; at most {LIMITS.vertices} are read"
            remedy = "simplify it, or cut it into parts"
            raise refuse("file.too-many-corners", path, message, remedy, first + n)


def check_track_points(count: int, path: Path) -> None:
    """Refuse tracks of so many points that their times would fill the memory."""
    if count > LIMITS.track_points:
        message = f"its tracks have {count} points; at most {LIMITS.track_points} are read"
        raise refuse("file.too-large", path, message, "export it in parts")


def check_archive(path: Path, unpacked: int) -> None:
    """Refuse an archive whose members are too many, too large once unpacked, or would lie outside its folder.

    Raises
    ------
    InputRefused
        Also if it is broken.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, IndexError, NotImplementedError) as error:
        raise refuse("file.broken", path, f"the archive cannot be read: {error}", "send it again") from error
    if len(members) > LIMITS.members:
        message = f"the archive has {len(members)} members; at most {LIMITS.members} are read"
        raise refuse("file.too-large", path, message, "put only what belongs together into it")
    for member in members:
        if _outside(member.filename):
            message = f"a member of the archive is named '{member.filename[:60]}', which lies outside it"
            raise refuse("file.unsafe-archive", path, message, "pack the files anew, without their folders")
    size, packed = sum(one.file_size for one in members), path.stat().st_size
    if size > unpacked:
        message = f"unpacked, the archive has {size / 2**30:.1f} GB; at most {unpacked / 2**30:g} GB are read"
        raise refuse("file.too-large", path, message, "export it to GeoPackage, or in parts")
    if size > LIMITS.ratio_from and size > LIMITS.ratio * packed:
        message = f"unpacked, the archive is {size // max(packed, 1)} times as large as packed"
        raise refuse("file.too-large", path, message, "pack the files anew with an ordinary program")


def _outside(name: str) -> bool:
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    return posix.is_absolute() or bool(windows.drive or windows.root) or ".." in windows.parts


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Give a folder with all members of an archive, until it is no longer needed.

    Raises
    ------
    InputRefused
        If the archive goes beyond the limits, is encrypted or broken, or the disk is full.
    """
    check_archive(path, LIMITS.unpacked)
    with TemporaryDirectory(prefix="fadeout-") as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                left = LIMITS.unpacked
                for member in archive.infolist():
                    left -= _extract(archive, member, Path(folder), left)
                    if left < 0:
                        message = "unpacked, the archive is larger than it says"
                        raise refuse("file.too-large", path, message, "pack the files anew")
        except (
            zipfile.BadZipFile,
            IndexError,  # of zipfile itself: a member without a name
            OSError,
            ValueError,
            RuntimeError,
            NotImplementedError,
            EOFError,
        ) as error:
            words = " ".join(str(error).replace(folder, "").split())[:200]
            raise refuse(
                "file.broken", path, f"the archive cannot be read: {words}", "send it again"
            ) from error
        except zlib.error as error:
            raise refuse(
                "file.broken", path, f"the archive cannot be read: {error}", "send it again"
            ) from error
        yield Path(folder)


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, left: int) -> int:
    """Write one member; gives its size, which is counted and not believed."""
    target = folder / PurePosixPath(member.filename.replace("\\", "/"))
    if member.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return 0
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with archive.open(member) as packed, target.open("wb") as out:
        while block := packed.read(BLOCK):
            size += len(block)
            if size > left:
                break
            out.write(block)
    return size


def check_xml(path: Path, deep: bool) -> None:
    """Refuse an XML text that defines entities, which can grow without end; and, if `deep`, one nested too deeply."""
    with path.open("rb") as stream:
        if _entities(stream):
            raise _entities_refused(path)
    if deep:
        _check_depth(path)


def check_archived_xml(path: Path) -> None:
    """Refuse an archive one of whose XML members defines entities."""
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.filename.lower().endswith((".xml", ".kml", ".rels")):
                    with archive.open(member) as stream:
                        if _entities(stream):
                            raise _entities_refused(path)
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, IndexError, RuntimeError, EOFError) as error:
        raise refuse(
            "file.broken", path, f"the archive cannot be read: {error}", "export it again"
        ) from error


def _entities(stream: IO[bytes]) -> bool:
    """Whether a definition of an entity stands anywhere, in UTF-8 or UTF-16."""
    tail = b""
    while block := stream.read(BLOCK):
        text = tail + block.replace(b"\0", b"")
        if b"<!ENTITY" in text:
            return True
        tail = text[-8:]
    return False


def _entities_refused(path: Path) -> InputRefused:
    message = "the XML defines entities, which can grow without end"
    return refuse("file.entities", path, message, "export it again with an ordinary program")


class _TooDeep(Exception):
    pass


def _check_depth(path: Path) -> None:
    """Follow the elements; what is broken in other ways is told by the reader itself."""
    depth = 0

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > LIMITS.depth:
            raise _TooDeep

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    try:
        with path.open("rb") as stream:
            parser.ParseFile(stream)
    except _TooDeep:
        message = f"elements stand within elements more than {LIMITS.depth} deep"
        raise refuse("file.too-deep", path, message, "export it again with an ordinary program") from None
    except (expat.ExpatError, ValueError, LookupError):
        return
