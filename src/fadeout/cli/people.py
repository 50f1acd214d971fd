"""The commands for people: victims, kept apart and read with a purpose; forms for teams, and what they send back.

Reads   the command line, FADEOUT_KEYS, FADEOUT_KEYS_SECRET and FADEOUT_FORM_TOKEN from the environment
Gives   tables on stdout (JSON with --json), files, an exit code
Knows   nothing of how persons are protected; heavy imports stand inside the commands
Start   at `victims_show`, `collect`
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fadeout import settings
from fadeout.cli.options import examples, now, person, progress
from fadeout.cli.store_options import (
    STORE_HELP,
    Address,
    AsJson,
    DryRun,
    Who,
    Why,
    Yes,
    opened,
    print_json,
    print_table,
    show_reviews,
    tell_stored,
)

if TYPE_CHECKING:
    from fadeout.records.keys import KeyStore
    from fadeout.records.store import Store

app = typer.Typer()
victims_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Read, count and erase what is kept of victims."
)
forms_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Forms for field devices.")
app.add_typer(victims_app, name="victims")
app.add_typer(forms_app, name="forms")

VictimArgument = Annotated[str, typer.Argument(metavar="ID", help="The victim's own id in the store.")]
ROLE = "victim_assistance"


@victims_app.command(
    "show", epilog=examples("fadeout victims show V-17 --purpose 'prosthesis, visit in May'")
)
def victims_show(
    id: VictimArgument,
    store: Address,
    purpose: Annotated[
        str, typer.Option("--purpose", metavar="TEXT", help="What for; the access log keeps it.")
    ],
    who: Who = "",
    as_json: AsJson = False,
) -> None:
    """Show what is kept of a person, in the open. Who reads it and what for is logged before anything is shown."""
    from fadeout.jobs import victims as job
    from fadeout.records.access import Viewer

    kept = opened(store)
    found = job.show(kept, _keys(kept), id, Viewer(person(who), ROLE, purpose), now())
    told = {"id": found.id, "version": found.version, **found.values}
    if as_json:
        print_json(told)
    else:
        for name, value in told.items():
            print(f"{name:16} {value}")


@victims_app.command("log", epilog=examples("fadeout victims log --id V-17"))
def victims_log(
    store: Address,
    id: Annotated[str | None, typer.Option("--id", metavar="ID", help="Only of this person.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Tell who read which person's record, when and what for."""
    from fadeout.jobs import victims as job

    found = job.log(opened(store), id, limit)
    if as_json:
        print_json(found)
    else:
        print_table(found, "Nobody has read a person's record.")


@victims_app.command("count", epilog=examples("fadeout victims count --by sex,age_group"))
def victims_count(
    store: Address,
    by: Annotated[
        str, typer.Option("--by", metavar="FIELDS", help="One to three choices, with commas.")
    ] = "sex",
    as_json: AsJson = False,
) -> None:
    """Count victims. Numbers below 5, and those from which they could be worked out, are withheld."""
    from fadeout.jobs import victims as job
    from fadeout.records.access import Viewer

    rows, words = job.table(opened(store), by.split(","), Viewer(person(), ROLE, "counts"))
    if as_json:
        print_json({"rows": rows, "words": words})
        return
    print_table(rows, "There are no victims in the store.")
    if words:
        print(words, file=sys.stderr)


@victims_app.command(
    "erase", epilog=examples("fadeout victims erase V-17 --why 'asked by the person, letter of 3 May'")
)
def victims_erase(
    id: VictimArgument,
    store: Address,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Why; it is kept.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Without asking.")] = False,
    who: Who = "",
) -> None:
    """Erase what is personal of a victim for good: from the store, its history and every backup that can be reached."""
    from fadeout.jobs import victims as job

    kept = opened(store)
    if not yes:
        typer.confirm(f"Erase {id} for good? This cannot be undone.", abort=True, err=True)
    print(job.erase(kept, _keys(kept), id, who=person(who), why=why).words)


@forms_app.command("write", epilog=examples("fadeout forms write forms"))
def forms_write(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write the XLSForms into.")],
) -> None:
    """Write the XLSForms for KoboToolbox and ODK: evidence point, searched box, hazardous area, accident."""
    from fadeout.exchange import xlsforms

    for path in xlsforms.write_all(folder):
        print(f"Wrote {path}")


@app.command(
    epilog=examples(
        "fadeout collect --service kobo --server https://kobo.example.org --form aB3 --store north.gpkg --yes",
        codes=STORE_HELP,
    ),
    short_help="Take submissions of a form server into a store.",
)
def collect(
    store: Address,
    service: Annotated[str, typer.Option("--service", metavar="NAME", help="kobo or odk.")],
    server: Annotated[str, typer.Option("--server", metavar="URL", help="Where the server is.")],
    form: Annotated[str, typer.Option("--form", metavar="ID", help="The form; for ODK PROJECT/FORM.")],
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DATE", help="Only newer ones; since the last time if not given."),
    ] = None,
    photos: Annotated[
        Path | None, typer.Option("--photos", metavar="DIR", help="Fetch photos into this folder.")
    ] = None,
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="What the form holds, if it does not say.")
    ] = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    who: Who = "",
    why: Why = "",
    as_json: AsJson = False,
) -> None:
    """Fetch a form's submissions from KoboToolbox or ODK Central and take them in; again, nothing changes.

    The token stands in the environment variable FADEOUT_FORM_TOKEN, and goes to that server alone.
    """
    from fadeout.exchange.collecting import Service
    from fadeout.jobs import collect as job
    from fadeout.jobs.storing import Request

    if not (yes or dry_run):
        raise typer.BadParameter("give --yes to store, or --dry-run to look", param_hint="--yes")
    asked = job.Asked(form, since, photos)
    request = Request((), person(who), why, kind=kind, dry_run=dry_run, **settings.person_keys())
    where = Service(service, server, settings.form_token())
    with progress() as say:
        review = job.collect(opened(store), where, asked, request, today=now().date(), say=say)
    if as_json:
        print_json(review.as_json())
    else:
        tell_stored(review)
        show_reviews([review])
    if review.problems:
        raise typer.Exit(2)


def _keys(store: Store) -> KeyStore:
    from fadeout.jobs import victims as job

    given = settings.person_keys()
    return job.keys_of(store, given["keys"], given["master"])
