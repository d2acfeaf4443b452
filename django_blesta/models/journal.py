"""Our own records: runs of the sync, rows it could not hold, changes asked of Blesta, and the fence's counter."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class SyncRun(models.Model):
    """One pass over one resource of one company.

    `complete` means that every page was read and every row either stored, found unchanged or quarantined; nothing
    else ends so. `fence` was drawn before the first request of the run.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        COMPLETE = "complete", _("complete")
        PARTIAL = "partial", _("partial")
        FAILED = "failed", _("failed")
        INTERRUPTED = "interrupted", _("interrupted")

    batch = models.UUIDField(_("batch"), default=uuid.uuid4, db_index=True)
    resource = models.CharField(_("resource"), max_length=100)
    company_id = models.BigIntegerField(_("company id"), null=True, blank=True)
    cause = models.CharField(_("cause"), max_length=32)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.RUNNING)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    fence = models.BigIntegerField(default=0)
    expected = models.IntegerField(_("rows expected"), null=True, blank=True)
    fetched = models.IntegerField(_("rows fetched"), default=0)
    created = models.IntegerField(_("created"), default=0)
    changed = models.IntegerField(_("changed"), default=0)
    unchanged = models.IntegerField(_("unchanged"), default=0)
    stale = models.IntegerField(_("overtaken"), default=0)
    foreign = models.IntegerField(_("of other companies"), default=0)
    removed = models.IntegerField(_("children removed"), default=0)
    quarantined = models.IntegerField(_("quarantined"), default=0)
    details = models.IntegerField(_("details fetched"), default=0)
    requests = models.IntegerField(_("requests"), default=0)
    drift = models.JSONField(_("columns missing from rows"), default=dict, blank=True)
    error = models.CharField(_("error"), max_length=500, blank=True)
    error_kind = models.CharField(_("kind of error"), max_length=50, blank=True)

    class Meta:
        verbose_name = _("sync run")
        verbose_name_plural = _("sync runs")
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["resource", "company_id", "state", "-started_at"], name="blesta_run_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.resource} {self.started_at:%Y-%m-%d %H:%M} {self.state}"


class QuarantinedRow(models.Model):
    """A remote row that no row of ours can hold; it is tried again by every run and leaves when it fits.

    Column, rule and sentence are kept, and the names and types of what came; no value is.
    """

    resource = models.CharField(_("resource"), max_length=100)
    remote_id = models.CharField(_("remote id"), max_length=100)
    column = models.CharField(_("column"), max_length=100, blank=True)
    code = models.CharField(_("rule"), max_length=50)
    sentence = models.CharField(_("reason"), max_length=500)
    names = models.JSONField(_("names and types"), default=dict, blank=True)
    first_seen_at = models.DateTimeField(_("first seen"), db_default=Now())
    last_seen_at = models.DateTimeField(_("last seen"))

    class Meta:
        verbose_name = _("quarantined row")
        verbose_name_plural = _("quarantined rows")
        ordering = ("-last_seen_at", "-id")
        constraints = [models.UniqueConstraint(fields=["resource", "remote_id"], name="blesta_quarantine_key")]

    def __str__(self) -> str:
        return f"{self.resource} {self.remote_id}: {self.sentence}"


class Operation(models.Model):
    """A change asked of Blesta, written down before the request leaves.

    `token` is used once: a double click, a re-posted form or a redelivered task finds the first. Argument names and
    the probe's own keys are kept; no other value, never a secret.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("waiting")
        SENDING = "sending", _("being sent")
        SUCCEEDED = "succeeded", _("done")
        FAILED = "failed", _("refused")
        UNKNOWN = "unknown", _("outcome unknown")

    token = models.CharField(_("token"), max_length=64, unique=True)
    kind = models.CharField(_("kind"), max_length=100)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.PENDING)
    resource = models.CharField(_("resource"), max_length=100, blank=True)
    target_id = models.BigIntegerField(_("target id"), null=True, blank=True)
    client_id = models.BigIntegerField(_("client id"), null=True, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        verbose_name=_("asked by"),
    )
    request_digest = models.CharField(_("digest of the request"), max_length=64, blank=True)
    argument_names = models.JSONField(_("argument names"), default=list, blank=True)
    probe_keys = models.JSONField(_("how to find it"), default=dict, blank=True)
    result_ids = models.JSONField(_("resulting ids"), default=dict, blank=True)
    errors = models.JSONField(_("Blesta's codes"), default=list, blank=True)
    outcome = models.CharField(_("kind of error"), max_length=50, blank=True)
    reason = models.CharField(_("reason"), max_length=50, blank=True)
    attempts = models.IntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("asked at"))
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("operation")
        verbose_name_plural = _("operations")
        ordering = ("-id",)
        indexes = [models.Index(fields=["state", "created_at"], name="blesta_operation_state")]

    def __str__(self) -> str:
        return f"{self.kind} {self.target_id or ''} {self.state}"


class FenceCounter(models.Model):
    """The fence's counter where the database has no sequences; one row."""

    value = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("fence counter")
        verbose_name_plural = _("fence counters")

    def __str__(self) -> str:
        return str(self.value)
