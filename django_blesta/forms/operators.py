"""Forms by which staff act on one service; each is confirmed by being sent."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from django_blesta.forms.base import OperationForm
from django_blesta.models import Service
from django_blesta.operations import Result, services


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
