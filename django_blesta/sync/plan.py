"""What a run covers, and in which order: parents before the rows that are reached or placed through them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from django.db import models

from django_blesta import conf
from django_blesta.connection import Connection, connection_for, identifier_from
from django_blesta.exceptions import NotConfigured
from django_blesta.models import Company, Mirror, MirrorForeignKey, mirrors
from django_blesta.resources import resource_of
from django_blesta.sync.fetch import Listing


@dataclass(frozen=True, slots=True)
class Scope:
    """One company of one installation. `alone` says that Blesta shows no other company to this key."""

    using: str
    company_id: int
    alone: bool
    configured: frozenset[int]

    @property
    def connection(self) -> Connection:
        return connection_for(self.using, self.company_id)


def scopes(using: str, company_ids: Iterable[int] | None = None) -> list[Scope]:
    """Ask Blesta which companies there are, and match them with the setting.

    Raise NotConfigured where a configured company does not exist, or where the setting names none and there are
    several: which one a key enters is nowhere told.
    """
    installation = conf.installation(using)
    known = [company for company in installation.companies if company is not None]
    asking = connection_for(using, known[0] if known else None)
    listing = Listing(asking, resource_of(Company), None)
    look = listing.first_look()
    pages = [look.rows, *(listing.page(number, look.order) for number in range(2, look.pages + 1))]
    named = (identifier_from(row.get("id")) for page in pages for row in page)
    shown = {company for company in named if company is not None}
    if not known:
        if len(shown) != 1:
            raise NotConfigured(
                f"Blesta shows {len(shown)} companies to this key. Name yours: "
                f'BLESTA[{using!r}]["COMPANIES"] = {{id: {{"USER": …, "KEY": …}}}}, with ids of {sorted(shown)}.'
            )
        known = list(shown)
    missing = sorted(set(known) - shown)
    if missing:
        raise NotConfigured(f"Blesta shows no company {missing[0]} to this key; it shows {sorted(shown)}.")
    wanted = known if company_ids is None else list(company_ids)
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise NotConfigured(f"BLESTA[{using!r}] has no company {unknown[0]}; it has {sorted(known)}.")
    configured = frozenset(known)
    return [Scope(using, company, len(shown) == 1, configured) for company in sorted(wanted)]


def in_order(chosen: Iterable[type[Mirror]] | None = None) -> list[type[Mirror]]:
    """The chosen mirrors (all of them by default) that are fetched for themselves, each after what it depends on."""
    wanted = list(mirrors() if chosen is None else chosen)
    ordered: list[type[Mirror]] = []
    visiting: set[type[Mirror]] = set()

    def visit(model: type[Mirror]) -> None:
        if model in ordered or model in visiting:
            return
        visiting.add(model)
        for needed in needed_by(model):
            visit(needed)
        ordered.append(model)

    for model in wanted:
        visit(model)
    return [model for model in ordered if model in wanted and not resource_of(model).embedded_in]


def asks_per_parent(model: type[Mirror]) -> bool:
    """Whether a run over it costs a request per row of another mirror, and not only one per page."""
    resource = resource_of(model)
    return bool(resource.parent or resource.reached_by)


def arriving_with(model: type[Mirror]) -> list[type[Mirror]]:
    """The mirrors whose rows come inside this one's, and theirs."""
    found: list[type[Mirror]] = []
    for child in mirrors():
        if resource_of(child).embedded_in.partition(".")[0] == model.__name__:
            found += [child, *arriving_with(child)]
    return found


def needed_by(model: type[Mirror]) -> list[type[Mirror]]:
    resource = resource_of(model)
    names = {resource.parent, resource.company} - {"", "key", "self"}
    needed = [_target(model, name) for name in sorted(names)]
    needed += [_source(reference)[0] for reference in resource.reached_by]
    return needed


def _target(model: type[Mirror], name: str) -> type[Mirror]:
    return cast("type[Mirror]", cast("MirrorForeignKey", model._meta.get_field(name)).related_model)


def _source(reference: str) -> tuple[type[Mirror], str]:
    """`"Client.user"` to the model and the attname of its column."""
    name, _, column = reference.partition(".")
    model = next(one for one in mirrors() if one.__name__ == name)
    return model, cast("models.Field[object, object]", model._meta.get_field(column)).attname


def parents_of(model: type[Mirror], scope: Scope) -> list[int]:
    """Ids of the present parents under which a scoped listing is asked, those of which no row is here first.

    A sweep takes a request per parent and may be cut short, or be held to a budget for hours: what was never seen is
    missed the most.
    """
    children = model._base_manager.using(scope.using).filter(**{resource_of(model).parent: models.OuterRef("pk")})
    parents = present_parents(model, scope).annotate(is_seen=models.Exists(children))
    return list(parents.order_by("is_seen", "pk").values_list("pk", flat=True))


def present_parents(model: type[Mirror], scope: Scope) -> models.QuerySet[Any]:
    parent = parent_of(model)
    return parent._base_manager.using(scope.using).filter(gone_at__isnull=True, company_id=scope.company_id)


def parent_of(model: type[Mirror]) -> type[Mirror]:
    return _target(model, resource_of(model).parent)


def referenced_by(model: type[Mirror], scope: Scope) -> list[int]:
    """Ids that other mirrors name, for a resource that Blesta does not list."""
    ids: set[int] = set()
    for reference in resource_of(model).reached_by:
        source, attname = _source(reference)
        rows = source._base_manager.using(scope.using).filter(gone_at__isnull=True)
        if resource_of(source).company:
            rows = rows.filter(company_id=scope.company_id)
        ids.update(rows.exclude(**{attname: None}).values_list(attname, flat=True).distinct())
    return sorted(ids)
