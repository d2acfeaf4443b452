"""Any method of the site's ALLOW list, with the same journal, errors and refresh as the operations that have a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Unpack

from django.db import DEFAULT_DB_ALIAS
from django.views.decorators.debug import sensitive_variables

from django_blesta import conf
from django_blesta.connection import Shape, Signature
from django_blesta.exceptions import Facts, NotAllowed
from django_blesta.models import Client, Mirror
from django_blesta.operations._journal import Change, Result, Who
from django_blesta.operations._kinds import NAMELESS, Kind, Step
from django_blesta.operations._perform import perform

CARD_DATA: Final = frozenset(
    {
        "account_number", "card_exp", "card_number", "card_security_code", "cvc", "cvv", "expiration", "iban", "number",
        "routing", "routing_number", "security_code",
    }
)  # fmt: skip
"""No argument of `Accounts` or `Payments` may bear such a name: card and bank numbers do not pass through here."""


@sensitive_variables("arguments")
def call(
    name: str,
    arguments: Mapping[str, Any],
    *,
    about: Mirror | None = None,
    refresh: Sequence[Mirror] = (),
    **who: Unpack[Who],
) -> Result:
    """Call `name` ("Model.method", which ALLOW must list) as a write; `Result.answer` is what Blesta answered.

    `about` is the row that it concerns, for the journal and for the company; `refresh` are rows to fetch anew
    afterwards. Nothing tells how its effect could be found: an open outcome is a person's to decide.
    """
    using = who.get("using") or (about and about._state.db) or DEFAULT_DB_ALIAS
    if name not in conf.installation(using).allow:
        raise NotAllowed(f"{name} is not listed in BLESTA's ALLOW.", Facts(name[:100], reason="not-allowed"))
    model, _, method = name.rpartition(".")
    if model.rpartition(".")[2] in ("Accounts", "Payments") and (found := CARD_DATA & set(_names(arguments))):
        raise ValueError(f"{', '.join(sorted(found))}: card and bank numbers are not passed on.")
    answers: list[Any] = []

    def taken(answer: Any) -> dict[str, int]:
        answers.append(answer)
        return {}

    kind = Kind(
        name=f"{NAMELESS}{name}"[:100],
        model=type(about) if about is not None else Client,
        does="",
        finds="",
        steps=(Step(signature=Signature(model, method, True, Shape.ANY), ids=taken),),
        touched=lambda case: [(type(row), row.pk) for row in refresh],
    )
    result = perform(Change(kind, arguments, about), who)
    return replace(result, answer=answers[0] if answers else None)


def _names(arguments: Any) -> Iterator[str]:
    if isinstance(arguments, Mapping):
        for name, value in arguments.items():
            yield str(name)
            yield from _names(value)
    elif isinstance(arguments, list | tuple):
        for value in arguments:
            yield from _names(value)
