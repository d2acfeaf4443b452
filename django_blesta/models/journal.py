"""Changes asked of Blesta, written down before they are sent."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Operation(models.Model):
    """A change asked of Blesta, written down before the request leaves.

    `token` is used once: a double click, a re-posted form or a redelivered task finds the first. Argument names and
    the probe's own keys (ids, a user name, amounts, the marker) are kept; no other value, never a secret. The two
    exceptions are a queued operation, and one whose second call needs what the first was asked for (a ticket's text):
    they keep their arguments until they are sent and then forget them.

    An operation of several calls counts the finished ones in `step`; `in_doubt` says that the one after them may have
    been sent. `live_key` is there while the outcome is open, and keeps another of the same from being sent.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("waiting")
        QUEUED = "queued", _("queued")
        SENDING = "sending", _("being sent")
        SUCCEEDED = "succeeded", _("done")
        FAILED = "failed", _("refused")
        UNKNOWN = "unknown", _("outcome unknown")
        RECONCILING = "reconciling", _("being looked up")
        NEEDS_HUMAN = "needs_human", _("needs a decision")

    token = models.CharField(_("token"), max_length=64, unique=True)
    kind = models.CharField(_("kind"), max_length=100)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.PENDING)
    resource = models.CharField(_("resource"), max_length=100, blank=True)
    target_id = models.BigIntegerField(_("target id"), null=True, blank=True)
    client_id = models.BigIntegerField(_("client id"), null=True, blank=True)
    company_id = models.BigIntegerField(_("company id"), null=True, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        verbose_name=_("asked by"),
    )
    correlation_id = models.CharField(_("correlation id"), max_length=100, blank=True)
    request_digest = models.CharField(_("digest of the request"), max_length=64, blank=True)
    live_key = models.CharField(_("holds back others of"), max_length=150, null=True, blank=True, unique=True)
    argument_names = models.JSONField(_("argument names"), default=list, blank=True)
    queued_arguments = models.JSONField(_("arguments, while queued"), null=True, blank=True)
    probe_keys = models.JSONField(_("how to find it"), default=dict, blank=True)
    result_ids = models.JSONField(_("resulting ids"), default=dict, blank=True)
    errors = models.JSONField(_("Blesta's codes"), default=list, blank=True)
    outcome = models.CharField(_("kind of error"), max_length=50, blank=True)
    reason = models.CharField(_("reason"), max_length=50, blank=True)
    evidence = models.JSONField(_("what was found"), default=list, blank=True)
    step = models.IntegerField(_("calls that are done"), default=0)
    in_doubt = models.BooleanField(_("the next call may have been sent"), default=False)
    attempts = models.IntegerField(_("attempts"), default=0)
    looks = models.IntegerField(_("looked for"), default=0)
    milliseconds = models.IntegerField(_("milliseconds in calls"), default=0)
    created_at = models.DateTimeField(_("asked at"))
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    next_look_at = models.DateTimeField(_("next look at"), null=True, blank=True)

    class Meta:
        verbose_name = _("operation")
        verbose_name_plural = _("operations")
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["state", "created_at"], name="blesta_operation_state"),
            models.Index(fields=["resource", "target_id", "-id"], name="blesta_operation_target"),
            models.Index(fields=["client_id", "-id"], name="blesta_operation_client"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.target_id or ''} {self.state}"
