"""Another package, another term, other options for a service: quoted first, then ordered, and made when it is paid.

Blesta's own way of quoting cannot be called from outside. `quote` computes what a change costs from the prices that
Blesta has at that moment, by a rule that its docstring tells; a site with another rule gives `order` its own amount.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Unpack

from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_blesta.connection import Shape, connection_for, datetime_from, decimal_from, declare, identifier_from
from django_blesta.exceptions import FieldError, Rejected
from django_blesta.models import Currency, Invoice, PackagePricing, Service, ServiceChange
from django_blesta.operations import invoices as invoicing
from django_blesta.operations._journal import Change, Result, Who
from django_blesta.operations._kinds import PATIENT, AlreadySo, Asked, Case, Finding, Kind, Step, define, refuse
from django_blesta.operations._lines import Line
from django_blesta.operations._perform import perform
from django_blesta.operations._probes import id_of, one_of, row_shows, seal, seal_fits

DAYS: Final = {"day": 1, "week": 7, "month": 30, "year": 365}
ZERO: Final = Decimal(0)
A_WEEK: Final = timedelta(days=7)
NOT_ACTIVE: Final = _("Only an active service can be changed.")
declare("Services", "validateServiceEdit", writes=True, shape=Shape.ANY)
declare("Services", "getPackagePricing", writes=False, shape=Shape.ROW)
_EDIT: Final = declare("Services", "edit", writes=True, shape=Shape.ANY)

Options = Mapping[int, str]
"""Id of a configurable option to what is chosen: the id of one of its values, or a number or text."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What a change costs now, in `currency`; negative where the service becomes cheaper. `errors` are Blesta's: with
    any of them it would not take the change."""

    amount: Decimal
    currency: str
    until: datetime | None
    errors: tuple[FieldError, ...] = ()

    @property
    def to_pay(self) -> Decimal:
        """What an invoice would be made of; nothing is given back by a change."""
        return max(self.amount, ZERO)


def quote(
    service: Service, *, pricing: PackagePricing | None = None, options: Options | None = None, using: str = ""
) -> Quote:
    """Ask Blesta for both prices and whether it would take the change; nothing is changed and nothing written down.

    The amount is the difference of the two prices per day, times the days until the service renews, rounded to the
    currency's places. A month counts 30 days and a year 365. Options change nothing in it: where yours cost money,
    give `order` your own amount. A price in another currency is refused (`pricing_id.valid`).
    """
    case = Case(using or service._state.db or "default", service.company_id, {"target_id": service.pk})
    row = _service(case, "service_changes.quote")
    values = _values(row, pricing.pk if pricing else None, options)
    errors: tuple[FieldError, ...] = ()
    try:
        # By POST like a write: options may hold what a person typed as a password.
        connection_for(case.using, case.company_id).write(
            "Services", "validateServiceEdit", {"service_id": service.pk, "vars": values}
        )
    except Rejected as rejected:
        errors = rejected.errors
    old, new = _price(case, identifier_from(row.get("pricing_id")) or 0), None
    if pricing is not None:
        new = _price(case, pricing.pk)
    if old is None or (pricing is not None and new is None):
        missing = FieldError("pricing_id", "exists", gettext("This price is not there."))
        return Quote(ZERO, "", None, (*errors, missing))
    new = new or old
    if new.currency != old.currency:
        errors = (*errors, FieldError("pricing_id", "valid", gettext("The price is in another currency.")))
        return Quote(ZERO, old.currency, None, errors)
    until = datetime_from(row.get("date_renews"))
    days = Decimal(max((until - timezone.now()).total_seconds(), 0)) / 86_400 if until else ZERO
    qty = Decimal(str(row.get("qty") or 1))
    amount = (new.per_day - old.per_day) * days * qty if until else (new.amount - old.amount) * qty
    return Quote(_rounded(amount, old.currency, case.using), old.currency, until, errors)


@dataclass(frozen=True, slots=True)
class _Price:
    amount: Decimal
    currency: str
    days: int

    @property
    def per_day(self) -> Decimal:
        return self.amount / self.days if self.days else ZERO


def _price(case: Case, pricing_id: int) -> _Price | None:
    row = case.ask("Services", "getPackagePricing", pricing_id=pricing_id)
    if row is None:
        return None
    renews = row.get("price_renews")
    amount = decimal_from(row["price"] if renews in (None, "") else renews)
    term = int(str(row.get("term") or 0))
    return _Price(amount, str(row.get("currency") or ""), term * DAYS.get(str(row.get("period")), 0))


def _rounded(amount: Decimal, currency: str, using: str) -> Decimal:
    rows = Currency._base_manager.using(using).filter(code=currency)
    places = max(rows.values_list("precision", flat=True), default=2)
    return round(amount, places)


def _service(case: Case, call: str) -> Mapping[str, Any]:
    row: Mapping[str, Any] | None = case.ask("Services", "get", service_id=case["target_id"])
    if row is None:
        refuse(call, ("service_id", "exists", str(_("This service is not there."))))
    return row


def _chosen(row: Mapping[str, Any]) -> dict[str, str]:
    """Option to what is chosen, as Blesta wants it again."""
    listed = row.get("options") or ()
    rows = listed.values() if isinstance(listed, dict) else listed
    return {
        str(one["option_id"]): str(one.get("option_value_id") if one.get("value") in (None, "") else one["value"])
        for one in rows
        if isinstance(one, dict) and one.get("option_id")
    }


def _values(row: Mapping[str, Any], pricing_id: int | None, options: Options | None) -> dict[str, Any]:
    """Blesta wants every chosen option again when the price changes."""
    chosen = _chosen(row) | {str(option): value for option, value in (options or {}).items()}
    values: dict[str, Any] = {"pricing_id": pricing_id} if pricing_id else {}
    return values | ({"configoptions": chosen} if chosen else {})


# Ordering it: an invoice, and a change that waits for it


def _the_invoice(asked: Asked, case: Case) -> Asked:
    row = _service(case, "service_changes.order")
    if row.get("status") != "active":
        refuse("service_changes.order", ("status", "valid", str(NOT_ACTIVE)))
    now = timezone.now()
    dates = {"date_billed": now, "date_due": asked["invoice"].get("date_due") or now + A_WEEK}
    # When it is sent decides, not when it was asked for: the same order bears the same digest tomorrow.
    return invoicing.mark_and_keep({**asked["invoice"], **dates}, case)


def _the_change(asked: Asked, case: Case) -> Asked:
    known = _of_invoice(case)
    if known:
        raise AlreadySo(f"Change {known[0]} waits for invoice {case['invoice_id']}.", service_change_id=known[0])
    data = _values(_service(case, "service_changes.order"), asked.get("pricing_id"), asked.get("options"))
    return {"service_id": case["service_id"], "invoice_id": case["invoice_id"], "vars": {"data": data}}


def _of_invoice(case: Case) -> list[int]:
    rows = case.ask("ServiceChanges", "getList", page=1, order_by={"id": "DESC"}, service_id=case["service_id"])
    return [id_of(row) for row in rows if identifier_from(row.get("invoice_id")) == case["invoice_id"]]


_ORDER = define(
    Kind(
        name="service_changes.order",
        model=Service,
        does="Order another price or other options: an invoice for the difference, and a change that waits for it.",
        finds="An invoice of the client bears the mark; then, that a change of the service waits for that invoice.",
        steps=(
            Step(
                signature=declare("Invoices", "add", writes=True, shape=Shape.ID),
                build=_the_invoice,
                ids=lambda answer: {"invoice_id": answer},
                probe=invoicing.is_marked,
            ),
            Step(
                signature=declare("ServiceChanges", "add", writes=True, shape=Shape.ID),
                build=_the_change,
                ids=lambda answer: {"service_change_id": answer},
                probe=lambda case: one_of(_of_invoice(case), "service_change_id", "service change"),
                # Blesta takes one change per invoice (`invoice_id.unique`).
                safe_again=lambda case: True,
            ),
        ),
        touched=lambda case: (
            (Service, case["target_id"]),
            (Invoice, case.keys.get("invoice_id")),
            (ServiceChange, case.keys.get("service_change_id")),
        ),
        dry_run=lambda asked, case: (
            "Services",
            "validateServiceEdit",
            {
                "service_id": case["target_id"],
                "vars": _values(_service(case, "service_changes.order"), asked.get("pricing_id"), asked.get("options")),
            },
        ),
        exclusive=True,
        marked=True,
        keeps_arguments=True,
    )
)


def order(
    service: Service,
    *,
    amount: Decimal,
    currency: str,
    pricing: PackagePricing | None = None,
    options: Options | None = None,
    description: str = "",
    due_at: datetime | None = None,
    **who: Unpack[Who],
) -> Result:
    """Order what was quoted: `ids` has `invoice_id` and `service_change_id`. Blesta makes the change once it is paid,
    which is due `due_at`, or in a week.

    `amount` is usually ``quote(…).to_pay`` and must be more than nothing; for a change that costs nothing there
    are `services.change_term` and `change_options`. The journal keeps what is chosen until the second call is answered.
    """
    if pricing is None and not options:
        raise ValueError("service_changes.order was asked to change nothing.")
    if not amount.is_finite() or amount <= ZERO:
        raise ValueError("service_changes.order wants an amount of more than nothing.")
    line = Line(description or _description(service, pricing), amount, service=service)
    asked: dict[str, Any] = {
        "invoice": {
            "client_id": service.client_id,
            "date_due": due_at.astimezone(UTC).isoformat(timespec="seconds") if due_at else None,
            "currency": currency,
            "status": "active",
            "lines": [line.values()],
        },
        "pricing_id": pricing.pk if pricing else None,
        "options": {str(option): value for option, value in options.items()} if options else None,
    }
    # `service_id` is a key of its own: the probe of the second call finds the change by it.
    return perform(Change(_ORDER, asked, service, keys={"service_id": service.pk}), who)


def _description(service: Service, pricing: PackagePricing | None) -> str:
    return gettext("Change of %(service)s") % {"service": service} if pricing is None else (
        gettext("Change of %(service)s to %(price)s") % {"service": service, "price": pricing}
    )  # fmt: skip


# Making it at once


def _to_make(asked: Asked, case: Case) -> Asked:
    row = _service(case, "service_changes.change_options")
    if row.get("status") not in ("active", "pending", "in_review"):
        refuse("service_changes.change_options", ("status", "valid", str(NOT_ACTIVE)))
    options = asked["vars"]["configoptions"]
    return {"service_id": case["target_id"], "vars": {**asked["vars"], "configoptions": {**_chosen(row), **options}}}


def _is_made(case: Case) -> Finding:
    fits = seal_fits(case.keys, _chosen(_service(case, "service_changes.change_options")))
    return Finding(fits, f"Service {case['target_id']} {'has' if fits else 'does not have'} the options asked for.")


_MAKE = define(
    Kind(
        name="service_changes.change_options",
        model=Service,
        does="Give a service other options at once. No invoice is made by it.",
        finds="The service has the options that were asked for.",
        steps=(Step(signature=_EDIT, build=_to_make, probe=_is_made),),
        dry_run=lambda asked, case: ("Services", "validateServiceEdit", _to_make(asked, case)),
        exclusive=True,
        looks=PATIENT,
    )
)


def change_options(service: Service, *, options: Options, use_module: bool = True, **who: Unpack[Who]) -> Result:
    """Change these options and keep the others; `services.change_term` is for the price."""
    if not options:
        raise ValueError("service_changes.change_options was asked to change nothing.")
    chosen = {str(option): value for option, value in options.items()}
    asked = {"service_id": service.pk, "vars": {"configoptions": chosen, "use_module": use_module}}
    return perform(Change(_MAKE, asked, service, keys=seal(chosen)), who)


# Taking it back


def _to_cancel(asked: Asked, case: Case) -> Asked:
    row = case.ask("ServiceChanges", "get", service_change_id=case["target_id"])
    if row is None:
        refuse("service_changes.cancel", ("id", "exists", str(_("This change is not there."))))
    if row.get("status") == "canceled":
        raise AlreadySo(f"Change {case['target_id']} is canceled.")
    if row.get("status") == "completed":
        refuse("service_changes.cancel", ("status", "valid", str(_("This change has been made."))))
    return asked


_CANCEL = define(
    Kind(
        name="service_changes.cancel",
        model=ServiceChange,
        does="Take an ordered change back, and void its invoice.",
        finds="The change is canceled.",
        steps=(
            Step(
                signature=declare("ServiceChanges", "cancel", writes=True, shape=Shape.NOTHING),
                build=_to_cancel,
                probe=row_shows(
                    "ServiceChanges",
                    "service_change_id",
                    lambda row, case: bool(row.get("status") == "canceled"),
                    told="status",
                ),
            ),
        ),
        touched=lambda case: ((ServiceChange, case["target_id"]), (Invoice, case.keys.get("invoice"))),
        exclusive=True,
    )
)


def cancel(change: ServiceChange, *, void_invoice: bool = True, **who: Unpack[Who]) -> Result:
    asked = {"service_change_id": change.pk, "void_invoice": void_invoice}
    return perform(Change(_CANCEL, asked, change, keys={"invoice": change.invoice_id}), who)
