"""What the registry's commands share: its options, the registry that is asked, days and states of the command line.

Reads   the command line
Gives   option types, `registry_of`, `day_of`, `code_of`
Knows   nothing of rules
Start   at `registry_of`
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from fadeout.cli.options import now, person
from fadeout.cli.store_options import opened

if TYPE_CHECKING:
    from fadeout.records.claims import Registry

registry_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The public registry of the Convention on Cluster Munitions: every statement a claim with its source.",
)

Kept = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="FADEOUT_STORE",
        metavar="STORE",
        help="Ask the registry that a store keeps; the shipped one if not given.",
    ),
]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="DATE", help="As it stood on a day; today if not given.")
]


def registry_of(store: str) -> Registry:
    """The registry that a store keeps, the shipped one if none is named."""
    from fadeout.jobs import registry as job
    from fadeout.records.access import Viewer

    return job.registry_of(opened(store) if store else None, Viewer(person(), "public"))


def day_of(text: str | None) -> date:
    """A day of the command line, today if none was given."""
    if not text:
        return now().date()  # type: ignore[no-any-return]
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no day such as 2024-06-01", param_hint="--as-of") from None


def code_of(registry: Registry, name: str) -> str:
    """The code of a state or area by its code or name."""
    from fadeout.errors import InputRefused
    from fadeout.treaty import registry as treaty

    code = treaty.find(registry, name)
    if code is None:
        raise InputRefused([treaty.unknown_state(registry, name)])
    return code
