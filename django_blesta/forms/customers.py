"""Forms that customers submit: their contacts and numbers, their services, their login.

Each is made with the row that it concerns, which a view takes from `Model.objects.for_user(request.user)`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from django_blesta.forms.base import OperationForm
from django_blesta.models import Client, Contact, ContactNumber, Service, User
from django_blesta.operations import Result, clients, contacts, services, users


def _text(label: Any, autocomplete: str, help_text: Any = "", **attributes: str) -> forms.CharField:
    # 255 characters is what a mirror can hold; Blesta's own limits are lower, and Blesta's to tell.
    widget = forms.TextInput(attrs={"autocomplete": autocomplete, **attributes})
    return forms.CharField(label=label, max_length=255, required=False, widget=widget, help_text=help_text)


class ContactFields(OperationForm):
    """Fields named as the mirror's columns are.

    None is required here: which fields are is a setting of the client's group in Blesta, and its answer says so.
    """

    renamed = contacts.RENAMED

    first_name = _text(_("First name"), "given-name")
    last_name = _text(_("Last name"), "family-name")
    company_name = _text(_("Company"), "organization")
    title = _text(_("Title"), "organization-title")
    email = _text(_("E-mail"), "email", inputmode="email")
    address1 = _text(_("Address"), "address-line1")
    address2 = _text(_("Address, second line"), "address-line2")
    city = _text(_("City"), "address-level2")
    state = _text(_("State"), "address-level1")
    zip = _text(_("Postal code"), "postal-code")
    country = _text(_("Country"), "country", help_text=_("The two-letter code, such as GB or DE."))

    needed: ClassVar[tuple[str, ...]] = ("first_name", "last_name", "email")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for name in self.needed:
            if name in self.fields:
                # Not HTML's `required`: the browser would keep the form back, and Blesta's own answer with it.
                self.fields[name].widget.attrs["aria-required"] = "true"

    def clean_country(self) -> str:
        """Blesta knows the codes in capitals only; anything longer is left for Blesta to refuse."""
        entered: str = self.cleaned_data["country"]
        return entered.upper() if len(entered) == 2 and entered.isascii() else entered


class ContactForm(ContactFields):
    """What a customer may change about a contact; the fields are named as the mirror's columns are.

    None is required here: which fields are is a setting of the client's group in Blesta, and its answer says so.
    """

    def __init__(self, data: Any = None, *, contact: Contact, **options: Any) -> None:
        shown = {name: getattr(contact, name) for name in contacts.COLUMNS}
        super().__init__(data, **(options | {"initial": shown | (options.get("initial") or {})}))
        self.contact = contact

    def ask(self, *, actor: Any, token: str) -> Result:
        # A page that leaves a field out does not clear it.
        changes = {name: self.cleaned_data[name] for name in contacts.COLUMNS if self._was_sent(name)}
        return contacts.edit(self.contact, changes=changes, actor=actor, token=token, using=self.using)

    def _was_sent(self, name: str) -> bool:
        if name not in self.fields:
            return False
        widget = self.fields[name].widget
        return not widget.value_omitted_from_data(self.data, self.files, self.add_prefix(name))


class AddContactForm(ContactFields):
    """Another person at the customer's."""

    contact_type = forms.ChoiceField(
        label=_("Kind"), choices=[("billing", _("Billing")), ("other", _("Other"))], initial="billing"
    )

    def __init__(self, data: Any = None, *, client: Client, **options: Any) -> None:
        super().__init__(data, **options)
        self.client = client

    def ask(self, *, actor: Any, token: str) -> Result:
        given = {name: self.cleaned_data[name] for name in contacts.COLUMNS if self.cleaned_data.get(name)}
        kind = self.cleaned_data["contact_type"]
        return contacts.add(self.client, contact=given, contact_type=kind, actor=actor, token=token, using=self.using)


class ConfirmedForm(OperationForm):
    """For what cannot be taken back: a box that must be ticked."""

    confirm = forms.BooleanField(label=_("Yes, I am sure"))


class DeleteContactForm(ConfirmedForm):
    def __init__(self, data: Any = None, *, contact: Contact, **options: Any) -> None:
        super().__init__(data, **options)
        self.contact = contact

    def ask(self, *, actor: Any, token: str) -> Result:
        return contacts.delete(self.contact, actor=actor, token=token, using=self.using)


class _NumberFields(OperationForm):
    number = forms.CharField(label=_("Number"), max_length=255, required=False)
    type = forms.ChoiceField(label=_("Type"), choices=[("phone", _("Telephone")), ("fax", _("Fax"))])
    location = forms.ChoiceField(
        label=_("Place"), choices=[("home", _("Home")), ("work", _("Work")), ("mobile", _("Mobile"))]
    )


class AddNumberForm(_NumberFields):
    def __init__(self, data: Any = None, *, contact: Contact, **options: Any) -> None:
        super().__init__(data, **options)
        self.contact = contact

    def ask(self, *, actor: Any, token: str) -> Result:
        given = {name: self.cleaned_data[name] for name in ("number", "type", "location")}
        return contacts.add_number(self.contact, **given, actor=actor, token=token, using=self.using)


