"""`blesta_webhook`: the address, the entry in Blesta, the trial, the new secret."""

from __future__ import annotations

import threading
from io import StringIO
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import override_settings

from django_blesta import sync
from django_blesta.models import Client, ClientGroup, Company, Hint, Operation, Webhook
from django_blesta.sync import hints
from tests.testing.calling import write

SECRET, NEWER = "the-secret-in-use-0123456789", "the-secret-to-come-0123456789"
SITE = "https://www.example.com"


@pytest.fixture
def told(blesta: Any, settings: Any) -> Any:
    settings.BLESTA = {**settings.BLESTA, "WEBHOOK_SECRETS": [SECRET], "HINT_DELAY": 0}
    return blesta


def run(*words: str) -> str:
    out = StringIO()
    call_command("blesta_webhook", *words, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_the_address_is_printed_with_what_to_choose_in_blesta(told) -> None:
    told_ = run("--site", f"{SITE}/")
    assert told_.splitlines()[0] == f"{SITE}/blesta/hooks/{SECRET}/"
    assert "Invoices.setClosed" in told_
    assert run().startswith(f"/blesta/hooks/{SECRET}/\n(")


@pytest.mark.django_db
def test_without_a_secret_one_is_offered(told, settings) -> None:
    settings.BLESTA = {**settings.BLESTA, "WEBHOOK_SECRETS": []}
    with pytest.raises(CommandError, match=r"[A-Za-z0-9_-]{43}"):
        run()


@pytest.mark.django_db
@override_settings(ROOT_URLCONF="tests.rest_framework.urls")
def test_without_an_address_the_line_to_add_is_told(told) -> None:
    with pytest.raises(CommandError, match=r"include\(\"django_blesta.webhooks.urls\"\)"):
        run()


@pytest.mark.django_db
@pytest.mark.parametrize("words", [["--site", "www.example.com"], ["--register"], ["--test"]])
def test_a_site_is_named_in_full(words: list[str], told) -> None:
    with pytest.raises(CommandError, match="--site"):
        run(*words)


@pytest.mark.django_db
def test_the_entry_is_made_in_blesta_once_and_given_the_newer_secret_later(told, settings) -> None:
    with pytest.raises(CommandError, match="blesta_sync"):
        run("--register", "--site", SITE)
    sync.run([Company])
    run("--register", "--site", SITE)
    (row,) = told.state.tables["webhooks"].values()
    assert (row["callback"], row["type"], row["method"]) == (f"{SITE}/blesta/hooks/{SECRET}/", "outgoing", "post_json")
    assert "Invoices.addAfter" in row["events"]
    assert "Invoices.setClosed" in row["events"]
    assert not [event for event in row["events"] if event.endswith("Before") or event == "Invoices.add"]
    settings.BLESTA = {**settings.BLESTA, "WEBHOOK_SECRETS": [NEWER, SECRET]}
    run("--register", "--site", SITE)
    (row,) = told.state.tables["webhooks"].values()
    assert row["callback"] == f"{SITE}/blesta/hooks/{NEWER}/"
    assert "Invoices.addAfter" in row["events"]
    assert set(Operation.objects.values_list("kind", "state")) == {
        ("webhooks.add", "succeeded"),
        ("webhooks.edit", "succeeded"),
    }
    assert Webhook.objects.get().leads_to(f"{SITE}/blesta/hooks/{NEWER}/")
    journal = str(list(Operation.objects.values()))
    assert SECRET not in journal
    assert NEWER not in journal


@pytest.mark.django_db
def test_without_the_plugin_that_is_said(told) -> None:
    sync.run([Company])
    told.switches.missing_plugin = "webhooks"
    with pytest.raises(CommandError, match="no such model"):
        run("--register", "--site", SITE)


@pytest.mark.django_db
def test_of_several_companies_one_is_named(told, settings) -> None:
    told.add_company()
    settings.BLESTA = {
        **{name: value for name, value in settings.BLESTA.items() if name not in ("USER", "KEY")},
        **told.settings(),
    }
    sync.run([Company])
    with pytest.raises(CommandError, match="--company"):
        run("--register", "--site", SITE)
    run("--register", "--site", SITE, "--company", "2")
    assert [row["company_id"] for row in told.state.tables["webhooks"].values()] == [2]


@pytest.mark.django_db
def test_a_new_secret_is_printed_with_the_way_to_change(told) -> None:
    lines = run("--rotate").splitlines()
    assert len(lines[0]) == 43
    assert "WEBHOOK_SECRETS" in lines[2]
    assert run("--rotate").splitlines()[0] != lines[0]


@pytest.mark.django_db(transaction=True)
def test_the_trial_waits_for_a_worker_and_says_how_long_it_took(told, live_server) -> None:
    told.add_client()
    sync.run([Company, ClientGroup, Client])
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.02):
            hints.follow()
        connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        told_ = run("--test", "--site", live_server.url)
    finally:
        stop.set()
        worker.join()
    assert [line.split("  ")[0] for line in told_.splitlines()] == [
        "step",
        "answered",
        "taken up by a worker",
        "row refreshed",
    ]
    assert Hint.objects.get(resource="django_blesta.client").found


