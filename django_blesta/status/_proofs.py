"""What proves the mirror, and what speaks against it: certificates, and columns that rows came without."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_blesta.models import Certificate, mirrors
from django_blesta.status._troubles import Level, Trouble


@dataclass(frozen=True, slots=True)
class Certified:
    """The newest certificate of each resource and company together; None where there is none."""

    finished_at: datetime | None
    resources: int
    differing: tuple[str, ...]
    unfinished: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return self.finished_at is not None and not (self.differing or self.unfinished)


def certified(using: str) -> Certified:
    rows = Certificate.objects.using(using)
    newest = (
        rows.order_by().values("resource", "company_id").annotate(newest=Max("pk")).values_list("newest", flat=True)
    )
    labels = {model._meta.label_lower: capfirst(str(model._meta.verbose_name_plural)) for model in mirrors()}
    found = list(
        rows.filter(pk__in=list(newest)).only("resource", "finished_at", "holds", "error").order_by("resource")
    )
    differing = _names((one.resource for one in found if not one.holds and not one.error), labels)
    unfinished = _names((one.resource for one in found if one.error), labels)
    last = max((one.finished_at for one in found), default=None)
    return Certified(last, len({one.resource for one in found}), differing, unfinished)


def _names(resources: Iterable[str], labels: dict[str, str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(labels.get(name, name) for name in resources))


def about_certificates(certified: Certified) -> list[Trouble]:
    if not certified.differing:
        return []
    sentence = ngettext(
        "The last comparison found a difference between Blesta and the mirror: %(resources)s.",
        "The last comparison found differences between Blesta and the mirror: %(resources)s.",
        len(certified.differing),
    )
    advice = _("Run “manage.py blesta_sync”, then “manage.py blesta_verify” again; the certificate lists the rows.")
    facts = {"resources": ", ".join(certified.differing)}
    return [Trouble(Level.WARNING, "differs", sentence % facts, advice)]
