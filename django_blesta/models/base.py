"""What every mirror shares: its bookkeeping columns, its foreign keys that may dangle, and its three ways of asking."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from django.apps import apps
from django.db import models
from django.db.models.fields.related_descriptors import ForwardManyToOneDescriptor
from django.db.models.signals import class_prepared
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from django_blesta.connection import Unreadable, decimal_from, declare, text_from
from django_blesta.resources import Resource

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    from django_blesta.models.clients import Client

    _DecimalField = models.DecimalField[Any, Any]
    _CharField = models.CharField[str, str]
    _Descriptor = ForwardManyToOneDescriptor[Any]
else:  # Django's field classes take no parameters at run time
    _DecimalField = models.DecimalField
    _CharField = models.CharField
    _Descriptor = ForwardManyToOneDescriptor


#: Reasons for leaving a column out that several declarations share.
FORMAT = "How Blesta makes `id_code`, which is mirrored."
JOINED = "Joined in from a row that is mirrored itself."


class MoneyField(_DecimalField):
    """An amount with Blesta's four places; the currency is always in a column beside it."""

    def __init__(self, verbose_name: Any = None, **options: Any) -> None:
        options["max_digits"], options["decimal_places"] = 19, 4
        super().__init__(verbose_name, **options)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, arguments, options = super().deconstruct()
        del options["max_digits"], options["decimal_places"]
        return name, path, list(arguments), dict(options)

    def from_blesta(self, value: Any) -> Any:
        """Refuse what some database would round: beyond four places, or beyond SQLite's exact integer digits."""
        if value is None or (value == "" and self.null):
            return None
        amount = decimal_from(value, 4)
        if abs(amount) >= 10**11:
            raise Unreadable("too-large", "An amount beyond 11 digits before the point cannot be held exactly.")
        return amount


class CountryField(_CharField):
    """An ISO 3166 alpha-2 code; some of Blesta's answers spell the country as a map instead (reference trap 24)."""

    def __init__(self, verbose_name: Any = None, **options: Any) -> None:
        options.setdefault("max_length", 3)
        options.setdefault("blank", True)
        super().__init__(verbose_name, **options)

    def from_blesta(self, value: Any) -> str:
        if isinstance(value, dict):
            value = value.get("alpha2")
        text = "" if value is None else text_from(value)
        if len(text) > (self.max_length or 3):
            raise Unreadable("too-long", "A country code longer than three characters.")
        return text


class TranslationsField(models.JSONField):
    """Language code to text, from Blesta's list of `{"lang": …, KEY: …}`."""

    def __init__(self, *arguments: Any, key: str = "name", **options: Any) -> None:
        self.key = key
        options.setdefault("default", dict)
        options.setdefault("blank", True)
        super().__init__(*arguments, **options)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, arguments, options = super().deconstruct()
        return name, path, list(arguments), {**options, "key": self.key}

    def from_blesta(self, value: Any) -> dict[str, str]:
        if not value:
            return {}
        entries = list(value.values()) if isinstance(value, dict) else value
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise Unreadable("not-a-list", "Translations are expected as a list of maps.")
        pairs = {text_from(e.get("lang") or ""): text_from(e.get(self.key) or "") for e in entries}
        return dict(sorted(pairs.items()))


