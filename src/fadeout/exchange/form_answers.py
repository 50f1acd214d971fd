"""From the answers of submissions to a layer by our names: which question is which field, what stands beside the record.

Reads   `Submission`s: answers by the path of their question, whatever server they come from
Gives   `RawLayer`s with role, id, place, accuracy, times and the fields of the kind; every fault of them all at once
Knows   what form servers add to the answers, and what of it tells of persons; nothing of files or of the network
Start   at `layers_of`

A question is known by its last name ("group/found_on" is found_on). One that no field keeps stays beside the record under
"_name", which intake passes over and a column map may use, and is told in the layer's notes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from fadeout.errors import InputRefused, Problem
from fadeout.exchange import xlsforms
from fadeout.exchange.form_places import Placed, is_place, place_of
from fadeout.exchange.layers import RawLayer, Value, key, plain
from fadeout.exchange.xlsforms import RECORD_KIND, Form, Question
from fadeout.records.catalogue import KINDS, Kind, fields_of

FORMAT = "form submissions"
INSTANCE = (
    "__id",
    "KEY",
    "meta/rootUuid",
    "meta/instanceID",
    "instanceID",
    "_uuid",
)  # an edit keeps the first ones
SUBMITTED = ("_submission_time", "__system/submissionDate", "SubmissionDate")
REVIEWED = ("__system/reviewState", "ReviewState", "_validation_status")
REJECTED = ("rejected", "validation_status_not_approved", "not approved")
UNREAD = ("notdecrypted", "not decrypted", "missingencryptedformdata", "missing encrypted form data")
STATUS = ("__system/status", "Status")
# What servers and devices add; nothing of it is an answer.
SERVER = frozenset({"start", "end", "instanceID", "instanceName"})
ODK_CSV = frozenset(
    {"KEY", "PARENT_KEY", "SubmissionDate", "SubmitterID", "SubmitterName", "AttachmentsPresent", "Status"}
    | {"AttachmentsExpected", "ReviewState", "DeviceID", "Edits", "FormVersion"}
)
SERVER_GROUPS = ("meta", "formhub", "__system")
PRIVATE = frozenset({"username", "phonenumber", "deviceid", "subscriberid", "simserial", "email"})
# Of the places that a submission holds, the first of these that its kind may have.
PREFERRED = {
    "point": ("Point",),
    "polygon": ("Polygon",),
    "ground": ("Polygon", "LineString"),
    "any": ("Polygon", "LineString", "Point"),
    "": (),
}


@dataclass(frozen=True)
class Submission:
    """One submission: its row in the file (1-based), and its answers by path ("group/name"); repeats are lists."""

    row: int
    answers: dict[str, object] = field(default_factory=dict)


@dataclass
class _Made:
    """What becomes of one submission, or of one entry of its repeated group."""

    row: int
    cells: dict[str, Value]
    placed: Placed | None = None


def layers_of(
    submissions: Sequence[Submission], file: str, name: str, role: str = "", decimal_comma: bool = False
) -> tuple[RawLayer, ...]:
    """Give one layer for each kind of record that the submissions make.

    The kind is what a submission says of itself (`record_kind`), else `role`; where neither says, the layer has no role
    and keeps the questions' own names, so that intake can be told with --kind or a column map.

    Raises
    ------
    InputRefused
        With every submission whose place cannot be read, that is encrypted, of an unknown kind or without any id.
    """
    problems: list[Problem] = []
    by_kind: dict[str, list[Submission]] = {}
    for one in submissions:
        said = str(plain(one.answers.get(_path_of(one, RECORD_KIND))) or role)
        if said and said not in KINDS:
            message = f"the submission says that it makes a '{said[:40]}', which is no kind of record"
            remedy = f"write one of {', '.join(KINDS)} into {RECORD_KIND} of the form"
            problems.append(Problem("forms.unknown-kind", message, remedy, file, row=one.row))
            continue
        by_kind.setdefault(said, []).append(one)
    layers = [
        _Reader(file, kind or name, kind, decimal_comma, problems).layer(ones)
        for kind, ones in by_kind.items()
    ]
    if problems:
        raise InputRefused(problems)
    return tuple(replace(layer, alone=len(layers) == 1) for layer in layers)


class _Reader:
    """Reads the submissions of one kind; faults go to `problems`, what is kept aside to `notes`."""

    def __init__(self, file: str, name: str, role: str, decimal_comma: bool, problems: list[Problem]):
        self.file, self.name, self.role, self.comma = file, name, role, decimal_comma
        self.problems = problems
        self.kind: Kind | None = KINDS.get(role)
        self.form: Form | None = xlsforms.load(role) if role in xlsforms.FORMS else None
        self.fields = _field_names(self.kind)
        self.questions: dict[str, Question | None] = {}  # by the last name of their path, as they are met
        self.known: dict[str, str | None] = {}
        self.aside: dict[str, None] = {}
        self.private: dict[str, None] = {}
        self.repeats: dict[str, None] = {}
        self.rejected = 0

    def layer(self, submissions: Sequence[Submission]) -> RawLayer:
        """All of them as one layer."""
        made = [row for one in submissions for row in self._rows(one)]
        names = list(dict.fromkeys(name for row in made for name in row.cells))
        return RawLayer(
            file=self.file,
            name=self.name,
            format=FORMAT,
            columns={name: tuple(row.cells.get(name) for row in made) for name in names},
            geometries=tuple(row.placed.shape if row.placed else None for row in made),
            crs="EPSG:4326",
            rows=tuple(row.row for row in made),
            axes_named=True,
            decimal_comma=self.comma,
            notes=tuple(self._notes()),
            role=self.role,
        )

    def _rows(self, one: Submission) -> Iterator[_Made]:
        """One row, or one for each entry of the repeated group."""
        status = next((str(one.answers[name]).lower() for name in STATUS if one.answers.get(name)), "")
        if status in UNREAD:
            remedy = "give the server the form's passphrase and export again"
            self._refuse("forms.encrypted", "the submission is encrypted", remedy, one.row)
            return
        groups = [path for path, value in one.answers.items() if isinstance(value, list) and value]
        answers = {path: value for path, value in one.answers.items() if not isinstance(value, list)}
        for path in groups[1:]:
            self.repeats[path] = None
        self.rejected += str(_told(answers, REVIEWED)).lower() in REJECTED
        entries = one.answers[groups[0]] if groups else [{}]
        assert isinstance(entries, list)
        for n, entry in enumerate(entries, 1):
            own = {path: value for path, value in entry.items() if not isinstance(value, list)}
            self.repeats |= {path: None for path in entry if path not in own}
            made = self._row(one.row, {**answers, **own}, f"-{n}" if groups else "", own)
            if made is not None:
                yield made

    def _row(self, row: int, answers: dict[str, object], suffix: str, own: dict[str, object]) -> _Made | None:
        cells: dict[str, Value] = {"id": None}
        places: list[tuple[str, Placed]] = []
        filled: dict[str, str] = {}
        for path, answer in answers.items():
            leaf = _leaf(path)
            question = self._question(leaf)
            if _is_server(path, answers) or (question and not question.answers):
                continue
            if leaf.lower() in PRIVATE:
                self.private[leaf] = None
                continue
            if self._is_place(answer, question):
                placed = self._place(leaf, answer, question, row)
                places += [(leaf, placed)] if placed else []
                continue
            name = question.name if question else leaf
            self._take(cells, filled, name, path, self._value(answer, question), row)
        own_id = any(
            self._field(_leaf(path)) == "id" and plain(value)
            for path, value in own.items()
            if not _is_server(path, answers)
        )
        return self._finish(_Made(row, cells), answers, places, suffix if not own_id else "")

    def _take(
        self, cells: dict[str, Value], filled: dict[str, str], name: str, path: str, value: Value, row: int
    ) -> None:
        """Put an answer into its field; the field's own name goes before another name of it."""
        if self.kind is None:
            ours: str | None = name if cells.get(name) is None else path.replace("/", "_")
        else:
            ours = self._field(name)
        if ours is None:
            self._keep_aside(cells, name, value)
        elif cells.get(ours) is None:
            cells[ours], filled[ours] = value, name
        elif value is None or value == cells[ours]:
            return
        elif name == ours != filled[ours]:
            self._keep_aside(cells, filled[ours], cells[ours])
            cells[ours], filled[ours] = value, name
        elif name != ours == filled[ours]:
            self._keep_aside(cells, name, value)
        else:
            message = f"'{filled[ours]}' and '{path}' both stand for {ours}"
            self._refuse("forms.twice", message, f"name the right one {ours}, the other differently", row)

    def _keep_aside(self, cells: dict[str, Value], name: str, value: Value) -> None:
        """Keep what no field keeps beside the record; a question that nobody answered is told all the same."""
        self.aside[name] = None
        cells[f"_{name.lstrip('_')}"] = value

    def _finish(
        self, made: _Made, answers: dict[str, object], places: list[tuple[str, Placed]], suffix: str
    ) -> _Made | None:
        """Add id, place, accuracy and times."""
        cells = made.cells
        instance = _instance(answers)
        base = plain(cells["id"]) or instance
        if not base:
            remedy = "export with the server's own columns (_uuid, or KEY)"
            self._refuse("forms.no-id", "the submission has no id and no instance id", remedy, made.row)
            return None
        cells["id"] = f"{base}{suffix}"
        made.placed = self._chosen(places, cells)
        known = self.kind.by_name if self.kind else {}
        accuracy = made.placed.accuracy_m if made.placed else None
        if accuracy and cells.get("position_error_m") is None and ("position_error_m" in known or not known):
            # Devices tell the radius that holds the true place in about two of three cases; it stands in for the
            # standard error, which it exceeds a little (assumed).
            cells["position_error_m"] = accuracy
        device = utc(plain(_told(answers, ("end", "start"))))
        cells["device_at" if "device_at" in known or not known else "_device_at"] = device
        cells["submitted_at"] = utc(plain(_told(answers, SUBMITTED)))
        cells["_instance_id"] = instance
        cells["_review_state"] = plain(_told(answers, REVIEWED))
        return made

    def _chosen(self, places: list[tuple[str, Placed]], cells: dict[str, Value]) -> Placed | None:
        """The place that the kind may have; others stay beside the record as WKT."""
        allowed = PREFERRED[self.kind.geometry if self.kind else "any"]
        ranked = [
            (allowed.index(placed.shape.geom_type), i)
            for i, (_, placed) in enumerate(places)
            if placed.shape.geom_type in allowed
        ]
        best = min(ranked)[1] if ranked else None
        for i, (leaf, placed) in enumerate(places):
            if i != best:
                self._keep_aside(cells, leaf, placed.shape.wkt)
        return places[best][1] if best is not None else None

    # --- questions and answers ---------------------------------------------------------------------------------------

    def _question(self, leaf: str) -> Question | None:
        """The shipped form's question of that name, or whose label in any language is that."""
        if leaf not in self.questions:
            self.questions[leaf] = self._searched_question(leaf)
        return self.questions[leaf]

    def _searched_question(self, leaf: str) -> Question | None:
        if self.form is None:
            return None
        word = key(leaf)
        labelled = (
            one for one in self.form.questions if word in map(key, one.words.get("label", {}).values())
        )
        return self.form.question(leaf) or next(labelled, None)

    def _field(self, name: str) -> str | None:
        """The field of the kind that a question's name stands for."""
        if name not in self.known:
            self.known[name] = self.fields.get(key(name))
        return self.known[name]

    def _is_place(self, answer: object, question: Question | None) -> bool:
        if question is not None:
            return question.type in xlsforms.GEOMETRIES
        return is_place(answer)

    def _place(self, leaf: str, answer: object, question: Question | None, row: int) -> Placed | None:
        if self.comma and isinstance(answer, str) and "(" not in answer:  # WKT holds commas of its own
            answer = answer.replace(",", ".")
        try:
            return place_of(answer, question.type if question else "")
        except ValueError as error:
            remedy = "correct the submission on the server, or draw the place again"
            self._refuse("forms.bad-place", f"{leaf}: {error}", remedy, row)
            return None

    def _value(self, answer: object, question: Question | None) -> Value:
        """The answer as a plain value; labels of choices become their names, several choices stand with ; between."""
        value = plain(answer)
        if question is None or not question.choices or not isinstance(value, str):
            return value
        if value in question.choices:
            return value
        names = {key(label): name for name, by in question.choices.items() for label in by.values()}
        if question.type == "select_multiple" and key(value) not in names:
            parts = value.split(";") if ";" in value else value.split()
            return "; ".join(names.get(key(part), part.strip()) for part in parts)
        return names.get(key(value), value)

    def _refuse(self, code: str, message: str, remedy: str, row: int) -> None:
        self.problems.append(Problem(code, message, remedy, self.file, self.name, row))

    def _notes(self) -> Iterator[str]:
        place = f"{self.file}, layer {self.name}"
        if self.aside:
            names, kind = ", ".join(self.aside), self.role or "a record"
            yield f"{place}: no field of {kind} keeps {names}; kept aside as _name, a column map may name them"
        if self.private:
            yield f"{place}: left out, as it tells of persons or their devices: {', '.join(self.private)}"
        if self.repeats:
            names = ", ".join(self.repeats)
            yield f"{place}: only the first repeated group becomes records; not read are {names}"
        if self.rejected:
            yield f"{place}: {self.rejected} submissions were rejected when they were reviewed on the server"


