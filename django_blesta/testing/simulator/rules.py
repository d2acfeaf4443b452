"""Validation in the manner of minphp: rules per field, every failing field reported, array fields by concrete index.

A rule for `lines[][amount]` looks at `lines[0][amount]`, `lines[1][amount]`, …: by position, so that a list whose
indices do not begin at 0 fails every rule, and a missing list fails as `lines[0][amount]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from django_blesta.testing.simulator import php

Errors: TypeAlias = dict[str, dict[str, str | None]]  # field -> code -> text
Check: TypeAlias = Callable[[Any], bool]

_SEGMENT: Final = re.compile(r"\[([^\]]*)\]")
_EMAIL: Final = re.compile(r"[^@\s<>,;:\"()\[\]\\]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


class Refused(Exception):
    """The call broke rules; its argument is the errors."""

    def __init__(self, errors: Errors) -> None:
        super().__init__(errors)
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Rule:
    """`check` answers True for a good value. Without `text` the error's text is null, as minphp has it."""

    code: str
    check: Check
    text: str | None = None
    if_set: bool = False  # no rule for a field that was not sent
    last: bool = False  # a failure ends the rules of this field
    final: bool = False  # a failure ends the whole validation


Rules: TypeAlias = Sequence[tuple[str, Sequence[Rule]]]


def validate(values: php.Array, rules: Rules) -> Errors:
    """Every failing field with its failing rules; empty when all is well."""
    errors: Errors = {}
    for field, field_rules in rules:
        base, *path = [field.partition("[")[0], *_SEGMENT.findall(field)]
        for name, value, present in _resolve(base, values.get(base), base in values, path):
            for rule in field_rules:
                if (rule.if_set and not present) or rule.check(value):
                    continue
                errors.setdefault(name, {})[rule.code] = rule.text
                if rule.final:
                    return errors
                if rule.last:
                    break
    return errors


def check(values: php.Array, rules: Rules) -> None:
    """`validate`, raising Refused."""
    errors = validate(values, rules)
    if errors:
        raise Refused(errors)


def refuse(field: str, code: str, text: str | None = None) -> Refused:
    return Refused({field: {code: text}})


def _resolve(name: str, value: Any, present: bool, path: list[str]) -> Iterator[tuple[str, Any, bool]]:
    if not path:
        yield name, value, present
        return
    head, *rest = path
    members: php.Array = value if isinstance(value, dict) else {}
    for key in [head] if head else [str(index) for index in range(max(len(members), 1))]:
        yield from _resolve(f"{name}[{key}]", members.get(key), key in members, rest)


# Checks


def filled(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != ""


def not_blank_if_text(value: Any) -> bool:
    return value is None or filled(value)


def at_most(size: int) -> Check:
    """By bytes: strlen does not count characters."""
    return lambda value: value is None or (isinstance(value, str) and len(value.encode()) <= size)


def exactly(size: int) -> Check:
    return lambda value: isinstance(value, str) and len(value.encode()) == size


def one_of(*words: str) -> Check:
    return lambda value: isinstance(value, str) and value in words


def one_of_or_blank(*words: str) -> Check:
    return one_of("", *words)


def numeric(value: Any) -> bool:
    return php.is_numeric(value)


def email(value: Any) -> bool:
    return isinstance(value, str) and _EMAIL.fullmatch(value) is not None


def blank_or(inner: Check) -> Check:
    return lambda value: value in (None, "") or inner(value)
