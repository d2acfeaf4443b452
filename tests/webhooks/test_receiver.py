"""The door: who is let in, what is kept, what is answered, and that nothing makes it stumble."""

from __future__ import annotations

import base64
import json
import logging
import os
import resource
from collections import Counter
from random import Random
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import RequestFactory, override_settings
from django.urls import reverse
from hypothesis import HealthCheck, given, settings, strategies

from django_blesta.models import Delivery
from django_blesta.webhooks import new_secret, receive
from tests.webhooks.conftest import PATH, SECRET

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"


def basic(password: str, user: str = "blesta") -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_a_delivery_is_one_statement_and_keeps_the_name_and_the_ids(told, deliver, django_assert_num_queries) -> None:
    body = {
        "vars": {"client_id": "7", "password": "hunter2", "amounts": [{"invoice_id": 12, "amount": "1.00"}]},
        "client": {"id": 7, "email": "ada@example.com"},
        "card_id": 4111111111111111,
    }
    with django_assert_num_queries(1):
        answer = deliver("Clients.edit", body)
    assert (answer.status_code, answer.content) == (202, b"Accepted.\n")
    row = Delivery.objects.get()
    assert (row.event, row.webhook_id, row.state) == ("Clients.edit", 3, "pending")
    assert row.ids == {"client.id": 7, "vars.client_id": 7, "vars.amounts.0.invoice_id": 12}
    assert told.requests == []


def test_a_form_says_the_same_as_json(told, deliver) -> None:
    deliver(
        "Services.editAfter",
        "service_id=42&vars%5Bstatus%5D=suspended&vars[id]=3",
        content_type="application/x-www-form-urlencoded",
    )
    assert Delivery.objects.get().ids == {"service_id": 42, "vars.id": 3}


@pytest.mark.parametrize("body", [{"client_id": 1}, {"client_id": 999999}, {"client_id": "x"}, {}, {"company_id": 9}])
@pytest.mark.parametrize("event", ["Clients.edit", "Nobody.knows", "Clients.editBefore"])
def test_the_answer_tells_nothing_of_what_is_known_here(event: str, body: object, told, deliver) -> None:
    answer = deliver(event, body)
    assert (answer.status_code, answer.content) == (202, b"Accepted.\n")
    assert Delivery.objects.count() == 1


