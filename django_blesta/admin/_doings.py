"""What staff may have done in Blesta from the page of a row: one form, one operation, one permission each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.forms import CancelServiceForm, DeliverInvoiceForm, OperationForm, RecordPaymentForm
from django_blesta.forms.operators import SuspendServiceForm, UnsuspendServiceForm
from django_blesta.models import Invoice, Service


@dataclass(frozen=True, slots=True)
class Doing:
    """`name` stands in the address, `codename` is the permission beside that of seeing the row.

    `is_offered` hides what makes no sense for the row as the mirror knows it; Blesta is the judge when it is asked.
    """

    name: str
    codename: str
    label: str | Promise
    question: str | Promise
    form: Callable[..., OperationForm]
    is_offered: Callable[[Any], bool]
    is_grave: bool = False

    def is_permitted(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"django_blesta.{self.codename}")

    def form_for(self, row: Any, data: Any = None) -> OperationForm:
        return self.form(row, data)


def _owes(invoice: Invoice) -> bool:
    return invoice.status in ("active", "proforma") and invoice.closed_at is None and not invoice.is_gone


SUSPEND: Final = Doing(
    "suspend",
    "suspend_service",
    _("Suspend"),
    _("Blesta suspends this service, and its add-ons with it."),
    lambda row, data: SuspendServiceForm(data, service=row),
    lambda row: row.status == "active" and not row.is_gone,
    is_grave=True,
)
UNSUSPEND: Final = Doing(
    "unsuspend",
    "unsuspend_service",
    _("Unsuspend"),
    _("Blesta takes the suspension off this service."),
    lambda row, data: UnsuspendServiceForm(data, service=row),
    lambda row: row.status == "suspended" and not row.is_gone,
)
CANCEL: Final = Doing(
    "cancel",
    "cancel_service",
    _("Cancel"),
    _("Blesta ends this service, and its add-ons with it; what is on the server may be deleted."),
    lambda row, data: CancelServiceForm(data, service=row),
    lambda row: row.status in ("active", "suspended", "pending") and not row.is_gone,
    is_grave=True,
)
RECORD_PAYMENT: Final = Doing(
    "record-payment",
    "record_payment",
    _("Record payment"),
    _("A payment that was received elsewhere is recorded in Blesta and put on this invoice. No money is moved."),
    lambda row, data: RecordPaymentForm(data, invoice=row),
    _owes,
)
DELIVER: Final = Doing(
    "deliver",
    "deliver_invoice",
    _("Send again"),
    _("Blesta queues this invoice for sending to its client; its cron sends it."),
    lambda row, data: DeliverInvoiceForm(data, invoice=row),
    lambda row: row.status in ("active", "proforma") and not row.is_gone,
)

ON_SERVICES: Final = (SUSPEND, UNSUSPEND, CANCEL)
ON_INVOICES: Final = (RECORD_PAYMENT, DELIVER)
OF: Final[dict[type[Any], tuple[Doing, ...]]] = {Service: ON_SERVICES, Invoice: ON_INVOICES}
