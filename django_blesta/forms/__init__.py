"""Forms whose submission is one change asked of Blesta: shape is checked here, rules are Blesta's.

In a view that no transaction wraps (`operations.outside_transactions`)::

    form = ContactForm(request.POST or None, contact=contact)
    if request.method == "POST" and form.submit(actor=request.user):
        return redirect(…)
    return render(request, …, {"form": form})      # form.sentence says what came of it
"""

from __future__ import annotations

from django_blesta.forms.base import OperationForm, OperationFormMixin, Submitted
from django_blesta.forms.billing import (
    ApplyCreditForm,
    ApproveQuotationForm,
    ChargeForm,
    DeclineQuotationForm,
    DeliverInvoiceForm,
)
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
from django_blesta.forms.formsets import OperationFormSet
from django_blesta.forms.people import ContactPermissionsForm, RegisterForm
from django_blesta.forms.services import CancelChangeForm, ChangeServiceForm
from django_blesta.forms.staff import InvoiceForm, LineForm, RecordPaymentForm, RecurringInvoiceForm
from django_blesta.forms.tickets import CloseTicketForm, OpenTicketForm, ReopenTicketForm, ReplyForm
from django_blesta.forms.views import OperationFormView, tell

__all__ = [
    "AddContactForm",
    "AddNumberForm",
    "ApplyCreditForm",
    "ApproveQuotationForm",
    "CancelChangeForm",
    "CancelServiceForm",
    "ChangePasswordForm",
    "ChangeServiceForm",
    "ChangeUsernameForm",
    "ChargeForm",
    "ClientSettingsForm",
    "CloseTicketForm",
    "ConfirmedForm",
    "ContactForm",
    "ContactPermissionsForm",
    "DeclineQuotationForm",
    "DeleteContactForm",
    "DeleteNumberForm",
    "DeliverInvoiceForm",
    "InvoiceForm",
    "LineForm",
    "NumberForm",
    "OpenTicketForm",
    "OperationForm",
    "OperationFormMixin",
    "OperationFormSet",
    "OperationFormView",
    "RecordPaymentForm",
    "RecurringInvoiceForm",
    "RegisterForm",
    "ReopenTicketForm",
    "ReplyForm",
    "Submitted",
    "UncancelServiceForm",
    "tell",
]
