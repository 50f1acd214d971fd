"""The commands that ask the public registry: states, deadlines, transfers, use, contamination, munition types.

Reads   the command line
Gives   tables on stdout (JSON with --json), an exit code
Knows   nothing of rules; heavy imports stand inside the commands
Start   at `state`
"""

from __future__ import annotations

import re
import sys
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fadeout.cli.options import examples
from fadeout.cli.registry_options import AsOf, Kept, code_of, day_of, registry_app, registry_of
from fadeout.cli.store_options import AsJson, print_json, print_table

if TYPE_CHECKING:
    from fadeout.records.claims import Claim, Registry
    from fadeout.treaty.obligations import Duty

app = typer.Typer()
app.add_typer(registry_app, name="registry")

State = Annotated[str, typer.Argument(metavar="STATE", help="A state: its code, such as LAO, or its name.")]
WORDS = {
    "party": "State Party",
    "signatory": "signatory",
    "withdrawn": "withdrawn",
    "non_signatory": "non-signatory",
}
UNREAD = "Rows marked unverified rest on what was recalled, not read at a source."


@registry_app.command(
    "state",
    epilog=examples("fadeout registry state LAO", "fadeout registry state 'Viet Nam' --json"),
    short_help="What is claimed of one state, and what the Convention asks of it.",
)
def state(name: State, as_of: AsOf = None, store: Kept = "", as_json: AsJson = False) -> None:
    """Tell where a state stands, what the Convention asks of it and by when, and every claim with its source.

    Where sources differ, the first by the stated rule stands first and the others below it, marked "differs".
    """
    from fadeout.errors import InputRefused
    from fadeout.treaty import registry as treaty
    from fadeout.treaty.dates import say
    from fadeout.treaty.state_facts import duties_of, pace

    registry, day = registry_of(store), day_of(as_of)
    code = treaty.find(registry, name)
    if code is None:
        raise InputRefused([treaty.unknown_state(registry, name)])
    subject = registry.subjects[code]
    claims = _claims_on(registry, code)
    if subject.kind != "state":
        if as_json:
            print_json({"area": code, "name": subject.name, "note": subject.note, "claims": claims})
        else:
            print(f"{subject.name}: an area, not a state. {subject.note}")
            print_table(_short_claims(claims), "Nothing is claimed of it.")
        return
    where = treaty.standing(registry, code, day)
    duties = duties_of(registry, code, day)
    if as_json:
        standing = {**{k: _plain(v) for k, v in vars(where).items()}, "bound": where.bound}
        told = {"standing": standing, "duties": [_duty(code, one) for one in duties]}
        print_json({**told, "pace": pace(registry, code, day), "claims": claims})
        return
    print(f"{where.name}, as of {say(day)}: {where.in_words}.\n")
    for one in duties:
        due = say(one.due) if one.due else "no day"
        print(f"{one.title} (Article {one.article}): {one.state}, {due}")
        for line in (one.rule, one.arithmetic, one.remark, _warned(one, day), _unread(one)):
            if line:
                print(f"    {line}")
    print(f"{said}\n" if (said := pace(registry, code, day)) else "")
    print_table(_short_claims(claims), "Nothing is claimed of it.")


@registry_app.command(
    "states",
    epilog=examples("fadeout registry states --as-of 2024-06-01 --status party"),
    short_help="List states by where they stand on a day.",
)
def states(
    as_of: AsOf = None,
    status: Annotated[
        str | None,
        typer.Option("--status", metavar="STATUS", help="party, signatory, withdrawn or non_signatory."),
    ] = None,
    store: Kept = "",
    as_json: AsJson = False,
) -> None:
    """List states, and count them: by deposit, those in force apart. A count is always as of a day."""
    from fadeout.treaty import registry as treaty
    from fadeout.treaty.dates import say

    registry, day = registry_of(store), day_of(as_of)
    found = treaty.states(registry, day, status)
    count = treaty.counts(registry, day)
    rows = [
        {
            "state": one.state,
            "name": one.name,
            "status": one.status,
            "signature": _plain(one.signature),
            "deposit": _plain(one.deposit),
            "in_force": _plain(one.in_force),
            "left_on": _plain(one.left_on),
            "unverified": ", ".join(one.unverified),
        }
        for one in found
    ]
    if as_json:
        print_json({"counts": {k: _plain(v) for k, v in vars(count).items()}, "states": rows})
        return
    print_table(rows, "No state stands so on that day.")
    print(
        f"As of {say(day)}, by deposit: {count.party} parties ({count.in_force} of them in force), "
        f"{count.signatory} signatories that are not parties, {count.withdrawn} withdrawn, "
        f"{count.non_signatory} neither.",
        file=sys.stderr,
    )