WRONG = {
    "none": ("/blesta/hooks/", {}),
    "empty password": ("/blesta/hooks/", basic("")),
    "prefix": (f"/blesta/hooks/{SECRET[:-1]}/", {}),
    "longer": (f"/blesta/hooks/{SECRET}0/", {}),
    "upper case": (f"/blesta/hooks/{SECRET.upper()}/", {}),
    "not ASCII": ("/blesta/hooks/gehéim-ünd-läng-genug-0123456/", {}),
    "not ASCII, as password": ("/blesta/hooks/", basic("gehéim-ünd-läng-genug-0123456")),
    "broken UTF-8": ("/blesta/hooks/%ff%fe%ed%a0%80/", {}),
    "NUL": (f"/blesta/hooks/{SECRET}%00/", {}),
    "in the query": (f"/blesta/hooks/?secret={SECRET}", {}),
    "as user": ("/blesta/hooks/", basic("", user=SECRET)),
    "in another header": ("/blesta/hooks/", {"x-webhook-secret": SECRET, "x-djstripe-webhook-secret": SECRET}),
    "header twice": (
        "/blesta/hooks/",
        {"authorization": f"{basic('x')['authorization']}, {basic(SECRET)['authorization']}"},
    ),
    "as a bearer": ("/blesta/hooks/", {"authorization": f"Bearer {SECRET}"}),
    "not base64": ("/blesta/hooks/", {"authorization": f"Basic {SECRET}"}),
    "blanks around": (f"/blesta/hooks/%20{SECRET}%20/", {}),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_secret_gets_the_same_answer_and_leaves_nothing(case: str, told, deliver) -> None:
    path, headers = WRONG[case]
    answer = deliver("Clients.edit", {"client_id": 1, "secret": SECRET}, path=path, headers=headers)
    assert (answer.status_code, answer.content) == (403, b"Not let in.\n")
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("path", [PATH, PATH.rstrip("/")])
def test_the_secret_is_taken_from_the_path_with_and_without_its_slash(path: str, told, deliver) -> None:
    assert deliver("Clients.edit", {"client_id": 1}, path=path).status_code == 202


def test_each_of_several_secrets_opens_so_that_one_can_be_replaced(told, deliver, settings) -> None:
    new = new_secret()
    settings.BLESTA = {**settings.BLESTA, "WEBHOOK_SECRETS": [new, SECRET]}
    assert deliver("Clients.edit", {}, path=f"/blesta/hooks/{new}/").status_code == 202
    assert deliver("Clients.edit", {}, path="/blesta/hooks/", headers=basic(SECRET)).status_code == 202
    settings.BLESTA = {**settings.BLESTA, "WEBHOOK_SECRETS": [new]}
    assert deliver("Clients.edit", {}).status_code == 403


@pytest.mark.parametrize("secrets", [[], [{"env": "NOT_SET_ANYWHERE"}], [{"env": "WEAK_SECRET"}]])
def test_without_a_usable_secret_the_door_is_closed(secrets: list, told, deliver, settings, monkeypatch) -> None:
    monkeypatch.setenv("WEAK_SECRET", "letmein")
    settings.BLESTA = {**settings.BLESTA, "WEBHOOK_SECRETS": secrets}
    for path in (PATH, "/blesta/hooks/", "/blesta/hooks/letmein/"):
        answer = deliver("Clients.edit", {"client_id": 1}, path=path)
        assert (answer.status_code, answer["Retry-After"]) == (503, "60")
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    ("networks", "proxies", "peer", "forwarded", "status"),
    [
        (["203.0.113.0/24"], 0, "203.0.113.9", None, 202),
        (["203.0.113.0/24"], 0, "198.51.100.1", None, 403),
        (["203.0.113.0/24"], 0, "198.51.100.1", "203.0.113.9", 403),
        (["203.0.113.0/24"], 1, "10.0.0.1", "203.0.113.9", 202),
        (["203.0.113.0/24"], 1, "10.0.0.1", "203.0.113.9, 198.51.100.1", 403),
        (["203.0.113.0/24"], 2, "10.0.0.1", "198.51.100.7, 203.0.113.9, 10.0.0.2", 202),
        (["203.0.113.0/24"], 2, "10.0.0.1", "203.0.113.9", 403),
        (["203.0.113.0/24"], 1, "10.0.0.1", None, 403),
        (["203.0.113.0/24"], 1, "10.0.0.1", "rubbish", 403),
        (["2001:db8::/32", "203.0.113.0/24"], 0, "2001:db8::7", None, 202),
        (["203.0.113.0/24"], 0, "::ffff:203.0.113.9", None, 202),
    ],
)
def test_networks_are_compared_with_whom_the_own_proxies_heard(
    networks, proxies, peer, forwarded, status, told, deliver, settings
) -> None:
    settings.BLESTA = {**settings.BLESTA, "WEBHOOK_NETWORKS": networks, "WEBHOOK_PROXIES": proxies}
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    assert deliver("Clients.edit", {}, headers=headers, REMOTE_ADDR=peer).status_code == status


@pytest.mark.parametrize(
    ("event", "body", "extra", "status"),
    [
        (None, {"client_id": 1}, {}, 400),
        ("Clients", {"client_id": 1}, {}, 400),
        ("Clients.edit, Clients.add", {}, {}, 400),
        ("A." + "b" * 200, {}, {}, 400),
        ("Clients.edit", "[" * 20_000, {}, 400),
        ("Clients.edit", "{", {}, 400),
        ("Clients.edit", '{"id": ' + "9" * 5000 + "}", {}, 400),
        ("Clients.edit", b"\xff\xfe{}", {}, 400),
        ("Clients.edit", '{"client_id": 1}{}', {}, 400),
        (
            "Clients.edit",
            "&".join(f"a{n}=1" for n in range(100_000))[:250_000],
            {"content_type": "application/x-www-form-urlencoded"},
            400,
        ),
        ("Clients.edit", "x", {"content_type": "text/plain"}, 415),
        ("Clients.edit", "{}", {"headers": {"content-encoding": "gzip"}}, 415),
        ("Clients.edit", '"' + "x" * 262_144 + '"', {}, 413),
        ("Clients.edit", "", {}, 202),
        ("Clients.edit", "[]", {}, 202),
        ("Clients.edit", "null", {}, 202),
        ("Clients.edit", '{"client_id": NaN, "id": 1e400}', {}, 202),
    ],
)
def test_what_is_not_a_delivery_is_refused_with_a_sentence(event, body, extra, status, told, deliver) -> None:
    answer = deliver(event, body, **extra)
    assert answer.status_code == status
    assert len(answer.content) < 200
    assert Delivery.objects.count() == (status == 202)


def test_a_length_that_is_announced_too_large_is_not_read(told, deliver) -> None:
    assert deliver("Clients.edit", "{}", CONTENT_LENGTH="104857600").status_code == 413


@pytest.mark.parametrize("method", ["get", "head", "delete", "patch", "options"])
def test_other_methods_are_told_what_to_use(method: str, told, deliver) -> None:
    answer = deliver("Clients.edit", {} if method in ("get", "head") else "{}", method=method)
    assert (answer.status_code, answer["Allow"]) == (405, "POST, PUT")
    assert not Delivery.objects.exists()


