"""The registry for others: CSV, JSON, JSON-LD, GeoJSON and Atom, each with its day and what is unverified.

Reads   a `Registry`, and rows that the treaty desk made of it
Gives   bytes of each format; the same registry and time, the same bytes
Knows   the formats; nothing of who stands where
Start   at `csv_tables`, `as_json`, `json_ld`, `geojson`, `atom`
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from datetime import UTC, date, datetime
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import countries
from fadeout.records.claim_files import COLUMNS, THEMES
from fadeout.records.claims import PROPERTIES, Claim, Munition, Registry

TITLE = "Public registry of the Convention on Cluster Munitions"
ABOUT = (
    "Claims on states, deadlines, transfers, use, contamination and munition types, each with who says it, where and "
    "when. Claims marked recalled were not read at their source: they are unverified, not facts."
)
UNREAD = "Claims marked recalled were not read at their source: they are unverified."
ATOM = "http://www.w3.org/2005/Atom"
AUTHORITY = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?,\d{4}(-\d{2}){0,2}", re.ASCII
)  # RFC 4151, 2.1; a name of the publisher's own need not be a domain
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2
THEME_OF = {  # which table a property stands in
    **dict.fromkeys(("signature", "deposit", "how", "in_force", "not_participant"), "status"),
    **dict.fromkeys(("provisional_application", "withdrawal_notice", "withdrawal_effective"), "status"),
    **dict.fromkeys(("contamination", "contamination_note", "cleared", "destroyed"), "contamination"),
    "transfer": "transfers",
    "use": "use",
    **{name: "munition_claims" for name, about in PROPERTIES.items() if about.of == "munition"},
}


def csv_tables(registry: Registry) -> dict[str, bytes]:
    """The registry as the tables that it is shipped as, by file name; read back, they are the same registry.

    A byte-order mark stands first; no text begins as a formula, which the registry's own checks refuse.
    """
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in COLUMNS}
    for claim in registry.claims:
        rows[THEME_OF.get(claim.property, "obligations")].append(astuple(claim))
    rows["sources"] = [astuple(one) for one in registry.sources.values()]
    rows["states"] = [astuple(one) for one in registry.subjects.values()]
    rows["munitions"] = [_munition(one) for one in registry.munitions.values()]
    return {f"{name}.csv": _csv(COLUMNS[name], some) for name, some in rows.items()}


def _munition(one: Munition) -> tuple[str, ...]:
    return (one.id, one.name, "; ".join(one.aliases), one.submunition, one.note)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue().encode("utf-8-sig")


def csv_rows(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows of any table of the registry as CSV: columns by the first row, a byte-order mark first.

    Examples
    --------
    >>> csv_rows([{"state": "LAO", "day": ""}]).decode("utf-8-sig").split()
    ['state,day', 'LAO,']
    """
    return _csv(list(rows[0]), (list(row.values()) for row in rows)) if rows else b""


def digest(registry: Registry) -> str:
    """The SHA-256 of a registry's tables."""
    made = csv_tables(registry)
    return hashlib.sha256(b"".join(made[name] for name in sorted(made))).hexdigest()


def as_json(registry: Registry, made_at: datetime, version: str) -> bytes:
    """The whole registry: claims with their sources written out, states and munition types."""
    told = {
        "title": TITLE,
        "about": ABOUT,
        "as_of": made_at.date().isoformat(),
        "made_at": moment(made_at),
        "fadeout": version,
        "sha256": digest(registry),
        "claims": [
            {**vars_of(one), "source": vars_of(registry.sources[one.source_id])} for one in registry.claims
        ],
        "subjects": [vars_of(one) for one in registry.subjects.values()],
        "munitions": [vars_of(one) for one in registry.munitions.values()],
    }
    return _json(told)


def vars_of(one: Any) -> dict[str, Any]:
    """A frozen record of the registry as plain values, empty ones left out."""
    return {
        name: list(v) if isinstance(v, tuple) else v for name, v in vars(one).items() if v not in ("", ())
    }


def json_ld(registry: Registry, made_at: datetime, version: str, files: Sequence[tuple[str, str]]) -> bytes:
    """What the registry is, for catalogues of data sets (schema.org/Dataset); `files` are names and media types."""
    days = sorted(one.starts[:4] for one in registry.claims if one.starts)
    told = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": TITLE,
        "description": ABOUT,
        "identifier": f"sha256:{digest(registry)}",
        "version": version,
        "dateModified": made_at.date().isoformat(),
        "temporalCoverage": f"{days[0]}/{days[-1]}" if days else "",
        "license": "https://www.apache.org/licenses/LICENSE-2.0",
        "usageInfo": "Facts are of the sources named with each claim.",
        "isAccessibleForFree": True,
        "keywords": ["Convention on Cluster Munitions", "mine action", "humanitarian"],
        "variableMeasured": [
            {"@type": "PropertyValue", "name": name, "description": about.about}
            for name, about in PROPERTIES.items()
        ],
        "citation": sorted({one.who for one in registry.sources.values()}),
        "distribution": [
            {"@type": "DataDownload", "contentUrl": name, "encodingFormat": media} for name, media in files
        ],
    }
    return _json(told)


