"""CQL2, in which map programs ask for features: text and JSON, as what a store is asked.

Reads   a filter as it was sent
Gives   a `Filter`: an `Ask`, and shapes that the places must touch; else `InputRefused` with codes `cql.*`
Knows   CQL2 (OGC 21-065r2) as trees of pygeofilter; nothing of requests, nor in which CRS the shapes are
Start   at `read`

pygeofilter gives the tree and reads CQL2 JSON. Its own grammar of CQL2 text (0.4) is not used: it takes "a OR b AND c"
as "(a OR b) AND c", and has no "''", no "NOT (a AND b)" and no line ends. `cql2.lark` takes its place.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import shapely
from lark import Lark, Transformer, v_args
from lark.exceptions import LarkError, VisitError
from pygeofilter import ast, values
from pygeofilter.parsers import cql2_json
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from fadeout.errors import InputRefused, Problem
from fadeout.records.asking import All, Any_, Ask, Compare, Empty, Like, Not, OneOf, Sign
from fadeout.records.record import plain

TEXT, JSON = "cql2-text", "cql2-json"
PLACE = "geom"  # the name of the places of records in a filter
LONGEST, DEEPEST, MOST = 20_000, 60, 500  # letters, levels, parts: far beyond what people and programs write
NUMBERS = ("whole", "real", "share")
BIGGEST = 2**63 - 1
ESCAPES = {"a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "'": "'"}
SIGNS = {
    "=": ast.Equal,
    "<>": ast.NotEqual,
    "<": ast.LessThan,
    "<=": ast.LessEqual,
    ">": ast.GreaterThan,
    ">=": ast.GreaterEqual,
}
TURNED: dict[str, Sign] = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
AND_NO = "ask for places by S_INTERSECTS alone, or joined by AND with the rest"


@dataclass(frozen=True)
class Filter:
    """What a filter asks: of columns, and shapes each of which a place must touch."""

    ask: Ask
    shapes: tuple[BaseGeometry, ...] = ()


def read(filter: str, language: str, columns: Mapping[str, str]) -> Filter:
    """Read a filter on columns, given by name with their type as the catalogue has it.

    Raises
    ------
    InputRefused
        If it is no CQL2, or asks what is not supported.

    Examples
    --------
    >>> read("state = 'open' AND priority < 3", TEXT, {"state": "choice", "priority": "whole"}).ask.parts
    (Compare(name='state', sign='=', value='open'), Compare(name='priority', sign='<', value=3))
    """
    if len(filter) > LONGEST:
        raise refused("cql.too-long", f"the filter has more than {LONGEST:,} letters", "ask in parts")
    try:
        tree = _text_tree(filter) if language == TEXT else _json_tree(filter)
        return _Reading(columns).whole(tree)
    except RecursionError:
        raise _too_deep() from None


def value_of(name: str, type: str, given: Any) -> str | int | float | bool:
    """A literal as a column of a type holds it; InputRefused for one of another type.

    Examples
    --------
    >>> value_of("found_on", "date", date(2026, 1, 31)), value_of("count", "whole", 3.0)
    ('2026-01-31', 3)
    """
    if type in NUMBERS and isinstance(given, int | float) and not isinstance(given, bool):
        if not math.isfinite(given) or abs(given) > BIGGEST:
            raise _bad(name, "a number of reasonable size")
        return int(given) if type == "whole" and given == int(given) else given
    if type == "flag" and isinstance(given, bool):
        return given
    if type == "date":
        return _day(name, given)
    if type == "moment":
        return _moment(name, given)
    if type in ("text", "choice", "ids") and isinstance(given, str):
        if "\0" in given or not _writable(given):
            raise _bad(name, "a text of letters")
        return given
    raise _bad(name, WANTED[type])


WANTED = {
    "text": "a text in single quotes",
    "choice": "a text in single quotes",
    "ids": "a text in single quotes",
    "whole": "a number",
    "real": "a number",
    "share": "a number",
    "flag": "true or false",
    "date": "a day as DATE('2026-01-31')",
    "moment": "a moment as TIMESTAMP('2026-01-31T12:00:00Z')",
}


def refused(code: str, message: str, remedy: str = "") -> InputRefused:
    """One problem of a filter."""
    return InputRefused([Problem(code, message, remedy)])


def _bad(name: str, wanted: str) -> InputRefused:
    return refused("cql.bad-value", f"'{name}' is compared with what it cannot hold", f"write {wanted}")


def _unsupported(what: str) -> InputRefused:
    return refused("cql.unsupported", f"{what} cannot be asked here", "the queryables say what can be asked")


def _too_deep() -> InputRefused:
    return refused("cql.too-deep", f"the filter has more than {DEEPEST} levels", "write it flatter")


def _writable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _day(name: str, given: Any) -> str:
    if isinstance(given, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", given):
        try:
            given = date.fromisoformat(given)
        except ValueError:
            raise _bad(name, WANTED["date"]) from None
    if not isinstance(given, date) or isinstance(given, datetime):
        raise _bad(name, WANTED["date"])
    return given.isoformat()


def _moment(name: str, given: Any) -> str:
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given.replace("Z", "+00:00"))
        except ValueError:
            raise _bad(name, WANTED["moment"]) from None
    if not isinstance(given, datetime):
        raise _bad(name, WANTED["moment"])
    try:
        return str(plain(given))
    except OverflowError:
        raise _bad(name, WANTED["moment"]) from None


# ---- from words to a tree --------------------------------------------------------------------------------------------


def _text_tree(text: str) -> Any:
    try:
        return _grammar().parse(text)
    except VisitError as error:
        if isinstance(error.orig_exc, InputRefused):
            raise error.orig_exc from None
        raise _unreadable(TEXT, "") from None
    except LarkError as error:
        column = getattr(error, "column", 0)
        where = f" at letter {column}" if isinstance(column, int) and column > 0 else ""
        raise _unreadable(TEXT, where) from None


def _unreadable(language: str, where: str) -> InputRefused:
    remedy = "write it like state = 'suspected' AND opened_on >= DATE('2026-01-01')"
    if language == JSON:
        remedy = 'write it like {"op": "=", "args": [{"property": "state"}, "suspected"]}'
    return refused("cql.unreadable", f"the filter is no {language}{where}", remedy)


def _json_tree(text: str) -> Any:
    try:
        said = json.loads(text, parse_constant=_no_number, object_hook=_between_as_drafted)
        return cql2_json.parse(said)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError):
        raise _unreadable(JSON, "") from None
    except InputRefused:
        raise
    except RecursionError:
        raise _too_deep() from None
    except Exception as error:  # pygeofilter raises plain ones
        if type(error) is not Exception:
            raise
        raise _unreadable(JSON, "") from None


def _between_as_drafted(said: dict[str, Any]) -> dict[str, Any]:
    """BETWEEN of the standard has three arguments; pygeofilter knows it of a draft, with the two sides in a list."""
    arguments = said.get("args")
    if said.get("op") == "between" and isinstance(arguments, list) and len(arguments) == 3:
        return {"op": "between", "args": [arguments[0], arguments[1:]]}
    return said


def _no_number(word: str) -> float:
    raise ValueError(word)


@v_args(inline=True)
class _Nodes(Transformer[Any, Any]):
    """Each sentence of `cql2.lark` as a node of pygeofilter."""

    def or_(self, *parts: Any) -> Any:
        return ast.Or.from_items(*parts)

    def and_(self, *parts: Any) -> Any:
        return ast.And.from_items(*parts)

    def not_(self, part: Any) -> Any:
        return ast.Not(part)

    def compare(self, left: Any, sign: str, right: Any) -> Any:
        return SIGNS[str(sign)](left, right)

    def like(self, value: Any, pattern: Any) -> Any:
        return ast.Like(value, pattern, False, "%", "_", "\\", False)

    def not_like(self, value: Any, pattern: Any) -> Any:
        return ast.Like(value, pattern, False, "%", "_", "\\", True)

    def between(self, value: Any, low: Any, high: Any) -> Any:
        return ast.Between(value, low, high, False)

    def not_between(self, value: Any, low: Any, high: Any) -> Any:
        return ast.Between(value, low, high, True)

    def in_(self, value: Any, *some: Any) -> Any:
        return ast.In(value, list(some), False)

    def not_in(self, value: Any, *some: Any) -> Any:
        return ast.In(value, list(some), True)

    def null(self, value: Any) -> Any:
        return ast.IsNull(value, False)

    def not_null(self, value: Any) -> Any:
        return ast.IsNull(value, True)

    def name(self, word: str) -> Any:
        return ast.Attribute(str(word))

    def quoted(self, word: str) -> Any:
        return ast.Attribute(str(word)[1:-1])

    def text(self, word: str) -> str:
        return _unescaped(str(word), r"\\(.)")

    def raw(self, word: str) -> str:  # of a pattern: \\ before % and _ stays
        return _unescaped(str(word), r"\\([abtnvfr'])")

    def number(self, word: str) -> int | float:
        return _number(str(word))

    def boolean(self, word: str) -> bool:
        return str(word).lower() == "true"

    def day(self, word: str) -> date:
        return date.fromisoformat(_day("DATE", str(word)[1:-1]))

    def moment(self, word: str) -> datetime:
        return datetime.fromisoformat(_moment("TIMESTAMP", str(word)[1:-1]).replace("Z", "+00:00"))

    def function(self, name: str, *arguments: Any) -> Any:
        word = str(name).lower()
        if word == "s_intersects" and len(arguments) == 2:
            return ast.GeometryIntersects(*arguments)
        # CASEI of CQL2 JSON becomes "lower" in pygeofilter: both come to one tree
        return ast.Function("lower" if word == "casei" else word, list(arguments))

    def shape(self, kind: str, group: str) -> Any:
        try:
            return values.Geometry(mapping(shapely.from_wkt(f"{kind}{group}")))
        except (shapely.errors.ShapelyError, ValueError):
            raise refused("cql.bad-shape", "a shape of the filter is no WKT", "write POLYGON((…))") from None

    def box(self, *sides: str) -> Any:
        return values.Geometry(mapping(_box([_number(str(one)) for one in sides])))

    def group(self, *parts: str) -> str:
        return f"({', '.join(parts)})"

    def place(self, *numbers: str) -> str:
        return " ".join(numbers)


@cache
def _grammar() -> Lark:
    grammar = Path(__file__).with_name("cql2.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", transformer=_Nodes(), maybe_placeholders=False)


def _unescaped(word: str, escaped: str) -> str:
    r"""What a text in quotes says: '' and \' are one quote (21-065r2, /req/cql2-text/escaping).

    Examples
    --------
    >>> _unescaped(r"'it''s\t'", r"\\(.)") == "it's\t"
    True
    """
    inner = str(word)[1:-1]
    pieces = re.split(r"(\\.|'')", inner, flags=re.DOTALL)

    def said(piece: str) -> str:
        if piece == "''":
            return "'"
        found = re.fullmatch(escaped, piece, re.DOTALL)
        return ESCAPES.get(found[1], found[1]) if found else piece

    return "".join(said(piece) for piece in pieces)


def _number(word: str) -> int | float:
    try:
        return int(word) if re.fullmatch(r"[+-]?\d{1,20}", word) else float(word)
    except ValueError:
        raise _bad("number", "a number") from None


def _box(sides: list[Any]) -> BaseGeometry:
    """A box of four numbers, or of six whose heights are left out."""
    numbers = [float(one) for one in sides if isinstance(one, int | float)]
    if len(numbers) == 6:
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)) or numbers[1] > numbers[3]:
        raise refused(
            "cql.bad-shape", "a box of the filter has no four sides", "write BBOX(west, south, east, north)"
        )
    west, south, east, north = numbers
    if west > east:  # over the line of dates
        parts = [shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)]
        return shapely.MultiPolygon(parts)
    return shapely.box(west, south, east, north)


# ---- from a tree to what is asked ------------------------------------------------------------------------------------


class _Reading:
    """One tree on its way to an `Ask`."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self.columns, self.parts = columns, 0

    def whole(self, tree: Any) -> Filter:
        asks: list[Ask] = []
        shapes: list[BaseGeometry] = []
        for part in self.joined(tree, ast.And):
            if isinstance(part, ast.GeometryIntersects):
                shapes.append(self.shape(part))
            else:
                asks.append(self.ask(part, 1))
        return Filter(All(tuple(asks)), tuple(shapes))

    def joined(self, tree: Any, kind: Any) -> Iterator[Any]:
        """The parts of a row of ANDs or ORs, from the left."""
        waiting = [tree]
        while waiting:
            one = waiting.pop()
            if isinstance(one, kind):
                waiting += [one.rhs, one.lhs]
            else:
                yield one

    def ask(self, tree: Any, level: int) -> Ask:
        self.parts += 1
        if level > DEEPEST:
            raise _too_deep()
        if self.parts > MOST:
            raise refused("cql.too-long", f"the filter has more than {MOST} parts", "ask in parts")
        match tree:
            case bool():
                return All(()) if tree else Any_(())
            case ast.And():
                return All(tuple(self.ask(one, level + 1) for one in self.joined(tree, ast.And)))
            case ast.Or():
                return Any_(tuple(self.ask(one, level + 1) for one in self.joined(tree, ast.Or)))
            case ast.Not():
                return Not(self.ask(tree.sub_node, level + 1))
            case ast.Comparison():
                return self.compare(tree.lhs, tree.op.value, tree.rhs)
            case ast.Between():
                low, high = self.compare(tree.lhs, ">=", tree.low), self.compare(tree.lhs, "<=", tree.high)
                return _maybe_not(All((low, high)), tree.not_)
            case ast.Like():
                return _maybe_not(self.like(tree.lhs, tree.pattern), tree.not_)
            case ast.In():
                return _maybe_not(self.one_of(tree.lhs, tree.sub_nodes), tree.not_)
            case ast.IsNull():
                return _maybe_not(Empty(self.name(tree.lhs)), tree.not_)
            case ast.Attribute() if self.columns[self.name(tree)] == "flag":
                return Compare(tree.name, "=", True)
            case ast.SpatialComparisonPredicate() | ast.Relate() | ast.BBox():
                if isinstance(tree, ast.GeometryIntersects):
                    raise refused(
                        "cql.unsupported", "S_INTERSECTS inside OR or NOT cannot be asked here", AND_NO
                    )
                raise _unsupported(str(tree.op.value) if hasattr(tree, "op") else type(tree).__name__)
            case ast.TemporalPredicate():
                raise _unsupported(f"T_{tree.op.value}")
            case ast.Function():
                raise _unsupported(f"the function {str(tree.name)[:40]}")
        raise refused("cql.unreadable", "a part of the filter is neither true nor false", "compare a column")

    def name(self, node: Any) -> str:
        """The column that a node names."""
        if not isinstance(node, ast.Attribute):
            raise _unsupported("anything but a column against a value")
        if not isinstance(node.name, str) or node.name not in self.columns:
            message = f"'{str(node.name)[:60]}' is no column that can be asked"
            raise refused("cql.unknown-name", message, f"one of {', '.join(self.columns)}")
        return node.name

    def folded(self, node: Any) -> Any:
        """What stands in CASEI( ), None where the node is no CASEI."""
        if isinstance(node, ast.Function) and node.name == "lower" and len(node.arguments) == 1:
            return node.arguments[0]
        return None

    def compare(self, left: Any, sign: Sign, right: Any) -> Ask:
        if self.folded(left) is not None or self.folded(right) is not None:
            return self.folded_compare(self.folded(left) or left, sign, self.folded(right) or right)
        if not isinstance(left, ast.Attribute) and isinstance(right, ast.Attribute):
            left, sign, right = right, TURNED[sign], left
        name = self.name(left)
        value = value_of(name, self.columns[name], right)
        if self.columns[name] == "whole" and isinstance(value, float):
            return _between_wholes(name, sign, value)
        return Compare(name, sign, value)

    def folded_compare(self, left: Any, sign: Sign, right: Any) -> Ask:
        name = self.name(left)
        if sign not in ("=", "<>") or not isinstance(right, str):
            raise _unsupported("CASEI but by =, <>, LIKE and IN")
        text = str(value_of(name, self.columns[name], right))
        return _maybe_not(Like(name, re.sub(r"([%_\\])", r"\\\1", text)), sign == "<>")

    def like(self, left: Any, pattern: Any) -> Ask:
        folded = self.folded(left) is not None or self.folded(pattern) is not None
        name, pattern = self.name(self.folded(left) or left), self.folded(pattern) or pattern
        if self.columns[name] not in ("text", "choice", "ids"):
            raise _unsupported(f"LIKE of '{name}', which is no text,")
        text = str(value_of(name, "text", pattern))
        if re.fullmatch(r"(?:[^\\]|\\.)*\\", text, re.DOTALL):
            raise _bad(name, "a pattern that does not end with one backslash")
        return Like(name, text, same_case=not folded)

    def one_of(self, left: Any, some: Any) -> Ask:
        if not isinstance(some, list) or not some:
            raise _unreadable(JSON, "")
        inner = self.folded(left)
        if inner is not None or any(self.folded(one) is not None for one in some):
            return Any_(
                tuple(self.folded_compare(inner or left, "=", self.folded(one) or one) for one in some)
            )
        name = self.name(left)
        return OneOf(name, tuple(value_of(name, self.columns[name], one) for one in some))

    def shape(self, tree: Any) -> BaseGeometry:
        """The shape that places must touch."""
        left, right = tree.lhs, tree.rhs
        if isinstance(right, ast.Attribute):
            left, right = right, left
        if not isinstance(left, ast.Attribute) or left.name != PLACE:
            message = "S_INTERSECTS is not asked of the place of records"
            raise refused("cql.unknown-name", message, f"write S_INTERSECTS({PLACE}, BBOX(…))")
        try:
            if isinstance(right, values.Envelope):  # of JSON: it stands there as west, south, east, north
                return _box([right.x1, right.x2, right.y1, right.y2])
            if isinstance(right, values.Geometry):
                made = shapely.force_2d(shapely.from_geojson(json.dumps(right.geometry, default=list)))
                if not made.is_empty and shapely.is_valid(made) and all(map(math.isfinite, made.bounds)):
                    return made
        except (shapely.errors.ShapelyError, ValueError, TypeError, OverflowError):
            pass
        raise refused(
            "cql.bad-shape", "a shape of the filter is no valid shape", "write POLYGON((…)) or BBOX(…)"
        )


def _maybe_not(ask: Ask, no: bool) -> Ask:
    return Not(ask) if no else ask


def _between_wholes(name: str, sign: Sign, value: float) -> Ask:
    """A whole number against one between two whole ones."""
    if sign in ("<", "<="):
        return Compare(name, "<=", math.floor(value))
    if sign in (">", ">="):
        return Compare(name, ">=", math.ceil(value))
    return All((Not(Empty(name)), Any_(()) if sign == "=" else All(())))
