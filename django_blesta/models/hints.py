"""What Blesta hints at: deliveries of its webhooks, objects that may have changed, feeds that are polled."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Delivery(models.Model):
    """One accepted call of the webhook receiver: the event's name and the ids that it carried, nothing else of it.

    Blesta numbers and signs nothing, so two rows may be one delivery sent twice. `pending` waits for a worker, which
    turns it into a `Hint` (`resolved`), or finds that it asks for nothing (`ignored`: Blesta says that something is
    about to happen, or speaks of its own pages), that no mirror declares the event (`unknown`), or that an event which
    a mirror declares came without the id that it needs (`failed`).
    """

    class State(models.TextChoices):
        PENDING = "pending", _("waiting")
        RESOLVED = "resolved", _("resolved")
        IGNORED = "ignored", _("of no concern")
        UNKNOWN = "unknown", _("unknown event")
        FAILED = "failed", _("without a usable id")

    event = models.CharField(_("event"), max_length=100)
    webhook_id = models.BigIntegerField(_("webhook id"), null=True, blank=True)
    ids = models.JSONField(_("ids"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.PENDING)
    received_at = models.DateTimeField(_("received at"), db_default=Now())
    resolved_at = models.DateTimeField(_("resolved at"), null=True, blank=True)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["state", "id"], name="blesta_delivery_next"),
            # Counts and the last sight of every event come from this index alone.
            models.Index(fields=["event", "state", "received_at"], name="blesta_delivery_event"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.state}"


class Hint(models.Model):
    """That one remote object may have changed; one row per object, however many hints there were.

    `hints` goes up with each of them. A worker that refreshes the object remembers the number that it began with; where
    another stands there at the end, the object is refreshed once more. Blesta tells of a change before all of it is
    made, so a refresh answers only what was hinted at some seconds before: until `quiet_at`. `due_at` is when to
    refresh, which is then, or earlier where hints do not cease. `tries` counts refreshes that ended badly or not at
    all; with the last of them the hint is `quarantined`, and tried again about once an hour.

    `lag` is the seconds from the oldest hint that the last refresh answered, to the row being in the mirror.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("waiting")
        WORKING = "working", _("being refreshed")
        DONE = "done", _("done")
        QUARANTINED = "quarantined", _("in quarantine")

    class Source(models.TextChoices):
        WEBHOOK = "webhook", _("webhook")
        FEED = "feed", _("change log")
        PROBE = "probe", _("new rows")
        HOT = "hot", _("due for a look")
        VIEW = "view", _("looked at")
        RELATED = "related", _("changed with another")
        CODE = "code", _("the site's code")

    resource = models.CharField(_("resource"), max_length=100)
    remote_id = models.BigIntegerField(_("remote id"))
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.DONE)
    source = models.CharField(_("last source"), max_length=16, choices=Source.choices)
    hints = models.BigIntegerField(_("hints"), default=0)
    first_hinted_at = models.DateTimeField(_("first open hint at"), null=True, blank=True)
    hinted_at = models.DateTimeField(_("last hint at"), null=True, blank=True)
    quiet_at = models.DateTimeField(_("quiet from"), null=True, blank=True)
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)
    with_related = models.BooleanField(_("and what Blesta changes with it"), default=True)
    token = models.IntegerField(default=0)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    tries = models.IntegerField(_("tries"), default=0)
    error = models.CharField(_("error"), max_length=500, blank=True)
    refreshed_at = models.DateTimeField(_("last refreshed at"), null=True, blank=True)
    lag = models.FloatField(_("lag in seconds"), null=True, blank=True)
    found = models.BooleanField(_("Blesta has it"), null=True, blank=True)
    looked_at = models.DateTimeField(_("last looked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("hint")
        verbose_name_plural = _("hints")
        ordering = ("-hinted_at", "-id")
        constraints = [models.UniqueConstraint(fields=["resource", "remote_id"], name="blesta_hint_key")]
        indexes = [
            models.Index(fields=["state", "due_at"], name="blesta_hint_next"),
            models.Index(fields=["refreshed_at"], name="blesta_hint_refreshed"),
            models.Index(fields=["resource", "looked_at"], name="blesta_hint_looked_at"),
        ]

    def __str__(self) -> str:
        return f"{self.resource} {self.remote_id} {self.state}"


class Feed(models.Model):
    """A list of Blesta's that is polled for what is new in it, and how far it was read.

    `mark` is an id or a time of Blesta's, whichever orders the list: everything up to it has become hints, in the
    transaction that wrote it. `overlap` names the entries near it, which are not told twice. A feed that the
    installation lacks is `off`, with the reason in `error`, and is asked for again after a day.
    """

    class State(models.TextChoices):
        ON = "on", _("on")
        OFF = "off", _("not there")

    name = models.CharField(_("name"), max_length=64)
    company_id = models.BigIntegerField(_("company id"))
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.ON)
    mark = models.CharField(_("read up to"), max_length=64, blank=True)
    overlap = models.JSONField(_("entries near it"), default=list, blank=True)
    entries = models.BigIntegerField(_("entries read"), default=0)
    error = models.CharField(_("error"), max_length=500, blank=True)
    polled_at = models.DateTimeField(_("last polled at"), null=True, blank=True)
    since = models.DateTimeField(_("in this state since"), null=True, blank=True)

    class Meta:
        verbose_name = _("feed")
        verbose_name_plural = _("feeds")
        ordering = ("name", "company_id")
        constraints = [models.UniqueConstraint(fields=["name", "company_id"], name="blesta_feed_key")]

    def __str__(self) -> str:
        return f"{self.name} of company {self.company_id}"