class NumberForm(_NumberFields):
    """Change a number that is there."""

    def __init__(self, data: Any = None, *, number: ContactNumber, **options: Any) -> None:
        shown = {name: getattr(number, name) for name in ("number", "type", "location")}
        super().__init__(data, **(options | {"initial": shown | (options.get("initial") or {})}))
        self.row = number

    def ask(self, *, actor: Any, token: str) -> Result:
        given = {name: self.cleaned_data[name] for name in ("number", "type", "location")}
        return contacts.edit_number(self.row, **given, actor=actor, token=token, using=self.using)


class DeleteNumberForm(ConfirmedForm):
    def __init__(self, data: Any = None, *, number: ContactNumber, **options: Any) -> None:
        super().__init__(data, **options)
        self.row = number

    def ask(self, *, actor: Any, token: str) -> Result:
        return contacts.delete_number(self.row, actor=actor, token=token, using=self.using)


class _ServiceForm(OperationForm):
    def __init__(self, data: Any = None, *, service: Service, **options: Any) -> None:
        super().__init__(data, **options)
        self.service = service


class CancelServiceForm(_ServiceForm):
    """At the end of what is paid for, or at once; a box must be ticked either way. Waits for maintenance to end."""

    renamed = {"date_canceled": "at", "cancellation_reason": "reason"}

    at = forms.ChoiceField(
        label=_("When"),
        choices=[(services.END_OF_TERM, _("At the end of the term")), ("now", _("Now"))],
        initial=services.END_OF_TERM,
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(label=_("Reason"), max_length=1000, required=False, widget=forms.Textarea)
    confirm = forms.BooleanField(label=_("Yes, cancel this service"))

    def ask(self, *, actor: Any, token: str) -> Result:
        return services.cancel(
            self.service,
            at=self.cleaned_data["at"],
            reason=self.cleaned_data["reason"],
            actor=actor,
            token=token,
            using=self.using,
            wait=True,
        )


class UncancelServiceForm(_ServiceForm):
    """Keep the service after all."""

    def ask(self, *, actor: Any, token: str) -> Result:
        return services.uncancel(self.service, actor=actor, token=token, using=self.using, wait=True)


class ChangePasswordForm(OperationForm):
    """The passwords are Blesta's to judge; what was typed is never shown again and never written down."""

    current_password = forms.CharField(
        label=_("Present password"),
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new_password = forms.CharField(
        label=_("New password"),
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    confirm_password = forms.CharField(
        label=_("New password again"),
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, data: Any = None, *, user: User, **options: Any) -> None:
        super().__init__(data, **options)
        self.user = user

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("new_password") != cleaned.get("confirm_password"):
            self.add_error("confirm_password", forms.ValidationError(_("The passwords do not match."), code="matches"))
        return cleaned

    @sensitive_variables()
    def ask(self, *, actor: Any, token: str) -> Result:
        return users.change_password(
            self.user,
            current_password=self.cleaned_data["current_password"],
            new_password=self.cleaned_data["new_password"],
            actor=actor,
            token=token,
            using=self.using,
        )


class ChangeUsernameForm(OperationForm):
    username = forms.CharField(
        label=_("User name"), max_length=255, required=False, widget=forms.TextInput(attrs={"autocomplete": "username"})
    )

    def __init__(self, data: Any = None, *, user: User, **options: Any) -> None:
        shown = {"username": user.username}
        super().__init__(data, **(options | {"initial": shown | (options.get("initial") or {})}))
        self.user = user

    def ask(self, *, actor: Any, token: str) -> Result:
        name = self.cleaned_data["username"]
        return users.change_username(self.user, username=name, actor=actor, token=token, using=self.using)


class ClientSettingsForm(OperationForm):
    """What Blesta lets customers set; a field that a page leaves out or that is left empty stays as it is."""

    default_currency = forms.CharField(label=_("Currency"), max_length=3, required=False)
    language = forms.CharField(label=_("Language"), max_length=16, required=False)
    inv_method = forms.CharField(label=_("Invoices are sent by"), max_length=32, required=False)
    receive_email_marketing = forms.ChoiceField(
        label=_("News by e-mail"), choices=[("", "—"), ("true", _("Yes")), ("false", _("No"))], required=False
    )
    tax_id = forms.CharField(label=_("Tax id"), max_length=64, required=False)
    renamed = {"settings[tax_id]": "tax_id"}

    def __init__(self, data: Any = None, *, client: Client, **options: Any) -> None:
        super().__init__(data, **options)
        self.client = client

    def ask(self, *, actor: Any, token: str) -> Result:
        names = [name for name in self.fields if name != "token"]
        given = {name: self.cleaned_data[name] for name in names if self.cleaned_data.get(name)}
        return clients.set_settings(self.client, settings=given, actor=actor, token=token, using=self.using)
