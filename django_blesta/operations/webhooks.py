"""Having Blesta's Webhooks plugin call this site: making the entry there, and changing its address."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final, Unpack

from django.views.decorators.debug import sensitive_variables

from django_blesta.connection import Shape, connection_for, declare
from django_blesta.exceptions import Facts, Misunderstood, NoSuchResource, NotCallable, OutcomeUnknown
from django_blesta.models import Company, Webhook
from django_blesta.operations._journal import Change, Result, Who
from django_blesta.operations._kinds import Case, Finding, Kind, Step, define
from django_blesta.operations._perform import perform

LONGEST_ADDRESS: Final = 255
"""What Blesta's column holds (reference 7.1)."""

_PLUGIN: Final = "webhooks.WebhooksWebhooks"
declare("webhooks.WebhooksEvents", "getAll", writes=False, shape=Shape.ANY)
_MOST_PAGES: Final = 25


def _id_of(answer: Any) -> dict[str, int]:
    try:
        return {"webhook_id": int(answer)}
    except (TypeError, ValueError):
        raise OutcomeUnknown("Blesta answered without the webhook's id.", Facts(f"{_PLUGIN}.add", 200)) from None


def outgoing(case: Case) -> list[dict[str, Any]]:
    """Every outgoing webhook that Blesta shows; the list does not name their events."""
    rows: dict[int, dict[str, Any]] = {}
    for page in range(1, _MOST_PAGES):
        more = case.ask(_PLUGIN, "getList", type="outgoing", page=page, order_by={"id": "ASC"})
        before = len(rows)
        rows.update((int(row["id"]), row) for row in more)
        if len(rows) == before:
            break
    return list(rows.values())


def offered_events(using: str, company_id: int) -> list[str]:
    """The events that this Blesta lets a webhook be set on; none where it does not tell (reference 7.1)."""
    try:
        found = connection_for(using, company_id).read("webhooks.WebhooksEvents", "getAll")
    except (NoSuchResource, NotCallable, Misunderstood):
        return []
    names = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
    return [name for name in names if isinstance(name, str)]


def _leads_there(case: Case) -> Finding:
    """By the digest of the address: the address itself is a secret, and the journal holds none."""
    found = [row for row in outgoing(case) if _digest(str(row.get("callback"))) == case["address_digest"]]
    wanted = case.keys.get("target_id")
    fits = [int(row["id"]) for row in found if wanted in (None, int(row["id"]))]
    if not fits:
        return Finding(False, "No outgoing webhook in Blesta leads to that address.")
    return Finding(True, f"Webhook {fits[0]} leads to that address.", {"webhook_id": fits[0]})


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


def _touched(case: Case) -> Any:
    return [(Webhook, case.keys.get("webhook_id") or case.keys.get("target_id"))]


_ADD = define(
    Kind(
        name="webhooks.add",
        model=Webhook,
        does="Have Blesta call an address of this site on events.",
        finds="An outgoing webhook leads to the address.",
        steps=(
            Step(
                signature=declare(_PLUGIN, "add", writes=True, shape=Shape.ANY),
                ids=_id_of,
                probe=_leads_there,
            ),
        ),
        touched=_touched,
    )
)
_EDIT = define(
    Kind(
        name="webhooks.edit",
        model=Webhook,
        does="Change the address or the events of an outgoing webhook.",
        finds="The webhook leads to the address.",
        steps=(Step(signature=declare(_PLUGIN, "edit", writes=True, shape=Shape.ANY), probe=_leads_there),),
        touched=_touched,
    )
)


@sensitive_variables("address", "values")
def add(company: Company, address: str, *, events: Sequence[str], **who: Unpack[Who]) -> Result:
    """`address` holds the secret; the journal keeps its digest. `result.ids` has `webhook_id`."""
    values = _values(address, events, company.pk)
    return perform(Change(_ADD, {"vars": values}, company, keys={"address_digest": _digest(address)}), who)


@sensitive_variables("address", "values")
def edit(webhook: Webhook, address: str, *, events: Sequence[str], **who: Unpack[Who]) -> Result:
    """Blesta replaces the list of events by the one that it is sent, so all of them go out."""
    values = _values(address, events, webhook.company_id)
    asked = {"webhook_id": webhook.pk, "vars": values}
    return perform(Change(_EDIT, asked, webhook, keys={"address_digest": _digest(address)}), who)


def _values(address: str, events: Sequence[str], company_id: int | None) -> dict[str, Any]:
    if len(address) > LONGEST_ADDRESS:
        raise ValueError(f"Blesta holds addresses of at most {LONGEST_ADDRESS} characters.")
    return {
        "company_id": company_id,
        "callback": address,
        "type": "outgoing",
        "method": "post_json",
        "events": list(events),
        # Version 1.3.1 of the plugin reads a single `event` too, to have itself called (reference 7.1).
        "event": events[0],
    }
