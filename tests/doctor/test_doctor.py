"""For each trouble that can be told from here: the check that names its cause, and the fix that it gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from django_blesta import doctor, sync
from django_blesta.doctor import Finding, Grade
from django_blesta.models import Client, Company, Delivery, Heartbeat
from django_blesta.testing.simulator import Simulator
from tests.connection.faulty_server import FaultyServer
from tests.connection.test_http import TLS

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.parametrize("blesta_simulator", [{"clients": 4}], indirect=True),
]


def examined() -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in doctor.examine():
        found.setdefault(finding.check, []).append(finding)
    return found


def worst() -> Finding:
    order = [Grade.SKIPPED, Grade.GOOD, Grade.NOTE, Grade.WARNING, Grade.BAD]
    return max(doctor.examine(), key=lambda one: order.index(one.grade))


def test_everything_is_fine_with_a_blesta_that_is_well(blesta: Simulator) -> None:
    sync.run()

    grades = {name: {one.grade for one in findings} for name, findings in examined().items()}

    assert grades.pop("worker") == grades.pop("scheduler") == grades.pop("webhooks") == {Grade.NOTE}
    assert set().union(*grades.values()) == {Grade.GOOD}, grades
    assert {"setting", "database", "address", "authentication", "clock", "company", "identity"} <= grades.keys()


def html(blesta: Simulator, body: str, status: int = 403) -> None:
    blesta.fail(times=None, status=status, body=body)


Meddle = Callable[[Simulator, Any], object]
CAUSES: list[tuple[str, Meddle, str, Grade, str]] = [
    ("maintenance", lambda b, s: b.switches.set(maintenance="503"), "address", Grade.BAD, "Wait for it"),
    ("no rewriting", lambda b, s: b.switches.set(rewriting=False), "address", Grade.BAD, "index.php/"),
    (
        "firewall",
        lambda b, s: html(b, "<html>Attention Required! | Cloudflare</html>"),
        "address",
        Grade.BAD,
        "firewall",
    ),
    ("another site", lambda b, s: html(b, "<html>Hello</html>", 404), "address", Grade.BAD, "Check URL"),
    ("fatal error", lambda b, s: b.switches.set(html_fatal="500"), "address", Grade.BAD, "error logs"),
    ("unreachable", lambda b, s: b.stop(), "address", Grade.BAD, "this machine can open it"),
    ("throttled", lambda b, s: b.fail(times=None, status=429, body="{}"), "address", Grade.BAD, "REQUESTS_PER_SECOND"),
    ("wrong key", lambda b, s: s(KEY="wrong"), "authentication", Grade.BAD, "API Access"),
    ("dropped headers", lambda b, s: b.switches.set(auth_carrier="basic"), "authentication", Grade.BAD, '"basic"'),
    ("slow clock", lambda b, s: b.switches.set(clock_behind=10.0), "clock", Grade.WARNING, "NTP"),
    (
        "unknown company",
        lambda b, s: s(COMPANIES={7: {"USER": b.user, "KEY": b.key}}, USER=None, KEY=None),
        "company",
        Grade.BAD,
        "COMPANIES",
    ),
    ("no plugin", lambda b, s: b.switches.set(missing_plugin=True), "plugins", Grade.NOTE, "stay empty"),
    ("order ignored", lambda b, s: b.switches.set(order_by="error"), "lists", Grade.WARNING, "without that order"),
    ("repeated page", lambda b, s: b.switches.set(repeat_last_page=True), "lists", Grade.NOTE, ""),
    ("absent columns", lambda b, s: b.switches.set(inferred_columns="absent"), "columns", Grade.NOTE, "leaves these"),
    ("strict verbs", lambda b, s: b.switches.set(verb_strict=True), "verbs", Grade.WARNING, "refused"),
    ("stopped cron", lambda b, s: b.switches.set(cron_minutes_ago=600), "cron", Grade.WARNING, "Automation"),
    ("silent cron", lambda b, s: b.switches.set(cron_minutes_ago=None), "cron", Grade.NOTE, ""),
    ("bad setting", lambda b, s: s(READONLY=True), "setting", Grade.BAD, "Known keys"),
]


@pytest.mark.parametrize(
    ("meddle", "check", "grade", "fix"), [one[1:] for one in CAUSES], ids=[one[0] for one in CAUSES]
)
def test_cause_is_named_by_its_check(
    blesta: Simulator, settings: Any, meddle: Meddle, check: str, grade: Grade, fix: str
) -> None:
    def change(**keys: Any) -> None:
        changed = {**settings.BLESTA, **keys}
        settings.BLESTA = {name: value for name, value in changed.items() if value is not None}

    meddle(blesta, change)

    findings = examined()
    told = [one for one in findings[check] if one.grade is grade]
    assert told, findings[check]
    assert any(fix in one.fix for one in told), told
    earlier = [one for name in list(findings)[: list(findings).index(check)] for one in findings[name]]
    assert all(one.grade in (Grade.GOOD, Grade.NOTE) for one in earlier)
    if grade is Grade.BAD and check in ("address", "authentication", "setting"):
        assert findings["lists"][0].grade is Grade.SKIPPED


@pytest.mark.parametrize("certificate", ["expired.pem", "wrong_host.pem"])
def test_certificate_that_cannot_be_trusted_is_named(blesta: Simulator, settings: Any, certificate: str) -> None:
    with FaultyServer(str(TLS / certificate)) as server:
        authority = str(TLS / "ca.pem")
        settings.BLESTA = {**settings.BLESTA, "URL": server.url, "CA_FILE": authority, "READ_TRIES": 1}
        (found,) = examined()["address"]

    assert found.grade is Grade.BAD
    assert "CA_FILE" in found.fix
    assert "certificate" in found.saw


def test_another_installation_is_recognised(blesta: Simulator, settings: Any) -> None:
    sync.run()
    with Simulator(clients=9, seed=77, companies=1) as other:
        settings.BLESTA = {**other.settings(), "REQUESTS_PER_SECOND": None}
        findings = examined()

    assert findings["identity"][0].grade is Grade.BAD
    assert "--accept-identity" in findings["identity"][0].fix


def test_several_companies_want_to_be_named(settings: Any, blesta_simulator: Simulator) -> None:
    with Simulator(clients=0, companies=2) as several:
        user, key = several.credentials[1]
        settings.BLESTA = {"URL": several.url, "USER": user, "KEY": key, "REQUESTS_PER_SECOND": None}
        (found,) = examined()["company"]

    assert found.grade is Grade.WARNING
    assert "COMPANIES" in found.fix


@pytest.mark.parametrize(("kind", "check"), [(Heartbeat.Kind.WORKER, "worker"), (Heartbeat.Kind.BEAT, "scheduler")])
def test_lost_worker_and_stopped_scheduler_are_named(blesta: Simulator, kind: str, check: str) -> None:
    long_ago = timezone.now() - timedelta(minutes=10)
    Heartbeat.objects.create(kind=kind, name="one@host", since=long_ago, seen_at=long_ago, worked_at=long_ago)

    assert examined()[check][0].grade is Grade.BAD


def test_webhooks_that_do_not_arrive_are_named(blesta: Simulator, settings: Any) -> None:
    settings.BLESTA = {**settings.BLESTA, "WEBHOOK_SECRETS": "a-secret-that-is-long-enough"}
    assert examined()["webhooks"][0].grade is Grade.WARNING
    Delivery.objects.create(event="Invoices.add", state="resolved")
    assert examined()["webhooks"][0].grade is Grade.GOOD


def test_nothing_is_changed_in_blesta_and_nothing_mirrored(blesta: Simulator) -> None:
    before = {name: len(table) for name, table in blesta.state.tables.items()}
    examined()

    assert {name: len(table) for name, table in blesta.state.tables.items()} == before
    assert not Client.objects.exists()
    assert not Company.objects.exists()


def test_command_prints_what_was_seen_and_ends_by_the_worst(blesta: Simulator) -> None:
    blesta.switches.set(auth_carrier="basic")
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("blesta_doctor", stdout=out, no_color=True)

    assert ended.value.code == 2
    assert 'AUTHENTICATION to "basic"' in out.getvalue()
    assert blesta.key not in out.getvalue()


def test_command_prints_one_json_object_a_line(blesta: Simulator) -> None:
    out = StringIO()
    call_command("blesta_doctor", "--json", stdout=out)

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["check"] for line in lines][:3] == ["setting", "database", "address"]
    assert all(line.keys() == {"check", "grade", "saw", "fix"} for line in lines)
