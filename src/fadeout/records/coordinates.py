"""A place as people type it: degrees in any of their forms, UTM, MGRS.

Reads   one text with both coordinates
Gives   a `Reading`: longitude, latitude, the form recognised, and the accuracy that its digits imply
Knows   how people write; nothing of files or columns
Start   at `read`

What is decided where a text has two meanings
- Two plain numbers are latitude, longitude, unless the caller says otherwise or the first cannot be a latitude.
- A comma between digits is a decimal comma where the text has no decimal point and the commas are needed as such.
- The letter after a UTM zone is a latitude band where the northing lies in that band; else N and S are hemispheres. So
  "38S 444140 3684706" lies in Iraq (band S, 32° to 40° N) and "19S 600000 8200000" in Bolivia. Who means the south
  writes "zone 21 south", or asks for `letters="hemisphere"`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from fadeout.records import mgrs

Order = Literal["lat,lon", "lon,lat"]
Letters = Literal["band", "hemisphere"]

DEGREE_M = 111_700.0  # one degree of latitude at the poles, where it is longest
LONGEST = 200  # letters of a text that is still read
EXAMPLES = "'16.8025, 107.05', '16°48'09\"N 107°03'00\"E', '48Q 712345 1867890' or '48Q YD 12345 67890'"
DECIMAL, MINUTES, SECONDS = "decimal degrees", "degrees and minutes", "degrees, minutes and seconds"
UTM, MGRS = "UTM", "MGRS"

SIGNS = {
    **dict.fromkeys("º˚", "°"),
    **dict.fromkeys("′’‘´`ʹ", "'"),
    **dict.fromkeys("″“”ʺ˝", '"'),
    **dict.fromkeys("−–—‐‑", "-"),
    **{"٫": ".", "،": ",", "؛": ";"},
}
WORDS = (
    (r"\bdeg(?:rees?)?\b\.?", "°"),
    (r"\bmin(?:utes?)?\b\.?", "'"),
    (r"\bsec(?:onds?)?\b\.?", '"'),
    (r"''", '"'),
    (r"\blat(?:itude)?\b\s*[:=.]?", " lat "),
    (r"\b(?:lon|long|lng|longitude)\b\s*[:=.]?", " lon "),
)
NUMBER = r"\d+(?:\.\d*)?|\.\d+"
TOKEN = re.compile(
    rf"\s*(?:(?P<number>[+-]?\s?(?:{NUMBER}))|(?P<mark>[°'\"])|(?P<word>[a-z]+)|(?P<cut>[,;/]))"
)
ZONE = r"(?P<zone>\d{1,2})\s*[,;]?\s*(?P<letter>north|south|[a-z])?"
GRID = rf"(?P<a>{NUMBER})\s*(?:m?\s*(?P<x>[en])\b)?\s*[,;\s]\s*(?P<b>{NUMBER})\s*(?:m?\s*(?P<y>[en])\b)?m?"
UTM_FORMS = (
    re.compile(rf"(?:utm)?\s*(?:zone)?\s*{ZONE}(?:\s*[,;]?\s+|(?<=[a-z])){GRID}"),
    re.compile(rf"(?:utm)?\s*{GRID}\s*[,;]?\s*(?:utm)?\s*(?:zone)?\s+{ZONE}"),
)
AXIS = {"n": ("lat", 1), "s": ("lat", -1), "e": ("lon", 1), "w": ("lon", -1)}
LONG = {"north": "n", "south": "s", "east": "e", "west": "w"}


@dataclass(frozen=True)
class Reading:
    """A place, and how it was written.

    `accuracy_m` bounds what the digits leave open, along each axis: half a unit of the last digit of degrees (of the
    finer coordinate, since programs drop zeros at the end), half the square of MGRS, and a whole unit of UTM, whose
    digits some devices round and others cut off. It says nothing of how well the place was measured. `note` says what
    was decided where the text has two meanings, "" where it has one.
    """

    lon: float
    lat: float
    form: str
    accuracy_m: float
    note: str = ""


def read(text: str, order: Order = "lat,lon", letters: Letters = "band") -> Reading:
    r"""Read a coordinate pair as people type it.

    Parameters
    ----------
    text : str
        Both coordinates; WGS 84. Digits of any script.
    order : "lat,lon" or "lon,lat"
        What two numbers without letters are.
    letters : "band" or "hemisphere"
        What N and S after a UTM zone are where both would do.

    Raises
    ------
    ValueError
        In words that name the fault, with an example.

    Examples
    --------
    >>> read("16.8025, 107.05")
    Reading(lon=107.05, lat=16.8025, form='decimal degrees', accuracy_m=5.585, note='')
    >>> place = read("16°48'09\"N 107°03'00\"E")
    >>> place.lon, place.lat, place.form
    (107.05, 16.8025, 'degrees, minutes and seconds')
    >>> place = read("48Q 712345 1867890")
    >>> round(place.lon, 4), round(place.lat, 4), place.form, place.accuracy_m
    (106.9934, 16.8849, 'UTM', 1.0)
    """
    plain = _plain(text)
    if mgrs.REFERENCE.fullmatch(plain.upper()):
        return _mgrs(plain)
    if any(float(n) >= 1000 for n in re.findall(NUMBER, _dotted(plain))):
        return _utm(plain, letters)
    return _degrees(_dotted(plain), order)


def _plain(text: str) -> str:
    """One spelling for signs, digits and words."""
    if not text.strip():
        raise ValueError(f"the place is empty; write e.g. {EXAMPLES}")
    if len(text) > LONGEST:
        raise ValueError(f"the place has {len(text)} letters; write two coordinates, e.g. {EXAMPLES}")
    # marks of writing direction and of byte order are left out; digits of any script become our own
    signs = (SIGNS.get(c, c) for c in text if unicodedata.category(c) != "Cf")
    plain = "".join(str(unicodedata.digit(c)) if unicodedata.category(c) == "Nd" else c for c in signs)
    plain = re.sub(r"\s+", " ", plain).strip().strip("()[]").strip().lower()
    for pattern, short in WORDS:
        plain = re.sub(pattern, short, plain)
    return re.sub(r"\s+", " ", plain).strip()


def _dotted(plain: str) -> str:
    """Write decimal commas as points: where there is no point, and a comma is not what parts the pair."""
    if "." in plain:
        return plain
    between = list(re.finditer(r"(?<=\d),(?=\d)", plain))
    marked = re.search(r"[°'\"a-z]", plain) is not None
    parted = ";" in plain or re.search(r",(?!\d)|(?<!\d),|\d [+-]?\d", plain) is not None
    if (";" in plain and between) or (len(between) == 2 and (parted or marked)):
        return re.sub(r"(?<=\d),(?=\d)", ".", plain)
    if len(between) == 1 and marked:
        return re.sub(r"(?<=\d),(?=\d)", ".", plain)
    if len(between) > 1:
        raise ValueError(
            f"'{plain}' has commas that may be decimal or part the pair; write '16,8025; 107,05' with a ;"
        )
    return plain


# --- MGRS and UTM -----------------------------------------------------------------------------------------------------


def _mgrs(plain: str) -> Reading:
    digits = len(re.sub(r"\D", "", re.sub(r"^\d{1,2}", "", plain)))
    if digits < 4:
        raise ValueError(
            f"'{plain}' names a square of {10 ** (5 - digits // 2) // 1000} km; give 4 to 10 digits, as in "
            "'48Q YD 12345 67890'"
        )
    lon, lat, half = mgrs.parse(plain)
    return Reading(lon, lat, MGRS, half)


def _utm(plain: str, letters: Letters) -> Reading:
    # a comma between whole metres parts them; only where that cannot be is it a decimal comma
    tries = ((form, text) for text in (plain, _dotted(plain)) for form in UTM_FORMS)
    found = next((m for form, text in tries if (m := form.fullmatch(text))), None)
    if not found:
        raise ValueError(
            f"'{plain}' has numbers too large for degrees and is no UTM with its zone; write '48Q 712345 1867890' or "
            "'zone 48 north 712345 1867890'"
        )
    zone, letter = int(found["zone"]), found["letter"] or ""
    if not 1 <= zone <= 60:
        raise ValueError(f"UTM zone {zone} does not exist; zones go from 1 to 60, as in '48Q 712345 1867890'")
    if not letter:
        raise ValueError(
            f"zone {zone} has no band and no hemisphere; write '{zone}Q …' or 'zone {zone} north …' (or south)"
        )
    east, north, unit = _east_north(found)
    lon, lat, note = _hemisphere(zone, letter, east, north, letters)
    return Reading(lon, lat, UTM, unit, note)


def _east_north(found: re.Match[str]) -> tuple[float, float, float]:
    first, second, x, y = found["a"], found["b"], found["x"], found["y"]
    if x and x == y:
        raise ValueError(
            f"both numbers are marked {x.upper()}; write one E and one N, as in '712345E 1867890N'"
        )
    if x == "n" or y == "e":
        first, second = second, first
    east, north = float(first), float(second)
    if not 100_000 <= east <= 900_000:
        swapped = "; easting comes first, so they may be swapped" if 100_000 <= north <= 900_000 else ""
        raise ValueError(
            f"easting {first} lies outside 100000 to 900000 m{swapped}; write '48Q 712345 1867890'"
        )
    if not 0 <= north <= 10_000_000:
        raise ValueError(f"northing {second} lies outside 0 to 10000000 m; write '48Q 712345 1867890'")
    unit = min(_unit(first), _unit(second))
    return east, north, unit


def _hemisphere(
    zone: int, letter: str, east: float, north: float, letters: Letters
) -> tuple[float, float, str]:
    """The place, with the letter as band or as hemisphere: see the head of this file."""
    upper = letter.upper()
    if len(letter) == 1:
        if upper not in mgrs.BANDS:
            raise ValueError(
                f"{upper} is no latitude band; bands are {mgrs.BANDS}, as the Q in '48Q 712345 1867890'"
            )
        lon, lat = mgrs.from_utm(zone, upper >= "N", [east], [north])[0]
        south, top = mgrs.band_limits(upper)
        fits = south - mgrs.TOUCH_DEG <= lat <= top + mgrs.TOUCH_DEG
        if fits and not (upper == "S" and letters == "hemisphere"):
            note = "S is read as latitude band (32° to 40° N); for the south write 'south'" * (upper == "S")
            return float(lon), float(lat), note
        if upper not in "NS":
            raise ValueError(
                f"northing {north:.0f} gives latitude {lat:.1f}, which is not in band {upper} ({south:g} to {top:g}); "
                "check both, as in '48Q 712345 1867890'"
            )
    northern = letter in ("north", "n")
    lon, lat = mgrs.from_utm(zone, northern, [east], [north])[0]
    if not (math.isfinite(lon) and (0 <= lat <= 84.5 if northern else -80.5 <= lat <= 1e-3)):
        raise ValueError(
            f"northing {north:.0f} is no place of the {'north' if northern else 'south'} in UTM, which covers 80° S to "
            "84° N; write 'zone 48 north 712345 1867890'"
        )
    note = f"{upper} is read as hemisphere" if upper == "S" else ""
    return float(lon), float(lat), note


# --- degrees ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Half:
    """One of the two coordinates: its value, the unit of its last digit, both in degrees, and its axis if it says so."""

    value: float
    unit: float
    parts: int
    axis: str
    text: str


Token = tuple[str, str]


def _degrees(plain: str, order: Order) -> Reading:
    tokens = _tokens(plain)
    one, other = (_half(half, plain) for half in _halves(tokens, plain))
    note = ""
    if bool(one.axis) != bool(other.axis):
        raise ValueError(
            f"only one coordinate of '{plain}' says N, S, E or W; mark both, e.g. '16.8025N 107.05E'"
        )
    if one.axis and one.axis == other.axis:
        raise ValueError(f"'{plain}' gives {one.axis} twice; write one of each, e.g. '16.8025N 107.05E'")
    first_is_lat = one.axis == "lat" if one.axis else order == "lat,lon"
    if not one.axis:
        lat, lon = (one, other) if first_is_lat else (other, one)
        if abs(lat.value) > 90 and abs(lon.value) <= 90 and abs(lat.value) <= 180:
            first_is_lat = not first_is_lat
            note = f"{lat.text} cannot be a latitude, so it is read as the longitude"
    lat, lon = (one, other) if first_is_lat else (other, one)
    for half, most, name in ((lat, 90, "latitude"), (lon, 180, "longitude")):
        if abs(half.value) > most:
            raise ValueError(
                f"{name} {half.text} lies outside -{most} to {most}; write e.g. '16.8025, 107.05'"
            )
    form = (DECIMAL, MINUTES, SECONDS)[max(lat.parts, lon.parts) - 1]
    accuracy = min(lat.unit, lon.unit) / 2 * DEGREE_M
    return Reading(lon.value, lat.value, form, round(accuracy, 12), note)


def _tokens(plain: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    while at < len(plain):
        found = TOKEN.match(plain, at)
        if not found:
            raise ValueError(
                f"'{plain[at:].strip()[:20]}' in '{plain}' is not understood; write e.g. {EXAMPLES}"
            )
        kind = str(found.lastgroup)
        word = found[kind].replace(" ", "")
        if kind == "word":
            word = LONG.get(word, word)
            kind = "axis" if word in ("lat", "lon") else "letter" if word in AXIS else "word"
        if kind == "word":
            hint = " (for west write W, for east E)" if word == "o" else ""
            raise ValueError(f"'{word}' in '{plain}' is not understood{hint}; write e.g. {EXAMPLES}")
        tokens.append((kind, word))
        at = found.end()
    return tokens


def _halves(tokens: list[Token], plain: str) -> tuple[list[Token], list[Token]]:
    """Part the pair: at its comma, else at its letters, else at its second degree sign, else in the middle."""
    cuts = [i for i, (kind, _) in enumerate(tokens) if kind == "cut"]
    kinds = [kind for kind, _ in tokens]
    at = cuts[0] if len(cuts) == 1 else _at_letters(tokens)
    if at is None and tokens.count(("mark", "°")) == 2:
        second = [i for i, token in enumerate(tokens) if token == ("mark", "°")][1]
        at = second - 1
    if at is None:
        numbers = [i for i, kind in enumerate(kinds) if kind == "number"]
        if len(numbers) not in (2, 4, 6) or "mark" in kinds or cuts:
            raise ValueError(f"'{plain}' does not part into two coordinates; write e.g. {EXAMPLES}")
        at = numbers[len(numbers) // 2]
    first = [token for token in tokens[:at] if token[0] != "cut"]
    second_half = [token for token in tokens[at:] if token[0] != "cut"]
    if len(cuts) > 1 or not first or not second_half:
        raise ValueError(f"'{plain}' does not part into two coordinates; write e.g. {EXAMPLES}")
    return first, second_half


def _at_letters(tokens: list[Token]) -> int | None:
    for wanted in ("axis", "letter"):
        spots = [i for i, (kind, _) in enumerate(tokens) if kind == wanted]
        if len(spots) == 2:
            return spots[1] if spots[0] == 0 else spots[0] + 1
    return None


def _half(tokens: list[Token], plain: str) -> _Half:
    numbers = [text for kind, text in tokens if kind == "number"]
    marks = [text for kind, text in tokens if kind == "mark"]
    letters = [text for kind, text in tokens if kind == "letter"]
    labels = [text for kind, text in tokens if kind == "axis"]
    text = " ".join(word for _, word in tokens)
    if not 1 <= len(numbers) <= 3 or len(letters) > 1 or len(labels) > 1:
        raise ValueError(f"'{text}' in '{plain}' is not one coordinate; write e.g. {EXAMPLES}")
    _check_marks([t for t in tokens if t[0] in ("number", "mark")], marks, text)
    signed = numbers[0][0] in "+-"
    if any(number[0] in "+-" for number in numbers[1:]):
        raise ValueError(f"'{text}' has a sign in the middle; only degrees may have one, e.g. '-16 48 09'")
    if numbers[0].startswith("-") and letters:
        raise ValueError(f"'{text}' has a minus and {letters[0].upper()}; write one of them, e.g. '16.8025S'")
    size, unit = _value(numbers, text)
    axis, sign = AXIS[letters[0]] if letters else (labels[0] if labels else "", 1)
    if labels and letters and labels[0] != axis:
        raise ValueError(
            f"'{text}' is named {labels[0]} but says {letters[0].upper()}; write e.g. 'lat 16.8025N'"
        )
    if signed and numbers[0].startswith("-"):
        sign = -1
    return _Half(sign * size, unit, len(numbers), axis, text.upper())


def _check_marks(tokens: list[Token], marks: list[str], text: str) -> None:
    """Marks, where there are any, follow their numbers in the order ° ' "; the last may be missing."""
    if not marks:
        return
    wanted: list[str] = []
    numbers = 0
    for kind, mark in tokens:
        if kind == "number":
            numbers += 1
        elif numbers == 0 or len(wanted) >= numbers or mark != "°'\""[numbers - 1]:
            raise ValueError(f"the signs of '{text}' are not in the order ° ' \"; write 16°48'09\"N")
        else:
            wanted.append(mark)
    if len(wanted) < numbers - 1:
        raise ValueError(f"a sign is missing in '{text}'; write all of ° ' \", as in 16°48'09\"N, or none")


def _value(numbers: list[str], text: str) -> tuple[float, float]:
    """Size in degrees, and the unit of the last digit in degrees."""
    for number in numbers[:-1]:
        if "." in number:
            raise ValueError(
                f"'{text}' has a fraction before its last number; only the last may have one, as in 16 48.15 N"
            )
    sizes = [abs(float(number)) for number in numbers]
    for size, name in zip(sizes[1:], ("minutes", "seconds"), strict=False):
        if size >= 60:
            raise ValueError(f"{name} of '{text}' are {size:g}; they must be less than 60, as in 16°48'09\"N")
    last = len(sizes) - 1
    value = (
        sum(size * 60.0 ** (last - i) for i, size in enumerate(sizes)) / 60.0**last
    )  # one rounding, not three
    return value, _unit(numbers[-1]) / 60**last


def _unit(number: str) -> float:
    """The unit of a number's last digit.

    >>> _unit("107.05"), _unit("107")
    (0.01, 1.0)
    """
    return 10.0 ** -len(number.partition(".")[2])
