"""What a client has bought: its state, its term, its end.

Blesta calls the server's or registrar's module inside these calls, so they may take minutes, and none is repeated on
suspicion: each is found again by the state that it leads to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Unpack

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_blesta.connection import Shape, Unreadable, datetime_from, declare, identifier_from
from django_blesta.models import Client, PackagePricing, Service
from django_blesta.operations._journal import Change, Result, Who
from django_blesta.operations._kinds import PATIENT, AlreadySo, Asked, Case, Finding, Kind, Step, define, refuse
from django_blesta.operations._perform import perform
from django_blesta.operations._probes import newer_rows, newest_of_client, one_of, seal, seal_fits

END_OF_TERM: Final = "end_of_term"
SKEW: Final = timedelta(minutes=5)
RESERVED: Final = frozenset(
    {
        "parent_service_id", "package_group_id", "pricing_id", "client_id", "staff_id", "module_row_id", "coupon_id",
        "qty", "override_price", "override_currency", "status", "suspension_reason", "cancellation_reason",
        "date_added", "date_renews", "date_last_renewed", "date_paid_through", "date_advance_renewal",
        "date_suspended", "date_canceled", "use_module", "configoptions", "prorate", "reapply_payments",
        "notify_cancel",
    }
)  # fmt: skip
"""Names that are Blesta's own at the top of `vars`, so that no field of a module can bear them."""
NOT_FROM_HERE: Final = _("This cannot be done to a service in this state.")
IN_THE_PAST: Final = _("The date lies in the past.")


def _row(case: Case) -> Mapping[str, Any]:
    row: Mapping[str, Any] | None = case.ask("Services", "get", service_id=case["target_id"])
    if row is None:
        refuse("services", ("service_id", "exists", str(_("This service is not there."))))
    return row


def _told(row: Mapping[str, Any]) -> str:
    return f"Service {row.get('id')} is {row.get('status')!s:.20}, date_canceled {row.get('date_canceled')!s:.20}."


def _and_addons(case: Case) -> Any:
    """A parent takes its add-ons with it."""
    pk = case.keys.get("service_id") or case.keys.get("target_id")
    addons = Service._base_manager.using(case.using).filter(parent_service=pk)
    return [(Service, pk), *((Service, addon) for addon in addons.values_list("pk", flat=True))]


def _becomes(status: str, *, allowed: Sequence[str]) -> dict[str, Any]:
    """Build and probe of a change that ends in a stored status. What is so already is not asked for again."""

    def build(asked: Asked, case: Case) -> Asked:
        row = _row(case)
        if row.get("status") == status:
            raise AlreadySo(_told(row))
        if row.get("status") not in allowed:
            refuse("services", ("status", "valid", str(NOT_FROM_HERE)))
        return asked

    def probe(case: Case) -> Finding:
        row = _row(case)
        return Finding(row.get("status") == status, _told(row))

    return {"build": build, "probe": probe}


_SUSPEND = define(
    Kind(
        name="services.suspend",
        model=Service,
        does="Suspend an active service.",
        finds="The service is suspended.",
        steps=(
            Step(
                signature=declare("Services", "suspend", writes=True, shape=Shape.NOTHING),
                **_becomes("suspended", allowed=("active",)),
            ),
        ),
        touched=_and_addons,
        may_wait=True,
        exclusive=True,
        looks=PATIENT,
    )
)
_UNSUSPEND = define(
    Kind(
        name="services.unsuspend",
        model=Service,
        does="Take a suspension off.",
        finds="The service is active.",
        steps=(
            Step(
                signature=declare("Services", "unsuspend", writes=True, shape=Shape.NOTHING),
                **_becomes("active", allowed=("suspended",)),
            ),
        ),
        touched=_and_addons,
        may_wait=True,
        exclusive=True,
        looks=PATIENT,
    )
)


def suspend(service: Service, *, reason: str = "", use_module: bool = True, **who: Unpack[Who]) -> Result:
    """`use_module=False` changes Blesta's record and leaves the server alone."""
    values: dict[str, Any] = {"use_module": use_module} | ({"suspension_reason": reason} if reason else {})
    return perform(Change(_SUSPEND, {"service_id": service.pk, "vars": values}, service), who)


