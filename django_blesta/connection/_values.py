"""One value of Blesta's to one value of ours: exact, or :class:`Unreadable`; never rounded, guessed or cut.

PHP and its database drivers send the same column as a number or as text; every function here takes both. Regular
expressions stand before ``int`` and ``Decimal`` because those accept underscores, spaces and the digits of every
script.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
DECIMAL = re.compile(r"[+-]?[0-9]{1,60}(?:\.[0-9]{0,60})?")
MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[ T]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?)?"
    r" ?(Z|UTC|[+-][0-9]{2}:?[0-9]{2})?"
)
# MySQL's zero date, and what a zero date becomes when it is shifted by a time zone.
ZERO_MOMENT = re.compile(r"(?:0000-00-00|-0001-11-(?:29|30))(?:[ T][0-9:.]*)? ?(?:Z|UTC|[+-][0-9:]+)?")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
LARGEST = 2**63 - 1
# Wider than any number that a 64-bit float or a DECIMAL column of Blesta's can hold to four places.
ROOM = Context(prec=80)


class Unreadable(ValueError):
    """A value that cannot be taken as what it should be; ``code`` is a stable slug, the text holds no value."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)

    def __str__(self) -> str:
        return str(self.args[1])

    @property
    def code(self) -> str:
        return str(self.args[0])


def decimal_from(value: object, places: int = 4) -> Decimal:
    """Take money or a quantity exactly; digits beyond ``places`` must be zeros."""
    exact = _number(value)
    try:
        rounded = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN, ROOM)
    except InvalidOperation:
        raise Unreadable("too-large", "The number has more digits than can be held.") from None
    if rounded != exact:
        raise Unreadable("too-precise", f"The number has more than {places} decimal places.")
    return rounded if rounded else abs(rounded)


def rounded_from(value: object, places: int = 4) -> Decimal:
    """Take what a method computed as a float: half-even to ``places``."""
    try:
        rounded = _number(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN, ROOM)
    except InvalidOperation:
        raise Unreadable("too-large", "The number has more digits than can be held.") from None
    return rounded if rounded else abs(rounded)


def _number(value: object) -> Decimal:
    if type(value) is str:
        if not DECIMAL.fullmatch(value):
            raise Unreadable("not-a-number", "The text is not a plain decimal number.")
        return Decimal(value)
    if type(value) is int:
        return Decimal(value)
    if isinstance(value, Decimal) and value.is_finite():
        return value
    raise Unreadable("not-a-number", f"A number was expected, not {_kind(value)}.")


def integer_from(value: object) -> int:
    """Take a whole number that a 64-bit column can hold."""
    if type(value) is int:
        whole = value
    elif (isinstance(value, str) and INTEGER.fullmatch(value)) or (isinstance(value, Decimal) and _is_whole(value)):
        whole = int(value)
    else:
        raise Unreadable("not-a-whole-number", f"A whole number was expected, not {_kind(value)}.")
    if not -LARGEST - 1 <= whole <= LARGEST:
        raise Unreadable("too-large", "The whole number does not fit into 64 bits.")
    return whole


def _is_whole(value: Decimal) -> bool:
    # The exponent is looked at first: to convert 1E+999999 would take all memory.
    return value.is_finite() and value.adjusted() < 20 and value == value.to_integral_value()


def identifier_from(value: object) -> int | None:
    """Take an id; PHP's ways of writing "none" (null, "", 0 and "0") are None."""
    if value is None or value == "":
        return None
    number = integer_from(value)
    if number < 0:
        raise Unreadable("negative", "An id cannot be negative.")
    return number or None


_FLAGS: dict[object, bool] = {"1": True, "0": False, "true": True, "false": False}


def flag_from(value: object) -> bool:
    """Take a flag: a boolean, 0 or 1, or their text."""
    if type(value) is bool:
        return value
    if type(value) is int and value in (0, 1):
        return value == 1
    if type(value) is str and value in _FLAGS:
        return _FLAGS[value]
    raise Unreadable("not-a-flag", f"A flag was expected, not {_kind(value)}.")


def text_from(value: object) -> str:
    """Take text byte for byte, null as ""; only NUL and lone surrogates, which no database stores, become U+FFFD."""
    if type(value) is str:
        if value.isascii() and "\x00" not in value:
            return value
        return UNSTORABLE.sub("\ufffd", value)
    if value is None:
        return ""
    if type(value) is int or isinstance(value, Decimal):
        return str(value)
    raise Unreadable("not-text", f"Text was expected, not {_kind(value)}.")


def datetime_from(value: object, date_only: bool = False) -> datetime | None:
    """Take a moment as aware UTC; Blesta leaves the zone out and means UTC.

    null, "" and zero dates are None. ``date_only`` also takes a bare date, as its midnight.
    """
    if value is None or value == "":
        return None
    if type(value) is not str:
        raise Unreadable("not-a-moment", f"A date and time was expected, not {_kind(value)}.")
    found = MOMENT.fullmatch(value)
    if ZERO_MOMENT.fullmatch(value):
        return None
    if found is None:
        raise Unreadable("not-a-moment", "The text is not a date and time.")
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    if hour is None and (not date_only or zone is not None):
        raise Unreadable("date-only", "The text has a date and no time.")
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micro, tzinfo=UTC
        )
        if zone is None or zone in ("Z", "UTC"):
            return moment
        ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        return moment.replace(tzinfo=timezone(-ahead if zone[0] == "-" else ahead)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable("no-such-moment", "There is no such date and time.") from None


def _kind(value: object) -> str:
    names = {bool: "true or false", dict: "an object", list: "a list", str: "this text", float: "a float"}
    return "null" if value is None else names.get(type(value), f"a {type(value).__name__}")
