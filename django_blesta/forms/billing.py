"""Forms about money that customers submit: offers, credit, stored means of payment, invoices to be sent again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from django_blesta.forms.base import OperationForm
from django_blesta.forms.customers import ConfirmedForm
from django_blesta.models import BankAccount, CardAccount, Client, Invoice, Quotation
from django_blesta.operations import Result, invoices, payments, quotations, transactions


class _QuotationForm(ConfirmedForm):
    def __init__(self, data: Any = None, *, quotation: Quotation, **options: Any) -> None:
        super().__init__(data, **options)
        self.quotation = quotation


class ApproveQuotationForm(_QuotationForm):
    """Take an offer; a box must be ticked. Waits for maintenance to end."""

    def ask(self, *, actor: Any, token: str) -> Result:
        return quotations.approve(self.quotation, actor=actor, token=token, using=self.using, wait=True)


class DeclineQuotationForm(_QuotationForm):
    """Turn an offer down; a box must be ticked. Waits for maintenance to end."""

    def ask(self, *, actor: Any, token: str) -> Result:
        return quotations.decline(self.quotation, actor=actor, token=token, using=self.using, wait=True)


class _InvoiceForm(OperationForm):
    def __init__(self, data: Any = None, *, invoice: Invoice, **options: Any) -> None:
        shown = {"amount": invoice.due}
        super().__init__(data, **(options | {"initial": shown | (options.get("initial") or {})}))
        self.invoice = invoice

    @property
    def client(self) -> Client:
        return Client._base_manager.using(self.using).get(pk=self.invoice.client_id or 0)


class ApplyCreditForm(_InvoiceForm):
    """Pay an invoice, or a part of it, from credit."""

    renamed = {"amounts": "amount", "amounts[][amount]": "amount"}

    amount = forms.DecimalField(label=_("Amount"), max_digits=15, decimal_places=4)

    def ask(self, *, actor: Any, token: str) -> Result:
        amounts = {self.invoice: self.cleaned_data["amount"]}
        currency = self.invoice.currency
        return transactions.apply_credit(
            self.client, currency=currency, amounts=amounts, actor=actor, token=token, using=self.using
        )


class ChargeForm(_InvoiceForm):
    """Pay what is due of an invoice with a card or bank account that Blesta has stored; a box must be ticked.

    The amount is the one that the page showed (`amount`, hidden): if less is due by now, nothing is charged. Of use
    only where CHARGE_STORED_ACCOUNTS is on; elsewhere it says that this site changes nothing.
    """

    renamed = {"account_id": "account"}

    amount = forms.DecimalField(max_digits=15, decimal_places=4, widget=forms.HiddenInput)
    account = forms.ChoiceField(label=_("Pay with"), widget=forms.RadioSelect)
    confirm = forms.BooleanField(label=_("Yes, charge this account"))

    def __init__(self, data: Any = None, *, invoice: Invoice, **options: Any) -> None:
        super().__init__(data, invoice=invoice, **options)
        self._accounts: dict[str, CardAccount | BankAccount] = {}
        for word, model in (("card", CardAccount), ("bank", BankAccount)):
            for row in model.objects.using(self.using).for_client(invoice.client_id or 0).filter(status="active"):
                self._accounts[f"{word}-{row.pk}"] = row
        self.fields["account"].choices = [(key, str(row)) for key, row in self._accounts.items()]  # type: ignore[attr-defined]  # of this field

    def ask(self, *, actor: Any, token: str) -> Result:
        amount: Decimal = self.cleaned_data["amount"]
        return payments.charge(
            self.client,
            account=self._accounts[self.cleaned_data["account"]],
            amount=amount,
            currency=self.invoice.currency,
            apply_to={self.invoice: amount},
            actor=actor,
            token=token,
            using=self.using,
        )


class DeliverInvoiceForm(_InvoiceForm):
    """Have an invoice sent once more."""

    method = forms.ChoiceField(label=_("Send by"), choices=[("email", _("E-mail")), ("paper", _("Paper"))])

    def ask(self, *, actor: Any, token: str) -> Result:
        method = self.cleaned_data["method"]
        return invoices.deliver(self.invoice, method=method, actor=actor, token=token, using=self.using)
