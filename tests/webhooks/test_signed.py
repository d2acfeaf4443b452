"""Deliveries that the third-party Event Stream plugin signs: OpenSSL made the key and the signatures below."""

from __future__ import annotations

import base64

import pytest

from django_blesta.models import Delivery, Hint
from django_blesta.sync import hints
from django_blesta.webhooks._signed import is_key, is_signed, public_key

PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAsYgQfTwgmKdvxlFYns9l
uYVqE4fV3oQPh9GoyUbkwxlWPWEb+8Dzw+Rd3l0I48PdDaqrmHV3PwKTDEY7pE3E
yADCwnL2+C71KEaF88d8Al3Aj/pLFD4HWh5GB7f6K6tvHTgzkKS3wEpyTrk68iQa
SexCAEPNc4x2gMymgOKkWNEIAqc++JceTJPHw7t+akdsdzbRtGMiadCnC1CZ7QOT
zrzunR9giwar6gMydmTKXCY3bNCUtZnX3+iU7zRh8+e5Gw8a8Lwx8cpK73aFE89s
/sQTIXa9vUhwYJLUdSyX17C2Op1a6YvrqW7VutwOH0D/U0rN/ZXiXKR2CtKELkvU
gQIDAQAB
-----END PUBLIC KEY-----
"""
# The same key in the older form.
PKCS1 = """-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEAsYgQfTwgmKdvxlFYns9luYVqE4fV3oQPh9GoyUbkwxlWPWEb+8Dz
w+Rd3l0I48PdDaqrmHV3PwKTDEY7pE3EyADCwnL2+C71KEaF88d8Al3Aj/pLFD4H
Wh5GB7f6K6tvHTgzkKS3wEpyTrk68iQaSexCAEPNc4x2gMymgOKkWNEIAqc++Jce
TJPHw7t+akdsdzbRtGMiadCnC1CZ7QOTzrzunR9giwar6gMydmTKXCY3bNCUtZnX
3+iU7zRh8+e5Gw8a8Lwx8cpK73aFE89s/sQTIXa9vUhwYJLUdSyX17C2Op1a6Yvr
qW7VutwOH0D/U0rN/ZXiXKR2CtKELkvUgQIDAQAB
-----END RSA PUBLIC KEY-----
"""
TOO_SMALL = """-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDIv2TgC/LEAcrqZbsyifGglyY4
m1Kd1P+O9c7V95xuumh6oBTVh6OTBb/cWlp+pVG7kK70Qf0m3ESIeNqseiUXTo2f
CsKRY+20H5bsAOW54vYyZvfItzSRMCukiCLXs1ZftwpMvLR3RIJN7c6h1Ed+M5QC
0kotvH+ZZo/fkhDKZwIDAQAB
-----END PUBLIC KEY-----
"""
BODY = b'{"event":"clientAdded","payload":{"client":{"id":"1","first_name":"Ada","user_id":4}}}'
SIGNATURE = (
    "bZvuO7aInk1qff72lCfV1o9yFFR/qSaWlCzhCod+ITpJUUnEeYusJ/dBhpCUXnXFvtSD6VF3S/+GwrbC8r727nWdqqxZ4060ivPn"
    "OKrkfS26+gNrHWmMt0iGmwmnrB+3Kg6Hz+XykYrAjSr+5XSj5wQ8u6uYxOkWvMA3jzWF3LFSQwxonPrwmyM80T+l+BK3spEn4cik"
    "T+JEOIg2ArzmbBcWqJI2p3IYTEGj8BaXEMGuL7nB+52glc3iJd4aUJfuSQnjwvQxnZCV5TPZfnFgjUSjp06L+l/Z+s68yg5YUUFC"
    "jbDq825o8s2YotXtHtt9xa3ryPx8cslxSZcEJ/53BQ=="
)
CLOSED = b'{"event":"invoiceClosed","payload":{"invoice":{"id":"5","client_id":"1"},"client":{"id":"1"}}}'
CLOSED_SIGNATURE = (
    "iY33nTF8aXmTz4zJsap1qSnsdWuNc+V1D/fVIKQA6tXfDhUv5x+7wj35SDYsto1OBQLh+aS4+IqiiDnR95RhKEn9BxWvcXdT7/S4"
    "g4BcNGiivsn8AW2WQ6PfAlVfEO9/QUfIuYvDcSnB4G/xcnZeA66pEY7Zk4X6eCYtbza2N5u61NytVgMkfF2jSYP/nPd+M/RtVhbo"
    "duqGALWW+ZNF7M4SsR0Flvqfn46G71CmNuZJYgeUiTQpn0G93vvUiQGWZyhoBKQ9scDLlG5oKST9KZTdbkr1HycvD0+s+UXJurfj"
    "qFs5MbI5k/8oO0EbeE/y+vWSFAoQPbCIXygr16txpQ=="
)


@pytest.mark.parametrize("key", [PUBLIC_KEY, PKCS1, PUBLIC_KEY.replace("\n", "\r\n"), f"  {PUBLIC_KEY}\n"])
def test_a_signature_of_openssl_is_one(key: str) -> None:
    assert is_signed(BODY, SIGNATURE, key)
    assert is_signed(CLOSED, CLOSED_SIGNATURE, key)


RAW = base64.b64decode(SIGNATURE)


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (BODY + b" ", SIGNATURE),
        (CLOSED, SIGNATURE),
        (BODY, ""),
        (BODY, "not base64!"),
        (BODY, "ünicode"),
        (BODY, base64.b64encode(RAW[:-1]).decode()),
        (BODY, base64.b64encode(RAW + b"\0").decode()),
        (BODY, base64.b64encode(b"\0" * 256).decode()),
        (BODY, base64.b64encode(b"\xff" * 256).decode()),
        (BODY, base64.b64encode(bytes([*RAW[:-1], RAW[-1] ^ 1])).decode()),
        (BODY, base64.b64encode((1).to_bytes(256, "big")).decode()),
        (BODY, base64.b64encode(public_key(PUBLIC_KEY).modulus.to_bytes(256, "big")).decode()),
    ],
)
def test_anything_else_is_none(body: bytes, signature: str) -> None:
    assert not is_signed(body, signature, PUBLIC_KEY)


@pytest.mark.parametrize("key", ["", "nonsense", TOO_SMALL, PUBLIC_KEY[:-60], PUBLIC_KEY.replace("M", "A", 1)])
def test_what_is_no_key_verifies_nothing(key: str) -> None:
    assert not is_key(key)
    assert not is_signed(BODY, SIGNATURE, key)


@pytest.fixture
def signed(told, settings):
    settings.BLESTA = {**settings.BLESTA, "WEBHOOK_SECRETS": [], "WEBHOOK_PUBLIC_KEY": PUBLIC_KEY}
    return told


@pytest.mark.django_db
def test_a_signed_delivery_needs_no_secret(signed, deliver) -> None:
    for body, signature in ((BODY, SIGNATURE), (CLOSED, CLOSED_SIGNATURE)):
        headers = {"x-event-stream-signature": signature}
        assert deliver(None, body, path="/blesta/hooks/", headers=headers).status_code == 202
    hints.resolve()
    assert list(Delivery.objects.order_by("pk").values_list("event", "state")) == [
        ("Clients.create", "resolved"),
        ("Invoices.setClosed", "resolved"),
    ]
    assert set(Hint.objects.values_list("resource", "remote_id")) == {
        ("django_blesta.client", 1),
        ("django_blesta.invoice", 5),
    }


@pytest.mark.django_db
@pytest.mark.parametrize("headers", [{}, {"x-event-stream-signature": CLOSED_SIGNATURE}])
def test_one_that_is_not_signed_is_refused(headers: dict[str, str], signed, deliver) -> None:
    assert deliver(None, BODY, path="/blesta/hooks/", headers=headers).status_code == 403
    assert deliver("Clients.edit", {"client_id": 1}, path="/blesta/hooks/", headers=headers).status_code == 403
    assert not Delivery.objects.exists()


@pytest.mark.django_db
def test_a_strangers_body_is_read_up_to_its_limit(signed, deliver) -> None:
    headers = {"x-event-stream-signature": SIGNATURE}
    assert deliver(None, b"x" * 300_000, path="/blesta/hooks/", headers=headers).status_code == 413