def geojson(
    rows: Iterable[Mapping[str, Any]], as_of: date, shapes: Mapping[str, BaseGeometry]
) -> tuple[bytes, list[str]]:
    """States with their standing as of a day (RFC 7946); and the codes of those that have no shape at this scale.

    The day stands with each state, too: readers of GeoJSON drop what stands beside the features.
    """
    features, without = [], []
    uncoded = ", ".join(sorted(countries.without_code())) if shapes else "none"
    for row in rows:
        shape = shapes.get(str(row["state"]))
        if shape is None:
            without.append(str(row["state"]))
        features.append(
            {
                "type": "Feature",
                "id": row["state"],
                "properties": {**row, "as_of": as_of.isoformat()},
                "geometry": None if shape is None else _geometry(shape),
            }
        )
    told = {
        "type": "FeatureCollection",
        "title": TITLE,
        "as_of": as_of.isoformat(),
        "notes": [
            UNREAD,
            countries.BORDERS,
            countries.ATTRIBUTION,
            f"Without a shape at this scale: {', '.join(without) or 'none'}",
            f"Shapes that the source gives no code, and that stand with no state here: {uncoded}",
        ],
        "features": features,
    }
    return _json(told), without


def _geometry(shape: BaseGeometry) -> Any:
    """A shape with outer rings counterclockwise (RFC 7946, 3.1.6), to about ten metres."""
    rounded = shapely.set_precision(shape, 1e-4)
    return json.loads(shapely.to_geojson(shapely.orient_polygons(rounded)))


def atom(
    registry: Registry, changed: Sequence[tuple[Claim, datetime, str]], made_at: datetime, authority: str
) -> bytes:
    """A feed of claims by the time they were last recorded or changed (RFC 4287), the newest first.

    `authority` begins the ids, as RFC 4151 has it: a name that the publisher owned on a day, "example.org,2026". Of a
    claim whose source the registry holds no longer, nothing is told: no claim goes out without who says it.

    Raises
    ------
    InputRefused
        If lxml is not installed, or the authority makes no ids.
    """
    if not AUTHORITY.fullmatch(authority):
        message = f"'{authority[:60]}' cannot begin the ids of a feed"
        remedy = "give a name of letters, digits, dots and hyphens that you own, a comma and since when: example.org,2026"
        raise InputRefused([Problem("registry.authority", message, remedy)])
    etree = _lxml()
    changed = [one for one in changed if one[0].source_id in registry.sources]
    feed = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})

    def add(parent: Any, name: str, text: str = "", **attributes: str) -> None:
        element = etree.SubElement(parent, f"{{{ATOM}}}{name}", **attributes)
        element.text = NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text) or None

    add(feed, "id", f"tag:{authority}:registry")
    add(feed, "title", TITLE)
    add(feed, "link", rel="self", href="changes.atom")
    add(feed, "subtitle", UNREAD)
    newest = max((at for _, at, _ in changed), default=made_at)
    add(feed, "updated", moment(newest))
    add(feed, "generator", "fadeout")
    latest = {claim.id: (claim, at, what) for claim, at, what in sorted(changed, key=lambda one: one[1])}
    for claim, at, what in sorted(latest.values(), key=lambda one: (one[1], one[0].id), reverse=True):
        entry = etree.SubElement(feed, f"{{{ATOM}}}entry")
        source = registry.sources[claim.source_id]
        add(entry, "id", f"tag:{authority}:claim:{claim.id}")
        add(entry, "title", _headline(registry, claim))
        add(entry, "updated", moment(at))
        author = etree.SubElement(entry, f"{{{ATOM}}}author")
        add(author, "name", source.who)
        add(entry, "summary", _summary(registry, claim, what))
        add(entry, "category", term=claim.property)
        add(
            entry,
            "link",
            rel="alternate",
            href=f"states/{claim.subject}.html" if claim.subject in registry.subjects else "index.html",
        )
    made: bytes = etree.tostring(feed, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return made


def _headline(registry: Registry, claim: Claim) -> str:
    subject = registry.subjects.get(claim.subject)
    name = subject.name if subject else claim.subject
    return f"{name}: {claim.property.replace('_', ' ')}" + ("" if claim.verified else " (unverified)")


def _summary(registry: Registry, claim: Claim, what: str) -> str:
    source = registry.sources[claim.source_id]
    said = " ".join(part for part in (claim.value, claim.other, claim.starts, claim.ends) if part)
    return f"{what}: {said}. Reported by {source.who} ({claim.confidence})." + (
        "" if claim.verified else " Unverified."
    )


def moment(at: datetime) -> str:
    """A time in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(told: Mapping[str, Any]) -> bytes:
    return (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode()


def _lxml() -> Any:
    try:
        from lxml import etree
    except ImportError as error:
        raise InputRefused([Problem("format.no-library", "lxml is not installed", "./run extras")]) from error
    return etree


TABLES = tuple(f"{name}.csv" for name in (*THEMES, "sources", "states", "munitions"))
