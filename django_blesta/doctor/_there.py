"""Checks that ask Blesta: the way to it, the key, and the habits of its lists."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_blesta import conf
from django_blesta.connection import Connection, Probe, connection_for, probe
from django_blesta.doctor._findings import Entry, Examination, Finding
from django_blesta.exceptions import (
    BlestaError,
    Denied,
    ForeignInstallation,
    Misunderstood,
    NoSuchResource,
    NotCallable,
    NotConfigured,
    Unavailable,
)
from django_blesta.models import Company, Invoice, Mirror, mirrors
from django_blesta.resources import Unfit, row_mapping
from django_blesta.sync import identity
from django_blesta.sync.plan import Scope

REMOTE: Final = ("address", "authentication", "clock", "company", "identity", "plugins", "lists", "columns", "verbs")
SKEW: Final = timedelta(minutes=2)
SLOW: Final = 2000


def _ask(examination: Examination, model: str, method: str, **how: Any) -> Probe:
    return probe(examination.using, model, method, company_id=examination.company_id, **how)


def address(examination: Examination) -> Iterator[Finding]:
    """Name, TLS, rewriting, maintenance, a firewall: whether it is Blesta's API that answers at all."""
    installation = conf.installation(examination.using)
    examination.company_id = next(iter(installation.companies))
    rest = tuple(name for name in REMOTE if name != "address")
    first = _ask(examination, "Companies", "getList", arguments={"page": 1})
    error = first.error
    if error is None or isinstance(error, Denied | NotCallable):
        facts = {"url": first.url, "ms": round(first.milliseconds)}
        saw = _("Blesta answers at %(url)s in %(ms)d ms.") % facts
        if first.milliseconds < SLOW:
            yield examination.good(saw)
        else:
            fix = _("Look at the load of Blesta’s server; from here, MAX_IN_FLIGHT and REQUESTS_PER_SECOND limit it.")
            yield examination.warning(saw, fix)
        return
    saw = str(error)
    if isinstance(error, Unavailable) and error.reason in _UNAVAILABLE:
        fix = _certificate_fix(saw) or str(_UNAVAILABLE[error.reason])
        yield examination.bad(saw, fix, leaves_out=rest)
        return
    if isinstance(error, NotConfigured):
        fix = _("Write the address to which it redirects into URL of the BLESTA setting, if that is Blesta’s.")
        yield examination.bad(saw, fix, leaves_out=rest)
        return
    other = _other_address(installation.url)
    second = _ask(examination, "Companies", "getList", arguments={"page": 1}, url=other)
    if second.error is None or isinstance(second.error, Denied | NotCallable):
        fix = _("Blesta answers at %(url)s: its web server does not rewrite addresses as yours says. Write %(url)s.")
        yield examination.bad(saw, fix % {"url": other.removesuffix("api/")}, leaves_out=rest)
        return
    if isinstance(error, Unavailable):
        fix = _("The cause is in the error logs of Blesta and of its web server.")
    else:
        fix = _(
            "Something else than Blesta’s API answers there. Check URL: host, folder, and whether index.php is missing."
        )
    yield examination.bad(saw, fix, leaves_out=rest)


_UNAVAILABLE: Final = {
    "unreachable": gettext_lazy(
        "Check the name in URL, that this machine can open it, and any firewall between the two."
    ),
    "maintenance": gettext_lazy("Wait for it, or end it in Blesta’s staff area: Settings, System, General."),
    "blocked": gettext_lazy("Have the firewall before Blesta let this machine’s address through to /api/."),
    "throttled": gettext_lazy("Lower REQUESTS_PER_SECOND, or have the limit raised for this machine."),
}


def _certificate_fix(saw: str) -> str:
    if "certificate" not in saw and "TLS" not in saw:
        return ""
    return _("Renew the certificate, or name the authority that signed it in CA_FILE. Verification stays on.")


def _other_address(url: str) -> str:
    head = url.removesuffix("api/")
    return head.removesuffix("index.php/") + "api/" if head.endswith("/index.php/") else f"{head}index.php/api/"


def authentication(examination: Examination) -> Iterator[Finding]:
    installation = conf.installation(examination.using)
    for company_id in installation.companies:
        examination.company_id = company_id
        found = _ask(examination, "Companies", "getListCount")
        whose = _("of company %(id)s") % {"id": company_id} if company_id else ""
        if not isinstance(found.error, Denied):
            facts = {"carrier": installation.authentication, "whose": whose}
            yield examination.good(" ".join((_("User and key %(whose)s are accepted (%(carrier)s).") % facts).split()))
            continue
        other = "basic" if installation.authentication == "headers" else "headers"
        second = _ask(examination, "Companies", "getListCount", authentication=other)
        rest = tuple(name for name in REMOTE if name not in ("address", "authentication", "clock"))
        if not isinstance(second.error, Denied):
            saw = _("User and key %(whose)s are refused as they travel now, and accepted by %(other)s.")
            fix = _('Something on the way drops them: set AUTHENTICATION to "%(other)s".') % {"other": other}
            told = " ".join((saw % {"whose": whose, "other": other}).split())
            yield examination.bad(told, fix, leaves_out=rest)
            continue
        saw = " ".join((_("Blesta refuses user and key %(whose)s.") % {"whose": whose}).split())
        fix = _("Compare USER and KEY with Settings, System, API Access in Blesta’s staff area.")
        yield examination.bad(saw, fix, leaves_out=rest)
    examination.company_id = next(iter(installation.companies))