@registry_app.command(
    "deadlines",
    epilog=examples(
        "fadeout registry deadlines --within 18m", "fadeout registry deadlines --state LAO --json"
    ),
    short_help="Deadlines that fall due, and those whose day nobody can know.",
)
def deadlines(
    within: Annotated[
        str, typer.Option("--within", metavar="TIME", help="How far ahead: 18m, or 2y.")
    ] = "18m",
    state: Annotated[str, typer.Option("--state", metavar="STATE", help="Of one state alone.")] = "",
    as_of: AsOf = None,
    store: Kept = "",
    as_json: AsJson = False,
) -> None:
    """List what falls due, in order of days; without --state or --json, yearly reports of all parties are one row.

    Deadlines that have passed or cannot be known are listed apart, with why.
    """
    from fadeout.treaty import obligations
    from fadeout.treaty.dates import say

    registry, day = registry_of(store), day_of(as_of)
    due, apart = obligations.within(_duties(registry, state, day), day, _months(within))
    if as_json:
        told = {"due": [_duty(s, d) for s, d in due], "passed_or_unknown": [_duty(s, d) for s, d in apart]}
        print_json({"as_of": day.isoformat(), **told})
        return
    print_table(_due(registry, due, bool(state)), f"Nothing falls due within {within} of {say(day)}.")
    rows = [
        {
            "state": s,
            "duty": d.title,
            "article": d.article,
            "day": _plain(d.due),
            "stands": d.state,
            "why": d.remark or d.arithmetic,
        }
        for s, d in apart
    ]
    if rows:
        print("\nPassed, or the day cannot be known:")
        print_table(rows, "")


@registry_app.command("transfers", epilog=examples("fadeout registry transfers --json"))
def transfers(store: Kept = "", as_json: AsJson = False) -> None:
    """List documented and alleged transfers, each as reported by whom."""
    from fadeout.treaty import registry as treaty

    registry = registry_of(store)
    _print_claims(
        registry, treaty.transfers(registry), {"subject": "from", "other": "to", "value": "what"}, as_json
    )


@registry_app.command("use", epilog=examples("fadeout registry use --state UKR"))
def use(
    state: Annotated[
        str, typer.Option("--state", metavar="STATE", help="On the territory of one alone.")
    ] = "",
    store: Kept = "",
    as_json: AsJson = False,
) -> None:
    """List documented and alleged use, each as reported by whom, with how sure that is."""
    from fadeout.treaty import registry as treaty

    registry = registry_of(store)
    place = code_of(registry, state) if state else ""
    names = {"subject": "where", "other": "reported_of", "value": "what"}
    _print_claims(registry, treaty.uses(registry, place), names, as_json)


@registry_app.command("contamination", epilog=examples("fadeout registry contamination"))
def contamination(store: Kept = "", as_json: AsJson = False) -> None:
    """List what is said of contaminated states and areas, inside and outside the Convention."""
    from fadeout.treaty import registry as treaty

    registry = registry_of(store)
    claims = tuple(one for said in treaty.contamination(registry).values() for one in said)
    _print_claims(registry, claims, {"subject": "where", "value": "km2_or_words"}, as_json)


@registry_app.command("munitions", epilog=examples("fadeout registry munitions --json"))
def munitions(store: Kept = "", as_json: AsJson = False) -> None:
    """List munition types by name, with published counts and failures as claims; nothing is ranked.

    The last column says what the engine makes of them: a wide range of items that one carrier may leave.
    """
    from fadeout.records.munition_items import items_of, types_of
    from fadeout.treaty import registry as treaty

    registry = registry_of(store)
    types = types_of(registry)
    if as_json:
        rows = [
            {
                "id": key,
                "name": types[key].name,
                "aliases": types[key].aliases,
                "submunition": types[key].submunition,
                "items_of_one_carrier": vars(items) if (items := items_of(types[key])) else None,
                "failure_range_used": types[key].rate,
                "claims": list(treaty.in_rows(registry, claims)),
            }
            for key, claims in treaty.munitions(registry).items()
        ]
        print_json(rows)
        return
    rows = [
        {
            "id": key,
            "name": types[key].name,
            "carried": ""
            if (count := types[key].carried) is None
            else f"{count[0]}"
            if count[0] == count[1]
            else f"{count[0]} to {count[1]}",
            "published failures": "; ".join(
                f"{one.value} ({one.kind}{'' if one.verified else ', unverified'})"
                for one in claims
                if one.property == "failure_rate"
            ),
            "used by the estimate": types[key].in_words,
        }
        for key, claims in treaty.munitions(registry).items()
    ]
    print_table(rows, "The registry holds no munition types.")
    print(f"Shares of submunitions, by kind of claim. {UNREAD}", file=sys.stderr)


