"""What the sync writes down of itself: runs and their chunks, rows that did not fit, changes, certificates."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class SyncRun(models.Model):
    """One pass over one resource of one company.

    `complete` means that every page was read, every row either stored, found unchanged or quarantined, and the walk
    proved itself; nothing else ends so. `partial` says in `error` what is missing, `suspect` that more rows vanished
    than is believable; neither removes anything. `absent` means that Blesta does not have the plugin whose rows these
    would be. `fence` was drawn before the first request of the run. The work is
    in `chunks`, which any number of workers share.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        COMPLETE = "complete", _("complete")
        SUSPECT = "suspect", _("suspect")
        PARTIAL = "partial", _("partial")
        FAILED = "failed", _("failed")
        INTERRUPTED = "interrupted", _("interrupted")
        ABSENT = "absent", _("not installed")

    batch = models.UUIDField(_("batch"), default=uuid.uuid4, db_index=True)
    resource = models.CharField(_("resource"), max_length=100)
    company_id = models.BigIntegerField(_("company id"), null=True, blank=True)
    cause = models.CharField(_("cause"), max_length=32)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.RUNNING)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    fence = models.BigIntegerField(default=0)
    expected = models.IntegerField(_("rows expected"), null=True, blank=True)
    highest_id = models.BigIntegerField(_("highest id at the start"), null=True, blank=True)
    page_size = models.IntegerField(_("rows a page"), default=0)
    order = models.CharField(_("ordered by"), max_length=64, blank=True)
    walk = models.IntegerField(_("walks"), default=1)
    options = models.JSONField(_("options"), default=dict, blank=True)
    fetched = models.IntegerField(_("rows fetched"), default=0)
    created = models.IntegerField(_("created"), default=0)
    changed = models.IntegerField(_("changed"), default=0)
    unchanged = models.IntegerField(_("unchanged"), default=0)
    stale = models.IntegerField(_("overtaken"), default=0)
    foreign = models.IntegerField(_("of other companies"), default=0)
    removed = models.IntegerField(_("children removed"), default=0)
    quarantined = models.IntegerField(_("quarantined"), default=0)
    gone = models.IntegerField(_("gone"), default=0)
    unlisted = models.IntegerField(_("shown by no listing"), default=0)
    unconfirmed = models.IntegerField(_("missing, not yet confirmed"), default=0)
    details = models.IntegerField(_("details fetched"), default=0)
    requests = models.IntegerField(_("requests"), default=0)
    violations = models.JSONField(_("sums that do not add up"), default=list, blank=True)
    violation_count = models.IntegerField(_("number of sums that do not add up"), default=0)
    notice = models.CharField(_("notice"), max_length=500, blank=True)
    drift = models.JSONField(_("what the rows looked like"), default=dict, blank=True)
    orphans = models.JSONField(_("rows without their parent"), default=dict, blank=True)
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