def test_the_database_being_away_is_answered_with_try_again(told, deliver) -> None:
    def refuse(execute, *args):
        raise OperationalError("gone")

    with connection.execute_wrapper(refuse):
        answer = deliver("Clients.edit", {"client_id": 1})
    assert answer.status_code == 503


def test_the_secret_stands_in_no_log(told, deliver, caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        for path in (PATH, PATH.replace(SECRET, SECRET[:-2])):
            for body in ({"client_id": 1}, "{", "x" * 300_000):
                deliver("Clients.edit", body, path=path)
    assert SECRET[:-2] not in caplog.text


@override_settings(
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
)
def test_sites_that_want_a_login_everywhere_are_delivered_to(told, deliver) -> None:
    assert deliver("Clients.edit", {"client_id": 1}).status_code == 202


@pytest.mark.django_db(transaction=True)
def test_under_atomic_requests_the_row_is_committed_before_the_answer(told, deliver, monkeypatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    seen = []
    with connection.execute_wrapper(lambda run, *words: seen.append(connection.in_atomic_block) or run(*words)):
        deliver("Clients.edit", {"client_id": 1})
    assert seen == [False]


def test_the_address_has_a_name(told) -> None:
    assert reverse("blesta_webhooks:receiver", args=["word"]) == "/blesta/hooks/word"


NASTY = strategies.one_of(
    strategies.binary(max_size=300),
    strategies.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    strategies.recursive(
        strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats() | strategies.text(),
        lambda inner: (
            strategies.lists(inner)
            | strategies.dictionaries(strategies.text() | strategies.sampled_from(["id", "client_id", "vars"]), inner)
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode()),
    strategies.lists(strategies.tuples(strategies.text(max_size=20), strategies.text(max_size=20)), max_size=20).map(
        lambda pairs: "&".join(f"{name}[{value}]={value}" for name, value in pairs).encode("utf-8", "surrogatepass")
    ),
)
EVENTS = strategies.one_of(
    strategies.sampled_from(["Clients.edit", "Invoices.addAfter", "X.yBefore", "", "Ünicode.x"]),
    strategies.text(strategies.characters(min_codepoint=32, max_codepoint=255), max_size=120),
)
KINDS = strategies.sampled_from(
    ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
BODIES = int(os.environ.get("BLESTA_MALFORMED_BODIES", "150"))


def mutated(random: Random) -> bytes:
    """A delivery as Blesta makes it, with something cut out, doubled, overwritten, nested or blown up."""
    whole: Any = {"client_id": random.randint(0, 10**12), "vars": {"id": [random.random()] * random.randint(0, 5)}}
    for _ in range(random.randint(0, 60)):
        whole = random.choice([[whole], {random.choice(["vars", "id", "client", "\ud800", ""]): whole}])
    body = bytearray(json.dumps(whole).encode())
    for _ in range(random.randint(0, 4)):
        place = random.randrange(len(body))
        kind = random.randrange(4)
        if kind == 0:
            del body[place : place + random.randint(1, 30)]
        elif kind == 1:
            body[place:place] = body[: random.randint(1, 200)] * random.randint(1, 20)
        elif kind == 2:
            body[place] = random.randrange(256)
        else:
            body[place:place] = random.choice([b"[" * 3000, b"9" * 5000, b"&a[b]=" * 1200, b"\0", b"\xff", b"%ff%00"])
        body = body or bytearray(b"x")
    return bytes(body)


@pytest.mark.faults
def test_a_hundred_thousand_malformed_bodies_cost_no_memory(told, capsys) -> None:
    random, factory, answers = Random(4), RequestFactory(), Counter()
    kinds = ["application/json", FORM, "multipart/form-data; boundary=x", "", "text/html"]

    def send(count: int) -> None:
        for _ in range(count):
            event = random.choice(["Clients.edit", "Invoices.addAfter", "x.yBefore", "", "\x00"])
            request = factory.generic(
                random.choice(["POST", "PUT"]), PATH, mutated(random), random.choice(kinds), HTTP_X_BLESTA_EVENT=event
            )
            answers[receive(request, SECRET).status_code] += 1

    send(2000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    send(100_000)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    with capsys.disabled():
        print(f"\n102,000 bodies: {dict(sorted(answers.items()))}, {grown:.1f} MiB more at the highest", end=" ")
    assert set(answers) <= {202, 400, 413, 415}
    assert answers[202] == Delivery.objects.count()
    assert grown < 50


@given(body=NASTY, event=EVENTS, kind=KINDS, method=strategies.sampled_from(["post", "put"]))
@settings(max_examples=BODIES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_makes_it_stumble(body: bytes, event: str, kind: str, method: str, told, deliver) -> None:
    answer = deliver(None, body, method=method, content_type=kind, headers={"x-blesta-event": event})
    assert answer.status_code in (202, 400, 415)
