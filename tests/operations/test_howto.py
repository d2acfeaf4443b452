"""What the how-to shows works as it stands there: the view of 15 lines, the endpoint, the task."""

from __future__ import annotations

import json
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client as Browser
from django.test import override_settings
from django.urls import path

from django_blesta.models import ClientLink, Operation
from tests.operations.conftest import writes
from tests.operations.shop import service, shop

__all__ = ["shop"]

pytestmark = pytest.mark.django_db

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "howto" / "operations.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```python\n# (\S+)\.py\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))


@cache
def loaded() -> dict[str, ModuleType]:
    """The page's files as modules; once, because a task is registered under its name for good."""
    modules = {name: ModuleType(f"howto_{name}") for name in FILES}
    for name, text in FILES.items():
        exec(compile(text, f"{name}.py", "exec"), vars(modules[name]))  # noqa: S102  (our own page)
    return modules


@pytest.fixture
def site(shop, tmp_path, settings, django_user_model) -> Any:
    """A site that has the views of the page, and the customer who is logged in to it."""
    modules = loaded()
    urls = ModuleType("howto_urls")
    urls.urlpatterns = [  # type: ignore[attr-defined]  # of the module made here
        path("suspend/<int:pk>/", modules["views"].suspend),
        path("api/suspend/<int:pk>/", modules["api"].SuspendView.as_view()),
        path("done/", lambda request: HttpResponse("done"), name="done"),
    ]
    sys.modules["howto_urls"] = urls
    (tmp_path / "suspend.html").write_text("{{ form }}{% for m in messages %}{{ m }}{% endfor %}", encoding="utf-8")
    templates = [settings.TEMPLATES[0] | {"DIRS": [str(tmp_path)]}]
    user = django_user_model.objects.create_user("ada")
    ClientLink.objects.create(user=user, client_id=1)
    with override_settings(ROOT_URLCONF="howto_urls", TEMPLATES=templates):
        browser = Browser()
        browser.force_login(user)
        yield shop, browser, modules
    del sys.modules["howto_urls"]


def test_view_has_fifteen_lines():
    body = FILES["views"].partition("class SuspendForm")[2]
    assert len([line for line in body.splitlines() if line.strip()]) <= 15


def test_view_suspends_and_a_second_post_of_the_page_changes_nothing(site):
    simulator, browser, _ = site
    token = re.search(r'name="token" value="([^"]+)"', browser.get("/suspend/1/").content.decode())
    assert token is not None
    data = {"reason": "Abuse", "token": token[1]}
    assert browser.post("/suspend/1/", data).headers["Location"] == "/done/"
    assert browser.post("/suspend/1/", data).headers["Location"] == "/done/"
    assert writes(simulator) == ["Services.suspend"]
    assert service().status == "suspended"
    assert Operation.objects.get().actor_id is not None


def test_view_shows_a_refusal_on_the_field_and_an_unknown_outcome_as_a_message(site):
    simulator, browser, _ = site
    error = {"message": "", "errors": {"suspension_reason": {"length": "Too long."}, "api": {"x": "Server down."}}}
    simulator.fail(model="Services", status=400, method="suspend", body=json.dumps(error))
    page = browser.post("/suspend/1/", {"reason": "Abuse", "token": "once"}).content.decode()
    assert "Too long." in page
    assert "Server down. (api)" in page
    simulator.fail(model="Services", method="suspend", close=True)
    page = browser.post("/suspend/1/", {"reason": "Abuse", "token": "twice"}).content.decode()
    assert "did not confirm this change" in page


def test_others_service_is_not_found(site):
    simulator, browser, _ = site
    other = simulator.add_service(2)["id"]
    assert browser.get(f"/suspend/{other}/").status_code == 404


def test_endpoint_has_the_contract(site):
    simulator, browser, _ = site

    def post(reason: str = "Abuse", key: str = "once") -> Any:
        headers = {"Idempotency-Key": key}
        return browser.post("/api/suspend/1/", {"reason": reason}, content_type="application/json", headers=headers)

    error = {"message": "", "errors": {"suspension_reason": {"length": "Too long."}, "api": {"x": "Server down."}}}
    simulator.fail(model="Services", method="suspend", status=400, body=json.dumps(error))
    answer = post(key="first")
    assert (answer.status_code, answer.json()["code"]) == (400, "rejected")
    assert {name: [one["code"] for one in listed] for name, listed in answer.json()["errors"].items()} == {
        "reason": ["length"],
        "non_field_errors": ["x"],
    }
    simulator.switches.maintenance = "503"
    answer = post(key="second")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    simulator.switches.maintenance = "off"
    answer = post()
    assert (answer.status_code, answer.json()["state"], answer.json()["token"]) == (200, "succeeded", "once")
    answer = post(reason="Other")
    assert (answer.status_code, answer.json()["code"]) == (409, "token_reused")
    assert post(reason="").json()["errors"]["reason"][0]["code"] == "blank"


def test_task_that_is_delivered_twice_does_it_once(site):
    simulator, _, modules = site
    task = modules["tasks"].suspend_for_abuse
    simulator.fail(model="Services", method="suspend", close=True, after_effect=True)
    task.run("r1", 1)
    task.run("r1", 1)
    assert writes(simulator) == ["Services.suspend"]
