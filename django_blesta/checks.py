"""System checks: mistakes in settings and declarations are told at start-up, by id, with what to do about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections, models
from django.urls import NoReverseMatch, reverse

from django_blesta import conf, webhooks
from django_blesta.exceptions import NotConfigured
from django_blesta.models import Mirror, SchemaDrift, mirror_named, mirrors
from django_blesta.models.base import BOOKKEEPING
from django_blesta.resources import Resource
from django_blesta.status import Drift, drift_of
from django_blesta.sync.hints import can_be_hinted_at
from django_blesta.sync.plan import needed_by

#: What each id stands for. An id is never given another meaning.
SETTING_CHECKS = {
    "django_blesta.E001": "BLESTA is missing, empty or not a dict.",
    "django_blesta.E002": "BLESTA has a key that nothing reads.",
    "django_blesta.E003": "URL is missing or is not the address of a Blesta.",
    "django_blesta.E004": "URL is not https (and not on loopback).",
    "django_blesta.E005": "URL holds a user, a password, a query or a fragment.",
    "django_blesta.E006": "USER or KEY is missing.",
    "django_blesta.E007": "USER or KEY is of the wrong kind, empty, or cannot travel in a header.",
    "django_blesta.E008": "An option has the wrong type or lies outside its range.",
    "django_blesta.E009": "CA_FILE is not a file.",
    "django_blesta.E010": "COMPANIES is malformed, or USER and KEY stand beside it.",
    "django_blesta.E011": "ALLOW is not a list of Model.method pairs.",
    "django_blesta.W012": "A credential's environment variable is not set (a build may go on without the key).",
    "django_blesta.E013": "An installation is not named after a database alias.",
    "django_blesta.E014": "WEBHOOK_SECRETS or HEALTH_TOKEN holds what cannot be a secret, or is too short.",
}


@register(Tags.security)
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """One error for each problem that ``conf`` found; speaks to nobody."""
    found: list[CheckMessage] = []
    for problem in conf.problems():
        kind = Warning if problem.code.startswith("W") else Error
        identifier = f"django_blesta.{problem.code}"
        found.append(kind(problem.message, hint=problem.hint, obj=problem.alias or None, id=identifier))
    return found


#: What must be there for Blesta's webhooks and for the targets of freshness.
HINT_CHECKS = {
    "django_blesta.E301": "The webhook receiver has an address and no usable secret.",
    "django_blesta.E302": "Two installations share a webhook secret.",
    "django_blesta.E303": "FRESHNESS names no mirror, or one that Blesta cannot be asked for by id.",
    "django_blesta.E304": "WEBHOOK_PUBLIC_KEY is not an RSA key that can be read.",
    "django_blesta.W305": "Every delivery would open a connection to the database.",
}


@register(Tags.security)
def check_webhooks(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """A receiver that would refuse everything, or that cannot tell two installations apart."""
    found: list[CheckMessage] = []
    installations = [conf.installation(alias) for alias in conf.aliases() if _is_well(alias)]
    if _has_receiver() and installations and not webhooks.doors():
        hint = (
            "Set WEBHOOK_SECRETS in BLESTA; “manage.py blesta_webhook” makes a secret. Until then all is answered 503."
        )
        message = "The webhook receiver has an address and no usable secret."
        found.append(Error(message, hint=hint, id="django_blesta.E301"))
    digests = [digest for door in webhooks.doors() for digest in set(door.digests)]
    if len(digests) != len(set(digests)):
        hint = "A secret says which installation a delivery is for: give each its own."
        found.append(Error("Two installations share a webhook secret.", hint=hint, id="django_blesta.E302"))
    for one in installations:
        if one.webhook_public_key and not webhooks.is_key(one.webhook_public_key):
            hint = "Give the public key of 2048 bits or more as PEM: -----BEGIN PUBLIC KEY----- …"
            message = f"BLESTA[{one.alias!r}]: WEBHOOK_PUBLIC_KEY is not an RSA key that can be read."
            found.append(Error(message, hint=hint, id="django_blesta.E304"))
    return found


@register(Tags.models)
def check_freshness(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Targets for rows that can be asked for one by one."""
    found: list[CheckMessage] = []
    for alias in filter(_is_well, conf.aliases()):
        for name in conf.installation(alias).freshness:
            try:
                complaint = "" if can_be_hinted_at(mirror_named(name)) else "Blesta cannot be asked for one row of it."
            except LookupError as error:
                complaint = str(error)
            if complaint:
                message = f"BLESTA[{alias!r}]: FRESHNESS names {name!r}. {complaint}"
                found.append(Error(message, hint="Correct the name or leave it out.", id="django_blesta.E303"))
    return found