# --- what they share -------------------------------------------------------------------------------------------------


def _months(text: str) -> int:
    found = re.fullmatch(r"(\d{1,3})\s*([my])", text.strip().lower())
    if found is None:
        raise typer.BadParameter(f"'{text}' is no time such as 18m or 2y", param_hint="--within")
    return int(found[1]) * (12 if found[2] == "y" else 1)


def _duties(registry: Registry, state: str, day: date) -> dict[str, tuple[Duty, ...]]:
    from fadeout.treaty.state_facts import all_duties, duties_of

    if not state:
        return all_duties(registry, day)
    code = code_of(registry, state)
    return {code: duties_of(registry, code, day)}


def _due(registry: Registry, due: list[tuple[str, Duty]], each: bool) -> list[dict[str, Any]]:
    """Rows of deadlines; what all parties owe on one day is one row."""
    from fadeout.jobs.registry_rows import due_rows

    return [
        {
            "day": row["day"],
            "state": f"{row['state']} {row['name']}".strip(),
            **{name: row[name] for name in ("duty", "article", "how", "unverified")},
        }
        for row in due_rows(registry, due, each)
    ]


def _claims_on(registry: Registry, subject: str) -> list[dict[str, Any]]:
    """All claims on a subject, and those in which it is the other party; dissent marked."""
    from fadeout.records.claims import PROPERTIES
    from fadeout.treaty import registry as treaty

    found: list[dict[str, Any]] = []
    for name, about in PROPERTIES.items():
        said = registry.of(subject, name)
        for n, row in enumerate(treaty.in_rows(registry, said)):
            row["differs"] = bool(about.single and n and said[n].value != said[0].value)
            found.append(row)
    received = [one for one in treaty.transfers(registry) if one.other == subject]
    return found + [{**row, "differs": False} for row in treaty.in_rows(registry, received)]


def _short_claims(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "what": row["property"] + (" (differs)" if row["differs"] else ""),
            "value": row["value"],
            "of": row["other"] if row["property"] != "transfer" else f"{row['subject']} to {row['other']}",
            "time": _time(row),
            "reported by": row["reported_by"],
            "kind": row["kind"],
            "level": row["confidence"],
            "checked": row["checked"],
        }
        for row in rows
    ]


def _print_claims(
    registry: Registry, claims: tuple[Claim, ...], names: dict[str, str], as_json: bool
) -> None:
    from fadeout.treaty import registry as treaty

    rows = list(treaty.in_rows(registry, claims))
    if as_json:
        print_json(rows)
        return
    told = [
        {
            "time": _time(row),
            **{new: row[old] for old, new in names.items()},
            "reported by": row["reported_by"],
            "level": row["confidence"],
            "checked": row["checked"],
        }
        for row in rows
    ]
    print_table(told, "The registry holds none.")
    print(f"What stands here is what is reported, not what is known. {UNREAD}", file=sys.stderr)


def _time(row: dict[str, Any]) -> str:
    starts, ends = row["starts"], row["ends"]
    if ends in ("", starts):
        return str(starts)
    return f"{starts} to {ends}" if starts else f"until {ends}" if ends[:1].isdigit() else str(ends)


def _duty(state: str, duty: Duty) -> dict[str, Any]:
    values = {name: _plain(value) for name, value in vars(duty).items()}
    return {
        "state_of": state,
        **values,
        "warnings": [day.isoformat() for day in duty.warnings],
        "inputs": dict(duty.inputs),
    }


def _warned(duty: Duty, today: date) -> str:
    from fadeout.treaty.dates import say

    ahead = [say(day) for day in duty.warnings if day >= today]
    return f"Warnings: {', '.join(ahead)}." if ahead and duty.state == "open" else ""


def _unread(duty: Duty) -> str:
    return f"Unverified: {', '.join(duty.unverified)}." if duty.unverified else ""


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
