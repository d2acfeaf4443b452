"""The ``BLESTA`` setting as frozen dataclasses, rebuilt when the setting changes.

Flat for one installation, or keyed by database alias like ``DATABASES``::

    BLESTA = {"URL": "https://billing.example.com/", "USER": "site", "KEY": {"env": "BLESTA_KEY"}}
    BLESTA = {"default": {...}, "other": {...}}

Every mistake becomes a :class:`Problem`; an installation with a problem is refused whole, because an option that is
misspelt (``READONLY``) must not be silently without effect.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType
from typing import Any, NoReturn
from urllib.parse import urlsplit

from django.conf import settings
from django.core.signals import setting_changed

from django_blesta.exceptions import NotConfigured
from django_blesta.options import (
    ADDRESS,
    CARRIER,
    FLAG,
    SECRET_WORD,
    WRONG,
    Kind,
    Network,
    durations,
    file,
    networks,
    number,
    optional,
    pairs,
    paths,
    secrets,
    token,
    whole,
)

__all__ = ["Credentials", "Installation", "Problem", "Secret", "aliases", "installation", "problems"]

MASK = "********"


class Secret:
    """A word that shows itself only to :meth:`reveal`: not in reprs, reports, copies or pickles.

    The source is a string, a callable that returns one, or the name of an environment variable; the latter two are
    asked at each call to Blesta, so a rotated key needs no restart.
    """

    __slots__ = ("_source", "environment")

    def __init__(self, source: str | Callable[[], str] | Mapping[str, str]) -> None:
        self.environment = source["env"] if isinstance(source, Mapping) else ""
        self._source = "" if isinstance(source, Mapping) else source

    def __repr__(self) -> str:
        return f"Secret(env={self.environment!r})" if self.environment else f"Secret({MASK})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret is not pickled.")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    @property
    def is_missing(self) -> bool:
        """Whether the environment lacks it; callables are not asked."""
        return bool(self.environment) and not os.environ.get(self.environment)

    def reveal(self) -> Revealed:
        """Raise NotConfigured when there is no such word, or one that an HTTP header cannot carry."""
        if self.environment:
            found = Revealed(os.environ.get(self.environment, ""))
            where = f"the environment variable {self.environment}"
        elif callable(self._source):
            found, where = _ask(self._source), "the callable given for it"
        else:
            found, where = Revealed(self._source), "the setting"
        if not found:
            raise NotConfigured(f"Blesta's API user or key is empty: {where} gave nothing.")
        if not (found.isascii() and found.isprintable()):
            raise NotConfigured(f"Blesta's API user or key from {where} holds characters that no header can carry.")
        return found

    @property
    def is_usable(self) -> bool:
        """Whether nothing is known against it yet; the environment and callables are not asked."""
        known = self._source
        if self.environment or not isinstance(known, str):
            return True
        return bool(known) and known.isascii() and known.isprintable()


class Revealed(str):
    """The plain word while it is on its way into a header; a traceback's listing of locals still shows a mask."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)


def _ask(source: Callable[[], str]) -> Revealed:
    try:
        given: object = source()
    except Exception as error:
        complaint = f"The callable that gives Blesta's API user or key raised {type(error).__name__}."
    else:
        return Revealed(given) if isinstance(given, str) else Revealed("")
    # Outside the except block: the callable's frames, which may hold the word, are not chained to this error.
    raise NotConfigured(complaint)


