"""Remove a client, and whatever speaks of the person, from every local table.

The mirror is a copy: what Blesta still has comes back with the next sync. So Blesta comes first, and this refuses
while it still shows the client, unless it is told otherwise. Doing it twice is doing it once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, models, transaction

from django_blesta.exceptions import Facts, NotAllowed
from django_blesta.models import (
    Change,
    Client,
    ClientLink,
    Contact,
    Delivery,
    Hint,
    IdentityMark,
    Mirror,
    Operation,
    QuarantinedRow,
    SyncRun,
    User,
    mirrors,
)

AT_ONCE = 500
_State = Operation.State
_WAITING = (_State.PENDING, _State.QUEUED)
_OPEN = (_State.SENDING, _State.UNKNOWN, _State.RECONCILING, _State.NEEDS_HUMAN)


class StillOpen(NotAllowed):
    """A change of this client's is on its way, or nobody knows its outcome: settle it first."""


def erase(client_id: int, *, using: str = DEFAULT_DB_ALIAS) -> dict[str, int]:
    """Return how many rows of each table were deleted or emptied; nothing where nothing is left.

    Rows of the mirror are deleted, with their history and quarantine; so are logins that are nobody else's, and the
    links of this site's users. Operations stay as a record that something was done, without whatever was asked.
    Raises StillOpen.
    """
    with transaction.atomic(using):
        operations = Operation.objects.using(using).filter(client_id=client_id)
        if operations.filter(state__in=_OPEN).exists():
            raise StillOpen("A change of this client's has an open outcome. Settle it first.", Facts(reason="open"))
        doomed = _rows_of(client_id, using)
        counted: dict[str, int] = {}
        for model, pks in doomed.items():
            names = _names(model, pks, using)
            _add(counted, Change, _delete_named(Change, model, names, using))
            _add(counted, QuarantinedRow, _delete_named(QuarantinedRow, model, names, using))
            numbers = [name for name in names if name.isdecimal()]
            _add(counted, Hint, _delete_named(Hint, model, numbers, using))
            _add(counted, IdentityMark, _delete_marks(model, pks, using))
            _forget_in_lists(model, using)
            _add(counted, model, _delete(model, pks, using))
        _add(counted, Operation, _empty(operations, using))
        deliveries = Delivery.objects.using(using)
        _add(counted, Delivery, _forget_deliveries(client_id, deliveries))
        links = ClientLink.objects.filter(using=using, client_id=client_id)
        _add(counted, ClientLink, _unlink(links))
    return counted


def _add(counted: dict[str, int], model: type[models.Model], count: int) -> None:
    if count:
        label = str(model._meta.verbose_name_plural)
        counted[label] = counted.get(label, 0) + count


def _rows_of(client_id: int, using: str) -> dict[type[Mirror], list[Any]]:
    """Primary keys per mirror; collected first, since rows are found through others that are to go too."""
    found: dict[type[Mirror], list[Any]] = {}
    for model in mirrors():
        rows = model._base_manager.using(using)
        if model.client_path:
            found[model] = list(rows.filter(**{model.client_path: client_id}).values_list("pk", flat=True))
        elif any(one.name == "client" for one in model._meta.concrete_fields):
            found[model] = list(rows.filter(**{"client": client_id}).values_list("pk", flat=True))
    found[User] = list(_logins(client_id, using))
    _add_children(found, using)
    return {model: pks for model, pks in found.items() if pks}


def _logins(client_id: int, using: str) -> Iterator[Any]:
    """Logins of the client and its contacts that no other client or contact has."""
    clients, contacts = Client._base_manager.using(using), Contact._base_manager.using(using)
    own = set(clients.filter(pk=client_id, user__isnull=False).values_list("user_id", flat=True))
    own |= set(contacts.filter(client=client_id, user__isnull=False).values_list("user_id", flat=True))
    shared = set(clients.filter(user__in=own).exclude(pk=client_id).values_list("user_id", flat=True))
    shared |= set(contacts.filter(user__in=own).exclude(client=client_id).values_list("user_id", flat=True))
    return iter(User._base_manager.using(using).filter(pk__in=own - shared).values_list("pk", flat=True))


