from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.test import APIClient
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from django_blesta import sync
from django_blesta.exceptions import Facts, Unavailable
from django_blesta.models import Client, ClientLink, Contact, Operation
from django_blesta.rest_framework.exceptions import blesta_exception_handler
from django_blesta.rest_framework.views import ContactView
from tests.operations.conftest import writes
from tests.operations.rules import BROKEN, IDS, NAMELESS, make_strict, refuse

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.rest_framework.urls")]

LIST = "/api/blesta/contacts/"
CONTACT = f"{LIST}1/"


@pytest.fixture
def api(ada) -> APIClient:
    client = APIClient()
    client.force_login(ada)
    return client


def patch(api: APIClient, data: Any, **headers: str) -> Any:
    return api.patch(CONTACT, data, format="json", headers=headers)


class TestWho:
    def test_anonymous_user_is_refused_by_the_view_itself(self, contact, monkeypatch):
        monkeypatch.setattr(APIView, "permission_classes", [AllowAny])  # a site that is open by default
        for method in ("get", "patch", "options"):
            assert getattr(APIClient(), method)(CONTACT).status_code in (401, 403)
        assert APIClient().get(LIST).status_code in (401, 403)
        assert APIClient().get("/api/blesta/operations/x/").status_code in (401, 403)

    def test_strangers_contact_is_not_there(self, billing, api):
        billing.add_client(email="stranger@example.com")
        for model in (Client, Contact):
            assert sync.refresh(model, 2)
        billing.requests.clear()
        for url in ("/api/blesta/contacts/2/", "/api/blesta/contacts/999/", f"/api/blesta/contacts/{10**30}/"):
            assert api.get(url).status_code == 404
            assert api.patch(url, {"city": "Paris"}, format="json").status_code == 404
        assert [one["id"] for one in api.get(LIST).json()["results"]] == [1]
        assert billing.requests == []

    def test_suspended_link_shows_nothing(self, api):
        ClientLink.objects.update(suspended_at=timezone.now())
        assert api.get(CONTACT).status_code == 404
        assert api.get(LIST).json()["results"] == []

    def test_user_without_a_link_has_an_empty_list(self, contact, django_user_model):
        nobody = APIClient()
        nobody.force_login(django_user_model.objects.create_superuser("nobody"))
        assert nobody.get(LIST).json() == {"count": 0, "next": None, "previous": None, "results": []}

    def test_session_without_a_csrf_token_changes_nothing(self, billing, ada):
        strict = APIClient(enforce_csrf_checks=True)
        strict.force_login(ada)
        assert patch(strict, {"city": "Paris"}).status_code == 403
        assert billing.requests == []


class TestGet:
    def test_contact_is_shown_as_the_mirror_has_it_without_asking_blesta(self, billing, api):
        answer = api.get(CONTACT)
        assert answer.status_code == 200
        shown = answer.json()
        assert (shown["id"], shown["client_id"], shown["company_name"]) == (1, 1, "Analytical Engines")
        assert shown["email"] == "ada@example.com"
        assert shown["fetched_at"]
        assert billing.requests == []


class TestList:
    def test_own_contacts_are_listed_by_id_and_each_as_its_own_address_shows_it(self, billing, api):
        billing.add_contact(1, first_name="Charles", last_name="Babbage")
        assert sync.refresh(Contact, 2)
        billing.requests.clear()
        listed = api.get(LIST).json()
        assert (listed["count"], [one["contact_type"] for one in listed["results"]]) == (2, ["primary", "billing"])
        assert listed["results"] == [api.get(f"{LIST}{pk}/").json() for pk in (1, 2)]
        assert billing.requests == []

    def test_contact_that_is_gone_is_not_listed(self, api):
        Contact.objects.update(gone_at=timezone.now())
        assert api.get(LIST).json()["results"] == []

    def test_long_list_is_cut_into_pages(self, api, contact):
        fields = {"client_id": 1, "company_id": contact.company_id, "fetched_at": contact.fetched_at}
        Contact.objects.bulk_create(Contact(pk=pk, **fields) for pk in range(100, 160))
        first = api.get(LIST).json()
        second = api.get(first["next"]).json()
        assert (first["count"], len(first["results"]), len(second["results"]), second["next"]) == (61, 50, 11, None)
        assert api.get(LIST, {"page": "99"}).status_code == 404
        assert api.get(LIST, {"page": "x"}).status_code == 404

    def test_list_cannot_be_written_to(self, billing, api):
        for method in ("post", "put", "patch", "delete"):
            assert getattr(api, method)(LIST, {"city": "Paris"}, format="json").status_code == 405
        assert billing.requests == []