class AllowedMapField(models.JSONField):
    """A map of which only the keys on an allow-list are kept, as text: the rest may be secrets (reference 6.1).

    Blesta writes such maps as `{key: value}` or as a list of `{"key": …, "value": …, "encrypted": …}`; an entry that
    says it is encrypted, or that it holds PHP's serialised data, is dropped whatever its key. `by_ending` allows keys
    that end in an allowed word too (`cpanel_domain`), since modules put their own name before it.
    """

    def __init__(self, *arguments: Any, allowed: Iterable[str] = (), by_ending: bool = False, **options: Any) -> None:
        self.allowed = tuple(sorted(allowed))
        self.by_ending = by_ending
        options.setdefault("default", dict)
        options.setdefault("blank", True)
        super().__init__(*arguments, **options)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, arguments, options = super().deconstruct()
        return name, path, list(arguments), options

    def from_blesta(self, value: Any) -> dict[str, str]:
        if not value:
            return {}
        kept: dict[str, str] = {}
        for key, entry in _entries(value):
            if self._keeps(key) and not isinstance(entry, dict | list):
                kept[key] = text_from(entry)
        return dict(sorted(kept.items()))

    def _keeps(self, key: str) -> bool:
        if key in self.allowed:
            return True
        return self.by_ending and key.rpartition("_")[2] in self.allowed and not _SECRETIVE.search(key)


_SECRETIVE = re.compile(r"pass|pwd|secret|token|key|auth|pin", re.IGNORECASE)


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Key and value of each entry that is not encrypted."""
    if isinstance(value, dict) and not all(isinstance(entry, dict) and "key" in entry for entry in value.values()):
        yield from value.items()
        return
    entries = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Unreadable("not-a-map", "A map, or a list of keys and values, was expected.")
    for entry in entries:
        if all(entry.get(flag) in (None, False, 0, "0", "") for flag in ("encrypted", "serialized")):
            yield str(entry.get("key", "")), entry.get("value")


class _MissingParentIsNone(_Descriptor):
    """A child may arrive before its parent, or outlive it: reading the parent then gives None, not an exception."""

    def get_object(self, instance: models.Model) -> Any:
        try:
            return super().get_object(instance)
        except self.field.remote_field.model.DoesNotExist:
            return None


class MirrorForeignKey(models.ForeignKey[Any, Any]):
    """A reference as Blesta has it: nullable, without a database constraint, and never cascading."""

    forward_related_accessor_class = _MissingParentIsNone
    _fixed: ClassVar[dict[str, Any]] = {
        "null": True,
        "blank": True,
        "db_constraint": False,
        "on_delete": models.DO_NOTHING,
    }

    def __init__(self, to: Any, **options: Any) -> None:
        super().__init__(to, **(options | self._fixed))

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, arguments, options = super().deconstruct()
        return name, path, list(arguments), {k: v for k, v in options.items() if k not in self._fixed}


class MirrorQuerySet(models.QuerySet[Any]):
    """Rows as Blesta last showed them; `objects` includes gone rows, customer-facing code starts from `present`."""

    def present(self) -> Self:
        return self.filter(gone_at__isnull=True)

    def gone(self) -> Self:
        return self.filter(gone_at__isnull=False)

    def for_client(self, client: Client | int) -> Self:
        """Present rows of one client; of no client where the model has no way to one."""
        return self._of_clients([client if isinstance(client, int) else client.pk])

    def for_user(self, user: AbstractBaseUser | AnonymousUser | None) -> Self:
        """Present rows of the client that staff linked to this user in this database; nothing for anyone else."""
        from django_blesta.models.clients import ClientLink

        return self._of_clients(ClientLink.client_ids(user, using=self.db))

    def _of_clients(self, client_ids: list[int]) -> Self:
        path = cast("type[Mirror]", self.model).client_path
        if not path or not client_ids:
            return self.none()
        # A client that is gone hides its rows, though nothing cascades; one that has not arrived yet does not.
        clients = cast("type[Mirror]", apps.get_model("django_blesta", "Client"))
        gone = clients._base_manager.filter(pk=models.OuterRef(path), gone_at__isnull=False)
        return self.present().filter(~models.Exists(gone), **{f"{path}__in": client_ids})

    def orphans(self) -> Self:
        """Rows that name a parent which the mirror does not hold."""
        dangling = models.Q()
        for field in self.model._meta.concrete_fields:
            if isinstance(field, MirrorForeignKey):
                parents = field.related_model._base_manager.filter(pk=models.OuterRef(field.attname))
                dangling |= models.Q(**{f"{field.attname}__isnull": False}) & ~models.Q(models.Exists(parents))
        return self.filter(dangling) if dangling else self.none()


def per_currency(amounts: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """Sums by currency, exact, without those that are nothing; in the order of the currencies' codes."""
    sums: dict[str, Decimal] = {}
    for currency, amount in amounts:
        sums[currency] = sums.get(currency, Decimal(0)) + amount
    return {currency: sums[currency] for currency in sorted(sums) if sums[currency]}


