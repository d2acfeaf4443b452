"""A formset whose submission is one change asked of Blesta: the counterpart of `OperationForm`."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS
from django.forms import BaseFormSet
from django.forms.formsets import ManagementForm
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from django_blesta.exceptions import Rejected
from django_blesta.forms.base import Submitted, rows_of, show_in_rows
from django_blesta.operations import is_token, new_token

if TYPE_CHECKING:
    _FormSet = BaseFormSet[Any]
else:  # Django's own formsets take no parameters at run time
    _FormSet = BaseFormSet

TOKEN: Final = "TOKEN"  # noqa: S105  (the name of a field)


class OperationFormSet(Submitted, _FormSet):
    """For rows that are one change together, such as the lines of an invoice::

        class Lines(OperationFormSet):
            def ask(self, *, actor, token):
                lines = [row.line() for row in self.sent()]
                return invoices.edit(self.invoice, add=lines, actor=actor, token=token, using=self.using)

        LinesFormSet = formset_factory(LineForm, formset=Lines)

    Blesta's `lines[2][amount]` lands in the third row that was sent, whatever the list is called; everything else
    stands above the rows (`non_form_errors`). The token is in the management form, which templates write anyway.
    """

    def __init__(self, data: Any = None, files: Any = None, *, using: str = DEFAULT_DB_ALIAS, **options: Any) -> None:
        super().__init__(data, files, **options)
        self.using = using

    @cached_property
    def management_form(self) -> ManagementForm:
        form: ManagementForm = super().management_form
        form.fields[TOKEN] = forms.CharField(widget=forms.HiddenInput, required=False, initial=new_token())
        return form

    def sent(self) -> list[forms.Form]:
        """The rows to send, in their order."""
        return rows_of(self)

    @property
    def submitted_token(self) -> str:
        return str(self.data.get(self.management_form.add_prefix(TOKEN), ""))

    def clean(self) -> None:
        super().clean()
        if not is_token(self.submitted_token):
            incomplete = _("This page is incomplete or too old. Load it again and repeat the change there.")
            raise ValidationError(incomplete, code="token")

    def show(self, error: Rejected) -> None:
        rows = self.sent()
        for one in error.errors:
            show_in_rows(self, rows, one, self.renamed, listed=False)
        if not error.errors:
            self.non_form_errors().append(ValidationError(str(self.sentence), "invalid"))

    def renew_token(self) -> None:
        data: Any = copy(self.data)  # a request's own data may not be changed
        data[self.management_form.add_prefix(TOKEN)] = new_token()
        self.data = self.management_form.data = data
