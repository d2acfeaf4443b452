"""The BLESTA setting: what it takes, and one problem with an id and a hint for each mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.checks import Error, run_checks
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from django_blesta import checks, conf, options
from django_blesta.connection import connection_for
from django_blesta.exceptions import NotConfigured

PAIR = {"USER": "u", "KEY": "k"}
GOOD: dict[str, Any] = {"URL": "https://billing.example.com/", **PAIR}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://x.example", "https://x.example/api/"),
        ("https://x.example/", "https://x.example/api/"),
        ("https://x.example/api", "https://x.example/api/"),
        ("https://x.example/api/", "https://x.example/api/"),
        ("https://x.example/index.php", "https://x.example/index.php/api/"),
        ("https://x.example/index.php/api/", "https://x.example/index.php/api/"),
        ("https://x.example/billing/", "https://x.example/billing/api/"),
        ("https://x.example/billing//index.php/", "https://x.example/billing/index.php/api/"),
        ("https://x.example:8443/b", "https://x.example:8443/b/api/"),
        ("HTTPS://X.Example/", "https://x.example/api/"),
        ("http://localhost:8000/", "http://localhost:8000/api/"),
        ("http://127.0.0.1/", "http://127.0.0.1/api/"),
        ("http://127.8.9.10/", "http://127.8.9.10/api/"),
        ("http://[::1]:80/", "http://[::1]:80/api/"),
        ("https://[2001:db8::1]/", "https://[2001:db8::1]/api/"),
    ],
)
def test_url_becomes_the_apis_base(given: str, expected: str, settings: Settings) -> None:
    settings.BLESTA = {**GOOD, "URL": given}
    assert conf.problems() == []
    assert conf.installation().url == expected


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"URL": None}, "E003"),
        ({"URL": ""}, "E003"),
        ({"URL": "billing.example.com"}, "E003"),
        ({"URL": "https://"}, "E003"),
        ({"URL": "https://x.example:port/"}, "E003"),
        ({"URL": "https://[::1/"}, "E003"),
        ({"URL": "https://x.example/a b/"}, "E003"),
        ({"URL": "https://x.example/../api/"}, "E003"),
        ({"URL": "https://x.example/%2e%2e/"}, "E003"),
        ({"URL": "https://x_y.example\r\nHost: z/"}, "E003"),
        ({"URL": "http://billing.example.com/"}, "E004"),
        ({"URL": "http://169.254.169.254/"}, "E004"),
        ({"URL": "http://[::ffff:127.0.0.1]/"}, "E004"),
        ({"URL": "http://localhost.example.com/"}, "E004"),
        ({"URL": "http://127.0.0.1.example.com/"}, "E004"),
        ({"URL": "http://0.0.0.0/"}, "E004"),
        ({"URL": "file:///etc/passwd"}, "E003"),
        ({"URL": "ftp://x.example/"}, "E004"),
        ({"URL": "https://user:pass@x.example/"}, "E005"),
        ({"URL": "https://x.example@evil.example/"}, "E005"),
        ({"URL": "https://x.example/?a=b"}, "E005"),
        ({"URL": "https://x.example/#a"}, "E005"),
        ({"READONLY": True}, "E002"),
        ({"read_only": True}, "E002"),
        ({7: True}, "E002"),
        ({"USER": None}, "E007"),
        ({"KEY": ""}, "E007"),
        ({"KEY": 7}, "E007"),
        ({"KEY": b"k"}, "E007"),
        ({"KEY": {"env": ""}}, "E007"),
        ({"KEY": {"file": "x"}}, "E007"),
        ({"KEY": "k\r\nX: y"}, "E007"),
        ({"KEY": "ключ"}, "E007"),
        ({"KEY": {"env": "BLESTA_ABSENT_VARIABLE"}}, "W012"),
        ({"AUTHENTICATION": "digest"}, "E008"),
        ({"AUTHENTICATION": ["basic"]}, "E008"),
        ({"CA_FILE": "/nowhere/ca.pem"}, "E009"),
        ({"CA_FILE": True}, "E009"),
        ({"CONNECT_TIMEOUT": 0}, "E008"),
        ({"READ_TIMEOUT": "30"}, "E008"),
        ({"READ_TIMEOUT": True}, "E008"),
        ({"READ_DEADLINE": float("inf")}, "E008"),
        ({"WRITE_DEADLINE": float("nan")}, "E008"),
        ({"MAX_BODY_BYTES": 1.5}, "E008"),
        ({"MAX_IN_FLIGHT": 0}, "E008"),
        ({"REQUESTS_PER_SECOND": 0}, "E008"),
        ({"READ_TRIES": 0}, "E008"),
        ({"READ_ONLY": "no"}, "E008"),
        ({"SALVAGE_WARNINGS": 1}, "E008"),
        ({"BATCH_SIZE": -1}, "E008"),
        ({"ALLOW": "Clients.get"}, "E011"),
        ({"ALLOW": ["Clients"]}, "E011"),
        ({"ALLOW": ["Clients/get"]}, "E011"),
        ({"ALLOW": [("Clients", "get")]}, "E011"),
        ({"PLUGIN_PATHS": ["x"]}, "E008"),
        ({"CHARGE_STORED_ACCOUNTS": "yes"}, "E008"),
        ({"PLUGIN_PATHS": {"a.B": "../b"}}, "E008"),
        ({"ADMIN_URL": "javascript:alert(1)"}, "E008"),
        ({"CLIENT_URL": "https://u:p@x.example/"}, "E008"),
        ({"COMPANIES": {1: PAIR}}, "E010"),
    ],
)
def test_mistake_is_one_problem_with_a_hint(change: dict[Any, Any], code: str, settings: Settings) -> None:
    settings.BLESTA = {**GOOD, **change}
    assert [(problem.code, problem.alias) for problem in conf.problems()] == [(code, "default")]
    (problem,) = conf.problems()
    assert problem.message.startswith("BLESTA['default']")
    assert problem.hint.endswith(".")
    if code != "W012":
        with pytest.raises(NotConfigured) as caught:
            conf.installation()
        assert str(caught.value) == f"{problem.message} {problem.hint}"
        assert isinstance(caught.value, ImproperlyConfigured)


@pytest.mark.parametrize("value", [None, {}, [], "https://x.example/", 7])
def test_setting_that_is_no_dict_or_empty_is_a_problem(value: Any, settings: Settings) -> None:
    settings.BLESTA = value
    assert [problem.code for problem in conf.problems()] == ["E001"]
    assert conf.aliases() == ()
    with pytest.raises(NotConfigured, match="missing, empty or not a dict"):
        conf.installation()
    with pytest.raises(NotConfigured):
        connection_for()


def test_setting_that_is_absent_is_a_problem(settings: Settings) -> None:
    del settings.BLESTA
    assert [problem.code for problem in conf.problems()] == ["E001"]


@pytest.mark.parametrize("missing", ["USER", "KEY"])
def test_missing_credential_is_a_problem(missing: str, settings: Settings) -> None:
    settings.BLESTA = {key: value for key, value in GOOD.items() if key != missing}
    assert [problem.code for problem in conf.problems()] == ["E006"]
    assert missing in conf.problems()[0].message


@pytest.mark.parametrize(
    ("companies", "codes"),
    [
        ({}, ["E010"]),
        ([], ["E010"]),
        ({"1": PAIR}, ["E010"]),
        ({0: PAIR}, ["E010"]),
        ({True: PAIR}, ["E010"]),
        ({1: "u:k"}, ["E010"]),
        ({1: {"USER": "u"}}, ["E006"]),
        ({1: {**PAIR, "URL": "x"}}, ["E002"]),
        ({1: PAIR, 2: {"USER": "u", "KEY": ""}}, ["E007"]),
    ],
)
def test_mistake_in_companies_is_a_problem(companies: Any, codes: list[str], settings: Settings) -> None:
    settings.BLESTA = {"URL": GOOD["URL"], "COMPANIES": companies}
    assert [problem.code for problem in conf.problems()] == codes


def test_every_mistake_is_told_at_once(settings: Settings) -> None:
    settings.BLESTA = {"URL": "http://x.example/", "USER": "u", "TYPO": 1, "READ_TRIES": 0}
    assert sorted(problem.code for problem in conf.problems()) == ["E002", "E004", "E006", "E008"]


def test_defaults(settings: Settings) -> None:
    settings.BLESTA = GOOD
    one = conf.installation()
    assert (one.alias, one.authentication, one.ca_file, one.host) == ("default", "headers", "", "billing.example.com")
    assert (one.connect_timeout, one.read_timeout, one.write_timeout) == (5, 30, 120)
    assert (one.read_deadline, one.write_deadline) == (60, 180)
    assert (one.max_body_bytes, one.max_in_flight, one.requests_per_second) == (32 * 2**20, 4, 10)
    assert (one.read_tries, one.read_only, one.salvage_warnings, one.batch_size) == (3, False, False, 500)
    assert (one.allow, one.plugin_paths, one.charge_stored_accounts) == (frozenset(), {}, False)
    assert set(one.companies) == {None}


def test_every_option_is_read(settings: Settings, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("")
    given: dict[str, Any] = {
        "AUTHENTICATION": "basic",
        "CA_FILE": authority,
        "CONNECT_TIMEOUT": 1,
        "READ_TIMEOUT": 2.5,
        "WRITE_TIMEOUT": 3,
        "READ_DEADLINE": 4,
        "WRITE_DEADLINE": 5,
        "MAX_BODY_BYTES": 2048,
        "MAX_IN_FLIGHT": 7,
        "REQUESTS_PER_SECOND": None,
        "READ_TRIES": 1,
        "READ_ONLY": True,
        "ALLOW": ("Clients.get", "webhooks.WebhooksLogs.getAll"),
        "PLUGIN_PATHS": {"webhooks.WebhooksLogs": "webhooks.webhooks_logs"},
        "SALVAGE_WARNINGS": True,
        "BATCH_SIZE": 9,
        "ADMIN_URL": "https://x.example/admin/",
        "CLIENT_URL": "https://x.example/client/",
    }
    settings.BLESTA = {**GOOD, **given}
    assert conf.problems() == []
    one = conf.installation()
    expected = {**given, "CA_FILE": str(authority), "ALLOW": frozenset(given["ALLOW"])}
    assert {name: getattr(one, name.lower()) for name in given} == expected


def test_several_installations_are_keyed_by_database_alias(settings: Settings) -> None:
    settings.BLESTA = {"default": GOOD, "elsewhere": {**GOOD, "URL": "https://y.example/"}}
    assert conf.aliases() == ("default", "elsewhere")
    assert conf.installation("elsewhere").url == "https://y.example/api/"
    assert [(problem.code, problem.alias) for problem in conf.problems()] == [("E013", "elsewhere")]
    with pytest.raises(NotConfigured, match="no installation named 'third'"):
        conf.installation("third")


def test_mistake_in_one_installation_leaves_the_others_alone(settings: Settings) -> None:
    settings.BLESTA = {"default": GOOD, "other": {**PAIR}}
    assert conf.installation().url == "https://billing.example.com/api/"
    with pytest.raises(NotConfigured, match=r"BLESTA\['other'\]: URL is missing"):
        conf.installation("other")


def test_installation_is_the_same_object_until_the_setting_changes(settings: Settings) -> None:
    settings.BLESTA = GOOD
    first = conf.installation()
    settings.TIME_ZONE = "UTC"
    assert conf.installation() is first
    settings.BLESTA = {**GOOD}
    assert conf.installation() is not first


def test_credential_from_the_environment_is_asked_for_late(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.BLESTA = {**GOOD, "KEY": {"env": "BLESTA_LATE_VARIABLE"}}
    credentials = conf.installation().companies[None]
    with pytest.raises(NotConfigured, match="environment variable BLESTA_LATE_VARIABLE gave nothing"):
        credentials.resolve()
    for value in ("one", "two"):
        monkeypatch.setenv("BLESTA_LATE_VARIABLE", value)
        assert credentials.resolve() == ("u", value)
    assert conf.problems() == []


def test_credential_from_a_callable_is_asked_for_at_each_call(settings: Settings) -> None:
    answers = iter(["one", "two", None])
    settings.BLESTA = {**GOOD, "KEY": lambda: next(answers)}
    credentials = conf.installation().companies[None]
    assert credentials.resolve() == ("u", "one")
    assert credentials.resolve() == ("u", "two")
    with pytest.raises(NotConfigured, match="the callable given for it gave nothing"):
        credentials.resolve()


def test_checks_turn_problems_into_errors_with_ids(settings: Settings) -> None:
    settings.BLESTA = {**GOOD, "TYPO": 1}
    found = [message for message in run_checks() if (message.id or "").startswith("django_blesta.")]
    settings_errors = [message for message in found if message.id in checks.SETTING_CHECKS]
    assert [message.id for message in settings_errors] == ["django_blesta.E002"]
    (error,) = settings_errors
    assert isinstance(error, Error)
    assert "unknown key 'TYPO'" in error.msg
    assert error.hint


def test_checks_are_silent_when_all_is_well(settings: Settings) -> None:
    settings.BLESTA = GOOD
    assert checks.check_settings(None) == []


def test_every_code_in_use_is_in_the_table_of_checks() -> None:
    source = Path(conf.__file__).read_text() + Path(options.__file__).read_text()
    used = {
        f"django_blesta.{part[:4]}" for part in source.split('"') if len(part) == 4 and part.startswith(("E0", "W0"))
    }
    assert used == set(checks.SETTING_CHECKS)