def utc(text: Value) -> Value:
    """Write a moment in UTC to the second; one without an offset is UTC; what is no moment stays as it is.

    Examples
    --------
    >>> utc("2026-11-25T14:00:00.250+07:00"), utc("2026-11-25T07:00:00"), utc("soon"), utc(None)
    ('2026-11-25T07:00:00Z', '2026-11-25T07:00:00Z', 'soon', None)
    """
    try:
        found = datetime.fromisoformat(str(text).strip())
        found = found.astimezone(UTC) if found.tzinfo else found
    except (ValueError, OverflowError):
        return text
    return found.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _field_names(kind: Kind | None) -> dict[str, str]:
    """Every name that a field of the kind goes by, and the field; its own name goes before another's other name."""
    names = {"id": "id"} if kind is None else dict.fromkeys(kind.id_names, "id")
    fields = fields_of(kind) if kind else ()
    names |= {other: about.name for about in fields for other in about.other_names}
    return names | {about.name: about.name for about in fields}


def _leaf(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _path_of(one: Submission, leaf: str) -> str:
    return next((path for path in one.answers if _leaf(path) == leaf), leaf)


def _is_server(path: str, answers: dict[str, object]) -> bool:
    """Whether a server or a device put it there, and nobody answered it."""
    return (
        path.startswith("_")
        or path in SERVER
        or _leaf(path).startswith("__")
        or _leaf(path) == RECORD_KIND
        or ("KEY" in answers and path in ODK_CSV)
        or path.split("/", 1)[0] in SERVER_GROUPS
        or "@odata." in path
        or (path.endswith("_URL") and path.removesuffix("_URL") in answers)  # where Kobo keeps a photo
    )


def _told(answers: dict[str, object], names: Sequence[str]) -> object:
    """The first of some answers that is there."""
    return next((answers[name] for name in names if plain(answers.get(name)) is not None), None)


def _instance(answers: dict[str, object]) -> str:
    found = plain(_told(answers, INSTANCE))
    if found is None:
        return ""
    return str(found) if ":" in str(found) else f"uuid:{found}"
