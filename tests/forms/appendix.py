"""A form for every operation, what is entered in it, and where Blesta's names land: on a field, in a row, or
above the form, named as Blesta names it.

Where this package has no form, because only staff or a site's own code asks for the change, one without fields stands
for the site's: everything lands above it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from django_blesta import forms
from django_blesta.models import (
    CardAccount,
    Client,
    ClientGroup,
    Contact,
    ContactNumber,
    Quotation,
    RecurringInvoice,
    ServiceChange,
    Ticket,
    User,
)
from django_blesta.operations import (
    clients,
    invoices,
    payments,
    quotations,
    recurring,
    service_changes,
    services,
    transactions,
)
from tests.forms.appendix_rules import ADDRESS
from tests.operations.market import dearer
from tests.operations.shop import ada, invoice, line, payment, service

Make = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True)
class Asked:
    """`make` makes the form of entered data, `before` prepares the simulator, `lands` maps Blesta's names to where the
    error is shown; every name that is not in it lands above the form."""

    make: Make
    entered: Mapping[str, Any] = field(default_factory=dict)
    lands: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[Any], Any] = lambda blesta: None


def names(text: str, **renamed: str) -> dict[str, str]:
    return {name: name for name in text.split()} | renamed


def plain(ask: Callable[[dict[str, Any]], Any]) -> Asked:
    """A site's own form without fields."""

    class Plain(forms.OperationForm):
        def ask(self, *, actor: Any, token: str) -> Any:
            return ask({"actor": actor, "token": token})

    return Asked(Plain)


def scheduled(blesta: Any) -> None:
    blesta.state.update("services", 1, date_canceled=blesta.clock.advance(days=1))


def suspended(blesta: Any) -> None:
    blesta.state.update("services", 1, status="suspended")


PERSON = {"first_name": "Ada", "last_name": "Byron", "email": "ada@example.com"}
PERSON_FIELDS = names(f"first_name last_name email {ADDRESS}", company="company_name")
PASSWORDS = {"current_password": "old", "new_password": "correct horse", "confirm_password": "correct horse"}
LINES = {
    "lines-TOTAL_FORMS": "3",
    "lines-INITIAL_FORMS": "0",
    "lines-0-description": "Hosting",
    "lines-0-amount": "10",
    "lines-0-qty": "1",
    # The second row of the page is left empty, so Blesta's lines[1] is the page's third.
    "lines-1-qty": "1",
    "lines-2-description": "Domain",
    "lines-2-amount": "5",
    "lines-2-qty": "1",
}
LINE_FIELDS = {f"lines[1][{name}]": f"lines-2-{name}" for name in ("description", "qty", "amount", "tax")}
LINE_FIELDS |= {"lines[1][id]": "lines-2", "lines[1][service_id]": "lines-2", "lines": "lines"}
SOON = timezone.now() + timedelta(days=5)
CONFIRMED = {"confirm": "on"}
NUMBER = {"number": "1", "type": "phone", "location": "home"}


def number() -> ContactNumber:
    return ContactNumber(pk=1, contact_id=1, company_id=1)


