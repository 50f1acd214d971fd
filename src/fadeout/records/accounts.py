"""Who may come in: accounts with their roles, how each proves who it is, and the sessions of those who did.

Reads   a connection to a store; passwords, tokens
Gives   `Account`, `Entry`; every change of an account is a line of the access log
Knows   Argon2id, one-time codes (RFC 6238), lock-out; nothing of pages
Start   at `enter`, `of_session`

What a browser or a map program holds is a random token of 256 bits; the store holds its SHA-256 alone. Passwords are
kept as Argon2id hashes with the library's present defaults (RFC 9106, low memory). Numbers of attempts and days are
our own choice (assumed).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from fadeout.errors import InputRefused, Problem
from fadeout.records.access_log import Line, note
from fadeout.records.schema import ACCOUNTS, SESSIONS, TOKENS

ROLES: dict[str, tuple[str, str]] = {  # what it is for; the role of `access` in which it reads records
    "administrator": ("keeps accounts and the server", "manager"),
    "information_manager": ("keeps the records, takes files in, undoes", "manager"),
    "operations": ("plans, assesses, decides on areas", "manager"),
    "team": ("records in the field", "staff"),
    "viewer": ("looks, with places of items coarse", "partner"),
    "moderator": ("looks through what the public reports", "staff"),
    "publisher": ("signs what becomes public", "partner"),
    "registry_editor": ("keeps the claims of the registry", "partner"),
    "victim_assistance": ("reads records of persons, for a purpose", "victim_assistance"),
}
SHORTEST = 12  # letters of a password: long before complicated (NIST SP 800-63B, 3.1.1.2: 15, or 8 with a second factor)
ATTEMPTS, LOCKED_MIN = 5, 15  # wrong passwords in a row, and how long nobody may try again (assumed)
INVITED_H, SESSION_H, IDLE_H = (
    72,
    14 * 24,
    12,
)  # assumed; the field's laptop stays in a day, not longer unused
SEEN_EVERY_S = 60  # a session's last use is written no more often
LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")


@dataclass(frozen=True)
class Account:
    """One account: its login, the name that history shows, its roles, and whether it may come in."""

    login: str
    name: str
    roles: tuple[str, ...]
    active: bool
    second_factor: bool
    invited: bool

    @property
    def reads_as(self) -> str:
        """The role of `access` in which this account reads records: of its roles the one that sees most."""
        order = ("partner", "staff", "manager", "victim_assistance")
        return max((ROLES[role][1] for role in self.roles), key=order.index, default="partner")


@dataclass(frozen=True)
class Entry:
    """A session: whose it is, its token for forms, and until when."""

    account: Account
    csrf: str
    ends_at: str


def refused(code: str, message: str, remedy: str = "") -> InputRefused:
    return InputRefused([Problem(code, message, remedy)])


# ---- accounts --------------------------------------------------------------------------------------------------------


def invite(
    engine: sa.Engine, login: str, name: str, roles: tuple[str, ...], *, by: str, now: datetime
) -> str:
    """Make an account that has no password yet; give the word of the link with which its owner sets one.

    Raises
    ------
    InputRefused
        If the login is taken or no login, the name is empty, or a role is unknown.
    """
    _check(login, name, roles)
    word = secrets.token_urlsafe(32)
    row = {
        "login": login,
        "name": name.strip(),
        "roles": " ".join(roles),
        "active": True,
        "failed": 0,
        "made_at": _at(now),
        "invite_hash": _digest(word),
        "invite_until": _at(now + timedelta(hours=INVITED_H)),
    }
    with engine.begin() as connection:
        if _row(connection, login) is not None:
            raise refused("account.taken", f"there is an account '{login}' already", "choose another login")
        connection.execute(ACCOUNTS.insert().values(**row))
    _log(engine, now, by, login, "made", " ".join(roles))
    return word


def invite_again(engine: sa.Engine, login: str, *, by: str, now: datetime) -> str:
    """Give a new link for a password; the old password and all sessions end."""
    word = secrets.token_urlsafe(32)
    _update(
        engine,
        login,
        invite_hash=_digest(word),
        invite_until=_at(now + timedelta(hours=INVITED_H)),
        password=None,
        failed=0,
        locked_until=None,
    )
    end_sessions(engine, login)
    _log(engine, now, by, login, "invited again")
    return word


def change(
    engine: sa.Engine, login: str, *, roles: tuple[str, ...], active: bool, by: str, now: datetime
) -> None:
    """Change what an account may do. One administrator always stays.

    Raises
    ------
    InputRefused
        If it would leave no active administrator, or a role is unknown.
    """
    _check(login, "x", roles)
    kept = active and "administrator" in roles
    if not kept and not any(
        one.login != login and one.active and "administrator" in one.roles for one in all_accounts(engine)
    ):
        raise refused(
            "account.last-administrator",
            "this is the last administrator",
            "give another account that role first",
        )
    _update(engine, login, roles=" ".join(roles), active=active)
    if not active:
        end_sessions(engine, login)
        with engine.begin() as connection:
            connection.execute(TOKENS.delete().where(TOKENS.c.login == login))
    _log(engine, now, by, login, f"roles: {' '.join(roles)}" if active else "closed")


def all_accounts(engine: sa.Engine) -> list[Account]:
    """Every account, by login."""
    with engine.connect() as connection:
        return [_account(row) for row in connection.execute(sa.select(ACCOUNTS).order_by(ACCOUNTS.c.login))]


def any_account(engine: sa.Engine) -> bool:
    """Whether somebody has an account with a password."""
    with engine.connect() as connection:
        query = sa.select(ACCOUNTS.c.login).where(ACCOUNTS.c.password.is_not(None)).limit(1)
        return connection.execute(query).first() is not None


def invited(engine: sa.Engine, word: str, now: datetime) -> Account | None:
    """Whose invitation a link's word is, None if it is nobody's or too old."""
    with engine.connect() as connection:
        row = connection.execute(sa.select(ACCOUNTS).where(ACCOUNTS.c.invite_hash == _digest(word))).first()
    if row is None or row.invite_until < _at(now) or not row.active:
        return None
    return _account(row)


def set_password(engine: sa.Engine, login: str, password: str, *, now: datetime) -> None:
    """Keep a new password; the invitation and all sessions end.

    Raises
    ------
    InputRefused
        If it is too short, or is the login.
    """
    if len(password) < SHORTEST or len(password) > 1_000:
        message = f"the password has {len(password)} letters"
        raise refused(
            "account.weak-password", message, f"take {SHORTEST} or more; a few words are easy to keep"
        )
    if login in password.lower() or len(set(password)) < 5:
        raise refused(
            "account.weak-password",
            "the password is easy to guess",
            "take a few words that do not belong together",
        )
    _update(
        engine,
        login,
        password=_hasher().hash(password),
        invite_hash=None,
        invite_until=None,
        failed=0,
        locked_until=None,
    )
    end_sessions(engine, login)
    _log(engine, now, login, login, "password set")


def set_second_factor(engine: sa.Engine, login: str, secret: str | None, *, now: datetime) -> None:
    """Ask for a one-time code beside the password from now on, or no longer."""
    _update(engine, login, totp=secret, totp_used=None)
    _log(engine, now, login, login, "second factor on" if secret else "second factor off")


# ---- coming in -------------------------------------------------------------------------------------------------------


def enter(engine: sa.Engine, login: str, password: str, code: str, now: datetime) -> tuple[str, Entry]:
    """Let somebody in who proves who it is; give the token that the browser keeps.

    Raises
    ------
    InputRefused
        With one and the same words whether the login, the password or the code is wrong; with others if locked.
    """
    wrong = refused("account.wrong", "login, password or code is wrong", "try again, or ask for a new link")
    with engine.connect() as connection:
        row = _row(connection, login.strip().lower())
    if row is None or not row.active or row.password is None:
        _hasher().hash(password[:1_000])  # as long as for a login that exists
        raise wrong
    if row.locked_until and row.locked_until > _at(now):
        message = f"too many wrong attempts; '{row.login}' is locked until {row.locked_until[11:16]} UTC"
        raise refused("account.locked", message, "wait, or ask an administrator for a new link")
    if not _fits(row.password, password) or not _code_fits(engine, row, code, now):
        failed = row.failed + 1
        locked = _at(now + timedelta(minutes=LOCKED_MIN)) if failed >= ATTEMPTS else None
        _update(engine, row.login, failed=0 if locked else failed, locked_until=locked)
        if locked:
            _log(engine, now, row.login, row.login, "locked after wrong attempts")
        raise wrong
    if row.failed or row.locked_until:
        _update(engine, row.login, failed=0, locked_until=None)
    return _begin(engine, _account(row), now)


def _begin(engine: sa.Engine, account: Account, now: datetime) -> tuple[str, Entry]:
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    ends = _at(now + timedelta(hours=SESSION_H))
    row = {
        "token_hash": _digest(token),
        "login": account.login,
        "csrf": csrf,
        "made_at": _at(now),
        "seen_at": _at(now),
        "ends_at": ends,
    }
    with engine.begin() as connection:
        connection.execute(SESSIONS.delete().where(SESSIONS.c.ends_at < _at(now)))
        connection.execute(SESSIONS.insert().values(**row))
    return token, Entry(account, csrf, ends)


def of_session(engine: sa.Engine, token: str, now: datetime) -> Entry | None:
    """The session of a browser's token, None if there is none or it ended."""
    hashed = _digest(token)
    query = sa.select(ACCOUNTS, SESSIONS.c.csrf, SESSIONS.c.seen_at, SESSIONS.c.ends_at).join_from(
        SESSIONS, ACCOUNTS, ACCOUNTS.c.login == SESSIONS.c.login
    )
    with engine.connect() as connection:
        row = connection.execute(query.where(SESSIONS.c.token_hash == hashed)).first()
    if row is None or not row.active or row.ends_at < _at(now):
        return None
    if row.seen_at < _at(now - timedelta(hours=IDLE_H)):
        return None
    if row.seen_at < _at(now - timedelta(seconds=SEEN_EVERY_S)):
        with engine.begin() as connection:
            connection.execute(
                SESSIONS.update().where(SESSIONS.c.token_hash == hashed).values(seen_at=_at(now))
            )
    return Entry(_account(row), row.csrf, row.ends_at)