@dataclass(frozen=True, slots=True)
class Credentials:
    """One API user and its key; Blesta lets it into one company."""

    user: Secret
    key: Secret

    def resolve(self) -> tuple[Revealed, Revealed]:
        return self.user.reveal(), self.key.reveal()

    def redact(self, text: str) -> str:
        """Mask the key, in every form that it travels in, in text that came from outside; "" when it cannot be had."""
        try:
            user, key = self.resolve()
        except NotConfigured:
            return ""
        basic = base64.b64encode(f"{user}:{key}".encode("ascii")).decode("ascii")
        return text.replace(basic, MASK).replace(key, MASK)


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake in the setting; ``code`` is the tail of the system check's id."""

    code: str
    message: str
    hint: str
    alias: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Installation:
    """One Blesta, ready to be spoken to; each field below ``companies`` is an upper-case key of the setting.

    Times are in seconds. The deadlines cover one whole call with its tries and its waiting for a turn; the time-outs
    cover one silence on the socket. A write waits long, because registrars and servers are called inside it.
    """

    alias: str
    #: The API's base, always ending in ``/api/``.
    url: str
    #: None stands for the company that the key enters, which is found by asking.
    companies: Mapping[int | None, Credentials]
    authentication: str = "headers"
    #: A PEM file of authorities to trust instead of the usual ones. There is no way to switch verification off.
    ca_file: str = ""
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    write_timeout: float = 120.0
    read_deadline: float = 60.0
    write_deadline: float = 180.0
    #: After decompression.
    max_body_bytes: int = 32 * 1024 * 1024
    max_in_flight: int = 4
    #: None sets no limit.
    requests_per_second: float | None = 10.0
    read_tries: int = 3
    read_only: bool = False
    #: ``Model.method`` pairs that no declaration names and that this site calls all the same.
    allow: frozenset[str] = frozenset()
    #: Let the site charge cards and bank accounts that Blesta holds. It moves money.
    charge_stored_accounts: bool = False
    #: Logical name of a plugin's model to its spelling in the path.
    plugin_paths: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    #: Read past PHP warnings that are printed before the JSON of an answer to a read.
    salvage_warnings: bool = False
    batch_size: int = 500
    #: How long a worker may hold a chunk of a run without a sign of life before another may take it.
    lease_seconds: float = 300.0
    #: A run that misses more rows than both of these allow removes none and is called suspect.
    loss_limit_rows: int = 50
    loss_limit_share: float = 0.05
    #: Single rows asked per minute for detail, for confirming what is missing, and under parents; None: all at once.
    single_rows_per_minute: int | None = None
    #: None keeps the history of changes for ever, 0 keeps none.
    history_days: int | None = 90
    #: One of so many successful reads of a kind is kept in the ledger of calls; writes and failures always are.
    call_sample: int = 20
    #: None keeps the ledger of calls for ever.
    call_days: int | None = 14
    #: Lets monitoring read the health pages, as a bearer; without it only staff may.
    health_token: Secret | None = None
    #: Seconds after which a hot row is looked at again, by the name of its mirror.
    freshness: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({"invoice": 900, "service": 1800}))
    #: How many rows a minute may be asked for only because they are hot.
    hot_rows_per_minute: int = 30
    #: How long to wait after a hint: Blesta tells of a change before all of it is made.
    hint_delay: float = 2.0
    feeds: bool = True
    #: Any of them lets a delivery in, so that one can be replaced without a gap. Without one the receiver is closed.
    webhook_secrets: tuple[Secret, ...] = ()
    #: Where deliveries may come from; empty: anywhere.
    webhook_networks: tuple[Network, ...] = ()
    #: How many proxies stand before the site and append to X-Forwarded-For; 0 takes the peer's own address.
    webhook_proxies: int = 0
    webhook_max_bytes: int = 256 * 1024
    webhook_allow_get: bool = False
    #: Of the key that signs the deliveries of the Event Stream plugin.
    webhook_public_key: str = ""
    admin_url: str = ""
    client_url: str = ""

    @property
    def host(self) -> str:
        """Host and port, for sentences."""
        return urlsplit(self.url).netloc

    def credentials(self, company_id: int | None) -> tuple[int | None, Credentials]:
        """Return the company that is meant, and its credentials; None means the only one there is."""
        if company_id is None and len(self.companies) == 1:
            return next(iter(self.companies.items()))
        if company_id in self.companies:
            return company_id, self.companies[company_id]
        if None in self.companies:
            # Which company the one key enters is known only to Blesta; whoever found out may name it.
            return company_id, self.companies[None]
        which = "has several companies: say which one" if company_id is None else f"has no company {company_id}"
        raise NotConfigured(f"BLESTA[{self.alias!r}] {which}.")


def installation(using: str = "default") -> Installation:
    """Return the installation of this alias, or raise NotConfigured with the first thing that is wrong with it."""
    parsed = _parsed()
    if using in parsed.installations:
        return parsed.installations[using]
    for problem in parsed.problems:
        if problem.alias in ("", using):
            raise NotConfigured(f"{problem.message} {problem.hint}")
    raise NotConfigured(f"BLESTA has no installation named {using!r}.")


def aliases() -> tuple[str, ...]:
    """Every alias that the setting names, those with problems included."""
    return _parsed().aliases


def problems() -> list[Problem]:
    """Everything wrong with the setting, and with what it points at in the environment."""
    parsed = _parsed()
    found = list(parsed.problems)
    for alias, one in parsed.installations.items():
        if alias not in settings.DATABASES:
            hint = "Name each installation after the database alias that holds its mirror."
            found.append(Problem("E013", f"BLESTA[{alias!r}] has no database of that name.", hint, alias))
        for credentials in one.companies.values():
            secrets_used = [credentials.user, credentials.key]
            found += [_missing(alias, secret) for secret in secrets_used if secret.is_missing]
        others = [*one.webhook_secrets, *filter(None, [one.health_token])]
        found += [_missing(alias, secret) for secret in others if secret.is_missing]
    return found