class SyncChunk(models.Model):
    """A part of a run that one worker does at a time: a range of pages, or a list of ids.

    It is claimed by a conditional update that raises `token`; a worker that was paused past `lease_until` finds
    another token when it comes to store, and stores nothing. A chunk that is done is a checkpoint.
    """

    class Kind(models.TextChoices):
        PAGES = "pages", _("pages")
        PARENTS = "parents", _("parents")
        GETS = "gets", _("single rows")
        SETTLE = "settle", _("judgement of what was read")

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        CLAIMED = "claimed", _("claimed")
        DONE = "done", _("done")

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="chunks", verbose_name=_("run"))
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    walk = models.IntegerField(_("walk"), default=1)
    position = models.IntegerField(_("position"))
    work = models.JSONField(_("work"))
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.WAITING)
    token = models.IntegerField(default=0)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    worker = models.CharField(_("worker"), max_length=100, blank=True)
    seen = models.BinaryField(null=True, blank=True)
    bad = models.JSONField(_("could not be read"), default=list, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("chunk of a run")
        verbose_name_plural = _("chunks of runs")
        ordering = ("run_id", "walk", "position")
        constraints = [
            models.UniqueConstraint(fields=["run", "kind", "walk", "position"], name="blesta_chunk_key"),
        ]
        indexes = [models.Index(fields=["run", "state", "position"], name="blesta_chunk_next")]

    def __str__(self) -> str:
        return f"{self.kind} {self.position} of run {self.run_id}"


class Lease(models.Model):
    """Who may do what only one may do at a time, until when; a holder that lets it run out has lost it."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    holder = models.CharField(_("holder"), max_length=64, blank=True)
    until = models.DateTimeField(_("until"), null=True, blank=True)
    since = models.DateTimeField(_("since"), null=True, blank=True)

    class Meta:
        verbose_name = _("lease")
        verbose_name_plural = _("leases")

    def __str__(self) -> str:
        return self.name


class SyncScope(models.Model):
    """One resource of one company: which run has it now, and what earlier runs learned of its listing and its rows."""

    resource = models.CharField(_("resource"), max_length=100)
    company_id = models.BigIntegerField(_("company id"))
    run = models.ForeignKey(
        SyncRun, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("running now")
    )
    completed_fence = models.BigIntegerField(default=0)
    columns = models.JSONField(_("columns of Blesta's rows"), default=dict, blank=True)

    class Meta:
        verbose_name = _("scope of the sync")
        verbose_name_plural = _("scopes of the sync")
        constraints = [models.UniqueConstraint(fields=["resource", "company_id"], name="blesta_scope_key")]

    def __str__(self) -> str:
        return f"{self.resource} of company {self.company_id}"


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


class SchemaDrift(models.Model):
    """What Blesta's rows have otherwise than the declaration says, as the last complete run found it.

    Blesta adds columns and words in every release, and no row is lost by that. `rows` counts those that showed it.
    Names and types are kept, no value; of a new word, the word itself.
    """

    class Kind(models.TextChoices):
        UNKNOWN = "unknown", _("unknown column")
        MISSING = "missing", _("column never seen")
        VANISHED = "vanished", _("column has vanished")
        RETYPED = "retyped", _("column changed its type")
        WORD = "word", _("new word")

    resource = models.CharField(_("resource"), max_length=100)
    company_id = models.BigIntegerField(_("company id"))
    tier = models.CharField(_("read with"), max_length=8)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    column = models.CharField(_("column of Blesta's"), max_length=100)
    word = models.CharField(_("word"), max_length=64, blank=True)
    types = models.CharField(_("types"), max_length=200, blank=True)
    rows = models.IntegerField(_("rows"), default=0)
    first_seen_at = models.DateTimeField(_("first seen"))
    last_seen_at = models.DateTimeField(_("last seen"))
    run_id = models.BigIntegerField(_("run"), null=True, blank=True)

    class Meta:
        verbose_name = _("difference in Blesta's rows")
        verbose_name_plural = _("differences in Blesta's rows")
        ordering = ("resource", "kind", "column", "word")
        constraints = [
            models.UniqueConstraint(
                fields=["resource", "company_id", "tier", "kind", "column", "word"], name="blesta_drift_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource} {self.kind} {self.column} {self.word}".rstrip()


class Change(models.Model):
    """That a column of a mirrored row changed; written with the row, never at its first sight.

    Personal columns (names, addresses, notes, free text) are recorded as changed, without their values.
    """

    resource = models.CharField(_("resource"), max_length=100)
    remote_id = models.CharField(_("remote id"), max_length=100)
    column = models.CharField(_("column"), max_length=100)
    old = models.TextField(_("before"), null=True, blank=True)  # noqa: DJ001  (no value and empty text differ here)
    new = models.TextField(_("after"), null=True, blank=True)  # noqa: DJ001  (as above)
    is_personal = models.BooleanField(_("values withheld"), default=False)
    at = models.DateTimeField(_("at"))
    cause = models.CharField(_("cause"), max_length=32)
    run_id = models.BigIntegerField(_("run"), null=True, blank=True)

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["resource", "remote_id", "-id"], name="blesta_change_row"),
            models.Index(fields=["at"], name="blesta_change_at"),
        ]

    def __str__(self) -> str:
        return f"{self.resource} {self.remote_id} {self.column}"


class Certificate(models.Model):
    """What one comparison of Blesta with the mirror found, per resource and company."""

    resource = models.CharField(_("resource"), max_length=100)
    company_id = models.BigIntegerField(_("company id"), null=True, blank=True)
    kind = models.CharField(_("kind"), max_length=16)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"))
    holds = models.BooleanField(_("no difference"))
    compared = models.IntegerField(_("rows compared"), default=0)
    remote_count = models.IntegerField(_("rows in Blesta"), null=True, blank=True)
    local_count = models.IntegerField(_("rows here"), default=0)
    statuses = models.JSONField(_("rows per status"), default=dict, blank=True)
    remote_digest = models.CharField(_("digest of Blesta's rows"), max_length=64, blank=True)
    local_digest = models.CharField(_("digest of our rows"), max_length=64, blank=True)
    missing = models.JSONField(_("only in Blesta"), default=list, blank=True)
    extra = models.JSONField(_("only here"), default=list, blank=True)
    different = models.JSONField(_("different columns"), default=list, blank=True)
    error = models.CharField(_("error"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("certificate")
        verbose_name_plural = _("certificates")
        ordering = ("-id",)
        indexes = [models.Index(fields=["resource", "company_id", "-id"], name="blesta_certificate_latest")]

    def __str__(self) -> str:
        return f"{self.resource} {self.finished_at:%Y-%m-%d %H:%M} {self.holds}"


class IdentityMark(models.Model):
    """What never changes about an old row, remembered so that another installation is not mistaken for this one."""

    resource = models.CharField(_("resource"), max_length=100)
    company_id = models.BigIntegerField(_("company id"))
    remote_id = models.BigIntegerField(_("remote id"))
    values = models.JSONField(_("immutable values"), default=dict)
    url = models.CharField(_("seen at"), max_length=500, blank=True)
    confirmed_at = models.DateTimeField(_("last confirmed at"))

    class Meta:
        verbose_name = _("identity mark")
        verbose_name_plural = _("identity marks")
        constraints = [models.UniqueConstraint(fields=["resource", "remote_id"], name="blesta_identity_key")]

    def __str__(self) -> str:
        return f"{self.resource} {self.remote_id}"


class FenceCounter(models.Model):
    """The fence's counter where the database has no sequences; one row."""

    value = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("fence counter")
        verbose_name_plural = _("fence counters")

    def __str__(self) -> str:
        return str(self.value)