class TestPatch:
    def test_change_is_made_and_the_refreshed_contact_shown(self, billing, api, ada):
        answer = patch(api, {"city": "Paris", "company_name": ""})
        assert answer.status_code == 200
        assert (answer.json()["city"], answer.json()["company_name"]) == ("Paris", "")
        assert billing.state.tables["contacts"][1]["city"] == "Paris"
        assert Operation.objects.get().actor_id == ada.pk

    @pytest.mark.parametrize(("entered", "field", "code"), BROKEN, ids=IDS)
    def test_rule_of_blesta_lands_on_its_field_with_its_code(self, billing, api, entered, field, code):
        make_strict(billing, field, code)
        answer = patch(api, entered)
        assert answer.status_code == 400
        assert answer.json()["code"] == "rejected"
        assert answer.json()["detail"]
        found = answer.json()["errors"]
        assert code in {one["code"] for one in found[field]}
        assert set(found) <= {*entered, field}
        assert writes(billing) == ["Contacts.edit"]

    @pytest.mark.parametrize(("field", "code"), NAMELESS)
    def test_rule_about_no_field_of_ours_names_blestas_field(self, billing, api, field, code):
        refuse(billing, field, code, None)
        answer = patch(api, {"city": "Paris"})
        assert answer.status_code == 400
        assert answer.json()["errors"] == {
            "non_field_errors": [{"message": f"Invalid value ({code}). ({field})", "code": code}]
        }

    def test_maintenance_is_503_with_retry_after(self, billing, api):
        billing.switches.maintenance = "503"
        answer = patch(api, {"city": "Paris"})
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert "maintenance" in answer.json()["detail"]
        assert int(answer.headers["Retry-After"]) > 0

    def test_blesta_that_is_not_there_is_503_and_the_same_request_works_later(self, billing, api):
        billing.stop()
        assert patch(api, {"city": "Paris"}, **{"Idempotency-Key": "once"}).status_code == 503
        billing.start()
        assert patch(api, {"city": "Paris"}, **{"Idempotency-Key": "once"}).status_code == 200
        assert writes(billing) == ["Contacts.edit"]

    def test_unknown_outcome_is_202_with_the_operations_address(self, billing, api):
        billing.fail(model="Contacts", method="edit", status=500, after_effect=True)
        answer = patch(api, {"city": "Paris"})
        assert (answer.status_code, answer.json()["code"]) == (202, "unknown")
        assert answer.headers["Location"] == answer.json()["operation"]
        shown = api.get(answer.headers["Location"]).json()
        assert (shown["state"], shown["kind"], shown["target_id"]) == ("unknown", "contacts.edit", 1)
        assert shown["detail"] == answer.json()["detail"]

    def test_read_only_site_is_403(self, billing, api, settings):
        settings.BLESTA = settings.BLESTA | {"READ_ONLY": True}
        answer = patch(api, {"city": "Paris"})
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
        assert writes(billing) == []

    @pytest.mark.parametrize(
        ("setting", "status", "code"),
        [({"KEY": "wrong"}, 502, "upstream"), ({"URL": "ftp://billing.example"}, 503, "not_configured")],
    )
    def test_site_with_a_mistake_says_only_that(self, api, settings, setting, status, code):
        settings.BLESTA = settings.BLESTA | setting
        answer = patch(api, {"city": "Paris"})
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert set(answer.json()) == {"detail", "code"}
        assert "billing.example" not in answer.text


class TestToken:
    @pytest.mark.parametrize("way", ["header", "quoted header", "body"])
    def test_request_that_is_sent_again_changes_once(self, billing, api, way):
        headers = {"header": {"Idempotency-Key": "k-1"}, "quoted header": {"Idempotency-Key": '"k-1"'}, "body": {}}[way]
        data = {"city": "Paris"} | ({"token": "k-1"} if way == "body" else {})
        assert patch(api, data, **headers).status_code == 200
        assert patch(api, data, **headers).status_code == 200
        assert writes(billing) == ["Contacts.edit"]
        assert Operation.objects.get().token == "k-1"

    def test_another_body_with_the_same_token_is_409(self, billing, api):
        assert patch(api, {"city": "Paris", "token": "k-1"}).status_code == 200
        answer = patch(api, {"city": "Rome", "token": "k-1"})
        assert (answer.status_code, answer.json()["code"]) == (409, "token_reused")
        assert writes(billing) == ["Contacts.edit"]

    def test_unknown_outcome_that_is_sent_again_sends_nothing(self, billing, api):
        billing.fail(model="Contacts", method="edit", close=True, after_effect=True)
        for _ in range(2):
            answer = patch(api, {"city": "Paris", "token": "k-1"})
            assert (answer.status_code, answer.headers["Location"]) == (
                202,
                "http://testserver/api/blesta/operations/k-1/",
            )
        assert writes(billing) == ["Contacts.edit"]

    @pytest.mark.parametrize("token", ["a/b", "two words", "x" * 65, "a\x00b", "ü"])
    def test_token_that_is_none_is_400(self, billing, api, token):
        answer = patch(api, {"city": "Paris", "token": token})
        assert answer.status_code == 400
        assert set(answer.json()["errors"]) == {"token"}
        answer = patch(api, {"city": "Paris"}, **{"Idempotency-Key": token})
        assert answer.status_code == 400
        assert set(answer.json()["errors"]) == {"token"}
        assert billing.requests == []

    def test_two_different_tokens_are_400(self, billing, api):
        answer = patch(api, {"city": "Paris", "token": "one"}, **{"Idempotency-Key": "two"})
        assert (answer.status_code, set(answer.json()["errors"])) == (400, {"token"})
        assert billing.requests == []


