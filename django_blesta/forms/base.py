"""What every form of an operation shares: the token, the submission, and where Blesta's errors land."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from typing import Any, ClassVar, cast

from django import forms
from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS
from django.forms import BaseFormSet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.exceptions import BlestaError, Facts, FieldError, OutcomeUnknown, Rejected
from django_blesta.models import Operation
from django_blesta.operations import Result, TokenReused, find, is_token, new_token
from django_blesta.operations.errors import (
    INVALID,
    QUEUED,
    SAVED,
    SAVED_BUT,
    complaints,
    indexed_field,
    outcome_of,
    plain_field,
    sentence_for,
    validation_error,
)


def rows_of(formset: BaseFormSet[Any]) -> list[forms.Form]:
    """The rows in which something was entered, without those that are to be left out."""
    deleted = set(formset.deleted_forms) if formset.can_delete else set()
    return [form for form in formset.forms if form.has_changed() and form not in deleted]


def show_in_rows(
    formset: BaseFormSet[Any],
    rows: Sequence[forms.Form],
    one: FieldError,
    renamed: Mapping[str, str],
    *,
    listed: bool = True,
) -> None:
    """Blesta's `lines[2][amount]` on the third row's `amount`; what names no row stands above them all.

    `listed`: the error is known to be about this list; otherwise it says what Blesta named.
    """
    name = plain_field(one.field)
    found = indexed_field(name)
    if found and found[1] < len(rows):
        row = rows[found[1]]
        inner = Rejected("", Facts(errors=(FieldError(found[2], one.code, one.message),)))
        row.add_error(None, validation_error(inner, fields=list(row.fields), renamed=renamed))
        return
    known = [name.partition("[")[0]] if listed else []
    ((complaint,),) = complaints(Rejected("", Facts(errors=(one,))), fields=known).values()
    wrong = ValidationError(complaint.message, complaint.code, {"blesta_field": complaint.blesta_field})
    formset.non_form_errors().append(wrong)


class Submitted:
    """What forms and formsets of an operation share: submitting it once, and what came of it."""

    renamed: ClassVar[Mapping[str, str]] = {}
    """Blesta's names to those of the form's fields, where they differ."""

    using: str
    operation: Operation | None = None
    outcome: str = ""
    """Empty before `submit`; then succeeded, queued (Blesta is under maintenance and will be asked), rejected,
    unavailable (nothing was done, later may work), unknown, or refused (nothing was done, and this site's staff must
    act)."""
    sentence: str | Promise = ""
    error: BlestaError | None = None
    """What the operation raised, for those who answer in other ways than a page."""

    def ask(self, *, actor: Any, token: str) -> Result:
        """The one operation that this form stands for, from `cleaned_data`."""
        raise TypeError(f"{type(self).__name__} must say in ask() which operation it stands for.")

    def submit(self, *, actor: Any = None) -> bool:
        """Whether Blesta made the change, or will be asked when it is back; its errors are on the fields concerned."""
        if not cast("Any", self).is_valid():
            self.outcome, self.sentence = "rejected", INVALID
            return False
        token = self.submitted_token
        try:
            result = self.ask(actor=actor, token=token)
        except BlestaError as error:
            self.operation = None if isinstance(error, TokenReused) else find(token, using=self.using)
            self.error, self.outcome, self.sentence = error, outcome_of(error), sentence_for(error)
            if isinstance(error, Rejected):
                self.show(error)
            if not isinstance(error, OutcomeUnknown | TokenReused):
                self.renew_token()
            return False
        self.operation, self.outcome, self.sentence = result.operation, "succeeded", SAVED
        if result.queued:
            self.outcome, self.sentence = "queued", QUEUED
        if labels := self.labels_of(result.differs):
            self.sentence = SAVED_BUT % {"fields": ", ".join(labels)}
        return True

    @property
    def submitted_token(self) -> str:
        raise NotImplementedError

    def renew_token(self) -> None:
        raise NotImplementedError

    def show(self, error: Rejected) -> None:
        """Put Blesta's errors where they belong."""
        raise NotImplementedError

    def labels_of(self, names: Collection[str]) -> list[str]:
        return []


class OperationFormMixin(Submitted):
    """Makes any form one change asked of Blesta: for `forms.Form` it is `OperationForm`, for a site's own `ModelForm`
    it stands first among the bases, and `submit()` takes the place of `save()`.

    `submit()` asks Blesta, once; afterwards `outcome`, `sentence` and `operation` say what came of it.

    The hidden `token` belongs to one change: a page that is posted twice changes once. It is renewed where nothing
    was done, so that the corrected form may be sent, and kept where the outcome is unknown, so that it may not.
    A template that writes its fields by hand must write ``{{ form.token }}`` too.
    """

    rows: ClassVar[Mapping[str, type[BaseFormSet[Any]]]] = {}
    """Blesta's names of lists (`lines`) to the formsets that hold their rows; see `row_forms`."""

    def __init__(self, data: Any = None, files: Any = None, *, using: str = DEFAULT_DB_ALIAS, **options: Any) -> None:
        super().__init__(data, files, **options)  # type: ignore[call-arg]  # of the form that it is mixed into
        self.using = using
        form = self._form
        form.fields["token"] = forms.CharField(widget=forms.HiddenInput, required=False, initial=new_token())
        self.formsets = {
            name: formset(data, prefix=form.add_prefix(name) if form.prefix else name)
            for name, formset in self.rows.items()
        }

    @property
    def _form(self) -> forms.Form:
        """This very object; the mixin is always one."""
        return cast("forms.Form", self)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self._form.cleaned_data  # type: ignore[misc]  # of the form that it is mixed into
        if not is_token(cleaned.get("token", "")):
            incomplete = _("This page is incomplete or too old. Load it again and repeat the change there.")
            self._form.add_error(None, ValidationError(incomplete, code="token"))
        return cleaned

    def is_valid(self) -> bool:
        rows = [formset.is_valid() for formset in self.formsets.values()]
        return bool(super().is_valid()) and all(rows)  # type: ignore[misc]  # of the form that it is mixed into

    def row_forms(self, name: str) -> list[forms.Form]:
        """The rows to send, in their order: `lines[2]` of Blesta's is the third of these, whichever were left empty."""
        return rows_of(self.formsets[name])

    @property
    def submitted_token(self) -> str:
        return str(self._form.cleaned_data["token"])

    def labels_of(self, names: Collection[str]) -> list[str]:
        return [str(self._form[name].label) for name in names if name in self._form.fields]

    def show(self, error: Rejected) -> None:
        """Put Blesta's errors where they belong: rows first, then fields, and what fits neither above them all."""
        rest: list[FieldError] = []
        for one in error.errors:
            formset = self.formsets.get(plain_field(one.field).partition("[")[0])
            if formset is None:
                rest.append(one)
            else:
                show_in_rows(formset, rows_of(formset), one, self.renamed)
        if rest or not error.errors:
            names = [name for name in self._form.fields if name != "token"]
            left = Rejected(str(error), Facts(error.call, errors=tuple(rest)))
            self._form.add_error(None, validation_error(left, fields=names, renamed=self.renamed))

    def renew_token(self) -> None:
        data: Any = copy(self._form.data)  # a request's own data may not be changed
        data[self._form.add_prefix("token")] = new_token()
        self._form.data = data


class OperationForm(OperationFormMixin, forms.Form):
    """A form whose submission is one change asked of Blesta."""
