"""Forms whose submission is one change asked of Blesta: shape is checked here, rules are Blesta's."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.models import Contact, Operation


class OperationForm(forms.Form):
    """`submit()` asks Blesta, once; afterwards `outcome`, `operation` and `sentence` say what came of it."""

    token = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)

    operation: Operation | None = None
    outcome: str = ""
    """"" before `submit`; then succeeded, rejected, unavailable, unknown or refused."""
    sentence: str | Promise = ""

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["token"].initial = uuid.uuid4().hex

    def submit(self, *, actor: Any = None) -> bool:
        return self.is_valid()


class ContactForm(OperationForm):
    """What a customer may change about a contact; the fields are named as the mirror's columns are."""

    columns: ClassVar[tuple[str, ...]] = (
        "first_name",
        "last_name",
        "company_name",
        "title",
        "email",
        "address1",
        "address2",
        "city",
        "state",
        "zip",
        "country",
    )

    first_name = forms.CharField(label=_("First name"), max_length=255)
    last_name = forms.CharField(label=_("Last name"), max_length=255)
    company_name = forms.CharField(label=_("Company"), max_length=255, required=False)
    title = forms.CharField(label=_("Title"), max_length=255, required=False)
    email = forms.CharField(label=_("E-mail"), max_length=255)
    address1 = forms.CharField(label=_("Address"), max_length=255, required=False)
    address2 = forms.CharField(label=_("Address, second line"), max_length=255, required=False)
    city = forms.CharField(label=_("City"), max_length=255, required=False)
    state = forms.CharField(label=_("State"), max_length=8, required=False)
    zip = forms.CharField(label=_("Postal code"), max_length=32, required=False)
    country = forms.CharField(label=_("Country"), max_length=3, required=False)

    def __init__(self, data: Any = None, *, contact: Contact, using: str = "default", **options: Any) -> None:
        options["initial"] = {name: getattr(contact, name) for name in self.columns} | (options.get("initial") or {})
        super().__init__(data, **options)
        self.contact = contact
        self.using = using
