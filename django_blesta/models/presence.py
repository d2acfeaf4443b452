"""Who is at work for the mirror, and what Blesta says of itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _


class Heartbeat(models.Model):
    """The last sign of life of one worker, or of one scheduler ("beat").

    A worker writes `seen_at` while it is connected to its broker, and `worked_at` whenever it takes the tick, a task
    that the scheduler sends once a period. One that ends in an orderly way takes its row with it, so a row that has
    grown old is a process that was lost.
    """

    class Kind(models.TextChoices):
        WORKER = "worker", _("worker")
        BEAT = "beat", _("scheduler")

    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    name = models.CharField(_("name"), max_length=200)
    since = models.DateTimeField(_("since"))
    seen_at = models.DateTimeField(_("last seen"))
    worked_at = models.DateTimeField(_("took a task at"), null=True, blank=True)
    period = models.IntegerField(_("seconds between signs of life"), default=60)

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")
        ordering = ("kind", "name")
        constraints = [models.UniqueConstraint(fields=["kind", "name"], name="blesta_heartbeat_key")]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    def is_lost(self, now: datetime) -> bool:
        """Whether two periods went by without a sign of life."""
        return now - self.seen_at > timedelta(seconds=2 * self.period)


class Vital(models.Model):
    """One thing that Blesta says of itself when asked: its version, when its cron last ran."""

    name = models.CharField(_("name"), max_length=50, unique=True)
    value = models.CharField(_("value"), max_length=200, blank=True)
    moment = models.DateTimeField(_("moment"), null=True, blank=True)
    told_at = models.DateTimeField(_("told at"))
    error = models.CharField(_("why it is not known"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("fact about Blesta")
        verbose_name_plural = _("facts about Blesta")

    def __str__(self) -> str:
        return f"{self.name} {self.value or self.moment or ''}".strip()


class Census(models.Model):
    """How many rows a mirror holds, counted in the background: no page waits for a million rows to be counted."""

    resource = models.CharField(_("resource"), max_length=100, unique=True)
    rows = models.BigIntegerField(_("rows"), default=0)
    gone = models.BigIntegerField(_("gone"), default=0)
    detailed = models.BigIntegerField(_("with detail"), default=0)
    hot = models.BigIntegerField(_("hot"), default=0)
    hot_late = models.BigIntegerField(_("hot and behind their target"), default=0)
    hot_since = models.DateTimeField(_("least fresh of them known as of"), null=True, blank=True)
    counted_at = models.DateTimeField(_("counted at"))

    class Meta:
        verbose_name = _("count of rows")
        verbose_name_plural = _("counts of rows")

    def __str__(self) -> str:
        return f"{self.resource} {self.rows}"
