"""Forms whose submission is one change asked of Blesta: shape is checked here, rules are Blesta's.

In a view that no transaction wraps (`operations.outside_transactions`)::

    form = ContactForm(request.POST or None, contact=contact)
    if request.method == "POST" and form.submit(actor=request.user):
        return redirect(…)
    return render(request, …, {"form": form})      # form.sentence says what came of it
"""

from __future__ import annotations

from django_blesta.forms.base import OperationForm, OperationFormMixin
from django_blesta.forms.customers import (
    AddContactForm,
    AddNumberForm,
    CancelServiceForm,
    ChangePasswordForm,
    ChangeUsernameForm,
    ClientSettingsForm,
    ConfirmedForm,
    ContactForm,
    DeleteContactForm,
    DeleteNumberForm,
    NumberForm,
    UncancelServiceForm,
)
from django_blesta.forms.staff import InvoiceForm, LineForm, RecordPaymentForm
from django_blesta.forms.views import OperationFormView

__all__ = [
    "AddContactForm",
    "AddNumberForm",
    "CancelServiceForm",
    "ChangePasswordForm",
    "ChangeUsernameForm",
    "ClientSettingsForm",
    "ConfirmedForm",
    "ContactForm",
    "DeleteContactForm",
    "DeleteNumberForm",
    "InvoiceForm",
    "LineForm",
    "NumberForm",
    "OperationForm",
    "OperationFormMixin",
    "OperationFormView",
    "RecordPaymentForm",
    "UncancelServiceForm",
]
