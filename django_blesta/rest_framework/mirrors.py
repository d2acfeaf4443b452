"""The mirror over REST, to be read only: a customer's own invoices, services and payments, and every mirror for staff.

Nothing here asks Blesta. Every answer says how old it is: `as_of` for a page of rows and for one row.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

from django.db import models
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from django_blesta.freshness import as_of, as_of_all
from django_blesta.models import Invoice, Mirror, Service, Transaction, mirrors
from django_blesta.rest_framework.views import BlestaView

#: What the sync keeps for itself and says nothing to a reader.
_MACHINERY = frozenset({"row_digest", "detail_digest", "fence", "refresh_fence"})


class RowPages(CursorPagination):
    """Newest first and by key, so that page 9,000 costs what page 1 does, and no count of a large table is asked."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering = "-pk"


@cache
def serializer_for(model: type[Mirror], columns: tuple[str, ...]) -> type[serializers.ModelSerializer[Any]]:
    """Amounts are text with Blesta's four places whatever the site's own setting is: no float can hold them."""
    decimals = {
        field.name: {"coerce_to_string": True, "localize": False}
        for field in model._meta.concrete_fields
        if isinstance(field, models.DecimalField) and field.name in columns
    }
    meta = type("Meta", (), {"model": model, "fields": columns, "read_only_fields": columns, "extra_kwargs": decimals})
    return type(f"{model.__name__}Serializer", (serializers.ModelSerializer,), {"Meta": meta})


def all_columns(model: type[Mirror]) -> tuple[str, ...]:
    return tuple(field.attname for field in model._meta.concrete_fields if field.name not in _MACHINERY)


class MirrorView(BlestaView):
    """Rows of one mirror. A site serves its own mirror to customers by a subclass of this for each of the two views.

    `columns` are shown in this order; `children` are related names with their columns, shown with a single row;
    `narrowed_by` are columns that a query parameter of that name may narrow a list to one value of.
    """

    model: ClassVar[type[Mirror]]
    columns: ClassVar[tuple[str, ...]]
    children: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    narrowed_by: ClassVar[tuple[str, ...]] = ()

    def rows(self) -> QuerySet[Any]:
        """Those of the one client that the user is linked to; anyone else's are not there."""
        found: QuerySet[Any] = self.model.objects.using(self.using).for_user(self.request.user)
        return found

    def shown(self, rows: Any, *, many: bool = False) -> Any:
        return serializer_for(self.model, self.columns)(rows, many=many, context={"request": self.request}).data


class MirrorList(MirrorView):
    def get(self, request: Request, **kwargs: Any) -> Response:
        rows = self.rows().filter(**self._wanted(request))
        pages = RowPages()
        page = pages.paginate_queryset(rows, request, view=self) or []
        return Response(
            {
                "next": pages.get_next_link(),
                "previous": pages.get_previous_link(),
                "as_of": as_of_all(page),
                "results": self.shown(page, many=True),
            }
        )

    def _wanted(self, request: Request) -> dict[str, Any]:
        wanted: dict[str, Any] = {}
        wrong: dict[str, list[ErrorDetail]] = {}
        for name in self.narrowed_by:
            text = request.query_params.get(name)
            if text is None:
                continue
            try:
                wanted[name] = _value(self.model, name, text)
            except ValueError:
                wrong[name] = [ErrorDetail(str(_("A whole number is expected.")), "invalid")]
        if wrong:
            raise ValidationError(wrong)
        return wanted


class MirrorDetail(MirrorView):
    def get(self, request: Request, **kwargs: Any) -> Response:
        row = get_object_or_404(self.rows(), pk=kwargs["pk"])
        found = {**self.shown(row), "as_of": as_of(row)}
        for name, columns in self.children.items():
            related = getattr(row, name).all()
            children = serializer_for(related.model, columns)(related.filter(gone_at__isnull=True), many=True)
            found[name] = children.data
        return Response(found)


def _value(model: type[Mirror], name: str, text: str) -> Any:
    """ValueError where the column holds numbers and the text is none that it can hold."""
    field = next(one for one in model._meta.concrete_fields if name in (one.attname, one.name))
    if not isinstance(field, models.ForeignKey | models.IntegerField):
        return text.replace("\x00", "")
    number = int(text)
    if not (text.isascii() and -(2**63) <= number < 2**63):
        raise ValueError(text)
    return number


