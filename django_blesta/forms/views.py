"""A view of a site's own around one of these forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views.generic import FormView

from django_blesta.forms.base import OperationForm, Submitted
from django_blesta.operations import outside_transactions

if TYPE_CHECKING:
    _FormView = FormView[OperationForm]
else:  # Django's own views take no parameters at run time
    _FormView = FormView


LEVELS: Final = {"succeeded": messages.SUCCESS, "queued": messages.INFO, "unknown": messages.WARNING}


def tell(request: HttpRequest, form: Submitted) -> None:
    """Say what came of a submitted form with the messages framework; on a site without it, nothing happens."""
    level = LEVELS.get(form.outcome, messages.ERROR)
    messages.add_message(request, level, str(form.sentence), fail_silently=True)


@method_decorator(outside_transactions, name="dispatch")
class OperationFormView(_FormView):
    """`FormView` for an `OperationForm`: says what came of it with the messages framework, and redirects where it is
    done. `get_form_kwargs` adds the row that the form is about. Who may see the row is the site's to decide."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = self.get_form()
        done = form.submit(actor=request.user if request.user.is_authenticated else None)
        tell(request, form)
        return self.form_valid(form) if done else self.form_invalid(form)