class TestShape:
    @pytest.mark.parametrize(
        ("body", "field", "code"),
        [
            ('{"status": "active"}', "status", "unknown_field"),
            ('{"city": "Paris", "id": 2}', "id", "unknown_field"),
            ('{"city": "Paris", "": 1}', "", "unknown_field"),
            ("{}", "non_field_errors", "empty"),
            ('{"token": "once"}', "non_field_errors", "empty"),
            ("[]", "non_field_errors", "invalid"),
            ('"text"', "non_field_errors", "invalid"),
            ('{"city": null}', "city", "null"),
            ('{"city": ["Paris"]}', "city", "invalid"),
            ('{"city": true}', "city", "invalid"),
            (r'{"city": "a\u0000b"}', "city", "null_characters_not_allowed"),
            (r'{"city": "\ud800"}', "city", "surrogate_characters_not_allowed"),
            (json.dumps({"city": "x" * 100_000}), "city", "max_length"),
        ],
        ids=lambda value: value[:20],
    )
    def test_what_is_no_change_of_a_contact_is_400_and_sends_nothing(self, billing, api, body, field, code):
        answer = api.patch(CONTACT, body, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert [one["code"] for one in answer.json()["errors"][field]] == [code]
        assert billing.requests == []

    def test_body_that_is_not_json_is_400(self, billing, api):
        answer = api.patch(CONTACT, "{", content_type="application/json")
        assert answer.status_code == 400
        assert billing.requests == []

    def test_form_encoded_body_works_as_well(self, billing, api):
        assert api.patch(CONTACT, {"city": "Zoë's 名前"}, format="multipart").json()["city"] == "Zoë's 名前"


class TestErrors:
    """Whatever goes wrong before Blesta is asked has a sentence and a code as well."""

    @pytest.mark.parametrize(
        ("method", "url", "asked", "status", "code"),
        [
            ("patch", CONTACT, {"data": "{", "content_type": "application/json"}, 400, "parse_error"),
            ("get", "/api/blesta/contacts/999/", {}, 404, "not_found"),
            ("get", "/api/blesta/operations/none/", {}, 404, "not_found"),
            ("delete", CONTACT, {}, 405, "method_not_allowed"),
            ("get", CONTACT, {"headers": {"accept": "text/vnd.none"}}, 406, "not_acceptable"),
            ("patch", CONTACT, {"data": "city=Paris", "content_type": "text/csv"}, 415, "unsupported_media_type"),
        ],
    )
    def test_error_has_detail_and_code(self, billing, api, method, url, asked, status, code):
        answer = getattr(api, method)(url, **asked)
        assert answer.status_code == status
        assert (set(answer.data), answer.data["code"]) == ({"detail", "code"}, code)
        assert answer.data["detail"]
        assert billing.requests == []

    @pytest.mark.parametrize(
        ("classes", "status", "code"),
        [([SessionAuthentication], 403, "not_authenticated"), ([BasicAuthentication], 401, "not_authenticated")],
    )
    def test_anonymous_user_is_told_so(self, contact, monkeypatch, classes, status, code):
        monkeypatch.setattr(ContactView, "authentication_classes", classes)
        answer = APIClient().get(CONTACT)
        assert (answer.status_code, set(answer.json()), answer.json()["code"]) == (status, {"detail", "code"}, code)

    def test_throttled_user_is_told_when_to_come_back(self, api, contact, monkeypatch):
        class Never(BaseThrottle):
            def allow_request(self, request, view):
                return False

            def wait(self):
                return 7

        monkeypatch.setattr(ContactView, "throttle_classes", [Never])
        answer = api.get(CONTACT)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
        assert (set(answer.json()), answer.json()["code"]) == ({"detail", "code"}, "throttled")

    def test_permission_of_the_sites_own_with_more_than_a_sentence_keeps_it(self, api, contact, monkeypatch):
        class Closed(BasePermission):
            def has_permission(self, request, view):
                raise PermissionDenied({"plan": "Too small."})

        monkeypatch.setattr(ContactView, "permission_classes", [Closed])
        answer = api.get(CONTACT)
        assert answer.status_code == 403
        assert answer.json()["code"] == "permission_denied"
        assert answer.json()["detail"]
        assert answer.json()["errors"] == {"plan": {"message": "Too small.", "code": "permission_denied"}}

    @pytest.mark.parametrize(("given", "told"), [(0.0, "0"), (0.2, "1"), (7.0, "7"), (None, "60")])
    def test_time_to_wait_is_blestas_where_it_names_one(self, given, told):
        answer = blesta_exception_handler(Unavailable("Later.", Facts(retry_after=given)), {})
        assert answer is not None
        assert answer["Retry-After"] == told


class TestOperation:
    def test_operation_of_someone_else_is_not_there(self, api, contact, django_user_model):
        patch(api, {"city": "Paris", "token": "k-1"})
        assert api.get("/api/blesta/operations/k-1/").status_code == 200
        other = django_user_model.objects.create_user("other")
        ClientLink.objects.create(user=other, client_id=contact.client_id)
        api.force_login(other)
        assert api.get("/api/blesta/operations/k-1/").status_code == 404
        assert api.get("/api/blesta/operations/%00/").status_code == 404

    def test_rejected_operation_shows_blestas_fields_and_codes(self, api):
        patch(api, {"company_name": "c" * 129, "token": "k-1"})
        shown = api.get("/api/blesta/operations/k-1/").json()
        assert (shown["state"], shown["complaints"]) == ("failed", [{"blesta_field": "company", "code": "length"}])

    def test_operation_tells_the_customer_nothing_of_what_the_journal_wrote_for_staff(self, api):
        patch(api, {"city": "Paris", "token": "k-1"})
        for state in Operation.State:
            Operation.objects.update(state=state, outcome="Misunderstood", reason="billing.example refused")
            assert "billing.example" not in api.get("/api/blesta/operations/k-1/").text

    def test_operation_whose_process_died_is_shown_as_unknown(self, api):
        patch(api, {"city": "Paris", "token": "k-1"})
        Operation.objects.update(state="sending", sent_at=timezone.now() - timedelta(hours=1))
        assert api.get("/api/blesta/operations/k-1/").json()["state"] == "unknown"


class TestExceptionHandler:
    def test_view_of_the_site_answers_with_blestas_names(self, contact):
        answer = APIClient().post("/site/")
        assert answer.status_code == 400
        assert {name: [one["code"] for one in listed] for name, listed in answer.json()["errors"].items()} == {
            "company": ["length"],
            "email": ["format"],
        }

    def test_unknown_outcome_in_a_view_of_the_site_has_no_address(self, billing, contact):
        billing.fail(model="Contacts", method="edit", close=True)
        answer = APIClient().post("/site/")
        assert (answer.status_code, set(answer.json())) == (202, {"detail", "code"})

    def test_errors_of_the_sites_own_stay_as_they_are(self):
        assert APIClient().get("/site/").json() == {"own": ["The site's own."]}


@pytest.mark.django_db(transaction=True)
class TestTransactions:
    def test_view_works_under_atomic_requests(self, billing, api, monkeypatch):
        monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
        assert patch(api, {"city": "Paris"}).status_code == 200

    def test_second_request_while_the_first_is_under_way_is_202(self, billing, api, ada):
        held = billing.fail(model="Contacts", method="edit", hold=True)
        answers: list[Any] = []

        def first() -> None:
            own = APIClient()
            own.force_login(ada)
            answers.append(patch(own, {"city": "Paris", "token": "k-1"}))
            connections.close_all()

        thread = threading.Thread(target=first)
        thread.start()
        assert held.wait_until_hit()
        late = patch(api, {"city": "Paris", "token": "k-1"})
        held.release()
        thread.join(30)
        assert (late.status_code, api.get(late.headers["Location"]).json()["state"]) == (202, "succeeded")
        assert "already being sent" in late.json()["detail"]
        assert [answer.status_code for answer in answers] == [200]
        assert writes(billing) == ["Contacts.edit"]
