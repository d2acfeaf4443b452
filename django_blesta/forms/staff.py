"""Forms for staff: invoices with their lines, payments that were received elsewhere."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.forms import formset_factory
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_blesta.forms.base import OperationForm
from django_blesta.models import Client, Invoice
from django_blesta.models.words import label_for
from django_blesta.operations import Result, invoices, recurring, transactions


class LineForm(forms.Form):
    """One line of an invoice; a row in which nothing was entered is not sent."""

    description = forms.CharField(label=_("Description"), required=False)
    qty = forms.DecimalField(label=_("Quantity"), initial=Decimal(1), max_digits=19, decimal_places=4, required=False)
    amount = forms.DecimalField(label=_("Unit cost"), max_digits=19, decimal_places=4, required=False)
    tax = forms.BooleanField(label=_("Taxed"), required=False)

    def line(self) -> invoices.Line:
        given = self.cleaned_data
        qty, amount = given.get("qty"), given.get("amount")
        return invoices.Line(
            given.get("description", ""),
            Decimal(0) if amount is None else amount,
            Decimal(1) if qty is None else qty,
            taxed=given.get("tax", False),
        )


class InvoiceForm(OperationForm):
    """A new invoice for a client; Blesta's `lines[2][amount]` lands in the third row that was sent."""

    renamed = {"date_billed": "billed_at", "date_due": "due_at"}
    rows = {"lines": formset_factory(LineForm, extra=3, max_num=200, absolute_max=200)}

    currency = forms.CharField(label=_("Currency"), max_length=3)
    billed_at = forms.DateTimeField(label=_("Billed"), initial=timezone.now)
    due_at = forms.DateTimeField(label=_("Due"))
    status = forms.ChoiceField(
        label=_("Status"), choices=[(word, word) for word in invoices.STATUSES], initial="active", required=False
    )
    note_public = forms.CharField(label=_("Note"), required=False, widget=forms.Textarea)
    delivery = forms.MultipleChoiceField(
        label=_("Send by"), choices=[("email", _("E-mail")), ("paper", _("Paper"))], required=False
    )

    def __init__(self, data: Any = None, *, client: Client, **options: Any) -> None:
        shown = {"currency": client.default_currency, "due_at": _in_ten_days}
        super().__init__(data, **(options | {"initial": shown | (options.get("initial") or {})}))
        self.client = client

    def ask(self, *, actor: Any, token: str) -> Result:
        given = self.cleaned_data
        return invoices.create(
            self.client,
            lines=[row.line() for row in self.row_forms("lines") if isinstance(row, LineForm)],
            currency=given["currency"],
            billed_at=given["billed_at"],
            due_at=given["due_at"],
            status=given["status"] or "active",
            note_public=given["note_public"],
            delivery=given["delivery"],
            actor=actor,
            token=token,
            using=self.using,
        )


def _in_ten_days() -> datetime:
    return timezone.now() + timedelta(days=10)


class RecordPaymentForm(OperationForm):
    """A payment that came in elsewhere, for one invoice; as much of it as is due goes there, the rest stays credit."""

    renamed = {
        "amounts": "amount",
        "transaction_id": "number",
        "transaction_type_id": "type",
    }

    amount = forms.DecimalField(label=_("Amount"), max_digits=15, decimal_places=4)
    type = forms.ChoiceField(
        label=_("Type"), choices=[(word, word) for word in ("other", "cc", "ach")], initial="other"
    )
    number = forms.CharField(label=_("Number"), max_length=255, required=False)
    message = forms.CharField(label=_("Message"), max_length=255, required=False)
    # What was due when the page was made: so that the page that is posted twice asks for the same thing twice.
    due = forms.DecimalField(max_digits=19, decimal_places=4, required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, invoice: Invoice, **options: Any) -> None:
        shown = {"amount": invoice.due, "due": invoice.due}
        super().__init__(data, **(options | {"initial": shown | (options.get("initial") or {})}))
        self.invoice = invoice

    def ask(self, *, actor: Any, token: str) -> Result:
        given = self.cleaned_data
        client = Client._base_manager.using(self.using).get(pk=self.invoice.client_id or 0)
        due = self.invoice.due if given["due"] is None else given["due"]
        part = min(given["amount"], due)
        return transactions.record(
            client,
            amount=given["amount"],
            currency=self.invoice.currency,
            type=given["type"],
            number=given["number"],
            message=given["message"],
            apply_to={self.invoice: part if part > 0 else given["amount"]},
            actor=actor,
            token=token,
            using=self.using,
        )


class RecurringInvoiceForm(OperationForm):
    """An invoice that is made again and again."""

    renamed = {"date_renews": "first_at", "duration": "times"}
    rows = {"lines": formset_factory(LineForm, extra=3, max_num=200, absolute_max=200)}

    currency = forms.CharField(label=_("Currency"), max_length=3)
    first_at = forms.DateTimeField(label=_("First on"), initial=timezone.now)
    term = forms.IntegerField(label=_("Every"), initial=1, min_value=1)
    period = forms.ChoiceField(label=_("Period"), choices=[(word, label_for(word)) for word in recurring.PERIODS])
    times = forms.IntegerField(label=_("Times"), required=False, min_value=1, help_text=_("Empty: without end."))
    note_public = forms.CharField(label=_("Note"), required=False, widget=forms.Textarea)

    def __init__(self, data: Any = None, *, client: Client, **options: Any) -> None:
        shown = {"currency": client.default_currency, "period": "month"}
        super().__init__(data, **(options | {"initial": shown | (options.get("initial") or {})}))
        self.client = client

    def ask(self, *, actor: Any, token: str) -> Result:
        names = ("currency", "first_at", "term", "period", "times", "note_public")
        return recurring.create(
            self.client,
            lines=[row.line() for row in self.row_forms("lines") if isinstance(row, LineForm)],
            **{name: self.cleaned_data[name] for name in names},
            actor=actor,
            token=token,
            using=self.using,
        )
