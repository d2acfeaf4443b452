"""What the admin of every mirror shares: nothing can be changed, and from each row one gets to its relations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import (
    display_for_field,
    display_for_value,
    label_for_field,
    lookup_field,
    unquote,
)
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.text import capfirst, smart_split, unescape_string_literal
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_blesta import money
from django_blesta.admin._acting import ActingMixin
from django_blesta.admin._filters import GoneFilter
from django_blesta.admin._pages import EstimatingPaginator
from django_blesta.admin._timeline import timeline_of
from django_blesta.admin._words import format_word, link_to, may_see
from django_blesta.freshness import as_of
from django_blesta.models import Mirror, MirrorForeignKey, MoneyField

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin

BOOKKEEPING = ("gone_at", "unlisted_at", "fetched_at", "detail_fetched_at")
HIDDEN = ("row_digest", "detail_digest", "fence", "refresh_fence", *BOOKKEEPING)
RELATED_ROWS = 10
FOUND_THROUGH_PARENTS = 1000
EMPTY = "–"


class ReadOnlyAdmin(_ModelAdmin):
    """Refuses in the permission methods, so that a forged POST is refused too, and not merely a button hidden."""

    paginator = EstimatingPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0
    actions = None
    empty_value_display = EMPTY
    view_on_site = False  # a customer's page is the customer's

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Related:
    """A table of rows that point at the one shown; columns are those of the related model's own admin."""

    accessor: str
    columns: tuple[str, ...]
    ordering: tuple[str, ...] = ("-pk",)
    rows: int = RELATED_ROWS