def leave(engine: sa.Engine, token: str) -> None:
    """End one session."""
    with engine.begin() as connection:
        connection.execute(SESSIONS.delete().where(SESSIONS.c.token_hash == _digest(token)))


def end_sessions(engine: sa.Engine, login: str) -> None:
    """End all sessions of an account."""
    with engine.begin() as connection:
        connection.execute(SESSIONS.delete().where(SESSIONS.c.login == login))


# ---- tokens of map programs ------------------------------------------------------------------------------------------


def make_token(engine: sa.Engine, login: str, label: str, now: datetime) -> str:
    """Give a token with which a map program reads as this account; it is shown this once."""
    word = secrets.token_urlsafe(32)
    row = {"token_hash": _digest(word), "login": login, "label": label.strip()[:80] or "map program"}
    with engine.begin() as connection:
        connection.execute(TOKENS.insert().values(**row, made_at=_at(now)))
    _log(engine, now, login, login, "token made", row["label"])
    return word


def tokens(engine: sa.Engine, login: str) -> list[dict[str, str]]:
    """An account's tokens: label and when each was made."""
    query = sa.select(TOKENS.c.label, TOKENS.c.made_at).where(TOKENS.c.login == login)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query.order_by(TOKENS.c.made_at)).mappings()]


def drop_token(engine: sa.Engine, login: str, label: str, now: datetime) -> None:
    """End the tokens of an account with a label."""
    with engine.begin() as connection:
        connection.execute(TOKENS.delete().where(TOKENS.c.login == login, TOKENS.c.label == label))
    _log(engine, now, login, login, "token ended", label)


