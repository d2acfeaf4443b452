"""Webhooks that have fallen silent: Blesta told of changes once, and of later ones it did not."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from django_blesta.models import Change, Delivery, mirrors
from django_blesta.status._troubles import Level, Trouble

SILENT_AFTER = timedelta(hours=6)
FEWEST_CHANGES = 5
"""As many changed rows, found by other ways, as it takes to wonder: a change or two may come without any event."""


def is_silent(using: str, now: datetime) -> datetime | None:
    """When the last delivery came, if rows have changed since of which Blesta would have told; None where all is well.

    A site that never had a delivery uses none; one in whose mirror nothing changed has nothing to be told.
    """
    last = Delivery.objects.using(using).order_by("-pk").values_list("received_at", flat=True).first()
    if last is None or now - last < SILENT_AFTER:
        return None
    told = [model._meta.label_lower for model in mirrors() if model.resource.events]
    # A while after the last delivery, since what it told of was stored a little later.
    since = last + timedelta(minutes=10)
    changed = Change.objects.using(using).filter(at__gt=since, resource__in=told).order_by()
    rows = set(changed.values_list("resource", "remote_id").distinct()[:FEWEST_CHANGES])
    return last if len(rows) >= FEWEST_CHANGES else None


def about_silence(using: str, now: datetime) -> list[Trouble]:
    last = is_silent(using, now)
    if last is None:
        return []
    sentence = _("No webhook has arrived for %(time)s, though rows have changed since.")
    advice = _(
        "Look at the delivery log of Blesta’s Webhooks plugin, and try the way with “manage.py blesta_webhook --test”;"
        " until then, changes are found by the sync alone."
    )
    return [Trouble(Level.WARNING, "webhooks-silent", sentence % {"time": timesince(last, now)}, advice)]