@pytest.mark.django_db(transaction=True)
def test_the_trial_says_where_it_ends(told, live_server, settings) -> None:
    told.add_client()
    sync.run([Company, ClientGroup, Client])
    with pytest.raises(CommandError, match="no worker"):
        run("--test", "--site", live_server.url, "--deadline", "0.2")
    with pytest.raises(CommandError, match="does not answer") as refused:
        run("--test", "--site", "http://127.0.0.1:9")
    assert SECRET not in str(refused.value)


def checked(**words: Any) -> set[str]:
    return {message.id for message in run_checks(**words) if str(message.id).startswith("django_blesta.")}


def test_a_receiver_without_a_secret_is_an_error(told, settings) -> None:
    assert checked() == set()
    settings.BLESTA = {**settings.BLESTA, "WEBHOOK_SECRETS": []}
    assert checked() == {"django_blesta.E301"}
    with override_settings(ROOT_URLCONF="tests.rest_framework.urls"):
        assert checked() == set()


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"WEBHOOK_SECRETS": ["short"]}, {"django_blesta.E014"}),
        ({"WEBHOOK_SECRETS": ["with blanks, and a comma in it"]}, {"django_blesta.E014"}),
        ({"WEBHOOK_SECRETS": [{"env": "NOT_SET_ANYWHERE"}]}, {"django_blesta.W012", "django_blesta.E301"}),
        ({"WEBHOOK_PUBLIC_KEY": "nonsense"}, {"django_blesta.E304"}),
        ({"WEBHOOK_NETWORKS": ["203.0.113.1/24"]}, {"django_blesta.E008"}),
        ({"FRESHNESS": {"invoices": "soon"}}, {"django_blesta.E008"}),
        ({"FRESHNESS": {"nonsense": "2m"}}, {"django_blesta.E303"}),
        ({"FRESHNESS": {"currencies": "2m"}}, {"django_blesta.E303"}),
        ({"FRESHNESS": {"invoices": "2m", "django_blesta.Service": 90, "clients": "1h"}}, set()),
    ],
)
def test_mistakes_in_the_setting_are_told(more: dict[str, Any], found: set[str], told, settings) -> None:
    settings.BLESTA = {**settings.BLESTA, **more}
    assert checked() == found


def test_two_installations_do_not_share_a_secret(told, settings) -> None:
    settings.BLESTA = {"default": dict(settings.BLESTA), "other": dict(settings.BLESTA)}
    assert "django_blesta.E302" in checked()


def test_a_connection_per_delivery_is_warned_of_before_deployment(told, settings, monkeypatch) -> None:
    if "sqlite" in settings.DATABASES["default"]["ENGINE"]:
        assert "django_blesta.W305" not in checked(include_deployment_checks=True)
        return
    assert "django_blesta.W305" in checked(include_deployment_checks=True)
    assert "django_blesta.W305" not in checked()
    monkeypatch.setitem(settings.DATABASES["default"], "CONN_MAX_AGE", 60)
    assert "django_blesta.W305" not in checked(include_deployment_checks=True)


@pytest.mark.django_db
def test_blesta_taking_the_entry_without_an_id_is_an_open_outcome(told) -> None:
    sync.run([Company])
    told.lie("webhooks.WebhooksWebhooks", "add", lambda truth, sent: truth(sent) and None)
    with pytest.raises(CommandError):
        run("--register", "--site", SITE)
    assert Operation.objects.get().state == "unknown"
    assert write(told, "webhooks.webhooks_webhooks/getTypeCount", type="outgoing").value == 1
