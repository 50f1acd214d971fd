"""Who may do what, as a page: the permissions with their roles, and every address with the permission it asks for.

Reads   the rooms of pages, the table of permissions
Gives   `as_markdown`, `addresses`
Knows   nothing of requests
Start   at `as_markdown`
"""

from __future__ import annotations

from fastapi.routing import APIRoute

from fadeout.records.accounts import ROLES
from fadeout.web.app import ROOMS, permission_of
from fadeout.web.permissions import PERMISSIONS

PAGE = """# Who may do what on the server

Made from `web/permissions.py` and the addresses of the server; do not edit. An account has one role or more. Places of
items are exact for administrator, information manager, operations, team, moderator and victim assistance; for viewer,
publisher and registry editor they are cells of a hundredth of a degree. Records of persons are read on none of these
pages. Map programs sign in with a token and read only.

| role | what for |
|---|---|
{roles}

## Permissions

| permission | to | {heads} |
|---|---|{rules}|
{permissions}

## Addresses

| address | method | permission |
|---|---|---|
{addresses}
"""


def addresses() -> list[tuple[str, str, str]]:
    """Every address of the server: path, method, permission ("open" where it asks for none)."""
    found = [
        (route.path, method, permission_of(route) or "")
        for room in ROOMS
        for route in room.router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    ]
    return sorted(set(found))


def as_markdown() -> str:
    """The page docs/reference/who-may-what.md."""
    return PAGE.format(
        roles="\n".join(f"| {role.replace('_', ' ')} | {about} |" for role, (about, _) in ROLES.items()),
        heads=" | ".join(role.replace("_", " ") for role in ROLES),
        rules="|".join("---" for _ in ROLES),
        permissions="\n".join(
            f"| {name} | {about} | " + " | ".join("yes" if role in roles else "" for role in ROLES) + " |"
            for name, (about, roles) in PERMISSIONS.items()
        ),
        addresses="\n".join(f"| `{path}` | {method} | {name} |" for path, method, name in addresses()),
    )