def clock(examination: Examination) -> Iterator[Finding]:
    found = _ask(examination, "Companies", "getListCount")
    if found.date is None:
        yield examination.note(_("Blesta’s server does not say what time it has."))
        return
    apart = datetime.now(UTC) - found.date
    facts = {"seconds": round(abs(apart.total_seconds()))}
    if abs(apart) <= SKEW:
        yield examination.good(_("Both clocks agree within %(seconds)d seconds.") % facts)
        return
    saw = _("Blesta’s clock is %(seconds)d seconds slow.") if apart > SKEW else _("Blesta’s clock is %(seconds)d fast.")
    fix = _("Have both machines keep time by NTP: dates of changes and cancellations are compared across them.")
    yield examination.warning(saw % facts, fix)


def company(examination: Examination) -> Iterator[Finding]:
    installation = conf.installation(examination.using)
    try:
        rows = connection_for(examination.using, examination.company_id).read("Companies", "getList", {"page": 1})
    except BlestaError as error:
        yield examination.bad(str(error), _("The list of companies must be readable."), leaves_out=("identity",))
        return
    shown = {int(row["id"]): str(row.get("name", "")) for row in rows if str(row.get("id", "")).isdecimal()}
    examination.company_ids = tuple(sorted(shown))
    named = [one for one in installation.companies if one is not None]
    missing = [one for one in named if one not in shown]
    told = ", ".join(f"{pk} ({name})" for pk, name in sorted(shown.items())) or _("none")
    if missing:
        fix = _("Correct COMPANIES in the BLESTA setting: its keys are Blesta’s company ids.")
        saw = _("COMPANIES names %(missing)s; Blesta shows %(shown)s.")
        facts = {"missing": ", ".join(map(str, missing)), "shown": told}
        yield examination.bad(saw % facts, fix, leaves_out=("identity",))
    elif len(shown) > 1 and not named:
        fix = _("Say which in COMPANIES: {company id: {USER, KEY}}. A key enters one company and may see all.")
        yield examination.warning(_("Blesta has several companies: %(shown)s.") % {"shown": told}, fix)
    else:
        yield examination.good(_("Blesta shows company %(shown)s.") % {"shown": told})


def same_installation(examination: Examination) -> Iterator[Finding]:
    held = Company._base_manager.using(examination.using).values_list("pk", flat=True)
    named = [one for one in conf.installation(examination.using).companies if one is not None]
    compared = 0
    for company_id in named or list(held):
        scope = Scope(examination.using, company_id, not named, frozenset(named or held))
        try:
            compared += identity.check(scope).compared
        except ForeignInstallation as foreign:
            fix = _(
                "Point URL and KEY back at the right Blesta; if this one took its place on purpose, run"
                " “manage.py blesta_sync --accept-identity”."
            )
            yield examination.bad(str(foreign), fix)
            return
        except BlestaError as error:
            yield examination.warning(str(error), _("The remembered rows could not be asked for; try again."))
            return
    if compared:
        yield examination.good(_("%(count)d old rows are as the mirror remembers them.") % {"count": compared})
    else:
        yield examination.note(_("The mirror remembers no rows yet; the first whole sync does."))


def plugins(examination: Examination) -> Iterator[Finding]:
    by_plugin: dict[str, type[Mirror]] = {}
    for model in mirrors():
        if model.resource.plugin and model.resource.listing is not None and not model.resource.parent:
            by_plugin.setdefault(model.resource.plugin, model)
    there: list[str] = []
    absent: list[str] = []
    for plugin, model in sorted(by_plugin.items()):
        resource = model.resource
        call = resource.count or resource.listing
        assert call is not None  # noqa: S101  (chosen above by its listing)
        arguments: dict[str, Any] = dict(call.arguments)
        if call.company and examination.company_ids:
            arguments[call.company] = examination.company_ids[0]
        if call.key and resource.each:
            arguments[call.key] = resource.each[0]
        found = _ask(examination, resource.remote_of(call), call.method, arguments=arguments)
        (absent if isinstance(found.error, NoSuchResource) else there).append(plugin)
    facts = {"there": ", ".join(there) or _("none"), "absent": ", ".join(absent)}
    if absent:
        fix = _("Nothing is wrong if Blesta does not have them; their mirrors stay empty and say so.")
        yield examination.note(_("Installed: %(there)s. Not installed: %(absent)s.") % facts, fix)
    else:
        yield examination.good(_("Installed: %(there)s.") % facts)


