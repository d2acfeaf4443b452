"""Is this the Blesta that the mirror was made from? A few old rows are remembered by what does not change about them.

A mistyped address, a test installation or a key of another company would otherwise overwrite the mirror with somebody
else's rows. No name, address or amount is remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_blesta import conf
from django_blesta.exceptions import BlestaError, Facts, ForeignInstallation, NoSuchResource, NotCallable
from django_blesta.models import Client, Contact, IdentityMark, Invoice, Mirror, Service, Transaction, mirror_named
from django_blesta.resources import Unfit, resource_of, row_mapping
from django_blesta.sync.comparison import present_rows
from django_blesta.sync.plan import Scope
from django_blesta.sync.survey import concerns_one_answer

NAMED_IN_A_SENTENCE = 4


@dataclass(frozen=True, slots=True)
class _Kind:
    """How many of the oldest rows of a mirror are remembered, and by which columns."""

    model: type[Mirror]
    columns: tuple[str, ...]
    rows: int = 5


# Two fresh installations number their clients and logins alike, so rows with a date of their own must be among these.
_KINDS = (
    _Kind(Client, ("id_code", "user_id")),
    _Kind(Contact, ("client_id", "added_at"), rows=2),
    _Kind(Transaction, ("client_id", "added_at")),
    _Kind(Invoice, ("id_code", "client_id")),
    _Kind(Service, ("id_code", "added_at")),
)
# These are numbered anew when they become invoices.
_UNSETTLED = ("draft", "proforma")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the remembered rows told: `notice` is for the run, `gone` names those that Blesta shows no more."""

    compared: int = 0
    gone: tuple[str, ...] = ()
    notice: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """A mark beside the row that Blesta shows under its id: None where it shows none, empty where it cannot be read."""

    mark: IdentityMark
    values: dict[str, Any] | None

    @property
    def is_gone(self) -> bool:
        return self.values is None

    @property
    def shared(self) -> list[str]:
        """Columns that both sides know: a login that is removed, or a column that an upgrade drops, tells nothing."""
        shown = self.values or {}
        return [name for name, value in self.mark.values.items() if not _is_blank(value, shown.get(name))]

    @property
    def differing(self) -> list[str]:
        shown = self.values or {}
        return [name for name in self.shared if shown[name] != self.mark.values[name]]

    def __str__(self) -> str:
        return f"{self.mark.resource.partition('.')[2]} {self.mark.remote_id}"


def check(scope: Scope) -> Verdict:
    """Ask for the remembered rows before anything is stored; raise ForeignInstallation where they are others'.

    Some that are gone while the others match were deleted. Reads only. What keeps Blesta from answering is raised.
    """
    answers = list(_answers(scope))
    if not answers:
        return Verdict()
    foreign = [answer for answer in answers if answer.differing]
    gone = [answer for answer in answers if answer.is_gone]
    matching = [answer for answer in answers if answer.shared and not answer.differing]
    if foreign or len(gone) == len(answers):
        raise ForeignInstallation(_refusal(scope, foreign, len(gone)), Facts(reason="foreign-installation"))
    return Verdict(len(matching), tuple(map(str, gone)), _notice(scope, answers, matching))


def remember(scope: Scope) -> int:
    """After a complete run: confirm the marks that still stand, and let other rows take the places of the rest.

    Returns how many marks there are now. Their values come from the mirror, which the run has just proved.
    """
    url, now = conf.installation(scope.using).url[:500], timezone.now()
    fresh = [
        IdentityMark(
            resource=kind.model._meta.label_lower,
            company_id=scope.company_id,
            remote_id=row.pop("pk"),
            values={name: _plain(value) for name, value in row.items()},
            url=url,
            confirmed_at=now,
        )
        for kind in _kinds(scope)
        for row in _oldest(kind, scope).values("pk", *kind.columns)
    ]
    held = IdentityMark.objects.using(scope.using).filter(company_id=scope.company_id)
    if _contents(held) == _contents(fresh):
        held.update(url=url, confirmed_at=now)
    else:
        _replace(scope, fresh)
    return len(fresh)


