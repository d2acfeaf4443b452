"""Forms about changing what a customer has bought: quoted first, then ordered."""

from __future__ import annotations

from copy import copy
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_blesta.exceptions import Facts, FieldError, Rejected
from django_blesta.forms.base import OperationForm
from django_blesta.forms.customers import ConfirmedForm
from django_blesta.models import PackagePricing, Service, ServiceChange
from django_blesta.operations import Result, service_changes, services


class ChangeServiceForm(OperationForm):
    """Another price of the service's package.

    Two rounds: a page that is sent without `quoted` comes back with the cost in `quote` and in that hidden field, and
    nothing is ordered; sent again with it, the change is ordered, unless the cost has moved meanwhile. What costs
    nothing is changed at once.
    """

    renamed = {"pricing_id": "pricing"}

    pricing = forms.ModelChoiceField(label=_("Change to"), queryset=PackagePricing.objects.none())
    quoted = forms.DecimalField(required=False, max_digits=19, decimal_places=4, widget=forms.HiddenInput)

    quote: service_changes.Quote | None = None

    def __init__(self, data: Any = None, *, service: Service, **options: Any) -> None:
        super().__init__(data, **options)
        self.service = service
        present = service.pricing
        offered = PackagePricing.objects.using(self.using).present().exclude(pk=service.pricing_id)
        if present is not None:
            offered = offered.filter(package=present.package_id, currency=present.currency)
        self.fields["pricing"].queryset = offered if present else offered.none()  # type: ignore[attr-defined]  # of this field

    def ask(self, *, actor: Any, token: str) -> Result:
        pricing: PackagePricing = self.cleaned_data["pricing"]
        quoted: Decimal | None = self.cleaned_data["quoted"]
        self.quote = quote = service_changes.quote(self.service, pricing=pricing, using=self.using)
        if quote.errors:
            raise Rejected("Blesta would not take this change.", Facts("service_changes.quote", errors=quote.errors))
        if quoted is None or quoted != quote.to_pay:
            self._confirm(quote)
        who: dict[str, Any] = {"actor": actor, "token": token, "using": self.using}
        if not quote.to_pay:
            return services.change_term(self.service, pricing=pricing, **who)
        amount, currency = quote.to_pay, quote.currency
        return service_changes.order(self.service, amount=amount, currency=currency, pricing=pricing, **who)

    def _confirm(self, quote: service_changes.Quote) -> None:
        data: Any = copy(self.data)  # a request's own data may not be changed
        data[self.add_prefix("quoted")] = str(quote.to_pay)
        self.data = data
        text = gettext("This costs %(amount)s %(currency)s now. Send it again to order it.") % {
            "amount": quote.to_pay,
            "currency": quote.currency,
        }
        raise Rejected("Not confirmed yet.", Facts("service_changes.quote", errors=(FieldError("", "confirm", text),)))


class CancelChangeForm(ConfirmedForm):
    """Take back what was ordered and is not paid yet; a box must be ticked."""

    def __init__(self, data: Any = None, *, change: ServiceChange, **options: Any) -> None:
        super().__init__(data, **options)
        self.change = change

    def ask(self, *, actor: Any, token: str) -> Result:
        return service_changes.cancel(self.change, actor=actor, token=token, using=self.using)
