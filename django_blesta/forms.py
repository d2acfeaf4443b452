"""Forms whose submission is one change asked of Blesta: shape is checked here, rules are Blesta's.

In a view that no transaction wraps (`operations.outside_transactions`)::

    form = ContactForm(request.POST or None, contact=contact)
    if request.method == "POST" and form.submit(actor=request.user):
        return redirect(…)
    return render(request, …, {"form": form})      # form.sentence says what came of it
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.exceptions import BlestaError, OutcomeUnknown, Rejected
from django_blesta.models import Contact, Operation
from django_blesta.operations import Result, TokenReused, contacts, find, is_token, new_token
from django_blesta.operations.errors import (
    INVALID,
    SAVED,
    SAVED_BUT,
    outcome_of,
    sentence_for,
    validation_error,
)


class OperationForm(forms.Form):
    """`submit()` asks Blesta, once; afterwards `outcome`, `sentence` and `operation` say what came of it.

    The hidden `token` belongs to one change: a page that is posted twice changes once. It is renewed where nothing
    was done, so that the corrected form may be sent, and kept where the outcome is unknown, so that it may not.
    A template that writes its fields by hand must write ``{{ form.token }}`` too.
    """

    renamed: ClassVar[Mapping[str, str]] = {}
    """Blesta's names to those of the form's fields, where they differ."""

    token = forms.CharField(widget=forms.HiddenInput, required=False)

    operation: Operation | None = None
    outcome: str = ""
    """Empty before `submit`; then succeeded, rejected, unavailable (nothing was done, later may work), unknown, or
    refused (nothing was done, and this site's staff must act)."""
    sentence: str | Promise = ""

    def __init__(self, data: Any = None, *, using: str = DEFAULT_DB_ALIAS, **options: Any) -> None:
        super().__init__(data, **options)
        self.using = using
        self.fields["token"].initial = new_token()

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not is_token(cleaned.get("token", "")):
            incomplete = _("This page is incomplete or too old. Load it again and repeat the change there.")
            self.add_error(None, ValidationError(incomplete, code="token"))
        return cleaned

    def ask(self, *, actor: Any, token: str) -> Result:
        """The one operation that this form stands for, from `cleaned_data`."""
        raise TypeError(f"{type(self).__name__} must say in ask() which operation it stands for.")

    def submit(self, *, actor: Any = None) -> bool:
        """Whether Blesta made the change; errors of Blesta's are then on the fields they concern."""
        if not self.is_valid():
            self.outcome, self.sentence = "rejected", INVALID
            return False
        token: str = self.cleaned_data["token"]
        try:
            result = self.ask(actor=actor, token=token)
        except BlestaError as error:
            self.operation = None if isinstance(error, TokenReused) else find(token, using=self.using)
            self.outcome, self.sentence = outcome_of(error), sentence_for(error)
            if isinstance(error, Rejected):
                names = [name for name in self.fields if name != "token"]
                self.add_error(None, validation_error(error, fields=names, renamed=self.renamed))
            if not isinstance(error, OutcomeUnknown | TokenReused):
                self._renew_token()
            return False
        self.operation, self.outcome, self.sentence = result.operation, "succeeded", SAVED
        if labels := [str(self[name].label) for name in result.differs if name in self.fields]:
            self.sentence = SAVED_BUT % {"fields": ", ".join(labels)}
        return True

    def _renew_token(self) -> None:
        data: Any = copy(self.data)  # a request's own data may not be changed
        data[self.add_prefix("token")] = new_token()
        self.data = data


def _text(label: Any, autocomplete: str, help_text: Any = "", **attributes: str) -> forms.CharField:
    # 255 characters is what a mirror can hold; Blesta's own limits are lower, and Blesta's to tell.
    widget = forms.TextInput(attrs={"autocomplete": autocomplete, **attributes})
    return forms.CharField(label=label, max_length=255, required=False, widget=widget, help_text=help_text)


class ContactForm(OperationForm):
    """What a customer may change about a contact; the fields are named as the mirror's columns are.

    None is required here: which fields are is a setting of the client's group in Blesta, and its answer says so. Those
    in `needed` Blesta wants of every contact, so they are marked.
    """

    renamed = contacts.RENAMED
    needed: ClassVar[tuple[str, ...]] = ("first_name", "last_name", "email")

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

    def __init__(self, data: Any = None, *, contact: Contact, using: str = DEFAULT_DB_ALIAS, **options: Any) -> None:
        shown = {name: getattr(contact, name) for name in contacts.COLUMNS}
        super().__init__(data, using=using, **(options | {"initial": shown | (options.get("initial") or {})}))
        self.contact = contact
        for name in self.needed:
            if name in self.fields:
                # Not HTML's `required`: the browser would keep the form back, and Blesta's own answer with it.
                self.fields[name].widget.attrs["aria-required"] = "true"

    def clean_country(self) -> str:
        """Blesta knows the codes in capitals only; anything longer is left for Blesta to refuse."""
        entered: str = self.cleaned_data["country"]
        return entered.upper() if len(entered) == 2 and entered.isascii() else entered

    def ask(self, *, actor: Any, token: str) -> Result:
        # A page that leaves a field out does not clear it.
        changes = {name: self.cleaned_data[name] for name in contacts.COLUMNS if self._was_sent(name)}
        return contacts.edit(self.contact, changes=changes, actor=actor, token=token, using=self.using)

    def _was_sent(self, name: str) -> bool:
        if name not in self.fields:
            return False
        widget = self.fields[name].widget
        return not widget.value_omitted_from_data(self.data, self.files, self.add_prefix(name))
