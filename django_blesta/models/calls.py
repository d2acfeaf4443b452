"""The calls that were made to Blesta, and the sums of all of them per five minutes."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class LoggedCall(models.Model):
    """One finished call to Blesta: every write, every call that failed, and a sample of the other reads.

    Names of arguments are kept, and the codes of rules that refused; no value is, and no word of an answer.
    `tries` counts requests, so what was sent again is told by anything above 1.
    """

    at = models.DateTimeField(_("at"))
    remote = models.CharField(_("model"), max_length=100)
    method = models.CharField(_("method"), max_length=100)
    writes = models.BooleanField(_("is a write"), default=False)
    status = models.IntegerField(_("HTTP status"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=50)
    reason = models.CharField(_("reason"), max_length=50, blank=True)
    milliseconds = models.IntegerField(_("milliseconds"), default=0)
    bytes = models.IntegerField(_("bytes"), default=0)
    tries = models.IntegerField(_("tries"), default=1)
    names = models.JSONField(_("argument names"), default=list, blank=True)
    codes = models.JSONField(_("Blesta's codes"), default=list, blank=True)
    company_id = models.BigIntegerField(_("company id"), null=True, blank=True)
    correlation_id = models.CharField(_("correlation id"), max_length=100, blank=True, db_index=True)
    run_id = models.BigIntegerField(_("run"), null=True, blank=True, db_index=True)
    operation_id = models.BigIntegerField(_("operation"), null=True, blank=True, db_index=True)

    class Meta:
        verbose_name = _("call to Blesta")
        verbose_name_plural = _("calls to Blesta")
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["at"], name="blesta_call_at"),
            models.Index(fields=["remote", "method", "-id"], name="blesta_call_method"),
            models.Index(fields=["outcome", "-id"], name="blesta_call_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.remote}.{self.method} {self.outcome}"


class CallTally(models.Model):
    """All calls of five minutes together, of all processes: exact, where `LoggedCall` holds a sample of the reads.

    `failed` leaves out what Blesta's rules refused and plugins that it does not have: those are answers.
    """

    begins_at = models.DateTimeField(_("begins at"), unique=True)
    calls = models.IntegerField(_("calls"), default=0)
    writes = models.IntegerField(_("writes"), default=0)
    failed = models.IntegerField(_("failed"), default=0)
    again = models.IntegerField(_("sent again"), default=0)
    milliseconds = models.BigIntegerField(_("milliseconds"), default=0)
    slowest = models.IntegerField(_("milliseconds of the slowest"), default=0)
    bytes = models.BigIntegerField(_("bytes"), default=0)

    class Meta:
        verbose_name = _("sum of calls")
        verbose_name_plural = _("sums of calls")
        ordering = ("-begins_at",)

    def __str__(self) -> str:
        return f"{self.begins_at:%Y-%m-%d %H:%M} {self.calls}"