def _missing(alias: str, secret: Secret) -> Problem:
    message = f"BLESTA[{alias!r}] takes a secret from {secret.environment}, which is not set."
    return Problem("W012", message, f"Set the environment variable {secret.environment}.", alias)


# Reading the setting. These functions collect problems and raise nothing, and see credentials only as Secret objects,
# so that no frame of a traceback holds a key.


@dataclass(frozen=True, slots=True)
class _Parsed:
    aliases: tuple[str, ...]
    installations: Mapping[str, Installation]
    problems: tuple[Problem, ...]


_cache: list[_Parsed] = []
_lock = Lock()


def _parsed() -> _Parsed:
    with _lock:
        if not _cache:
            _cache.append(_parse(_sealed(getattr(settings, "BLESTA", None))))
        return _cache[0]


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting == "BLESTA":
        with _lock:
            _cache.clear()


setting_changed.connect(_forget, dispatch_uid="django_blesta.conf")


def _sealed(value: Any, key: object = None) -> Any:
    if key in ("USER", "KEY"):
        is_reference = (
            isinstance(value, Mapping) and set(value) == {"env"} and isinstance(value["env"], str) and value["env"]
        )
        return Secret(value) if isinstance(value, str) or callable(value) or is_reference else None
    if key == "HEALTH_TOKEN":
        return _sealed(value, "KEY") if _is_long(value) else None
    if key == "WEBHOOK_SECRETS":
        several = value if isinstance(value, (list, tuple)) else [value]
        return tuple(_sealed(one, "KEY") if _is_long(one) else None for one in several)
    if isinstance(value, Mapping):
        return {inner: _sealed(item, inner) for inner, item in value.items()}
    return value


def _is_long(word: Any) -> bool:
    """Of a word that stands in the setting itself; others are looked at when they are asked for."""
    return not isinstance(word, str) or SECRET_WORD.fullmatch(word) is not None


def _parse(raw: Any) -> _Parsed:
    if not isinstance(raw, dict) or not raw:
        hint = 'Set BLESTA = {"URL": "https://…", "USER": "…", "KEY": {"env": "BLESTA_KEY"}}.'
        return _Parsed((), {}, (Problem("E001", "The setting BLESTA is missing, empty or not a dict.", hint),))
    keyed = all(isinstance(value, dict) for value in raw.values()) and not _KEYS & set(raw)
    by_alias = raw if keyed else {"default": raw}
    found: list[Problem] = []
    installations = {}
    for alias, entry in by_alias.items():
        reader = _Reader(str(alias), found)
        one = reader.read(entry)
        if one is not None:
            installations[one.alias] = one
    return _Parsed(tuple(map(str, by_alias)), MappingProxyType(installations), tuple(found))