def of_token(engine: sa.Engine, login: str, token: str) -> Account | None:
    """The account of a map program's token."""
    query = sa.select(ACCOUNTS).join_from(TOKENS, ACCOUNTS, ACCOUNTS.c.login == TOKENS.c.login)
    with engine.connect() as connection:
        row = connection.execute(query.where(TOKENS.c.token_hash == _digest(token))).first()
    return _account(row) if row is not None and row.active and row.login == login else None


# ---- inside ----------------------------------------------------------------------------------------------------------


def _check(login: str, name: str, roles: tuple[str, ...]) -> None:
    problems = []
    if not LOGIN.fullmatch(login):
        message = f"'{login[:64]}' is no login"
        problems.append(
            Problem("account.bad-login", message, "2 to 64 small letters, digits, and . _ @ - between")
        )
    if not name.strip():
        problems.append(Problem("account.no-name", "the name is empty", "history shows it: write one"))
    for role in roles:
        if role not in ROLES:
            problems.append(
                Problem("account.unknown-role", f"there is no role '{role}'", f"one of {', '.join(ROLES)}")
            )
    if not roles:
        problems.append(Problem("account.no-role", "no role is chosen", "choose at least one"))
    if problems:
        raise InputRefused(problems)


def _row(connection: sa.Connection, login: str) -> Any:
    return connection.execute(sa.select(ACCOUNTS).where(ACCOUNTS.c.login == login)).first()


def _account(row: Any) -> Account:
    return Account(
        row.login,
        row.name,
        tuple(row.roles.split()),
        bool(row.active),
        row.totp is not None,
        row.password is None,
    )


def _update(engine: sa.Engine, login: str, **values: object) -> None:
    with engine.begin() as connection:
        done = connection.execute(ACCOUNTS.update().where(ACCOUNTS.c.login == login).values(**values))
        if not done.rowcount:
            raise refused("account.missing", f"there is no account '{login}'", "see the list of accounts")


def _log(engine: sa.Engine, now: datetime, by: str, login: str, what: str, about: str = "") -> None:
    with engine.connect() as connection:
        note(connection, [Line(_at(now), by, "accounts", "account", login, what, about)])


def _fits(hashed: str, password: str) -> bool:
    from argon2.exceptions import VerificationError

    try:
        return bool(_hasher().verify(hashed, password[:1_000]))
    except VerificationError:
        return False


def _code_fits(engine: sa.Engine, row: Any, code: str, now: datetime) -> bool:
    """Whether a one-time code fits; each is good once."""
    if row.totp is None:
        return True
    import pyotp

    given = code.replace(" ", "")
    if given == row.totp_used or not pyotp.TOTP(row.totp).verify(given, for_time=now, valid_window=1):
        return False
    _update(engine, row.login, totp_used=given)
    return True


@cache
def _hasher() -> Any:
    from argon2 import PasswordHasher
    from argon2.profiles import RFC_9106_LOW_MEMORY

    return PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _at(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
