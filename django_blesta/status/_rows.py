"""What the snapshot says of the rows themselves: how Blesta's differ from their declarations, whose parents are not
here, and links that the sync suspended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_blesta.models import ClientLink, SchemaDrift, SyncRun, mirrors
from django_blesta.status._troubles import Level, Trouble

MOST = 500
NAMED = 5
_Kind = SchemaDrift.Kind
#: Something that is mirrored is no longer what it was; the other kinds are news, and harm nothing.
HARMFUL = frozenset({_Kind.VANISHED, _Kind.RETYPED})


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that Blesta's rows have otherwise than declared, in all companies and ways of reading together.

    `column` is Blesta's name; `word` is empty but for a new word. `rows` is the most that one run has seen of it.
    """

    resource: str
    kind: str
    column: str
    word: str
    types: str
    rows: int
    since: datetime

    @property
    def is_harmful(self) -> bool:
        return self.kind in HARMFUL


def drift_of(using: str) -> tuple[Drift, ...]:
    """The harmful first; at most `MOST`."""
    found: dict[tuple[str, str, str, str], Drift] = {}
    for row in SchemaDrift.objects.using(using).order_by("first_seen_at", "pk")[:MOST]:
        key = (row.resource, row.kind, row.column, row.word)
        known = found.get(key)
        rows, since = (max(known.rows, row.rows), known.since) if known else (row.rows, row.first_seen_at)
        found[key] = Drift(*key, row.types, rows, since)
    return tuple(sorted(found.values(), key=lambda one: (not one.is_harmful, one.resource, one.kind, one.column)))


def orphans(runs: Iterable[SyncRun]) -> Mapping[str, int]:
    """Per mirror, as the newest runs have counted them."""
    counted: dict[str, int] = {}
    shared = {model._meta.label_lower for model in mirrors() if not model.resource.company}
    for run in runs:
        for label, count in run.orphans.items():
            held = counted.get(label, 0)
            # Rows of no company are counted with each of them.
            counted[label] = max(held, count) if label in shared else held + count
    return counted


def about_drift(found: Iterable[Drift]) -> list[Trouble]:
    harmful: dict[str, list[str]] = {}
    for one in found:
        if one.is_harmful:
            harmful.setdefault(one.resource, []).append(one.column)
    labels = {model._meta.label_lower: str(model._meta.verbose_name_plural) for model in mirrors()}
    troubles = []
    for resource, columns in harmful.items():
        sentence = _("%(resource)s: columns have vanished or changed their type: %(columns)s.") % {
            "resource": capfirst(labels.get(resource, resource)),
            "columns": ", ".join(dict.fromkeys(columns[:NAMED])) + (" …" if len(columns) > NAMED else ""),
        }
        advice = _("Was Blesta upgraded? Values that were held stay as they were; look for a newer django_blesta.")
        troubles.append(Trouble(Level.WARNING, "schema-drift", sentence, advice, resource))
    return troubles


def about_links(using: str) -> list[Trouble]:
    count = ClientLink.objects.filter(using=using, is_doubted=True, suspended_at__isnull=False).count()
    if not count:
        return []
    sentence = ngettext(
        "%(count)d link of a user was suspended: its client’s id is somebody else’s in Blesta by now.",
        "%(count)d links of users were suspended: their clients’ ids are somebody else’s in Blesta by now.",
        count,
    )
    advice = _("Look whom the id names now; resume the link if it is the same client, else delete it.")
    return [Trouble(Level.BAD, "links-doubted", sentence % {"count": count}, advice)]
