"""The mirror over REST: a customer's own rows, and every mirror for staff who may view it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from django_blesta import sync
from django_blesta.models import (
    Client,
    ClientGroup,
    ClientLink,
    Company,
    Invoice,
    InvoiceLine,
    Service,
    Transaction,
    mirrors,
)
from django_blesta.rest_framework.mirrors import RowPages

pytestmark = [pytest.mark.django_db, pytest.mark.urls("testproject.urls")]
BASE = "/api/billing/"


@pytest.fixture(scope="session")
def company(django_db_setup: None, django_db_blocker: Any) -> Any:
    from django_blesta.testing.simulator import Simulator

    with Simulator(clients=0) as simulator:
        for name in ("Ada", "Grace"):
            client = simulator.add_client(first_name=name)
            simulator.add_service(client["id"])
            for status in ("active", "draft"):
                lines = [{"description": f"Hosting for {name}", "amount": "9.99", "qty": 2}]
                simulator.add_invoice(client["id"], lines, status=status)
            simulator.add_transaction(client["id"], "5.00")
        yield simulator


@pytest.fixture
def mirrored(company: Any, settings: Any, db: None) -> Any:
    settings.BLESTA = {**company.settings(), "REQUESTS_PER_SECOND": None}
    run = sync.run([Company, ClientGroup, Client, Service, Invoice, Transaction])
    assert {one.state for one in run} == {"complete"}
    return company


@pytest.fixture
def ada(mirrored: Any, django_user_model: Any) -> APIClient:
    user = django_user_model.objects.create_user("ada")
    ClientLink.objects.create(user=user, client_id=1)
    return logged_in(user)


@pytest.fixture
def staff(mirrored: Any, django_user_model: Any) -> Callable[..., APIClient]:
    def with_rights(*models: Any, **flags: Any) -> APIClient:
        user = django_user_model.objects.create_user("staff", is_staff=True, **flags)
        for model in models:
            user.user_permissions.add(Permission.objects.get(codename=f"view_{model._meta.model_name}"))
        return logged_in(user)

    return with_rights


def logged_in(user: Any) -> APIClient:
    api = APIClient()
    api.force_login(user)
    return api


OWN = [("invoices", Invoice), ("services", Service), ("transactions", Transaction)]


@pytest.mark.parametrize(("name", "model"), OWN)
def test_customer_sees_own_rows_and_no_others(ada: APIClient, name: str, model: Any) -> None:
    own = model.objects.filter(client_id=1)
    other = model.objects.filter(client_id=2).first()

    answer = ada.get(f"{BASE}{name}/").json()

    expected = {row.pk for row in own if getattr(row, "status", "") != "draft"}
    assert {row["id"] for row in answer["results"]} == expected
    assert answer["as_of"] is not None
    assert {ada.get(f"{BASE}{name}/{pk}/").status_code for pk in expected} == {200}
    assert ada.get(f"{BASE}{name}/{other.pk}/").status_code == 404


def test_draft_is_not_there(ada: APIClient) -> None:
    draft = Invoice.objects.get(client_id=1, status="draft")

    assert ada.get(f"{BASE}invoices/{draft.pk}/").status_code == 404


def test_private_note_is_no_customers(ada: APIClient) -> None:
    invoice = Invoice.objects.get(client_id=1, status="active")

    assert not {"note_private", "row_digest", "fence"} & ada.get(f"{BASE}invoices/{invoice.pk}/").json().keys()


def test_amounts_are_text_whatever_the_site_set(ada: APIClient, settings: Any) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "COERCE_DECIMAL_TO_STRING": False}
    invoice = Invoice.objects.get(client_id=1, status="active")

    found = ada.get(f"{BASE}invoices/{invoice.pk}/").json()

    assert (found["total"], found["currency"]) == ("19.9800", "USD")
    assert [line["amount"] for line in found["lines"]] == ["9.9900"]


def test_gone_lines_are_left_out(ada: APIClient) -> None:
    invoice = Invoice.objects.get(client_id=1, status="active")
    InvoiceLine.objects.filter(invoice=invoice).update(gone_at=invoice.fetched_at)

    assert ada.get(f"{BASE}invoices/{invoice.pk}/").json()["lines"] == []


@pytest.mark.parametrize(("query", "found"), [("status=active", 1), ("status=void", 0), ("status=\x00", 0)])
def test_list_is_narrowed(ada: APIClient, query: str, found: int) -> None:
    assert len(ada.get(f"{BASE}invoices/?{query}").json()["results"]) == found


@pytest.mark.parametrize("text", ["one", "", "1" * 30, "٣"])
def test_number_that_is_none_is_refused_with_its_field(ada: APIClient, text: str) -> None:
    answer = ada.get(f"{BASE}services/", {"package_id": text})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["package_id"])


def test_pages_lead_to_each_other_and_cost_the_same(ada: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    template = Invoice.objects.get(client_id=1, status="active")
    rows = [Invoice(**{**_columns(template), "id": 1000 + n}) for n in range(7)]
    Invoice.objects.bulk_create(rows)
    seen: list[int] = []
    costs: set[int] = set()
    url: str | None = f"{BASE}invoices/?page_size=3"

    while url:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = ada.get(url).json()
        costs.add(len(queries))
        seen += [row["id"] for row in answer["results"]]
        url = answer["next"]

    assert seen == [*range(1006, 999, -1), template.pk]
    assert len(costs) == 1
    assert len(ada.get(f"{BASE}invoices/?page_size=100000").json()["results"]) <= RowPages.max_page_size


def _columns(row: Any) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


@pytest.mark.parametrize("path", ["invoices/", "services/", "transactions/", "mirrors/", "mirrors/invoice/"])
def test_nobody_anonymous_sees_anything(mirrored: Any, path: str) -> None:
    assert APIClient().get(BASE + path).status_code in (401, 403)


@pytest.mark.parametrize("path", ["mirrors/", "mirrors/invoice/", "mirrors/invoice/1/", "mirrors/nothing/"])
def test_mirrors_are_no_customers(ada: APIClient, path: str) -> None:
    assert ada.get(BASE + path).status_code == 403


def test_staff_see_the_mirrors_that_they_may_view(staff: Callable[..., APIClient]) -> None:
    api = staff(Invoice)

    assert [one["name"] for one in api.get(f"{BASE}mirrors/").json()] == ["invoice"]
    assert api.get(f"{BASE}mirrors/invoice/").status_code == 200
    assert api.get(f"{BASE}mirrors/client/").status_code == 403
    assert api.get(f"{BASE}mirrors/client/1/").status_code == 403
    assert api.get(f"{BASE}mirrors/nothing/").status_code == 404


def test_each_mirror_is_served_with_all_its_columns(staff: Callable[..., APIClient]) -> None:
    api = staff(is_superuser=True)
    listed = api.get(f"{BASE}mirrors/").json()
    assert len(listed) == len(mirrors())

    for one in listed:
        answer = api.get(one["url"])
        assert answer.status_code == 200, one
        for row in answer.json()["results"][:1]:
            single = api.get(f"{one['url']}{row['id']}/").json()
            assert {**single, "as_of": None} == {**row, "as_of": None}


def test_staff_list_is_narrowed_by_key_and_by_being_gone(staff: Callable[..., APIClient]) -> None:
    api = staff(Invoice)
    one = Invoice.objects.filter(client_id=2).first()
    assert one is not None
    Invoice.objects.filter(pk=one.pk).update(gone_at=one.fetched_at)

    def ids(query: str) -> set[int]:
        return {row["id"] for row in api.get(f"{BASE}mirrors/invoice/?{query}").json()["results"]}

    assert ids("client_id=2&gone=true") == {one.pk}
    assert one.pk not in ids("gone=false")
    assert ids("") == set(Invoice.objects.values_list("pk", flat=True))
