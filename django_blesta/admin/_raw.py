"""What Blesta itself says of a row, for people who compare, with what may be secret blacked out."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final

MASK: Final = "••••••"
_SECRET_NAME: Final = re.compile(
    r"pass|pwd|secret|token|key$|^key_|api_?key|auth|pin$|hash|salt|cvv|cvc|security_?code|two_factor|signature|nonce"
    r"|account_?number|routing|(^|_)(number|last_?4)$|expir|iban|private",
    re.IGNORECASE,
)
# A run of digits as long as a card's or a bank account's, with or without blanks in it.
_LONG_NUMBER: Final = re.compile(r"(?<!\d)(?:\d[ -]?){12,19}(?!\d)")
_HARMLESS: Final = frozenset({"id_number", "key"})


def redacted(value: Any, name: str = "") -> Any:
    """The same shape, without values under names that may stand for a secret, and without long numbers in text.

    Blesta writes settings as `{"key": "cpanel_password", "value": …, "encrypted": 1}`: there the key is the name.
    """
    if isinstance(value, dict):
        named = str(value.get("key", "")) if "value" in value else ""
        hidden = (
            bool(named and _is_secret(named)) or _is_set(value.get("encrypted")) or _is_set(value.get("serialized"))
        )
        return {
            key: MASK if key == "value" and hidden and inner not in (None, "") else redacted(inner, str(key))
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [redacted(one, name) for one in value]
    if value in (None, "") or isinstance(value, bool):
        return value
    if _is_secret(name):
        return MASK
    return _LONG_NUMBER.sub(MASK, value) if isinstance(value, str) else value


def _is_secret(name: str) -> bool:
    return name not in _HARMLESS and _SECRET_NAME.search(name) is not None


def _is_set(flag: Any) -> bool:
    return flag not in (None, False, 0, "0", "")


def written(value: Any) -> str:
    """JSON for reading; numbers are as Blesta wrote them."""
    return json.dumps(redacted(value), ensure_ascii=False, indent=2, default=_plain)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else repr(value)
