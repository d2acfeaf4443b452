"""Every rule of Blesta's (reference Appendix B) that a method can break which one of our forms calls, and where the
error of that rule lands: on the form's field of that name, or above the form, naming Blesta's field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django_blesta import forms
from django_blesta.models import Contact, ContactNumber, User
from tests.operations.shop import ada, invoice, service

ADDRESS = "title company city state country address1 address2 zip"
CONTACTS = (
    "client_id.exists user_id.exists contact_type.format contact_type.inv_address_to contact_type_id.format"
    " first_name.empty last_name.empty title.length company.length email.format email.unique state.length"
    " country.length state.country_exists contact_id.exists contact_id.primary phone.required fax.required "
    + " ".join(f"{field}.empty {field}.read_only" for field in ADDRESS.split())
)
NUMBERS = "contact_id.exists number.empty number.required type.format location.format id.exists"
SETTINGS = (
    "client_id.exists settings[tax_id].valid default_currency.valid default_currency.editable inv_method.valid"
    " inv_method.editable language.valid language.editable receive_email_marketing.valid autodebit.format"
    " inv_address_to.exists value.required value.valid payment_credit_limits.max_less_than_min"
)
USERS = (
    "username.empty username.unique username.auth username.attempts username.company current_password.matches"
    " new_password.format new_password.matches two_factor_mode.format two_factor_key.format otp.auth user_id.exists"
    " clients.exist recovery_email.format"
)
SERVICES = (
    "service_id.exists service_id.has_children status.format status.valid client_id.exists date_canceled.format"
    " date_canceled.valid use_module.format uncancel.unsupported move.unpaid_invoices api.response"
)
INVOICES = (
    "invoice_id.exists client_id.exists date_billed.format date_due.format date_closed.format date_autodebit.format"
    " date_due.after_billed status.format currency.length autodebit.valid delivery.exists delivery.empty"
    " delivery.length method.exists lines[1][id].exists lines[1][service_id].exists lines[1][description].empty"
    " lines[1][qty].format lines[1][qty].minimum lines[1][amount].format lines[1][tax].format lines.empty"
    " id.amount_applied invoice_add.failed term.format term.bounds period.format duration.format id_format.empty"
    " id_value.valid"
)
TRANSACTIONS = (
    "client_id.exists amount.format currency.length currency.missing currency.mismatch type.format"
    " transaction_type_id.exists gateway_id.exists transaction_id.length parent_transaction_id.length"
    " reference_id.length message.length status.format transaction_id.exists date_added.format"
    " transaction_id.currency_matches invoice_id.exists amounts.overage amounts.positive date.format"
)


@dataclass(frozen=True)
class Asked:
    """A form with what is entered in it, the call that refuses it, and Blesta's names to the fields they land on."""

    model: str
    method: str
    make: Callable[[dict[str, Any]], forms.OperationForm]
    entered: Mapping[str, Any]
    rules: str
    lands: Mapping[str, str]


def names(text: str, **renamed: str) -> dict[str, str]:
    return {name: name for name in text.split()} | renamed


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
LINE_FIELDS = names("description qty amount tax")

FORMS: dict[str, Asked] = {
    "edit a contact": Asked(
        "Contacts",
        "edit",
        lambda data: forms.ContactForm(data, contact=Contact.objects.get(pk=1)),
        PERSON,
        CONTACTS,
        PERSON_FIELDS,
    ),
    "add a contact": Asked(
        "Contacts",
        "add",
        lambda data: forms.AddContactForm(data, client=ada()),
        PERSON | {"contact_type": "billing"},
        CONTACTS,
        PERSON_FIELDS | {"contact_type": "contact_type"},
    ),
    "delete a contact": Asked(
        "Contacts",
        "delete",
        lambda data: forms.DeleteContactForm(data, contact=Contact.objects.get(pk=1)),
        {"confirm": "on"},
        "contact_id.exists contact_id.primary contact_type.inv_address_to",
        {},
    ),
    "add a number": Asked(
        "Contacts",
        "addNumber",
        lambda data: forms.AddNumberForm(data, contact=Contact.objects.get(pk=1)),
        {"number": "1", "type": "phone", "location": "home"},
        NUMBERS,
        names("number type location"),
    ),
    "edit a number": Asked(
        "Contacts",
        "editNumber",
        lambda data: forms.NumberForm(data, number=ContactNumber(pk=1, contact_id=1, company_id=1)),
        {"number": "1", "type": "phone", "location": "home"},
        NUMBERS,
        names("number type location"),
    ),
    "change settings": Asked(
        "Clients",
        "setClientSettings",
        lambda data: forms.ClientSettingsForm(data, client=ada()),
        {"language": "en_us"},
        SETTINGS,
        names("default_currency inv_method language receive_email_marketing") | {"settings[tax_id]": "tax_id"},
    ),
    "change the password": Asked(
        "Users",
        "edit",
        lambda data: forms.ChangePasswordForm(data, user=User.objects.get(pk=1)),
        PASSWORDS,
        USERS,
        names("current_password new_password"),
    ),
    "change the user name": Asked(
        "Users",
        "edit",
        lambda data: forms.ChangeUsernameForm(data, user=User.objects.get(pk=1)),
        {"username": "ada"},
        USERS,
        names("username"),
    ),
    "cancel a service": Asked(
        "Services",
        "cancel",
        lambda data: forms.CancelServiceForm(data, service=service()),
        {"at": "end_of_term", "confirm": "on"},
        SERVICES,
        {"date_canceled": "at"},
    ),
    "keep a service": Asked(
        "Services",
        "unCancel",
        lambda data: forms.UncancelServiceForm(data, service=scheduled()),
        {},
        SERVICES,
        {},
    ),
    "make an invoice": Asked(
        "Invoices",
        "add",
        lambda data: forms.InvoiceForm(data, client=ada()),
        {"currency": "USD", "billed_at": "2026-11-01 00:00", "due_at": "2026-12-01 00:00", **LINES},
        INVOICES,
        names("status currency delivery", date_billed="billed_at", date_due="due_at")
        | {f"lines[1][{name}]": f"lines-2-{name}" for name in LINE_FIELDS}
        | {"lines[1][id]": "lines-2", "lines[1][service_id]": "lines-2", "lines": "lines"},
    ),
    "record a payment": Asked(
        "Transactions",
        "add",
        lambda data: forms.RecordPaymentForm(data, invoice=invoice()),
        {"amount": "100", "type": "other"},
        TRANSACTIONS,
        names("amount type message", transaction_id="number", transaction_type_id="type", amounts="amount"),
    ),
}


def scheduled() -> Any:
    """Whose cancellation is noted for later."""
    row = service()
    return row


ALL = [(form, *rule.rsplit(".", 1)) for form, asked in FORMS.items() for rule in asked.rules.split()]
