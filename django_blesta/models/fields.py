"""Columns for Blesta's nested values: markup, prices and lists of ids inside a row."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.db import models

from django_blesta.connection import Unreadable, decimal_from, identifier_from, integer_from, text_from
from django_blesta.models.base import TranslationsField
from django_blesta.models.markup import sanitised

if TYPE_CHECKING:
    _CharField = models.CharField[str, str]
else:  # Django's field classes take no parameters at run time
    _CharField = models.CharField

AMOUNTS = ("price", "price_renews", "price_transfer", "setup_fee", "cancel_fee")


class SanitisedTranslationsField(TranslationsField):
    """Language code to HTML that is safe to show, from Blesta's list of `{"lang": …, KEY: …}`."""

    def from_blesta(self, value: Any) -> dict[str, str]:
        return {language: sanitised(text) for language, text in super().from_blesta(value).items()}


def entries_of(value: Any) -> list[Any]:
    """The members of a list, which PHP may have written as a map."""
    if not value:
        return []
    entries = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(entries, list):
        raise Unreadable("not-a-list", "A list was expected.")
    return entries


class PricesField(models.JSONField):
    """Prices inside a row that is itself inside a row: a list of `{"term", "period", "currency", "price", …}`.

    Amounts are text with four places, as exact as a decimal column; null where Blesta has null.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("default", list)
        options.setdefault("blank", True)
        super().__init__(*arguments, **options)

    def from_blesta(self, value: Any) -> list[dict[str, Any]]:
        prices = []
        for entry in entries_of(value):
            if not isinstance(entry, dict):
                raise Unreadable("not-a-list", "Prices are expected as a list of maps.")
            amounts = {name: _amount(entry[name]) for name in AMOUNTS if name in entry}
            prices.append(
                {
                    "id": identifier_from(entry.get("id")),
                    "term": integer_from(entry.get("term") or 0),
                    "period": text_from(entry.get("period")),
                    "currency": text_from(entry.get("currency")),
                    **amounts,
                }
            )
        return prices


def _amount(value: Any) -> str | None:
    return None if value in (None, "") else f"{decimal_from(value, 4):.4f}"


class IdentifiersField(models.JSONField):
    """Ids of other rows, from a list of numbers, or of maps that have them under the first of `names` that is there."""

    def __init__(self, *arguments: Any, names: tuple[str, ...] = ("id",), **options: Any) -> None:
        self.names = tuple(names)
        options.setdefault("default", list)
        options.setdefault("blank", True)
        super().__init__(*arguments, **options)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, arguments, options = super().deconstruct()
        return name, path, list(arguments), {**options, "names": self.names}

    def from_blesta(self, value: Any) -> list[int]:
        return sorted({one for entry in entries_of(value) if (one := self._identifier(entry)) is not None})

    def _identifier(self, entry: Any) -> int | None:
        if isinstance(entry, dict):
            entry = next((entry[name] for name in self.names if name in entry), None)
        return identifier_from(entry)


class LabelField(_CharField):
    """A name for people out of a map that also holds secrets: the first of `keys` that has one, and nothing else."""

    def __init__(self, *arguments: Any, keys: tuple[str, ...] = (), **options: Any) -> None:
        self.keys = tuple(keys)
        options.setdefault("max_length", 255)
        options.setdefault("blank", True)
        super().__init__(*arguments, **options)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, arguments, options = super().deconstruct()
        return name, path, list(arguments), {**options, "keys": self.keys}

    def from_blesta(self, value: Any) -> str:
        if not isinstance(value, dict):
            return ""
        named = (value[key] for key in self.keys if isinstance(value.get(key), str | int))
        return next((text for text in map(text_from, named) if text), "")[: self.max_length]


class AddressHostField(_CharField):
    """The host of an address whose rest may be a secret; empty for what is no absolute address."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("max_length", 255)
        options.setdefault("blank", True)
        super().__init__(*arguments, **options)

    def from_blesta(self, value: Any) -> str:
        try:
            return (urlsplit(text_from(value)).hostname or "")[: self.max_length]
        except ValueError:
            return ""


class AddressDigestField(_CharField):
    """SHA-256 of an address, by which it is known again without being kept."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("max_length", 64)
        options.setdefault("blank", True)
        super().__init__(*arguments, **options)

    def from_blesta(self, value: Any) -> str:
        text = text_from(value)
        return hashlib.sha256(text.encode()).hexdigest() if text else ""


class WordsField(models.JSONField):
    """A list of words, from a list of them or of maps that have them under `key`."""

    def __init__(self, *arguments: Any, key: str = "name", **options: Any) -> None:
        self.key = key
        options.setdefault("default", list)
        options.setdefault("blank", True)
        super().__init__(*arguments, **options)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, arguments, options = super().deconstruct()
        return name, path, list(arguments), {**options, "key": self.key}

    def from_blesta(self, value: Any) -> list[str]:
        words = (entry.get(self.key) if isinstance(entry, dict) else entry for entry in entries_of(value))
        return sorted({text for word in words if (text := text_from(word))})