ASKED: dict[str, Asked] = {
    "contacts.edit": Asked(
        lambda data: forms.ContactForm(data, contact=Contact.objects.get(pk=1)), PERSON, PERSON_FIELDS
    ),
    "contacts.add": Asked(
        lambda data: forms.AddContactForm(data, client=ada()),
        PERSON | {"contact_type": "billing"},
        PERSON_FIELDS | names("contact_type"),
    ),
    "contacts.delete": Asked(lambda data: forms.DeleteContactForm(data, contact=Contact.objects.get(pk=1)), CONFIRMED),
    "contacts.add_number": Asked(
        lambda data: forms.AddNumberForm(data, contact=Contact.objects.get(pk=1)),
        NUMBER,
        names("number type location"),
    ),
    "contacts.edit_number": Asked(
        lambda data: forms.NumberForm(data, number=number()), NUMBER, names("number type location")
    ),
    "contacts.delete_number": Asked(lambda data: forms.DeleteNumberForm(data, number=number()), CONFIRMED),
    "contacts.set_permissions": Asked(
        lambda data: forms.ContactPermissionsForm(
            data, contact=Contact.objects.get(pk=1), areas=[("client_invoices", "Invoices")]
        ),
        {"areas": ["client_invoices"]},
        names("areas"),
    ),
    "clients.create": Asked(
        lambda data: forms.RegisterForm(data, client_group=ClientGroup.objects.get(pk=1)),
        PERSON | {"username": "new", "password": "correct horse", "confirm_password": "correct horse"},
        names("title username", **{"settings[tax_id]": "tax_id"}),
    ),
    "clients.edit": plain(lambda who: clients.set_status(ada(), "inactive", **who)),
    "clients.set_settings": Asked(
        lambda data: forms.ClientSettingsForm(data, client=ada()),
        {"language": "en_us"},
        names("default_currency inv_method language receive_email_marketing") | {"settings[tax_id]": "tax_id"},
    ),
    "clients.delete": plain(lambda who: clients.delete(ada(), confirmed_number=ada().id_code, **who)),
    "users.change_password": Asked(
        lambda data: forms.ChangePasswordForm(data, user=User.objects.get(pk=1)),
        PASSWORDS,
        names("current_password new_password"),
    ),
    "users.change_username": Asked(
        lambda data: forms.ChangeUsernameForm(data, user=User.objects.get(pk=1)), {"username": "ada"}, names("username")
    ),
    "services.add": plain(
        lambda who: services.add(ada(), pricing=service().pricing or service_price(), provision=True, **who)
    ),
    "services.cancel": Asked(
        lambda data: forms.CancelServiceForm(data, service=service()),
        {"at": "end_of_term", "confirm": "on"},
        {"date_canceled": "at"},
    ),
    "services.uncancel": Asked(lambda data: forms.UncancelServiceForm(data, service=service()), before=scheduled),
    "services.suspend": plain(lambda who: services.suspend(service(), **who)),
    "services.unsuspend": Asked(plain(lambda who: services.unsuspend(service(), **who)).make, before=suspended),
    "services.edit_fields": plain(lambda who: services.edit_fields(service(), fields={"domain": "a.example"}, **who)),
    "services.renew": plain(lambda who: services.renew(service(), **who)),
    "services.change_term": plain(lambda who: services.change_term(service(), pricing=other_price(), **who)),
    "services.move": plain(lambda who: services.move(service(), to=Client.objects.get(pk=2), **who)),
    "service_changes.order": Asked(
        lambda data: forms.ChangeServiceForm(data, service=service()),
        lands={"status": "__all__"},
    ),
    "service_changes.change_options": plain(
        lambda who: service_changes.change_options(service(), options={1: "8"}, **who)
    ),
    "service_changes.cancel": Asked(
        lambda data: forms.CancelChangeForm(data, change=ServiceChange.objects.get(pk=1)), CONFIRMED
    ),
    "invoices.create": Asked(
        lambda data: forms.InvoiceForm(data, client=ada()),
        {"currency": "USD", "billed_at": "2026-11-01 00:00", "due_at": "2026-12-01 00:00", **LINES},
        names("status currency delivery", date_billed="billed_at", date_due="due_at") | LINE_FIELDS,
    ),
    "invoices.create_from_services": plain(
        lambda who: invoices.create_from_services(ada(), services=[service()], currency="USD", due_at=SOON, **who)
    ),
    "invoices.edit": plain(lambda who: invoices.edit(invoice(), note_public="x", **who)),
    "invoices.void": plain(lambda who: invoices.void(invoice(), **who)),
    "invoices.deliver": Asked(
        lambda data: forms.DeliverInvoiceForm(data, invoice=invoice()), {"method": "email"}, names("method")
    ),
    "invoices.delete_draft": plain(lambda who: invoices.delete_draft(invoice(4), **who)),
    "invoices.merge": plain(lambda who: invoices.merge([invoice(), invoice(2)], **who)),
    "invoices.split": plain(lambda who: invoices.split(invoice(), lines=[line()], **who)),
    "recurring.create": Asked(
        lambda data: forms.RecurringInvoiceForm(data, client=ada()),
        {"currency": "USD", "first_at": "2026-12-01 00:00", "term": "1", "period": "month", **LINES},
        names("currency term period", duration="times", date_renews="first_at") | LINE_FIELDS,
    ),
    "recurring.edit": plain(lambda who: recurring.edit(RecurringInvoice.objects.get(pk=1), term=2, **who)),
    "recurring.stop": plain(lambda who: recurring.stop(RecurringInvoice.objects.get(pk=1), **who)),
    "quotations.approve": Asked(
        lambda data: forms.ApproveQuotationForm(data, quotation=Quotation.objects.get(pk=1)), CONFIRMED
    ),
    "quotations.decline": Asked(
        lambda data: forms.DeclineQuotationForm(data, quotation=Quotation.objects.get(pk=1)), CONFIRMED
    ),
    "quotations.invoice": plain(lambda who: quotations.invoice(Quotation.objects.get(pk=2), first_due_at=SOON, **who)),
    "transactions.record": plain(lambda who: transactions.record(ada(), amount=Decimal(1), currency="USD", **who)),
    "transactions.record_and_apply": Asked(
        lambda data: forms.RecordPaymentForm(data, invoice=invoice()),
        {"amount": "100", "type": "other"},
        names("amount type message", transaction_id="number", transaction_type_id="type", amounts="amount"),
    ),
    "transactions.apply": plain(lambda who: transactions.apply(payment(), amounts={invoice(): Decimal(1)}, **who)),
    "transactions.apply_credit": Asked(
        lambda data: forms.ApplyCreditForm(data, invoice=invoice()), {"amount": "1"}, names("amount", amounts="amount")
    ),
    "transactions.unapply": Asked(
        plain(lambda who: transactions.unapply(payment(), invoices=[invoice()], **who)).make,
        before=lambda blesta: blesta.apply(1, {1: "5"}),
    ),
    "transactions.mark": plain(lambda who: transactions.mark_void(payment(), **who)),
    "payments.charge": plain(
        lambda who: payments.charge(
            ada(), account=CardAccount.objects.get(pk=1), amount=Decimal(1), currency="USD", **who
        )
    ),
    "payments.charge_and_apply": Asked(
        lambda data: forms.ChargeForm(data, invoice=invoice()),
        {"account": "card-1", "confirm": "on", "amount": "100"},
        names("amount", account_id="account"),
    ),
    "tickets.open": Asked(
        lambda data: forms.OpenTicketForm(data, client=ada()),
        {"department": "1", "summary": "Help", "details": "Please."},
        names("summary details priority", department_id="department", service_id="service"),
    ),
    "tickets.reply": Asked(
        lambda data: forms.ReplyForm(data, ticket=Ticket.objects.get(pk=1)), {"details": "Please."}, names("details")
    ),
    "tickets.close": Asked(lambda data: forms.CloseTicketForm(data, ticket=Ticket.objects.get(pk=1))),
    "tickets.reopen": Asked(lambda data: forms.ReopenTicketForm(data, ticket=Ticket.objects.get(pk=2))),
}


def other_price() -> Any:
    from django_blesta.models import PackagePricing

    return PackagePricing.objects.order_by("pk").last()


def service_price() -> Any:
    from django_blesta.models import PackagePricing

    return PackagePricing.objects.order_by("pk").first()


def confirmed(blesta: Any) -> dict[str, Any]:
    """A change of a service as it is sent the second time, with its cost."""
    quote = service_changes.quote(service(), pricing=dearer(blesta))
    return {"pricing": str(dearer(blesta).pk), "quoted": str(quote.to_pay)}
