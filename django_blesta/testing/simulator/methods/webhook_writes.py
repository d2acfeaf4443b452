"""Making and changing the entries of the Webhooks plugin; its quirks are those of version 1.3.1 (reference 7.1)."""

from __future__ import annotations

from typing import Any, Final

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.events import NAMES
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.rules import Rule, Rules, at_most, check, filled, one_of
from django_blesta.testing.simulator.state import Row
from django_blesta.testing.simulator.webhooks import METHODS

_WEBHOOKS: Final = "webhooks.WebhooksWebhooks"


def _rules(call: Call, *, edit: bool) -> Rules:
    def exists(value: Any) -> bool:
        return php.integer(value) in call.state.tables["companies"]

    return (
        ("company_id", [Rule("exists", exists, "Invalid company.", if_set=True)]),
        (
            "callback",
            [
                Rule("empty", filled, "Please enter a callback.", if_set=edit),
                Rule("length", at_most(255), "The callback may not exceed 255 characters.", if_set=edit),
            ],
        ),
        ("events[]", [Rule("exists", one_of(*NAMES), "Invalid event.", if_set=edit)]),
        ("type", [Rule("valid", one_of("outgoing", "incoming"), "Invalid type.", if_set=True)]),
        ("method", [Rule("valid", one_of(*METHODS), "Invalid method.", if_set=True)]),
    )


@method(_WEBHOOKS, "add", writes=True)
def add(call: Call, vars: Array) -> int:
    """Field names given here go to the wrong table, and are not there afterwards."""
    check(vars, _rules(call, edit=False))
    row = call.state.insert(
        "webhooks",
        company_id=php.integer(vars.get("company_id")) or call.company_id,
        callback=vars["callback"],
        type=vars.get("type", "incoming"),
        method=vars.get("method", "post"),
        events=php.items(vars.get("events")),
        fields=[],
    )
    return int(row["id"])


@method(_WEBHOOKS, "edit", writes=True)
def edit(call: Call, webhook_id: int, vars: Array) -> int:
    """Events and field names are replaced by what is sent, by nothing where nothing is."""
    check(vars, _rules(call, edit=True))
    changes: Row = {name: vars[name] for name in ("callback", "type", "method") if name in vars}
    changes["events"] = php.items(vars.get("events"))
    changes["fields"] = [dict(one) for one in php.items(vars.get("fields"))]
    if webhook_id in call.state.tables["webhooks"]:
        call.state.update("webhooks", webhook_id, **changes)
    return webhook_id


@method(_WEBHOOKS, "delete", writes=True)
def delete(call: Call, webhook_id: int) -> None:
    if webhook_id in call.state.tables["webhooks"]:
        call.state.delete("webhooks", webhook_id)


@method("webhooks.WebhooksEvents", "getAll")
def get_events(call: Call) -> dict[str, str]:
    """By name, each under itself."""
    return {name: name for name in NAMES}