class MirrorAdmin(ActingMixin, ReadOnlyAdmin):
    """Read-only face of one mirror; a site's own mirrors may use it as it stands.

    For each foreign key `x` there is a column `x_link`, and `x_id_only` in its place for staff who may not see the rows
    that it leads to: nobody learns a client's name from an invoice. For each amount there is `x_money`, for each other
    decimal `x_number`, for each moment `x_day` without its time, for each Blesta word that the model has an `x_label`
    for `x_word`; `row`
    is the row's own name (`name_of`), marked when the row is gone.
    """

    list_display: Any = ("row",)
    list_filter: ClassVar[Any] = (GoneFilter,)
    ordering: ClassVar[Any] = ("-pk",)
    change_form_template = "django_blesta/admin/mirror.html"
    related: ClassVar[tuple[Related, ...]] = ()
    currencies: ClassVar[dict[str, str]] = {}
    """Amount to the path of its currency, where that is not the row's own `currency`."""
    facts: ClassVar[tuple[str | tuple[str, ...], ...]] = ()
    """The page of one row, top to bottom; a tuple stands on one line, and columns left out follow by themselves."""
    reads_in_list: ClassVar[tuple[str, ...]] = ()
    """Foreign keys that a list needs beyond those whose links it shows."""

    class Media:
        css = {"all": ("django_blesta/admin.css",)}

    def __init__(self, model: type[Mirror], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        self.row = _column(self._row, model._meta.verbose_name, "pk")
        for field in model._meta.concrete_fields:
            if isinstance(field, MirrorForeignKey):
                setattr(self, f"{field.name}_link", _column(partial(self._link, field), field.verbose_name, field.name))
                setattr(
                    self, f"{field.name}_id_only", _column(partial(_id_only, field), field.verbose_name, field.name)
                )
            elif isinstance(field, MoneyField):
                setattr(
                    self,
                    f"{field.name}_money",
                    _column(partial(self._money, field.name), field.verbose_name, field.name),
                )
            elif isinstance(field, models.DecimalField):
                setattr(
                    self,
                    f"{field.name}_number",
                    _column(partial(self._number, field.name), field.verbose_name, field.name),
                )
            elif isinstance(field, models.DateTimeField):
                setattr(
                    self, f"{field.name}_day", _column(partial(self._day, field.name), field.verbose_name, field.name)
                )
            elif hasattr(model, f"{field.name}_label"):
                setattr(
                    self, f"{field.name}_word", _column(partial(self._word, field.name), field.verbose_name, field.name)
                )

    def get_list_display(self, request: HttpRequest) -> Any:
        return self._for(request, super().get_list_display(request))

    def get_list_filter(self, request: HttpRequest) -> Any:
        """A filter by the rows of another mirror names them all."""
        hidden = self._hidden_from(request)
        return [one for one in super().get_list_filter(request) if not (isinstance(one, str) and one in hidden)]

    def get_search_fields(self, request: HttpRequest) -> Any:
        """What one may not see one may not guess at either."""
        hidden = self._hidden_from(request)
        return [name for name in super().get_search_fields(request) if _first_step(name) not in hidden]

    def _hidden_from(self, request: HttpRequest) -> set[str]:
        """Foreign keys to mirrors whose rows these staff may not see."""
        keys = [field for field in self.model._meta.concrete_fields if isinstance(field, MirrorForeignKey)]
        visible = {model: may_see(model, self.admin_site, request) for model in {key.related_model for key in keys}}
        return {key.name for key in keys if not visible[key.related_model]}

    def _for(self, request: HttpRequest, columns: Iterable[Any]) -> list[Any]:
        """The columns, with bare ids in the place of names that these staff may not see."""
        hidden = {f"{name}_link": f"{name}_id_only" for name in self._hidden_from(request)}
        return [hidden.get(column, column) if isinstance(column, str) else column for column in columns]

    def get_list_select_related(self, request: HttpRequest) -> Any:
        return self._joined(self.get_list_display(request)) or False

    def _joined(self, columns: Iterable[Any]) -> tuple[str, ...]:
        """The foreign keys that rows with these columns read: one query then fetches them all."""
        shown = [str(column).removesuffix("_link") for column in columns if str(column).endswith("_link")]
        return tuple(dict.fromkeys([*shown, *self.reads_in_list]))

    # Columns

    def name_of(self, obj: Any) -> str:
        return str(obj)

    def _row(self, obj: Mirror) -> str:
        if not obj.is_gone:
            return self.name_of(obj)
        return format_html('{} <span class="blesta-word blesta-gone">{}</span>', self.name_of(obj), gettext("gone"))

    def _link(self, field: MirrorForeignKey, obj: Mirror) -> str | None:
        key = getattr(obj, field.attname)
        if key is None:
            return None
        parent = getattr(obj, field.name)
        if parent is None:
            return format_html('<span class="blesta-missing">{}</span>', gettext("#%(id)s (missing)") % {"id": key})
        return link_to(parent, self.admin_site)

    def _money(self, name: str, obj: Mirror) -> str | None:
        amount = getattr(obj, name)
        currency: Any = obj
        for step in self.currencies.get(name, "currency").split("."):
            currency = getattr(currency, step, "")
        return None if amount is None else money.written(amount, currency or "")

    def _number(self, name: str, obj: Mirror) -> str | None:
        number = getattr(obj, name)
        return None if number is None else money.plain(number)

    def _day(self, name: str, obj: Mirror) -> str | None:
        moment = getattr(obj, name)
        return None if moment is None else formats.date_format(timezone.localtime(moment))

    def _word(self, name: str, obj: Mirror) -> str | None:
        word = getattr(obj, name)
        return format_word(self.shade_of(name, obj), getattr(obj, f"{name}_label")) if word else None

    def shade_of(self, name: str, obj: Any) -> str:
        """Which word's colour a cell takes, where its label says more than Blesta's word does."""
        return str(getattr(obj, name))

    @admin.display(description=_("known as of"))
    def known_as_of(self, obj: Mirror) -> str:
        return formats.localize(timezone.localtime(as_of(obj)))

    # The page of one row

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows = super().get_queryset(request)
        match = request.resolver_match
        if match is not None and match.url_name and match.url_name.endswith("_change"):
            parents = [f.name for f in self.model._meta.concrete_fields if isinstance(f, MirrorForeignKey)]
            return rows.select_related(*parents, *self.reads_in_list)
        return rows

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        facts: list[str | tuple[str, ...]] = list(self.facts)
        placed = {name for line in self.facts for name in ([line] if isinstance(line, str) else line)}
        for field in self.model._meta.concrete_fields:
            forms = [f"{field.name}{suffix}" for suffix in ("_link", "_money", "_number", "_word", "")]
            if field.name not in HIDDEN and not placed.intersection(forms):
                facts.append(next(name for name in forms if hasattr(self, name) or name == field.name))
        shown = [
            tuple(self._for(request, line)) if isinstance(line, tuple) else self._for(request, [line])[0]
            for line in facts
        ]
        kept = (*BOOKKEEPING, "known_as_of")
        return [
            (None, {"fields": shown}),
            (_("Bookkeeping"), {"classes": ("collapse",), "fields": kept}),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        obj = self.get_object(request, unquote(object_id))
        if obj is None or not self.has_view_permission(request, obj):
            return super().change_view(request, object_id, form_url, extra_context)
        tables = [table for one in self.related if (table := self._table(one, obj, request)) is not None]
        context = {
            "related_tables": tables,
            "timeline": timeline_of(obj, request, self.admin_site),
            "doings": self.doings_for(request, obj),
            "may_refresh": self.may_refresh(request) and not obj.is_gone,
            "may_see_raw": self.may_see_raw(request),
            "refresh_link": self._page_of(obj, "refresh"),
            "raw_link": self._page_of(obj, "raw"),
            "blesta_link": self.address_in_blesta(obj),
            "gone_at": obj.gone_at,
            **self.context_of(obj, request),
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, context)

    def context_of(self, obj: Any, request: HttpRequest) -> dict[str, Any]:
        """What else the template of one row's page is given."""
        return {}

    def _table(self, related: Related, obj: Mirror, request: HttpRequest) -> dict[str, Any] | None:
        """What the template shows of one relation; None for staff who may not see the rows."""
        manager = getattr(obj, related.accessor)
        model = manager.model
        if not may_see(model, self.admin_site, request):
            return None
        face = self.admin_site.get_model_admin(model)
        rows = manager.order_by(*related.ordering)
        columns: Iterable[str] = related.columns
        if isinstance(face, MirrorAdmin):
            columns = face._for(request, related.columns)
            rows = rows.select_related(*face._joined(columns)) if face._joined(columns) else rows
        found = list(rows[: related.rows + 1])
        more = len(found) > related.rows
        shown = found[: related.rows]
        reference = manager.field
        where = reverse(f"{self.admin_site.name}:{model._meta.app_label}_{model._meta.model_name}_changelist")
        return {
            "name": related.accessor,
            "title": capfirst(str(model._meta.verbose_name_plural)),
            "labels": [(column, label_for_field(column, model, face)) for column in columns],
            "rows": [[(column, cell(row, column, face)) for column in columns] for row in shown],
            "count": manager.count() if more else len(shown),
            "more": f"{where}?{reference.name}__{reference.target_field.name}__exact={obj.pk}" if more else "",
        }

    # The list

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"subtitle": self._narrowed_to(request), **(extra_context or {})})

    def _narrowed_to(self, request: HttpRequest) -> str | None:
        """Name the parent whose rows the list shows, when one came here by a link "all N"."""
        for field in self.model._meta.concrete_fields:
            if isinstance(field, MirrorForeignKey):
                key = request.GET.get(f"{field.name}__{field.target_field.name}__exact", "")
                if key.isdecimal() and len(key) < 19:
                    if not may_see(field.related_model, self.admin_site, request):
                        return f"{capfirst(str(field.verbose_name))}: #{key}"
                    named = field.related_model._default_manager.filter(pk=key).first()
                    return f"{capfirst(str(field.verbose_name))}: {named or '#' + key}"
        return None

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """Each word is sought in the row's own columns and, first, in those of its parents, of which there are fewer.

        One query over a join of both would read every row of a large table. A number finds the row of that id too.
        """
        fields = self.get_search_fields(request)
        term = search_term.strip()
        if not fields or not term:
            return queryset, False
        through: dict[str, list[str]] = {}
        own = []
        for name in fields:
            first, _step, rest = name.lstrip("^=@").partition("__")
            if rest and self._is_parent(first):
                through.setdefault(first, []).append(rest)
            else:
                own.append(name)
        wanted = models.Q()
        for key, columns in through.items():
            parents = self.model._meta.get_field(key).related_model._base_manager.using(queryset.db)
            pks = _matching(parents, columns, term).order_by("-pk").values_list("pk", flat=True)[:FOUND_THROUGH_PARENTS]
            if found := list(pks):
                wanted |= models.Q(**{f"{key}__in": found})
        number = term.removeprefix("#")
        if number.isascii() and number.isdecimal() and len(number) < 19:
            wanted |= models.Q(pk=int(number))
        wanted |= _words_in(own, term)
        return queryset.filter(wanted), False

    def _is_parent(self, name: str) -> bool:
        return any(one.name == name and isinstance(one, MirrorForeignKey) for one in self.model._meta.concrete_fields)