def unsuspend(service: Service, *, use_module: bool = True, **who: Unpack[Who]) -> Result:
    asked = {"service_id": service.pk, "vars": {"use_module": use_module}}
    return perform(Change(_UNSUSPEND, asked, service), who)


# The end, now or later


def _ends(row: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime_from(row.get("date_canceled"))
    except Unreadable:
        return None


def _to_cancel(asked: Asked, case: Case) -> Asked:
    if case["when"] == "past":
        refuse("services.cancel", ("date_canceled", "valid", str(IN_THE_PAST)))
    row = _row(case)
    if row.get("status") == "canceled":
        raise AlreadySo(_told(row))
    if case["when"] != "now":
        return asked
    # What is past ends at once; what lies ahead by Blesta's clock would only be noted.
    return {**asked, "vars": {**asked["vars"], "date_canceled": timezone.now() - SKEW}}


def _is_canceled(case: Case) -> Finding:
    """Blesta only notes a later end, and its cron brings it about: the date decides, not the status."""
    row = _row(case)
    ends, when = _ends(row), case["when"]
    if row.get("status") == "canceled":
        return Finding(True, _told(row))
    if when == "now":
        return Finding(False, _told(row))
    if when == END_OF_TERM:
        renews = str(row.get("date_renews") or "")
        return Finding(ends is not None and str(row.get("date_canceled")) == renews, _told(row))
    wanted = datetime.fromisoformat(when)
    return Finding(ends is not None and abs((ends - wanted).total_seconds()) < 60, _told(row))


_CANCEL = define(
    Kind(
        name="services.cancel",
        model=Service,
        does="End a service: now, at a date, or at the end of its term. Add-ons end with it.",
        finds="The service is cancelled, or its end is noted for the day that was asked for.",
        steps=(
            Step(
                signature=declare("Services", "cancel", writes=True, shape=Shape.NOTHING),
                build=_to_cancel,
                probe=_is_canceled,
            ),
        ),
        touched=_and_addons,
        may_wait=True,
        exclusive=True,
        looks=PATIENT,
    )
)


def cancel(
    service: Service,
    *,
    at: datetime | Literal["now", "end_of_term"] = END_OF_TERM,
    reason: str = "",
    notify: bool = True,
    use_module: bool = True,
    **who: Unpack[Who],
) -> Result:
    """End it `at` a time to come, "now", or at the "end_of_term", which is what customers mean."""
    if isinstance(at, datetime) and at.utcoffset() is None:
        raise ValueError("services.cancel wants an aware datetime.")
    values: dict[str, Any] = {"use_module": use_module, "notify_cancel": notify}
    values |= {"cancellation_reason": reason} if reason else {}
    if isinstance(at, datetime):
        at = at.astimezone(UTC).replace(microsecond=0)
        values["date_canceled"] = at
        when = at.isoformat() if at > timezone.now() else "past"
    elif at == "now":
        when = "now"
    elif at == END_OF_TERM:
        when = values["date_canceled"] = END_OF_TERM
    else:
        raise ValueError('services.cancel takes a datetime, "now" or "end_of_term".')
    asked = {"service_id": service.pk, "vars": values}
    return perform(Change(_CANCEL, asked, service, keys={"when": when}), who)


def _to_uncancel(asked: Asked, case: Case) -> Asked:
    row = _row(case)
    if row.get("status") in ("active", "suspended") and _ends(row) is None:
        raise AlreadySo(_told(row))
    return asked


def _is_uncanceled(case: Case) -> Finding:
    row = _row(case)
    return Finding(row.get("status") != "canceled" and _ends(row) is None, _told(row))


_UNCANCEL = define(
    Kind(
        name="services.uncancel",
        model=Service,
        does="Take a cancellation back, a scheduled one or one that has happened.",
        finds="The service has no date of cancellation.",
        steps=(
            Step(
                signature=declare("Services", "unCancel", writes=True, shape=Shape.NOTHING),
                build=_to_uncancel,
                probe=_is_uncanceled,
            ),
        ),
        touched=_and_addons,
        may_wait=True,
        exclusive=True,
        looks=PATIENT,
    )
)


def uncancel(service: Service, *, use_module: bool = True, **who: Unpack[Who]) -> Result:
    """Blesta refuses where the module cannot (`uncancel.unsupported`)."""
    asked = {"service_id": service.pk, "vars": {"use_module": use_module}}
    return perform(Change(_UNCANCEL, asked, service), who)


# What it is


def _fields_of(row: Mapping[str, Any]) -> dict[str, Any]:
    listed = row.get("fields")
    rows = listed.values() if isinstance(listed, dict) else listed if isinstance(listed, list) else ()
    return {str(one.get("key")): one.get("value") for one in rows if isinstance(one, dict)}


def _has_fields(case: Case) -> Finding:
    fits = seal_fits(case.keys, _fields_of(_row(case)))
    return Finding(fits, f"Service {case['target_id']} {'has' if fits else 'does not have'} the fields asked for.")


_EDIT_FIELDS = define(
    Kind(
        name="services.edit_fields",
        model=Service,
        does="Change fields of the module (a domain name, a user name), through the module.",
        finds="The service has the fields that were asked for.",
        steps=(Step(signature=declare("Services", "edit", writes=True, shape=Shape.ANY), probe=_has_fields),),
        dry_run=lambda asked, case: ("Services", "validateServiceEdit", asked),
        looks=PATIENT,
    )
)
declare("Services", "validate", writes=True, shape=Shape.ANY)
declare("Services", "validateServiceEdit", writes=True, shape=Shape.ANY)


def edit_fields(
    service: Service,
    *,
    fields: Mapping[str, str],
    use_module: bool = True,
    **who: Unpack[Who],
) -> Result:
    """Change the module's own fields, by its names."""
    if taken := sorted(set(fields) & RESERVED):
        raise ValueError(f"{', '.join(taken)}: not fields of a module.")
    values = {**fields, "use_module": use_module}
    asked = {"service_id": service.pk, "vars": values}
    change = Change(_EDIT_FIELDS, asked, service, keys=seal(fields))
    return perform(change, who)


_RENEW = define(
    Kind(
        name="services.renew",
        model=Service,
        does="Tell the module that the service is renewed. No invoice is made by this.",
        finds="Nothing in Blesta shows it, so an open outcome is a person's to decide.",
        steps=(Step(signature=declare("Services", "renew", writes=True, shape=Shape.NOTHING)),),
        exclusive=True,
    )
)


def renew(service: Service, **who: Unpack[Who]) -> Result:
    """Only the server or registrar hears of it: a domain is renewed there, and money may be due there."""
    return perform(Change(_RENEW, {"service_id": service.pk}, service), who)


def _new_term(asked: Asked, case: Case) -> Asked:
    row = _row(case)
    if identifier_from(row.get("pricing_id")) == case["pricing_id"]:
        raise AlreadySo(f"Service {case['target_id']} has the price {case['pricing_id']}.")
    if row.get("status") not in ("active", "pending", "in_review"):
        refuse("services", ("status", "valid", str(NOT_FROM_HERE)))
    # Blesta wants every chosen option again when the price changes.
    options = {
        str(one["option_id"]): str(one.get("option_value_id") if one.get("value") in (None, "") else one["value"])
        for one in row.get("options") or ()
        if isinstance(one, dict) and one.get("option_id")
    }
    values = {**asked["vars"], **({"configoptions": options} if options else {})}
    return {**asked, "vars": values}


def _has_price(case: Case) -> Finding:
    row = _row(case)
    found = identifier_from(row.get("pricing_id"))
    return Finding(found == case["pricing_id"], f"Service {case['target_id']} has the price {found}.")


_CHANGE_TERM = define(
    Kind(
        name="services.change_term",
        model=Service,
        does="Give a service another price of its package: another term, or another package. Nothing is prorated.",
        finds="The service has the price that was asked for.",
        steps=(
            Step(
                signature=declare("Services", "edit", writes=True, shape=Shape.ANY),
                build=_new_term,
                probe=_has_price,
            ),
        ),
        dry_run=lambda asked, case: ("Services", "validateServiceEdit", asked),
        exclusive=True,
        looks=PATIENT,
    )
)


def change_term(
    service: Service,
    *,
    pricing: PackagePricing,
    use_module: bool = True,
    **who: Unpack[Who],
) -> Result:
    """Takes effect at once, and no invoice is made by it."""
    asked = {"service_id": service.pk, "vars": {"pricing_id": pricing.pk, "use_module": use_module}}
    change = Change(_CHANGE_TERM, asked, service, keys={"pricing_id": pricing.pk})
    return perform(change, who)


# A new one, or another's


def _to_add(asked: Asked, case: Case) -> Asked:
    case.keep(after_id=newest_of_client(case, "Services"))
    return asked


def _is_added(case: Case) -> Finding:
    """Nothing of ours travels with a service: one new one of that price must be it, two are for a person to judge."""
    rows = newer_rows(case, "Services")
    hits = {
        identifier_from(row.get("id")) or 0
        for row in rows
        if identifier_from(row.get("pricing_id")) == case["pricing_id"]
    }
    finding = one_of(hits, "service_id", "service")
    told = f"{len(hits)} new services of price {case['pricing_id']}: {sorted(hits)[:10]}."
    return Finding(finding.happened, told, finding.ids)


_ADD = define(
    Kind(
        name="services.add",
        model=Client,
        does="Give a client a service: pending until it is paid, or provisioned at once.",
        finds="The client has exactly one new service of that price.",
        steps=(
            Step(
                signature=declare("Services", "add", writes=True, shape=Shape.ID),
                build=_to_add,
                ids=lambda answer: {"service_id": answer},
                probe=_is_added,
            ),
        ),
        dry_run=lambda asked, case: ("Services", "validate", {"vars": asked["vars"]}),
        touched=_and_addons,
        exclusive=True,
        looks=PATIENT,
    )
)


def add(
    client: Client,
    *,
    pricing: PackagePricing,
    fields: Mapping[str, str] | None = None,
    options: Mapping[int, str] | None = None,
    qty: int = 1,
    parent: Service | None = None,
    provision: bool = False,
    notify: bool = False,
    **who: Unpack[Who],
) -> Result:
    """Add a service; `ids["service_id"]`. It is pending, and the module is not asked, unless `provision`.

    No invoice is made: `invoices.create_from_services` makes it, and Blesta's cron provisions what is paid. `fields`
    are the module's (a domain name), `options` map the id of a configurable option to what is chosen.
    """
    if taken := sorted(set(fields or {}) & RESERVED):
        raise ValueError(f"{', '.join(taken)}: not fields of a module.")
    values: dict[str, Any] = {**(fields or {}), "client_id": client.pk, "pricing_id": pricing.pk, "qty": qty}
    values |= {"parent_service_id": parent.pk} if parent else {}
    values |= {"configoptions": {str(key): value for key, value in options.items()}} if options else {}
    values |= {"status": "active" if provision else "pending", "use_module": provision}
    change = Change(
        _ADD, {"vars": values, "notify": notify}, client, {"pricing_id": pricing.pk}, live=f"{client.pk}:{pricing.pk}"
    )
    return perform(change, who)


def _belongs(case: Case) -> Finding:
    row = _row(case)
    found = identifier_from(row.get("client_id"))
    return Finding(found == case["to_client"], f"Service {case['target_id']} belongs to client {found}.")


_MOVE = define(
    Kind(
        name="services.move",
        model=Service,
        does="Give a service, with its add-ons, to another client; Blesta refuses while invoices for it are open.",
        finds="The service belongs to the client that was asked for.",
        steps=(Step(signature=declare("Services", "move", writes=True, shape=Shape.ANY), probe=_belongs),),
        touched=_and_addons,
        exclusive=True,
    )
)


def move(service: Service, *, to: Client, **who: Unpack[Who]) -> Result:
    asked = {"service_id": service.pk, "client_id": to.pk}
    return perform(Change(_MOVE, asked, service, keys={"to_client": to.pk}), who)