def accept(scope: Scope) -> list[str]:
    """Learn the remembered rows anew from what Blesta shows now; returns what differed, a line each.

    For an operator who has read the refusal and knows that this is the right Blesta.
    """
    url, now = conf.installation(scope.using).url, timezone.now()
    learned: list[IdentityMark] = []
    lines: list[str] = []
    for answer in _answers(scope):
        if answer.is_gone:
            lines.append(_("%(row)s: no such row any more") % {"row": answer})
            continue
        if answer.differing:
            lines.append(_("%(row)s: other %(columns)s") % {"row": answer, "columns": ", ".join(answer.differing)})
        mark = answer.mark
        mark.pk, mark.url, mark.confirmed_at = None, url[:500], now
        mark.values = {name: (answer.values or {}).get(name) for name in mark.values} if answer.values else mark.values
        learned.append(mark)
    _replace(scope, learned)
    return lines


def _kinds(scope: Scope) -> Iterator[_Kind]:
    """Payments tell more than invoices do, for their date is in the row; invoices stand in where nobody has paid."""
    has_payments = present_rows(Transaction, scope).exists()
    return (kind for kind in _KINDS if kind.model is not Invoice or not has_payments)


def _oldest(kind: _Kind, scope: Scope) -> models.QuerySet[Any]:
    rows = present_rows(kind.model, scope)
    if kind.model is Invoice:
        rows = rows.exclude(status__in=_UNSETTLED)
    return rows.order_by("pk")[: kind.rows]


def _contents(marks: Iterable[IdentityMark]) -> dict[tuple[str, int], dict[str, Any]]:
    return {(mark.resource, mark.remote_id): mark.values for mark in marks}


def _replace(scope: Scope, marks: list[IdentityMark]) -> None:
    held = IdentityMark.objects.using(scope.using)
    with transaction.atomic(scope.using):
        held.filter(company_id=scope.company_id).delete()
        # A row that moved here from another company is remembered once.
        for label in {mark.resource for mark in marks}:
            ids = [mark.remote_id for mark in marks if mark.resource == label]
            held.filter(resource=label, remote_id__in=ids).delete()
        held.bulk_create(marks)


def _answers(scope: Scope) -> Iterator[_Answer]:
    marks = IdentityMark.objects.using(scope.using).filter(company_id=scope.company_id)
    trouble: BlestaError | None = None
    told = 0
    for mark in marks.order_by("resource", "remote_id"):
        try:
            values = _shown(mirror_named(mark.resource), mark.remote_id, scope)
        except (NotCallable, NoSuchResource) as error:  # the key lost this method; other resources may still tell
            trouble = error
            continue
        except BlestaError as error:
            if not concerns_one_answer(error):
                raise
            trouble = error
            continue
        told += 1
        yield _Answer(mark, values)
    if trouble is not None and not told:
        raise trouble


def _shown(model: type[Mirror], pk: int, scope: Scope) -> dict[str, Any] | None:
    resource = resource_of(model)
    call = resource.get
    if call is None:
        return {}
    row: Mapping[str, Any] | None = scope.connection.read(
        resource.remote_of(call), call.method, {**call.arguments, call.key: pk}
    )
    if row is None:
        return None
    try:
        values = row_mapping(model).convert(row).values
    except Unfit:
        return {}
    return {name: _plain(value) for name, value in values.items()}


def _refusal(scope: Scope, foreign: list[_Answer], gone: int) -> str:
    where = f"BLESTA[{scope.using!r}]"
    if foreign:
        shown = "; ".join(f"{answer} ({', '.join(answer.differing)})" for answer in foreign[:NAMED_IN_A_SENTENCE])
        more = f" and {len(foreign) - NAMED_IN_A_SENTENCE} more" if len(foreign) > NAMED_IN_A_SENTENCE else ""
        found = f"differ from what the mirror remembers: {shown}{more}"
    else:
        found = f"are none of the {gone} that the mirror remembers"
    return (
        f"This looks like another Blesta, or another company of it: its rows {found}. Nothing was stored. Correct the "
        f"URL or the keys of {where}; if this is the right Blesta, run blesta_sync --accept-identity."
    )


def _notice(scope: Scope, answers: list[_Answer], matching: list[_Answer]) -> str:
    if not matching:
        return _("None of the remembered rows could be compared, so this Blesta was taken at its word.")
    url = conf.installation(scope.using).url
    former = sorted({answer.mark.url for answer in answers if answer.mark.url and answer.mark.url != url[:500]})
    if not former:
        return ""
    return _("Blesta's address changed from %(old)s to %(new)s, and its rows are the same.") % {
        "old": ", ".join(former)[:200],
        "new": url[:200],
    }


def _is_blank(remembered: Any, shown: Any) -> bool:
    return remembered in (None, "") or shown in (None, "")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
