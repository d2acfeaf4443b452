"""Who may deliver: whoever knows one of the secrets, from one of the networks, where these are named."""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from hmac import compare_digest

from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from django_blesta import conf
from django_blesta.conf import Installation
from django_blesta.exceptions import NotConfigured
from django_blesta.options import SECRET_WORD


@dataclass(frozen=True, slots=True)
class Door:
    """One installation that can be delivered to; `digests` are of its usable secrets."""

    installation: Installation
    digests: tuple[bytes, ...] = field(repr=False)

    @property
    def public_key(self) -> str:
        return self.installation.webhook_public_key


def doors() -> list[Door]:
    """Every installation that has a usable secret, or a key that signatures are checked with."""
    found = []
    for alias in conf.aliases():
        try:
            installation = conf.installation(alias)
        except NotConfigured:
            continue
        door = Door(installation, tuple(_digests(installation)))
        if door.digests or door.public_key:
            found.append(door)
    return found


def is_open(alias: str) -> bool:
    """Whether deliveries to this installation can be accepted at all."""
    return any(door.installation.alias == alias for door in doors())


@sensitive_variables()
def _digests(installation: Installation) -> Iterable[bytes]:
    """A secret that the environment lacks, or that could be guessed, lets nobody in."""
    for secret in installation.webhook_secrets:
        try:
            word = secret.reveal()
        except NotConfigured:
            continue
        if SECRET_WORD.fullmatch(word):
            yield _digest(word)


def _digest(word: str) -> bytes:
    return hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()


@sensitive_variables()
def door_for(request: HttpRequest, in_path: str, among: Iterable[Door]) -> Door | None:
    """The one whose secret was offered, in the path or as the password of Basic authentication.

    Digests are compared, all of them whatever the first ones said, so that the time taken tells nothing.
    """
    offered = [_digest(word) for word in (in_path, _password(request)) if word]
    found: Door | None = None
    for door in among:
        for known in door.digests:
            for one in offered:
                if compare_digest(known, one):
                    found = door
    return found


@sensitive_variables()
def _password(request: HttpRequest) -> str:
    scheme, _, encoded = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def comes_from_near(request: HttpRequest, installation: Installation) -> bool:
    """Whether the sender's address is in one of the networks; yes where none are named."""
    if not installation.webhook_networks:
        return True
    try:
        address = ipaddress.ip_address(_sender(request, installation.webhook_proxies).strip())
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return any(mapped in network for network in installation.webhook_networks)


def _sender(request: HttpRequest, proxies: int) -> str:
    """Each proxy appends whom it heard; what stands further left was written by whoever sent it."""
    if not proxies:
        return str(request.META.get("REMOTE_ADDR", ""))
    heard = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    return heard[-proxies] if len(heard) >= proxies else ""


def new_secret() -> str:
    """43 letters, digits, - and _: 32 random bytes."""
    return secrets.token_urlsafe(32)