def lists(examination: Examination) -> Iterator[Finding]:
    """Page size, order, and what lies behind the last page, judged by the list of invoices."""
    connection = connection_for(examination.using, examination.company_id)
    resource = Invoice.resource
    counting, listing = resource.count, resource.listing
    assert counting is not None and listing is not None  # noqa: S101, PT018  (declared beside the mirror)
    ordered = {**listing.arguments, listing.order_argument: {listing.order_by: "ASC"}}
    try:
        count = int(connection.read(resource.remote, counting.method, dict(counting.arguments)))
        first = connection.read(resource.remote, listing.method, {**ordered, "page": 1})
        size = len(first)
        last = max(1, -(-count // size)) if size else 1
        behind = connection.read(resource.remote, listing.method, {**ordered, "page": last + 1})
    except BlestaError as error:
        if isinstance(error, Misunderstood) or (isinstance(error, Unavailable) and error.reason == "failing"):
            fix = _("The sync reads without that order then, and finds nothing gone; Blesta’s error log says why.")
            yield examination.warning(_("A list ordered by id is not answered: %(error)s") % {"error": error}, fix)
        else:
            yield examination.bad(str(error), _("The list of invoices must be readable."))
        return
    ids = [int(row["id"]) for row in first]
    facts = {"count": count, "size": size}
    if not size:
        yield examination.note(_("There are no invoices to judge lists by."))
        return
    if ids != sorted(ids):
        fix = _("The sync walks such lists several times and finds nothing gone by them. Nothing needs to be set.")
        yield examination.warning(_("Lists do not keep the order that was asked for."), fix)
    if behind:
        yield examination.note(_("Pages behind the last one are not empty; the sync knows where to stop."))
    yield examination.good(_("%(count)d invoices, %(size)d to the first page.") % facts)


def columns(examination: Examination) -> Iterator[Finding]:
    """Whether the rows of first pages carry what the mirror maps: a first look, where a run would count."""
    connection = connection_for(examination.using, examination.company_id)
    looked_at = 0
    found: list[Finding] = []
    for model in mirrors():
        resource, listing = model.resource, model.resource.listing
        if listing is None or not listing.paged or resource.parent or resource.each or resource.plugin:
            continue
        arguments = {**listing.arguments, "page": 1}
        if listing.company:
            arguments[listing.company] = examination.company_ids[0] if examination.company_ids else 1
        looked_at += 1
        finding = _columns_of(examination, connection, model, arguments)
        found += [finding] if finding else []
    yield from found
    if not found:
        yield examination.good(_("The rows of %(count)d lists carry what the mirror maps.") % {"count": looked_at})


def _columns_of(
    examination: Examination, connection: Connection, model: type[Mirror], arguments: dict[str, Any]
) -> Finding | None:
    resource, listing = model.resource, model.resource.listing
    assert listing is not None  # noqa: S101  (chosen by it)
    label = capfirst(str(model._meta.verbose_name_plural))
    absent: set[str] = set()
    try:
        for row in connection.read(resource.remote_of(listing), listing.method, arguments):
            absent |= set(row_mapping(model).convert(row).absent)
    except BlestaError as error:
        return examination.warning(f"{label}: {error}", _("This list must be readable."))
    except Unfit as unfit:
        facts = {"label": label, "column": unfit.column, "reason": str(unfit)}
        fix = _("Rows like it go into quarantine, with column and rule; look there after a sync.")
        return examination.warning(_("%(label)s: %(column)s does not fit: %(reason)s") % facts, fix)
    if not absent:
        return None
    fix = _("The mirror leaves these columns alone. Blesta’s version may not have them.")
    facts = {"label": label, "columns": ", ".join(sorted(absent))}
    return examination.note(_("%(label)s come without %(columns)s.") % facts, fix)


def verbs(examination: Examination) -> Iterator[Finding]:
    """A read by POST is harmless, and tells whether the verb matters: changes are sent by POST."""
    found = _ask(examination, "Companies", "getListCount", by_post=True)
    if isinstance(found.error, NotCallable):
        saw = _("Blesta (or what stands before it) minds the verb of a request.")
        fix = _("Reading works. Changes that Blesta calls updates or deletions may be refused: try one first.")
        yield examination.warning(saw, fix)
    elif found.error is not None:
        fix = _("Have POST requests to /api/ let through: changes are sent by them.")
        yield examination.warning(_("A question by POST is not answered: %(error)s") % {"error": found.error}, fix)
    else:
        yield examination.good(_("The verb of a request does not matter, as documented."))


def url_shape(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


THERE: Final[tuple[Entry, ...]] = (
    ("address", gettext_lazy("Address, TLS, rewriting"), address),
    ("authentication", gettext_lazy("User and key"), authentication),
    ("clock", gettext_lazy("Clock"), clock),
    ("company", gettext_lazy("Company"), company),
    ("identity", gettext_lazy("Same Blesta as before"), same_installation),
    ("plugins", gettext_lazy("Plugins"), plugins),
    ("lists", gettext_lazy("Page size and order"), lists),
    ("columns", gettext_lazy("Columns"), columns),
    ("verbs", gettext_lazy("Verbs"), verbs),
)