class _Reader:
    """Reads the entry of one alias and appends what is wrong with it to a shared list."""

    def __init__(self, alias: str, found: list[Problem]) -> None:
        self.alias = alias
        self.found = found

    def complain(self, code: str, message: str, hint: str) -> None:
        self.found.append(Problem(code, f"BLESTA[{self.alias!r}]: {message}", hint, self.alias))

    def read(self, entry: dict[Any, Any]) -> Installation | None:
        before = len(self.found)
        for key in entry.keys() - _KEYS:
            self.complain("E002", f"unknown key {key!r}.", f"Known keys are {', '.join(sorted(_KEYS))}.")
        url = self.url(entry.get("URL"))
        companies = self.companies(entry)
        options = {name: self.option(name, entry[name.upper()]) for name in _OPTIONS if name.upper() in entry}
        if len(self.found) > before:
            return None
        return Installation(alias=self.alias, url=url, companies=MappingProxyType(companies), **options)

    def url(self, given: Any) -> str:
        hint = 'Give the address of Blesta, for example "https://billing.example.com/".'
        try:
            parts = urlsplit(given if isinstance(given, str) else "")
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port = "", None
        if not host or not re.fullmatch(r"[A-Za-z0-9.:_-]+", host):
            self.complain("E003", "URL is missing or is not a web address.", hint)
            return ""
        if "@" in parts.netloc or parts.query or parts.fragment:
            self.complain("E005", "URL must hold no user, password, query or fragment.", "Use USER and KEY instead.")
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
            self.complain("E004", f"URL must begin with https:// (host {host}).", "http:// is for loopback only.")
        segments = [segment for segment in parts.path.split("/") if segment]
        if not all(re.fullmatch(r"[A-Za-z0-9._~-]+", segment) and segment not in (".", "..") for segment in segments):
            self.complain("E003", "URL's path holds characters that no Blesta path has.", hint)
        if segments[-1:] != ["api"]:
            segments.append("api")
        name = f"[{host}]" if ":" in host else host
        return f"{parts.scheme}://{name}{f':{port}' if port else ''}/{'/'.join(segments)}/"

    def companies(self, entry: dict[Any, Any]) -> dict[int | None, Credentials]:
        several = entry.get("COMPANIES")
        if several is None:
            one = self.credentials(entry, "")
            return {None: one} if one else {}
        if "USER" in entry or "KEY" in entry:
            self.complain("E010", "USER and KEY stand beside COMPANIES.", "Put each company's pair into COMPANIES.")
        hint = 'COMPANIES = {1: {"USER": "…", "KEY": …}} with Blesta\'s company ids as keys.'
        if not isinstance(several, dict) or not several:
            self.complain("E010", "COMPANIES must be a dict that is not empty.", hint)
            return {}
        found: dict[int | None, Credentials] = {}
        for company_id, pair in several.items():
            if type(company_id) is not int or company_id < 1 or not isinstance(pair, dict):
                self.complain("E010", "COMPANIES must map whole numbers to USER and KEY.", hint)
                continue
            for key in pair.keys() - {"USER", "KEY"}:
                self.complain("E002", f"unknown key {key!r} in COMPANIES[{company_id}].", "Known are USER and KEY.")
            one = self.credentials(pair, f" in COMPANIES[{company_id}]")
            if one:
                found[company_id] = one
        return found

    def credentials(self, pair: dict[Any, Any], where: str) -> Credentials | None:
        hint = 'Give text, a callable that returns text, or {"env": "NAME"}.'
        user, key = pair.get("USER"), pair.get("KEY")
        for name, secret in (("USER", user), ("KEY", key)):
            if name not in pair:
                self.complain("E006", f"{name} is missing{where}.", hint)
            elif secret is None:
                self.complain("E007", f"{name}{where} is neither text, a callable nor a reference.", hint)
            elif not secret.is_usable:
                self.complain("E007", f"{name}{where} is empty or holds characters that no header can carry.", hint)
        return Credentials(user, key) if isinstance(user, Secret) and isinstance(key, Secret) else None

    def option(self, name: str, given: Any) -> Any:
        kind = _OPTIONS[name]
        converted = kind.convert(given)
        if converted is WRONG:
            self.complain(kind.code, f"{name.upper()} must be {kind.described}.", "Correct it or leave it out.")
        return converted


def is_loopback(host: str) -> bool:
    """Whether plain http may be spoken to this host: the machine itself, by name or by address."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address == ipaddress.IPv6Address("::1") or address in ipaddress.IPv4Network("127.0.0.0/8")


_OPTIONS: Mapping[str, Kind] = {
    "authentication": CARRIER,
    "ca_file": Kind("the path of a file that exists", file, "E009"),
    "connect_timeout": number(0.1, 60),
    "read_timeout": number(0.1, 600),
    "write_timeout": number(0.1, 3600),
    "read_deadline": number(0.1, 3600),
    "write_deadline": number(0.1, 7200),
    "max_body_bytes": whole(1024, 1024**3),
    "max_in_flight": whole(1, 64),
    "requests_per_second": optional(number(0.01, 10_000)),
    "read_tries": whole(1, 10),
    "read_only": FLAG,
    "charge_stored_accounts": FLAG,
    "allow": Kind('a list of "Model.method" pairs', pairs, "E011"),
    "plugin_paths": Kind('a dict such as {"plugin.Model": "plugin.model"}', paths),
    "salvage_warnings": FLAG,
    "batch_size": whole(1, 10_000),
    "lease_seconds": number(1, 86_400),
    "loss_limit_rows": whole(0, 1_000_000),
    "loss_limit_share": number(0, 1),
    "single_rows_per_minute": optional(whole(1, 1_000_000)),
    "history_days": optional(whole(0, 36_500)),
    "call_sample": whole(1, 1_000_000),
    "call_days": optional(whole(1, 36_500)),
    "health_token": Kind("a secret of at least 24 letters, digits and . _ ~ -", token, "E014"),
    "freshness": Kind('a dict such as {"invoices": "2m"}', durations),
    "hot_rows_per_minute": whole(0, 1_000_000),
    "hint_delay": number(0, 60),
    "feeds": FLAG,
    "webhook_secrets": Kind("a secret of at least 24 letters, digits and . _ ~ -, or a list of such", secrets, "E014"),
    "webhook_networks": Kind('a list of networks such as "203.0.113.0/24"', networks),
    "webhook_proxies": whole(0, 10),
    "webhook_max_bytes": whole(1024, 16 * 1024**2),
    "webhook_allow_get": FLAG,
    "webhook_public_key": Kind("a public key, PEM", lambda given: given if isinstance(given, str) else WRONG),
    "admin_url": ADDRESS,
    "client_url": ADDRESS,
}
_KEYS = frozenset({"URL", "USER", "KEY", "COMPANIES", *(name.upper() for name in _OPTIONS)})