_LOOKUPS = {"^": "istartswith", "=": "iexact"}
_NAMED = ("exact", "startswith")


def _words_in(names: Iterable[str], term: str) -> models.Q:
    """Every word of the term in some of these columns; nothing where there are none."""
    every = models.Q()
    for word in smart_split(term):
        bit = unescape_string_literal(word) if word[:1] in "\"'" and word[:1] == word[-1:] and len(word) > 1 else word
        some = models.Q()
        for name in names:
            path = name.lstrip("^=@")
            lookup = _LOOKUPS.get(name[:1]) or ("" if path.rpartition("__")[2] in _NAMED else "icontains")
            some |= models.Q(**{f"{path}__{lookup}" if lookup else path: bit})
        every &= some or models.Q(pk__in=[])
    return every


def _matching(rows: models.QuerySet[Any], columns: Iterable[str], term: str) -> models.QuerySet[Any]:
    return rows.filter(_words_in(columns, term))


def _id_only(field: MirrorForeignKey, obj: Mirror) -> str | None:
    key = getattr(obj, field.attname)
    return None if key is None else f"#{key}"


def _first_step(lookup: str) -> str:
    return lookup.lstrip("^=@").partition("__")[0]


def _column(show: Callable[[Any], Any], description: Any, ordering: str) -> Callable[[Any], Any]:
    def column(obj: Any) -> Any:
        shown = show(obj)
        # A list writes the empty value for None, the page of one row writes "None".
        return EMPTY if shown is None else shown

    return admin.display(description=description, ordering=ordering)(column)


def cell(row: Any, column: str, face: admin.ModelAdmin[Any]) -> Any:
    """One cell as a list of this model would show it."""
    field, _attribute, value = lookup_field(column, row, face)
    empty = face.get_empty_value_display()
    if field is not None:
        shown = display_for_field(value, field, empty)
    else:
        shown = display_for_value(value, empty, isinstance(value, bool))
    if column == "row" and isinstance(face, MirrorAdmin):
        return link_to(row, face.admin_site, face.name_of(row))
    return shown
