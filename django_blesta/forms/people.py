"""Forms about people: signing up, and what a contact may see."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from django_blesta.forms.base import OperationForm
from django_blesta.forms.customers import ContactFields
from django_blesta.models import ClientGroup, Contact
from django_blesta.operations import Result, clients, contacts


class RegisterForm(ContactFields):
    """A new customer with a login. The passwords are Blesta's to judge, and are never shown again or written down."""

    renamed = {**ContactFields.renamed, "new_password": "password", "settings[tax_id]": "tax_id"}

    username = forms.CharField(
        label=_("User name"), max_length=255, required=False, widget=forms.TextInput(attrs={"autocomplete": "username"})
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    confirm_password = forms.CharField(
        label=_("Password again"),
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    tax_id = forms.CharField(label=_("Tax id"), max_length=64, required=False)

    def __init__(self, data: Any = None, *, client_group: ClientGroup, **options: Any) -> None:
        super().__init__(data, **options)
        self.client_group = client_group

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("password") != cleaned.get("confirm_password"):
            self.add_error("confirm_password", forms.ValidationError(_("The passwords do not match."), code="matches"))
        return cleaned

    @sensitive_variables()
    def ask(self, *, actor: Any, token: str) -> Result:
        given = self.cleaned_data
        tax_id = given["tax_id"]
        return clients.create(
            self.client_group,
            username=given["username"],
            password=given["password"],
            contact={name: given[name] for name in contacts.COLUMNS if given.get(name)},
            settings={"tax_id": tax_id} if tax_id else None,
            actor=actor,
            token=token,
            using=self.using,
        )


class ContactPermissionsForm(OperationForm):
    """What a contact with a login may see. `areas` are Blesta's words with what your site calls them; the installed
    plugins decide which there are, so a site names those it uses."""

    renamed = {"area": "areas"}

    areas = forms.MultipleChoiceField(label=_("May see"), widget=forms.CheckboxSelectMultiple)

    def __init__(self, data: Any = None, *, contact: Contact, areas: list[tuple[str, Any]], **options: Any) -> None:
        super().__init__(data, **options)
        self.contact = contact
        self.fields["areas"].choices = areas  # type: ignore[attr-defined]  # of this field

    def ask(self, *, actor: Any, token: str) -> Result:
        areas = self.cleaned_data["areas"]
        return contacts.set_permissions(self.contact, areas=areas, actor=actor, token=token, using=self.using)
