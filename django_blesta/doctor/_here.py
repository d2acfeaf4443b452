"""Checks on this side: the setting, the database, workers, and what Blesta told of its own accord."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connections
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_blesta import conf
from django_blesta.doctor._findings import Entry, Examination, Finding
from django_blesta.doctor._there import REMOTE, url_shape
from django_blesta.models import Delivery
from django_blesta.status import Level
from django_blesta.status._presence import about_presence, about_vitals, presence_of, vitals_of
from django_blesta.status._silence import about_silence
from django_blesta.sync.surroundings import ask_vitals


def setting(examination: Examination) -> Iterator[Finding]:
    problems = [one for one in conf.problems() if one.alias in ("", examination.using)]
    for problem in problems:
        if problem.code.startswith("W"):
            yield examination.warning(problem.message, problem.hint)
        else:
            yield examination.bad(problem.message, problem.hint, leaves_out=(*REMOTE, "cron", "webhooks"))
    if problems:
        return
    installation = conf.installation(examination.using)
    several = [str(one) for one in installation.companies if one is not None]
    facts = {"url": url_shape(installation.url), "companies": ", ".join(several) or _("found by asking")}
    yield examination.good(_("%(url)s; companies: %(companies)s.") % facts)
    if installation.read_only:
        yield examination.note(_("READ_ONLY is on: every change is refused here."))


def database(examination: Examination) -> Iterator[Finding]:
    """Isolation: what a transaction sees must be what others have committed, or fences and leases guard nothing."""
    if examination.using not in settings.DATABASES:
        yield examination.bad(
            _("There is no database of that name."), _("Name the installation after a database alias."),
            leaves_out=("identity", "cron", "webhooks", "worker", "scheduler"),
        )  # fmt: skip
        return
    connection = connections[examination.using]
    try:
        level = _isolation_of(connection)
    except DatabaseError as error:
        fix = _("The database must answer; see its own log.")
        yield examination.bad(f"{type(error).__name__}: {error}", fix, leaves_out=("cron", "webhooks", "worker"))
        return
    wanted = {"postgresql": "read committed", "mysql": "read committed", "sqlite": "immediate"}.get(connection.vendor)
    facts = {"vendor": connection.display_name, "level": level or _("unknown"), "wanted": wanted}
    if wanted is None:
        yield examination.note(_("%(vendor)s was never tried with this app.") % facts)
    elif level == wanted:
        yield examination.good(_("%(vendor)s, transactions are %(level)s.") % facts)
    else:
        name = {"sqlite": '"transaction_mode": "IMMEDIATE"', "mysql": '"isolation_level": "read committed"'}
        fix = _("Set %(option)s in OPTIONS of DATABASES.") % {"option": name.get(connection.vendor, wanted)}
        yield examination.warning(_("%(vendor)s: transactions are %(level)s, not %(wanted)s.") % facts, fix)


def _isolation_of(connection: object) -> str:
    vendor, cursor = connection.vendor, connection.cursor  # type: ignore[attr-defined]  # any backend
    if vendor == "sqlite":
        mode = connection.settings_dict.get("OPTIONS", {}).get("transaction_mode")  # type: ignore[attr-defined]
        return str(mode or "deferred").lower()
    asked = {"postgresql": "SHOW transaction_isolation", "mysql": "SELECT @@session.tx_isolation"}
    if vendor not in asked:
        return ""
    with cursor() as asking:
        if vendor == "mysql":
            # MySQL dropped the name that MariaDB kept.
            asking.execute("SHOW VARIABLES WHERE Variable_name IN ('tx_isolation', 'transaction_isolation')")
            row = asking.fetchone()
            return str(row[1]).replace("-", " ").lower() if row else ""
        asking.execute(asked[vendor])
        return str(asking.fetchone()[0]).lower()


def cron(examination: Examination) -> Iterator[Finding]:
    """Asks Blesta, and writes down what it tells, as the tasks do."""
    ask_vitals(examination.using)
    vitals = vitals_of(examination.using)
    for trouble in about_vitals(vitals):
        yield examination.warning(str(trouble.sentence), str(trouble.advice))
        return
    version = vitals.version.value or _("of unknown version")
    if vitals.cron.moment is None:
        facts = {"version": version, "error": vitals.cron.error}
        yield examination.note(_("Blesta %(version)s. When its cron last ran is not told: %(error)s") % facts)
        return
    facts = {"version": version, "time": timesince(vitals.cron.moment)}
    yield examination.good(_("Blesta %(version)s; its cron last ran %(time)s ago.") % facts)


def webhooks(examination: Examination) -> Iterator[Finding]:
    """Whether deliveries arrive, as far as can be told from here; `blesta_webhook --test` tries the whole way."""
    using, now = examination.using, timezone.now()
    if not conf.installation(using).webhook_secrets:
        fix = _("Set WEBHOOK_SECRETS and register the address, to hear of changes within seconds; see blesta_webhook.")
        yield examination.note(_("No secret is set, so webhooks are not taken."), fix)
        return
    last = Delivery.objects.using(using).order_by("-pk").values_list("received_at", flat=True).first()
    if last is None:
        fix = _("Register the address with “manage.py blesta_webhook”, then try it with its --test.")
        yield examination.warning(_("A secret is set, and no delivery has arrived of late."), fix)
        return
    for trouble in about_silence(using, now):
        yield examination.warning(str(trouble.sentence), str(trouble.advice))
        return
    yield examination.good(_("The last delivery arrived %(time)s ago.") % {"time": timesince(last, now)})


def worker(examination: Examination) -> Iterator[Finding]:
    now = timezone.now()
    presence = presence_of(examination.using, now)
    troubles = [one for one in about_presence(presence, now, examination.using) if one.code != "beat-stopped"]
    for trouble in troubles:
        report = examination.bad if trouble.level is Level.BAD else examination.warning
        yield report(str(trouble.sentence), str(trouble.advice))
    if troubles:
        return
    if not presence.workers:
        fix = _("That is fine where cron runs “manage.py blesta_sync”. Queued changes and webhooks want a worker.")
        yield examination.note(_("No worker has ever been heard of."), fix)
        return
    names = ", ".join(one.name for one in presence.alive)
    taken = presence.ticked_at
    told = _("%(names)s; a task was taken %(time)s ago.") if taken else _("%(names)s.")
    yield examination.good(told % {"names": names, "time": timesince(taken, now) if taken else ""})


def scheduler(examination: Examination) -> Iterator[Finding]:
    now = timezone.now()
    presence = presence_of(examination.using, now)
    for trouble in about_presence(presence, now, examination.using):
        if trouble.code == "beat-stopped":
            yield examination.bad(str(trouble.sentence), str(trouble.advice))
            return
    if presence.beat is None:
        fix = _("Put beat_schedule() into Celery’s configuration, or let cron run “manage.py blesta_sync”.")
        yield examination.note(_("No scheduler has ever been heard of."), fix)
        return
    facts = {"name": presence.beat.name, "time": timesince(presence.beat.seen_at, now)}
    yield examination.good(_("%(name)s sent a task %(time)s ago.") % facts)


HERE: Final[tuple[Entry, ...]] = (
    ("setting", gettext_lazy("Setting"), setting),
    ("database", gettext_lazy("Database"), database),
    ("cron", gettext_lazy("Blesta’s own cron"), cron),
    ("webhooks", gettext_lazy("Webhooks"), webhooks),
    ("worker", gettext_lazy("Worker"), worker),
    ("scheduler", gettext_lazy("Scheduler"), scheduler),
)
