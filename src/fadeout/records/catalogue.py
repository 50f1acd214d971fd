"""What a store keeps: the kinds of records, what each holds, and how sensitive it is at least.

Reads   nothing
Gives   `KINDS`, a table of `Kind`s with their `Field`s; `COMMON`, what every record holds
Knows   the field's terms and the minimum data of the information standards; nothing of databases or files
Start   at `KINDS`

Kinds and columns follow the minimum data requirements that the field has published (GICHD, draft) where those could be
read; the rest is our own choice. Names are those of the glossary. `evidence`, `searched` and `strike` hold what an
assessment reads, under the names that docs/reference/input-files.md gives.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Type = Literal["text", "choice", "whole", "real", "share", "date", "moment", "flag", "ids"]
Geometry = Literal["", "point", "polygon", "ground", "any"]  # "ground": a polygon or a searched line

PUBLIC, AREA, EXACT, RESTRICTED = "public", "area", "exact", "restricted"
SENSITIVITIES = (PUBLIC, AREA, EXACT, RESTRICTED)  # from what all may see to what few may


@dataclass(frozen=True)
class Field:
    """One column of a kind: what it holds, and what it may be.

    `ids` is a list of ids of other records, written "EP-1; EP-2" in files without lists. A `personal` field is kept
    encrypted, with the key of the person it speaks of.
    """

    name: str
    type: Type
    about: str
    choices: tuple[str, ...] = ()
    required: bool = False
    low: float | None = None
    high: float | None = None
    unit: str = ""
    refers: str = ""  # the kind whose id stands here
    personal: bool = False
    other_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """One kind of record.

    `least` is the lowest sensitivity a record of it may have: a record of an uncleared item can never be public.
    """

    name: str
    title: str
    about: str
    geometry: Geometry
    fields: tuple[Field, ...]
    sensitivity: str = EXACT  # where a record does not say
    least: str = AREA
    other_names: tuple[str, ...] = ()
    id_names: tuple[str, ...] = ()  # other names of its id
    by_name: dict[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {f.name: f for f in self.fields})


def _choice(name: str, about: str, *choices: str, required: bool = False, others: str = "") -> Field:
    return Field(name, "choice", about, choices, required, other_names=tuple(others.split()))


def _text(name: str, about: str, *, required: bool = False, refers: str = "", others: str = "") -> Field:
    return Field(name, "text", about, required=required, refers=refers, other_names=tuple(others.split()))


def _day(name: str, about: str, others: str = "") -> Field:
    return Field(name, "date", about, other_names=tuple(others.split()))


def _whole(name: str, about: str, low: float = 0, high: float = 1e9, others: str = "") -> Field:
    return Field(name, "whole", about, low=low, high=high, other_names=tuple(others.split()))


def _real(name: str, about: str, unit: str, low: float = 0, high: float = 1e12, others: str = "") -> Field:
    return Field(name, "real", about, low=low, high=high, unit=unit, other_names=tuple(others.split()))


def _share(name: str, about: str, others: str = "") -> Field:
    return Field(name, "share", about, low=0, high=1, other_names=tuple(others.split()))


def _ids(name: str, about: str, refers: str = "") -> Field:
    return Field(name, "ids", about, refers=refers)


def _personal(name: str, about: str) -> Field:
    return Field(name, "text", about, personal=True)


# What every record holds beside its kind's own fields.
COMMON = (
    _text("id", "the programme's own id; never changes", required=True),
    _day("informed_on", "date of the information, as the source gives it", "date_of_information"),
    _text("source", "who or what the information comes from", others="data_source"),
    _choice(
        "sensitivity",
        "who may see it precisely: public, area (partners), exact (staff), restricted",
        *SENSITIVITIES,
    ),
    _text("entered", "the place as it was typed, or as WKT in its own CRS"),
    _text("entered_crs", "the CRS or the form (DMS, UTM, MGRS) of `entered`"),
    _text("remark", "anything else", others="remarks comment comments note notes description"),
    _text("stamp", "words that must stand on all that is made of it, such as SIMULATED"),
    _ids(
        "merged_from", "records of other sources that tell of the same thing, and were merged into this one"
    ),
)

EVIDENCE_CLASSES = (
    "item",  # seen, with photo and position
    "destroyed",  # a record of an item destroyed
    "fragment",
    "accident",
    "witness_at_place",
    "witness_nearby",
    "strike_record",
    "report",
)
AREA_STATES = ("suspected", "confirmed", "cancelled", "reduced", "cleared")
EDGES = ("closed_by_search", "closed_by_terrain", "closed_by_permission", "open")

CLAIM_KINDS = ("depositary", "official", "monitor", "field", "test", "manufacturer", "press")
CONFIDENCES = ("confirmed", "credible", "alleged")
CHECKED = ("verified", "recalled")

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "programme",
            "Programme",
            "who works where, under which national standard",
            "polygon",
            (
                _text("name", "its name", required=True),
                _text("country", "ISO 3166-1 alpha-3 code"),
                _text("authority", "the national authority"),
                _text("profile", "the profile it works under"),
                _day("started_on", "first day of work"),
                _day("ended_on", "last day of work"),
            ),
            sensitivity=PUBLIC,
            least=PUBLIC,
            other_names=("programmes",),
        ),
        Kind(
            "evidence",
            "Evidence point",
            "something seen or reported at a place",
            "point",
            (
                _day("found_on", "day it was found", "date date_found found"),
                _choice("kind", "class of evidence", *EVIDENCE_CLASSES, others="evidence_kind class"),
                _choice(
                    "how", "how it came to light", "survey", "clearance", "opportunistic", others="found_by"
                ),
                _whole("count", "number of items", 1, 1e6, "number_of_items quantity"),
                _text("munition", "munition type", others="munition_type"),
                _real(
                    "position_error_m",
                    "standard error of the place",
                    "m",
                    0,
                    1e5,
                    "accuracy_m accuracy gps_accuracy_m",
                ),
                _text(
                    "searched_id",
                    "the searched area it was found in",
                    refers="searched",
                    others="box_id search_id",
                ),
                _text("photo", "file name of a photo", others="photos picture"),
                _text("photo_sha256", "digest of the photo"),
                Field("device_at", "moment", "time of the device, UTC"),
                _text("hazard_id", "the hazardous area it belongs to", refers="hazardous_area"),
                _choice("state", "what became of it", "in_place", "destroyed", "removed", "not_found"),
                Field("other_item", "flag", "another explosive item than a cluster munition"),
            ),
            other_names=("evidence_points", "evidence_point", "finds", "find", "items"),
            id_names=("evidence_id", "find_id", "ep_id"),
        ),
        Kind(
            "searched",
            "Searched area",
            "ground that was searched, and how",
            "ground",
            (
                _day("searched_on", "day of the search", "date date_searched"),
                _text("method", "a method of the profile", others="search_method"),
                _share(
                    "detection",
                    "chance that an item lying there was detected",
                    "detection_probability p_detection",
                ),
                _choice(
                    "outcome",
                    "how it ended",
                    "complete",
                    "partial",
                    "stopped_at_find",
                    "not_searchable",
                    others="result",
                ),
                _share("share_searched", "share of the ground that was covered", "share"),
                _text("team", "the team"),
                _choice("kind", "what for", "survey", "clearance", others="search_kind"),
                _real("swath_m", "width covered along a line", "m", 0, 1e5, "swath swath_width_m"),
                _real("depth_cm", "depth searched to", "cm", 0, 1e4, "depth"),
                _text("task_id", "the task", refers="task"),
                _real("effort_min", "minutes of work in it", "min"),
                Field("device_at", "moment", "time of the device, UTC"),
            ),
            other_names=(
                *("searched_ground", "searched_areas", "searched_area", "searches", "search"),
                *("survey_boxes", "boxes", "search_tracks", "tracks"),
            ),
            id_names=("searched_id", "box_id", "search_id"),
        ),
        Kind(
            "box",
            "Survey box",
            "one box of the survey grid, with its state under the national standard",
            "polygon",
            (
                _choice(
                    "state",
                    "state of the box",
                    "found",
                    "trace",
                    "other_item",
                    "clear",
                    "partly",
                    "not_searchable",
                    "not_yet",
                    others="colour status",
                ),
                _day("searched_on", "day of the search", "date date_searched"),
                _text("method", "a method of the profile", others="search_method"),
                _real("effort_min", "minutes of search in it", "min"),
                _share("share_searched", "share of the box that was searched", "share"),
                _ids("evidence_ids", "evidence found in it", "evidence"),
                _text("team", "the team"),
                _text("task_id", "the task", refers="task"),
            ),
            other_names=("survey_box", "grid_boxes", "box_grid"),
        ),
        Kind(
            "strike",
            "Strike record",
            "a past event said to have left remnants",
            "point",
            (
                _day("struck_on", "day of the event", "date date_struck"),
                _text("munition", "munition type", others="munition_type weapon_type weapon"),
                _whole("carriers", "number of carriers", 1, 1e6, "n_weapons number_of_carriers"),
                _real("position_error_m", "standard error of the place", "m", 0, 1e5, "accuracy_m accuracy"),
                _share("credibility", "chance that it left items here"),
                _text("duplicate_of", "the record that this one repeats", refers="strike"),
                _text("supplied_by", "who supplied the record"),
            ),
            other_names=("strikes", "strike_records", "strike_record", "strike_data"),
            id_names=("strike_id", "record_id"),
        ),
        Kind(
            "hazardous_area",
            "Hazardous area",
            "a suspected or confirmed hazardous area (SHA, CHA)",
            "polygon",
            (
                _choice(
                    "state", "where it stands", *AREA_STATES, required=True, others="status classification"
                ),
                _choice("class", "SHA or CHA as first recorded", "SHA", "CHA", others="sha_cha type"),
                _day("opened_on", "day it was recorded as hazardous", "date date_of_report"),
                _day("closed_on", "day it was closed"),
                _ids("stands_on", "evidence points and boxes that it stands on"),
                _text("edges", "how each edge is closed: words of EDGES, separated by ;"),
                _text("contamination", "types of items"),
                _text("land_use", "what the land is used for"),
                _whole("beneficiaries", "people who gain by its release"),
                _text("profile", "profile and version under which it was classified"),
                _text("name", "its name", others="area_name"),
                _text("links", "ids of linked records, as other systems write them", others="imsma_links"),
                _day("reviewed_on", "day on which a person last looked at what it stands on"),
                _text("reviewed_by", "who looked"),
            ),
            other_names=("hazardous_areas", "hazard", "hazards", "sha", "cha", "suspect_areas", "suspected"),
        ),
        Kind(
            "release",
            "Land release",
            "ground cancelled, reduced or cleared, and on what evidence",
            "polygon",
            (
                _choice(
                    "action",
                    "what it was",
                    "cancelled",
                    "reduced",
                    "cleared",
                    required=True,
                    others="type activity",
                ),
                _text("hazard_id", "the hazardous area", refers="hazardous_area", others="hazardous_area"),
                _day("released_on", "day of release", "date date_completed completion_date"),
                _text("method", "how"),
                _real("depth_cm", "depth cleared to", "cm", 0, 1e4, "depth"),
                _text("released_by", "who signed"),
                _text("authority", "the authority that accepted it"),
                _ids("evidence_ids", "the searches, boxes or documents it rests on"),
                _whole("items_destroyed", "items destroyed on it"),
                _text("task_id", "the task", refers="task"),
                _text("links", "ids of linked records, as other systems write them", others="imsma_links"),
            ),
            other_names=("releases", "land_release", "cleared_areas", "clearance", "cleared"),
        ),
        Kind(
            "task",
            "Task",
            "work given to a team",
            "any",
            (
                _choice("kind", "what work", "nts", "ts", "clearance", "spot", "qc", "eore"),
                _choice(
                    "state",
                    "where it stands",
                    "planned",
                    "open",
                    "suspended",
                    "done",
                    "cancelled",
                    others="status",
                ),
                _text("team", "who does it"),
                _day("starts_on", "first day"),
                _day("ends_on", "last day"),
                _text("hazard_id", "the hazardous area", refers="hazardous_area"),
                _whole("priority", "1 is first", 1),
            ),
            other_names=("tasks",),
        ),
        Kind(
            "item_destroyed",
            "Item destroyed",
            "an item that no longer lies there",
            "point",
            (
                _day("destroyed_on", "day", "date"),
                _text("munition", "munition type, or unknown", others="munition_type"),
                _whole("count", "number of items", 1, 1e6, "quantity"),
                _text("evidence_id", "the evidence point it was", refers="evidence"),
                _text("task_id", "the task", refers="task"),
            ),
            other_names=("items_destroyed", "destroyed_items"),
        ),
        Kind(
            "qc_sample",
            "Quality-control sample",
            "ground or seeded items looked at again, and what came of it",
            "ground",
            (
                _day("sampled_on", "day", "date"),
                _text("release_id", "the release it samples", refers="release"),
                _choice("result", "what came of it", "passed", "failed"),
                _whole("seeded_laid", "items laid out for it"),
                _whole("seeded_found", "of them found"),
                _whole("missed_items", "items found that had been missed"),
                _text("corrective_act", "what was done about it"),
                _text("inspector", "who looked"),
            ),
            other_names=("qc_samples", "quality_control"),
        ),
        Kind(
            "accident",
            "Accident",
            "an accident with remnants; persons stand apart, as victims",
            "point",
            (
                _day("happened_on", "day", "date date_of_accident"),
                _choice(
                    "activity",
                    "what was being done",
                    "farming",
                    "herding",
                    "scrap",
                    "playing",
                    "fire",
                    "travel",
                    "clearance",
                    "other",
                    "unknown",
                ),
                _text("munition", "munition type", others="munition_type"),
                _whole("killed", "people killed"),
                _whole("injured", "people injured"),
                _text("hazard_id", "the hazardous area", refers="hazardous_area"),
            ),
            least=EXACT,
            other_names=("accidents", "incidents", "incident"),
        ),
        Kind(
            "victim",
            "Victim",
            "a person hurt; restricted, personal fields encrypted with a key of that person alone",
            "",
            (
                _text("accident_id", "the accident", refers="accident"),
                _personal("name", "name"),
                _personal("contact", "how to reach the person or the family"),
                _personal("home", "where the person lives"),
                _personal("health", "injuries and needs"),
                _personal("born_on", "date of birth"),
                _choice("sex", "sex", "female", "male", "other", "unknown"),
                _choice(
                    "age_group",
                    "age group at the accident",
                    "under_5",
                    "5_11",
                    "12_17",
                    "18_59",
                    "60_up",
                    "unknown",
                ),
                _choice("outcome", "what came of it", "killed", "injured", "unhurt", "unknown"),
                _choice("consent", "who agreed that this is kept", "person", "guardian", "none"),
                _day("consented_on", "day of consent"),
            ),
            sensitivity=RESTRICTED,
            least=RESTRICTED,
            other_names=("victims", "casualties"),
        ),
        Kind(
            "eore_session",
            "Risk-education session",
            "a session of explosive ordnance risk education",
            "point",
            (
                _day("held_on", "day", "date"),
                _text("place_name", "village or school"),
                _text("language", "language"),
                _text("materials", "materials used"),
                _whole("women", "women reached"),
                _whole("men", "men reached"),
                _whole("girls", "girls reached"),
                _whole("boys", "boys reached"),
                _whole("with_disability", "people with a disability among them"),
            ),
            sensitivity=AREA,
            least=PUBLIC,
            other_names=("eore", "eore_sessions", "risk_education"),
        ),
        Kind(
            "public_report",
            "Public report",
            "what somebody who lives there reported",
            "point",
            (
                Field("reported_at", "moment", "when, UTC"),
                _text("what", "what was seen"),
                _choice("channel", "how it came", "web", "phone", "sms", "person"),
                _choice(
                    "state",
                    "where it stands",
                    "new",
                    "checked",
                    "task",
                    "closed",
                    "not_relevant",
                    others="status",
                ),
                _text("photo_sha256", "digest of the photo"),
                _text("evidence_id", "the evidence point it became", refers="evidence"),
                _real("position_error_m", "how well the place is known", "m", 0, 1e5),
            ),
            least=EXACT,
            other_names=("public_reports", "reports"),
        ),
        Kind(
            "run",
            "Assessment run",
            "one assessment: what went in, what came out, by which version",
            "polygon",
            (
                Field("ran_at", "moment", "when, UTC"),
                _text("hazard_id", "the area assessed", refers="hazardous_area"),
                _whole("seed", "seed"),
                _text("made_by", "version of fadeout"),
                _text("profile", "profile and its version"),
                _text("inputs", "digests of the inputs, JSON"),
                _text("summary", "the summary of the run, JSON"),
                _text("summary_sha256", "digest of summary.json"),
                _text("verdict", "the checks' verdict"),
                Field("simulated", "flag", "whether its data are SIMULATED"),
            ),
            other_names=("runs",),
        ),
        Kind(
            "document",
            "Document",
            "a paper, photo or file that stands elsewhere, with its digest",
            "",
            (
                _text("title", "its title", required=True),
                _text("file", "file name"),
                _text("sha256", "its digest", required=True),
                _text("media_type", "its media type"),
                _whole("bytes", "its size", 0, 1e15),
                _day("dated_on", "date on it", "date"),
                _choice(
                    "purpose",
                    "what it is",
                    "nts_report",
                    "ts_report",
                    "clearance_report",
                    "handover",
                    "order",
                    "other",
                ),
                _text("about_kind", "the kind of record it belongs to"),
                _text("about_id", "the record it belongs to"),
            ),
            sensitivity=AREA,
            least=PUBLIC,
            other_names=("documents",),
        ),
        Kind(
            "claim",
            "Claim",
            "what somebody says about a state, an area or a munition type: a date, a standing, a figure",
            "",
            (
                _text("subject", "a state or area of the registry, or munition: and a type", required=True),
                _text("property", "what is said of it", required=True),
                _text("value", "what is said: a date, a number, a range, words"),
                _text("other", "the other party: who received, who is reported to have used"),
                _text("starts", "the time it speaks of: a year, a month or a day"),
                _text("ends", "when that time ends, or ongoing"),
                _text("source_id", "where it stands", required=True, refers="claim_source"),
                _choice("kind", "whose claim it is", *CLAIM_KINDS, required=True),
                _choice("confidence", "how sure that is", *CONFIDENCES, required=True),
                _choice(
                    "checked",
                    "read at its source, or recalled and so shown as unverified",
                    *CHECKED,
                    required=True,
                ),
            ),
            sensitivity=PUBLIC,
            least=PUBLIC,
            other_names=("claims",),
        ),
        Kind(
            "claim_source",
            "Source of claims",
            "a page, record or report that claims stand in",
            "",
            (
                _text("who_says", "who says it", required=True),
                _text("title", "its title"),
                _text("place", "where it stands"),
                _text("dated", "its date: a year, a month or a day"),
            ),
            sensitivity=PUBLIC,
            least=PUBLIC,
            other_names=("claim_sources",),
        ),
    )
}


def fields_of(kind: Kind) -> tuple[Field, ...]:
    """All fields of a kind: those that every record has, then its own.

    Examples
    --------
    >>> [f.name for f in fields_of(KINDS["box"])][:3]
    ['id', 'informed_on', 'source']
    """
    return COMMON + kind.fields


def least_allowed(kind: Kind, sensitivity: str) -> bool:
    """Whether a record of this kind may be as open as that.

    Examples
    --------
    >>> least_allowed(KINDS["evidence"], "public"), least_allowed(KINDS["evidence"], "exact")
    (False, True)
    """
    return SENSITIVITIES.index(sensitivity) >= SENSITIVITIES.index(kind.least)