def _add_children(found: dict[type[Mirror], list[Any]], using: str) -> None:
    """Rows that came inside others (replies of a ticket) and declare no way to a client of their own."""
    for model in mirrors():
        parent, _dot, related_name = model.resource.embedded_in.partition(".")
        if model in found or not parent:
            continue
        owner = next((one for one in found if one.__name__ == parent), None)
        if owner is None or not found[owner]:
            continue
        relation = owner._meta.get_field(related_name)
        name = relation.field.name  # type: ignore[union-attr]  # a reverse relation, by declaration
        pks: list[Any] = []
        for some in _parts(found[owner]):
            pks += model._base_manager.using(using).filter(**{f"{name}__in": some}).values_list("pk", flat=True)
        found[model] = pks


def _parts(pks: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(pks), AT_ONCE):
        yield pks[start : start + AT_ONCE]


def _names(model: type[Mirror], pks: list[Any], using: str) -> list[str]:
    """How journals call these rows: Blesta's id, or what makes up their key."""
    if model.resource.key == ("id",):
        return [str(pk) for pk in pks]
    attnames = {field.name: field.attname for field in model._meta.concrete_fields}
    columns = [attnames[name] for name in model.resource.key]
    names: list[str] = []
    for some in _parts(pks):
        rows = model._base_manager.using(using).filter(pk__in=some).values_list(*columns)
        names += ["/".join(map(str, row))[:100] for row in rows]
    return names


def _delete_named(table: type[models.Model], model: type[Mirror], names: list[str], using: str) -> int:
    rows = table._base_manager.using(using).filter(resource=model._meta.label_lower)
    return sum(rows.filter(remote_id__in=some).delete()[0] for some in _parts(names))


def _delete_marks(model: type[Mirror], pks: list[Any], using: str) -> int:
    marks = IdentityMark.objects.using(using).filter(resource=model._meta.label_lower)
    return sum(marks.filter(remote_id__in=some).delete()[0] for some in _parts(pks)) if marks.exists() else 0


def _forget_in_lists(model: type[Mirror], using: str) -> None:
    """Sums that did not add up are listed with names of rows; they are found again by the next run."""
    SyncRun.objects.using(using).filter(resource=model._meta.label_lower).exclude(violations=[]).update(violations=[])


def _delete(model: type[Mirror], pks: list[Any], using: str) -> int:
    # Not through the collector: nothing cascades between mirrors, and no signal listens.
    rows = model._base_manager.using(using)
    return sum(rows.filter(pk__in=some)._raw_delete(using) for some in _parts(pks))


def _empty(operations: models.QuerySet[Operation], using: str) -> int:
    emptied: dict[str, Any] = {
        "probe_keys": {},
        "queued_arguments": None,
        "evidence": [],
        "request_digest": "",
        "result_ids": {},
    }
    bare = models.Q(probe_keys={}, evidence=[], request_digest="", result_ids={}, queued_arguments__isnull=True)
    held = operations.exclude(bare)
    waiting = held.filter(state__in=_WAITING).update(state=_State.FAILED, outcome="Erased", live_key=None, **emptied)
    return int(waiting + held.update(**emptied))


def _forget_deliveries(client_id: int, deliveries: models.QuerySet[Delivery]) -> int:
    """They hold ids alone, and for a week; those that name the client go at once."""
    doomed = [pk for pk, ids in deliveries.values_list("pk", "ids") if str(ids.get("client_id")) == str(client_id)]
    return sum(deliveries.filter(pk__in=some).delete()[0] for some in _parts(doomed))


def _unlink(links: models.QuerySet[ClientLink]) -> int:
    pks = [str(pk) for pk in links.values_list("pk", flat=True)]
    if apps.is_installed("django.contrib.admin") and pks:
        from django.contrib.admin.models import LogEntry
        from django.contrib.contenttypes.models import ContentType

        kind = ContentType.objects.get_for_model(ClientLink)
        LogEntry.objects.filter(content_type=kind, object_id__in=pks).update(object_repr="–")
    return links.delete()[0]
