"""Forms about tickets. What a customer writes is sent as it is; Blesta shows it as Markdown."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from django_blesta.forms.base import OperationForm
from django_blesta.models import Client, Service, Ticket, TicketDepartment
from django_blesta.models.words import label_for
from django_blesta.operations import Result, tickets

LONGEST = 100_000


class OpenTicketForm(OperationForm):
    """A new ticket in one of the departments that Blesta shows. Waits for maintenance to end."""

    renamed = {"department_id": "department", "service_id": "service"}

    department = forms.ModelChoiceField(label=_("Department"), queryset=TicketDepartment.objects.none())
    summary = forms.CharField(label=_("Subject"), max_length=255, required=False)
    details = forms.CharField(label=_("Message"), max_length=LONGEST, required=False, widget=forms.Textarea)
    priority = forms.ChoiceField(
        label=_("Priority"),
        choices=[("", "—"), *((word, label_for(word)) for word in reversed(tickets.PRIORITIES))],
        required=False,
    )
    service = forms.ModelChoiceField(label=_("Concerns"), queryset=Service.objects.none(), required=False)

    def __init__(self, data: Any = None, *, client: Client, **options: Any) -> None:
        super().__init__(data, **options)
        self.client = client
        shown = TicketDepartment.objects.using(self.using).present().filter(company_id=client.company_id)
        self.fields["department"].queryset = shown.exclude(status="hidden")  # type: ignore[attr-defined]  # of this field
        own = Service.objects.using(self.using).for_client(client).exclude(status="canceled")
        self.fields["service"].queryset = own  # type: ignore[attr-defined]  # of this field

    def ask(self, *, actor: Any, token: str) -> Result:
        given = {name: self.cleaned_data[name] for name in ("department", "summary", "details", "priority", "service")}
        return tickets.open(self.client, **given, actor=actor, token=token, using=self.using, wait=True)


class _TicketForm(OperationForm):
    def __init__(self, data: Any = None, *, ticket: Ticket, **options: Any) -> None:
        super().__init__(data, **options)
        self.ticket = ticket


class ReplyForm(_TicketForm):
    """An answer of the customer's."""

    details = forms.CharField(label=_("Message"), max_length=LONGEST, required=False, widget=forms.Textarea)

    def ask(self, *, actor: Any, token: str) -> Result:
        details = self.cleaned_data["details"]
        return tickets.reply(self.ticket, details=details, actor=actor, token=token, using=self.using)


class CloseTicketForm(_TicketForm):
    """Settled, says the customer."""

    def ask(self, *, actor: Any, token: str) -> Result:
        return tickets.close(self.ticket, actor=actor, token=token, using=self.using, wait=True)


class ReopenTicketForm(_TicketForm):
    """Not settled after all."""

    def ask(self, *, actor: Any, token: str) -> Result:
        return tickets.reopen(self.ticket, actor=actor, token=token, using=self.using, wait=True)
