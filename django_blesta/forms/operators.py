"""Forms by which staff act on one service or invoice; each is confirmed by being sent."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from django_blesta.forms.base import OperationForm
from django_blesta.models import Invoice, Service
from django_blesta.operations import Result, invoices, services


class _ServiceForm(OperationForm):
    use_module = forms.BooleanField(
        label=_("Tell the server too"),
        required=False,
        initial=True,
        help_text=_("Without it only Blesta’s record changes, and the service goes on running as it did."),
    )

    def __init__(self, data: Any = None, *, service: Service, **options: Any) -> None:
        super().__init__(data, **options)
        self.service = service


class SuspendServiceForm(_ServiceForm):
    renamed = {"suspension_reason": "reason"}

    reason = forms.CharField(label=_("Reason"), max_length=1000, required=False, widget=forms.Textarea)

    def ask(self, *, actor: Any, token: str) -> Result:
        given = self.cleaned_data
        return services.suspend(
            self.service,
            reason=given["reason"],
            use_module=given["use_module"],
            actor=actor,
            token=token,
            using=self.using,
        )


class UnsuspendServiceForm(_ServiceForm):
    def ask(self, *, actor: Any, token: str) -> Result:
        use_module = self.cleaned_data["use_module"]
        return services.unsuspend(self.service, use_module=use_module, actor=actor, token=token, using=self.using)


class SendInvoiceForm(OperationForm):
    """Queue an invoice for sending once more; Blesta's cron sends it."""

    method = forms.ChoiceField(label=_("Send by"), choices=[("email", _("E-mail")), ("paper", _("Paper"))])

    def __init__(self, data: Any = None, *, invoice: Invoice, **options: Any) -> None:
        super().__init__(data, **options)
        self.invoice = invoice

    def ask(self, *, actor: Any, token: str) -> Result:
        method = self.cleaned_data["method"]
        return invoices.deliver(self.invoice, method=method, actor=actor, token=token, using=self.using)