@register(Tags.security, deploy=True)
def check_connections(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """With a connection per request, a receiver takes about half as many deliveries (benchmarks/webhooks.py)."""
    if not _has_receiver():
        return []
    found: list[CheckMessage] = []
    for alias in filter(_is_well, conf.aliases()):
        entry = settings.DATABASES.get(alias, {})
        is_kept = entry.get("CONN_MAX_AGE", 0) != 0 or entry.get("OPTIONS", {}).get("pool")
        if not is_kept and "sqlite" not in entry.get("ENGINE", ""):
            hint = f'Set DATABASES[{alias!r}]["CONN_MAX_AGE"] to 60 or so, or use the pool of psycopg.'
            message = f"Every webhook delivery opens a connection to the database {alias!r}: CONN_MAX_AGE is 0."
            found.append(Warning(message, hint=hint, id="django_blesta.W305"))
    return found


def _is_well(alias: str) -> bool:
    try:
        conf.installation(alias)
    except NotConfigured:
        return False
    return True


def _has_receiver() -> bool:
    """Whether the site has an address for it; a site without any addresses has none."""
    if not getattr(settings, "ROOT_URLCONF", ""):
        return False
    try:
        reverse("blesta_webhooks:receiver")
    except NoReverseMatch:
        return False
    return True


#: Mistakes in a mirror's declaration, a site's own mirrors included.
DECLARATION_CHECKS = {
    "django_blesta.E101": "A mirror declares no resource.",
    "django_blesta.E102": "A declaration names a column, relation or mirror that does not exist.",
    "django_blesta.E103": "A column that must have a value is mapped to nothing.",
    "django_blesta.E104": "A resource is brought by nothing, or by two things at once.",
    "django_blesta.E105": "Two mirrors claim the same event.",
    "django_blesta.E106": "Mirrors are reached through each other in a circle.",
    "django_blesta.E107": "A mirror with an id has another unique constraint.",
}


@register(Tags.models)
def check_declarations(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """One error for each mistake in a mirror's declaration: at start-up, not at the first run."""
    found: list[CheckMessage] = []
    claimed: dict[str, type[Mirror]] = {}
    for model in mirrors():
        resource = getattr(model, "resource", None)
        if not isinstance(resource, Resource):
            found.append(_mistake(model, "E101", "declares no resource", "Give it `resource = Resource(…)`."))
            continue
        found += _check_one(model, resource)
        for event in resource.events:
            other = claimed.setdefault(event, model)
            if other is not model:
                hint = "An event refreshes one mirror; leave it to the one whose id it carries."
                found.append(_mistake(model, "E105", f"claims {event}, as {other._meta.label} does", hint))
    return found or _circles()


def _check_one(model: type[Mirror], resource: Resource) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    names = {field.name: field for field in model._meta.concrete_fields}
    relations = {relation.get_accessor_name() for relation in model._meta.related_objects}
    wanted = {*resource.fields.columns, *resource.detail.columns, *resource.key}
    wanted |= {resource.parent, resource.company} - {"", "key", "self"}
    for name in sorted(wanted - names.keys()):
        found.append(_mistake(model, "E102", f"has no column {name!r}", "Correct the declaration or add the column."))
    for name in sorted(resource.detail.children.keys() - relations):
        found.append(_mistake(model, "E102", f"has no children {name!r}", "Name a related_name of a mirror."))
    known = {one.__name__ for one in mirrors()}
    for reference in (*resource.reached_by, *filter(None, [resource.embedded_in])):
        if reference.partition(".")[0] not in known:
            found.append(
                _mistake(model, "E102", f"refers to {reference!r}, which is no mirror's", "Write Mirror.column.")
            )
    given = {resource.parent, *resource.key} if resource.embedded_in or resource.parent else set()
    for name, field in names.items():
        needs_value = not (field.null or field.blank or field.has_default() or isinstance(field, models.AutoField))
        mapped = {*resource.fields.columns, *resource.detail.columns, *given, *BOOKKEEPING}
        if needs_value and name not in mapped:
            found.append(_mistake(model, "E103", f"maps nothing to {name!r}", "Map it, or give it a default."))
    sources = [resource.listing is not None, bool(resource.reached_by), bool(resource.embedded_in)]
    if sum(sources) != 1:
        hint = "Give exactly one of listing, reached_by and embedded_in."
        found.append(_mistake(model, "E104", f"is brought by {sum(sources)} things", hint))
    key = {names[name].attname for name in resource.key if name in names}
    if resource.key == ("id",) and model._meta.constraints and _has_unique(model):
        hint = "MariaDB's upsert fires on any unique constraint, and would overwrite another row."
        found.append(_mistake(model, "E107", f"has another unique constraint beside {sorted(key)}", hint))
    return found


def _has_unique(model: type[Mirror]) -> bool:
    columns = any(field.unique and not field.primary_key for field in model._meta.concrete_fields)
    return columns or any(isinstance(one, models.UniqueConstraint) for one in model._meta.constraints)


def _circles() -> list[CheckMessage]:
    """Only asked when every name resolves."""
    needs = {model: set(needed_by(model)) for model in mirrors()}
    settled: set[type[Mirror]] = set()
    while ready := {model for model, others in needs.items() if model not in settled and others <= settled}:
        settled |= ready
    hint = "Break the circle: a row must be reachable without itself."
    return [_mistake(model, "E106", "is reached only through itself", hint) for model in needs if model not in settled]


def _mistake(model: type[Mirror], code: str, what: str, hint: str) -> CheckMessage:
    return Error(f"{model._meta.label} {what}.", hint=hint, obj=model, id=f"django_blesta.{code}")


#: What the last complete runs found of Blesta's rows; asked of the database, so only by `check --database` and by
#: `migrate`.
DRIFT_CHECKS = {
    "django_blesta.W201": "Columns of Blesta's that are mirrored have vanished or changed their type.",
    "django_blesta.W202": "Blesta's rows have columns that no declaration knows, or lack some that were expected.",
    "django_blesta.W203": "Blesta uses words that this version does not know.",
}
_DRIFT_KINDS = {
    SchemaDrift.Kind.VANISHED: "W201",
    SchemaDrift.Kind.RETYPED: "W201",
    SchemaDrift.Kind.UNKNOWN: "W202",
    SchemaDrift.Kind.MISSING: "W202",
    SchemaDrift.Kind.WORD: "W203",
}
_NAMED = 10


@register(Tags.database)
def check_drift(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """One warning per mirror and kind of difference; nothing is lost by any of them."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        if SchemaDrift._meta.db_table not in connections[alias].introspection.table_names():
            continue
        sorted_out: dict[tuple[str, str], list[str]] = {}
        for one in drift_of(alias):
            sorted_out.setdefault((one.resource, _DRIFT_KINDS[SchemaDrift.Kind(one.kind)]), []).append(_written(one))
        for (resource, code), names in sorted_out.items():
            listed = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
            identifier = f"django_blesta.{code}"
            message = f"{resource} in {alias!r}: {DRIFT_CHECKS[identifier]} {listed}."
            hint = "No row is lost by it. Look for a newer django_blesta; to live with it, use SILENCED_SYSTEM_CHECKS."
            found.append(Warning(message, hint=hint, obj=resource, id=identifier))
    return found


def _written(one: Drift) -> str:
    return f"{one.column} ({one.word or one.types})" if one.word or one.types else one.column
