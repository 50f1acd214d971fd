"""The commands that draft what the Convention asks for: the Article 7 report and the request for more time.

Reads   the command line
Gives   folders of documents, words on stdout (JSON with --json), an exit code
Knows   nothing of forms; heavy imports stand inside the commands
Start   at `article7`
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from fadeout.cli.options import CHECK_FAILED, examples, now, person
from fadeout.cli.store_options import Address, AsJson, opened, print_json, print_table

app = typer.Typer()

REPORT_HELP = """\b
Exit codes:
  0    drafted; all checks passed
  2    wrong arguments, or input refused: the reason on stderr, nothing written
  3    drafted, but a check failed: the draft says which
"""
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the draft.")]
StateOption = Annotated[
    str, typer.Option("--state", metavar="STATE", help="The State; the programme's country if not given.")
]
Lang = Annotated[str, typer.Option("--lang", metavar="LANG", help="en or fr (fr is an unreviewed draft).")]
Paper = Annotated[str, typer.Option("--paper", metavar="PAPER", help="a4 or letter.")]


@app.command(
    epilog=examples(
        "fadeout article7 2025 --store north.gpkg --out report-2025",
        "fadeout article7 2026 --store north.gpkg --out report-2026 --last-year report-2025 --answers answers.toml",
        codes=REPORT_HELP,
    ),
    short_help="Draft the yearly Article 7 report from a store.",
)
def article7(
    year: Annotated[int, typer.Argument(metavar="YEAR", help="The calendar year to report on.")],
    store: Address,
    out: Out,
    state: StateOption = "",
    answers: Annotated[
        Path | None,
        typer.Option(
            "--answers", metavar="TOML", help="What the State answers itself: laws, stocks, money ..."
        ),
    ] = None,
    last_year: Annotated[
        Path | None,
        typer.Option("--last-year", metavar="DIR", help="Last year's draft, to say what changed."),
    ] = None,
    lang: Lang = "en",
    paper: Paper = "a4",
    as_json: AsJson = False,
) -> None:
    """Draft the report on a calendar year: forms A to J as DOCX, XLSX, PDF and JSON, every figure with its records.

    What the records do not hold is listed as a question for a person. Form C is never written here.
    """
    from fadeout.jobs import article7 as job

    request = job.Request(year, out, person(), state, answers, last_year, lang, _paper(paper))
    report = job.draft(opened(store), request, now=now())
    rows = [
        {"check": one.words, "result": "passed" if one.passed else "; ".join(one.why)}
        for one in report.checks
    ]
    gaps = sum(len(part.gaps) for part in report.document.sections)
    if as_json:
        print_json({"checks": rows, "gaps": gaps, "folder": str(out)})
    else:
        print_table(rows, "")
        print(f"Drafted in {out}. {gaps} questions are left for a person.", file=sys.stderr)
    if not report.passed:
        raise typer.Exit(CHECK_FAILED)


@app.command(
    "extension-request",
    epilog=examples(
        "fadeout extension-request --months 60 --meeting 2024-09-10 --store north.gpkg --out request",
        codes=REPORT_HELP,
    ),
    short_help="Draft a request for more time to clear, and test the plan against what was really done.",
)
def extension_request(
    store: Address,
    out: Out,
    months: Annotated[int, typer.Option("--months", metavar="N", help="Months asked for; 60 at most.")],
    state: StateOption = "",
    meeting: Annotated[
        str, typer.Option("--meeting", metavar="DATE", help="Day of the meeting that decides.")
    ] = "",
    from_year: Annotated[
        int | None, typer.Option("--from-year", metavar="YEAR", help="First year of the ledger.")
    ] = None,
    lang: Lang = "en",
    paper: Paper = "a4",
    as_json: AsJson = False,
) -> None:
    """Draft contents (a) to (i) of Article 4(6) from the area ledger, and say whether the plan fits the real output."""
    from fadeout.jobs import extension_request as job

    request = job.Request(months, out, person(), state, from_year, _day(meeting), _paper(paper), lang)
    drafted = job.draft(opened(store), request, now=now())
    words = drafted.fit.in_words("km²")
    if as_json:
        print_json(
            {"fit": vars(drafted.fit), "fits": drafted.fit.fits, "words": words, "faults": drafted.faults}
        )
    else:
        print(words)
        for fault in drafted.faults:
            print(f"Not in order: {fault}.")
        print(f"Drafted in {out}.", file=sys.stderr)
    if drafted.faults or not drafted.fit.fits:
        raise typer.Exit(CHECK_FAILED)


def _paper(text: str) -> str:
    if text not in ("a4", "letter"):
        raise typer.BadParameter(f"'{text}' is not a4 or letter", param_hint="--paper")
    return text


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no day such as 2024-09-10", param_hint="--meeting") from None