class _Invoices(MirrorView):
    model = Invoice
    columns = (
        "id",
        "id_code",
        "client_id",
        "status",
        "currency",
        "subtotal",
        "total",
        "paid",
        "due",
        "billed_at",
        "due_at",
        "closed_at",
        "note_public",
        "fetched_at",
    )
    children: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "lines": ("id", "service_id", "description", "qty", "amount", "total"),
        "taxes": ("name", "rate", "type", "total"),
    }
    narrowed_by = ("status", "currency")

    def rows(self) -> QuerySet[Any]:
        return super().rows().issued()  # type: ignore[no-any-return, attr-defined]  # the invoices' own queryset


class InvoicesView(_Invoices, MirrorList):
    """Issued invoices; drafts are staff's own business."""


class InvoiceView(_Invoices, MirrorDetail):
    """One invoice with its lines and taxes."""


class _Services(MirrorView):
    model = Service
    columns = (
        "id",
        "id_code",
        "client_id",
        "parent_service_id",
        "package_id",
        "pricing_id",
        "name",
        "qty",
        "override_price",
        "override_currency",
        "status",
        "added_at",
        "renews_at",
        "suspended_at",
        "canceled_at",
        "fetched_at",
    )
    children: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "options": ("option_id", "option_name", "value_name", "qty", "price", "setup_fee")
    }
    narrowed_by = ("status", "package_id")


class ServicesView(_Services, MirrorList):
    """What the client has bought, ended services included; a `canceled_at` that lies ahead is a scheduled end."""


class ServiceDetailView(_Services, MirrorDetail):
    """One service with its chosen options."""


class _Transactions(MirrorView):
    model = Transaction
    columns = (
        "id",
        "client_id",
        "amount",
        "applied_amount",
        "currency",
        "type",
        "gateway_name",
        "number",
        "status",
        "added_at",
        "fetched_at",
    )
    narrowed_by = ("status", "currency")


class TransactionsView(_Transactions, MirrorList):
    """The client's payments."""


class TransactionView(_Transactions, MirrorDetail):
    """One payment."""


class MayViewMirror(IsAdminUser):
    """Staff, with Django's own view permission for that mirror."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        model = view.kwargs.get("mirror")
        found = None if model is None else _named().get(model)
        return found is None or _may_view(request.user, found)


def _may_view(user: Any, model: type[Mirror]) -> bool:
    return bool(user.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}"))


@cache
def _named() -> dict[str, type[Mirror]]:
    """By the model's name, with the app's before it where the app is not ours."""
    ours = "django_blesta"
    return {
        str(one._meta.model_name) if one._meta.app_label == ours else one._meta.label_lower: one for one in mirrors()
    }


class _AnyMirror(MirrorView):
    """Every mirror of the project, a site's own included, with all its columns and its gone rows."""

    permission_classes = (MayViewMirror,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        found = _named().get(kwargs["mirror"])
        super().initial(request, *args, **kwargs)
        if found is None:
            raise Http404
        # Of this view object, which serves this request alone.
        self.model, self.columns = found, all_columns(found)  # type: ignore[misc]
        self.narrowed_by = tuple(  # type: ignore[misc]
            field.attname
            for field in found._meta.concrete_fields
            if field.primary_key or getattr(field, "db_index", False)
            if not isinstance(field, models.DateTimeField)
        )

    def rows(self) -> QuerySet[Any]:
        found: QuerySet[Any] = self.model.objects.using(self.using).all()
        return found


class AnyMirrorList(_AnyMirror, MirrorList):
    """`?gone=true` and `?gone=false` part the rows that Blesta no longer has from those that it has."""

    def rows(self) -> QuerySet[Any]:
        wanted = {"true": False, "false": True}.get(self.request.query_params.get("gone", ""))
        return super().rows() if wanted is None else super().rows().filter(gone_at__isnull=wanted)


class AnyMirrorDetail(_AnyMirror, MirrorDetail):
    """One row, gone or not."""


class MirrorsView(BlestaView):
    """Which mirrors there are; those alone that this member of staff may view."""

    permission_classes = (IsAdminUser,)

    def get(self, request: Request) -> Response:
        return Response(
            [
                {
                    "name": name,
                    "label": capfirst(str(model._meta.verbose_name_plural)),
                    "url": reverse("blesta_api:mirror-list", kwargs={"mirror": name}, request=request),
                }
                for name, model in _named().items()
                if _may_view(request.user, model)
            ]
        )