def address_of(name: str, pk: Any) -> str:
    """The address of a page that the site may or may not have; empty where it has none."""
    try:
        return reverse(name, args=[pk])
    except NoReverseMatch:
        return ""


#: Columns that the sync keeps for itself; no declaration maps them.
BOOKKEEPING = frozenset(
    {"row_digest", "detail_digest", "fence", "fetched_at", "detail_fetched_at", "gone_at", "unlisted_at"}
)


class Mirror(models.Model):
    """One remote row. The primary key is Blesta's id; only `django_blesta.sync` writes here.

    `fence` is the number drawn before the request that brought the row left: a store with a lower one loses.
    `refresh_fence` is the one drawn for the latest refresh of this row alone; while it is above `fence`, that refresh
    is on its way, and whoever finds the row unchanged meanwhile must raise `fence` to be heard.
    `row_digest` covers what listings carry, `detail_digest` what only a single `get` carries.
    """

    resource: ClassVar[Resource]
    client_path: ClassVar[str] = ""
    """How to reach the client whose row this is, as a lookup; empty for rows of no client."""
    personal_columns: ClassVar[frozenset[str]] = frozenset()
    """Columns whose values no history keeps, beside those that are personal by name or by being free text."""

    company = MirrorForeignKey("django_blesta.Company", related_name="+", verbose_name=_("company"))
    row_digest = models.BigIntegerField(default=0, editable=False)
    detail_digest = models.BigIntegerField(null=True, editable=False)
    fence = models.BigIntegerField(default=0, editable=False)
    refresh_fence = models.BigIntegerField(default=0, editable=False)
    fetched_at = models.DateTimeField(_("fetched at"), editable=False)
    detail_fetched_at = models.DateTimeField(_("detail fetched at"), null=True, editable=False)
    gone_at = models.DateTimeField(_("gone since"), null=True, editable=False, db_index=True)
    unlisted_at = models.DateTimeField(_("shown by no listing since"), null=True, editable=False)

    objects = MirrorQuerySet.as_manager()

    class Meta:
        abstract = True

    @property
    def is_gone(self) -> bool:
        return self.gone_at is not None


def _declare_calls(sender: type[models.Model], **kwargs: Any) -> None:
    """What a mirror reads may be called in this process; nothing else may (architecture: least power)."""
    resource = getattr(sender, "resource", None)
    if isinstance(resource, Resource):
        for remote, method, shape, false_is_empty in resource.calls():
            declare(remote, method, writes=False, shape=shape, false_is_empty=false_is_empty)


class_prepared.connect(_declare_calls, dispatch_uid="django_blesta.mirror")


def mirrors() -> list[type[Mirror]]:
    """Every mirror of the project, a site's own included, in the order in which apps declare them."""
    return [model for model in apps.get_models() if issubclass(model, Mirror)]


def mirror_named(name: str) -> type[Mirror]:
    """The mirror called `Invoice`, `invoice` or `django_blesta.Invoice`; LookupError names the known ones."""
    wanted = name.lower()
    for model in mirrors():
        plural = str(model._meta.verbose_name_plural).replace(" ", "_").lower()
        if wanted in {model._meta.label_lower, model._meta.model_name, plural}:
            return model
    known = ", ".join(sorted(str(model._meta.model_name) for model in mirrors()))
    raise LookupError(f"No mirror is called {name!r}. Known: {known}.")
