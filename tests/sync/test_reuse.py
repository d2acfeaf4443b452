"""An id that Blesta gives to somebody else, and rows whose parents are not here."""

from __future__ import annotations

import pytest
from django.urls import reverse

from django_blesta import sync
from django_blesta.models import Change, Client, ClientGroup, ClientLink, Invoice, InvoiceLine, SyncRun, Ticket
from django_blesta.status import Level, snapshot
from tests import rows

# Not one of the oldest, which tell one installation from another.
ID = 8
FEW = [ClientGroup, Client]
pytestmark = pytest.mark.django_db
SIMULATED = pytest.mark.parametrize("blesta_simulator", [{"clients": 8, "seed": 3}], indirect=True)


def given_to_somebody_else(blesta, client_id):
    """The row was deleted, MySQL was started again, and the next client got its number."""
    with blesta.state.lock:
        old = blesta.state.tables["clients"][client_id]
        blesta.state.update("clients", client_id, id_code=f"{old['id_code']}9", user_id=None)
        person = blesta.state.where("contacts", client_id=client_id, contact_type="primary")[0]
        blesta.state.update("contacts", person["id"], contact_type="other")
    blesta.add_contact(client_id, contact_type="primary", first_name="Eve", email="eve@example.com")


@SIMULATED
class TestReusedId:
    def test_links_to_it_are_suspended_and_others_are_not(self, blesta, client):
        sync.run(FEW)
        ours, other = Client.objects.get(pk=ID), Client.objects.get(pk=2)
        user, neighbour = rows.linked_user(ours), rows.linked_user(other)
        client.force_login(user)
        assert client.get(reverse("blesta:overview")).status_code == 200
        given_to_somebody_else(blesta, ID)
        sync.run([Client])
        link = ClientLink.objects.get(user=user)
        assert link.is_doubted
        assert link.suspended_at is not None
        assert not Invoice.objects.for_user(user).exists()
        assert ClientLink.objects.get(user=neighbour).suspended_at is None
        assert Change.objects.filter(resource="django_blesta.client", remote_id=str(ID), column="id_code").exists()
        trouble = next(one for one in snapshot().troubles if one.code == "links-doubted")
        assert trouble.level is Level.BAD

    @pytest.mark.every_database
    def test_a_refresh_sees_it_too_whether_history_is_kept_or_not(self, blesta, settings):
        settings.BLESTA = {**settings.BLESTA, "HISTORY_DAYS": 0}
        sync.run(FEW)
        user = rows.linked_user(Client.objects.get(pk=ID))
        given_to_somebody_else(blesta, ID)
        assert sync.refresh(Client, ID)
        assert ClientLink.client_ids(user) == []

    @pytest.mark.parametrize(
        "columns", [{"id_code": "2024-77"}, {"user_id": None}, {"status": "inactive"}, {"user_id": 3}]
    )
    def test_same_client_with_one_thing_changed_stays_linked(self, blesta, columns):
        sync.run(FEW)
        user = rows.linked_user(Client.objects.get(pk=ID))
        with blesta.state.lock:
            blesta.state.update("clients", ID, **columns)
        sync.run([Client])
        assert ClientLink.client_ids(user) == [ID]

    def test_staff_who_resume_it_have_looked(self, blesta, admin_client):
        sync.run(FEW)
        user = rows.linked_user(Client.objects.get(pk=ID))
        given_to_somebody_else(blesta, ID)
        sync.run([Client])
        link = ClientLink.objects.get(user=user)
        form = {"action": "resume", "_selected_action": str(link.pk), "post": "yes"}
        assert admin_client.post(reverse("admin:django_blesta_clientlink_changelist"), form).status_code == 302
        link.refresh_from_db()
        assert (link.suspended_at, link.is_doubted) == (None, False)
        assert "links-doubted" not in {one.code for one in snapshot().troubles}


@SIMULATED
class TestOrphans:
    def test_they_are_counted_per_mirror_when_a_run_ends(self, blesta, django_assert_max_num_queries):
        with blesta.state.lock:
            line = next(iter(blesta.state.tables["invoice_lines"].values()))
            blesta.state.update("invoice_lines", line["id"], service_id=987654)
            blesta.state.update("tickets", 1, service_id=876543)
        sync.run()
        assert set(Ticket.objects.orphans().values_list("pk", flat=True)) == {1}
        with django_assert_max_num_queries(len(snapshot().resources) + 12):
            told = {one.name: one.orphans for one in snapshot().resources}
        assert told["django_blesta.ticket"] == 1
        assert told["django_blesta.invoiceline"] == InvoiceLine.objects.orphans().count() == 1
        assert told["django_blesta.service"] == 0

    def test_they_leave_the_count_when_the_parent_comes(self, blesta):
        with blesta.state.lock:
            client = blesta.state.tables["clients"][1]["id"]
        blesta.lie("Clients", "getList", lambda truth, sent: [r for r in truth(sent) if r["id"] != client])
        blesta.lie("Clients", "getListCount", lambda truth, sent: truth(sent) - 1)
        blesta.lie("Clients", "get", lambda truth, sent: False if sent["client_id"] == "1" else truth(sent))
        sync.run()
        assert {one.name: one.orphans for one in snapshot().resources}["django_blesta.invoice"] > 0
        blesta.heal()
        sync.run()
        assert sum(one.orphans for one in snapshot().resources) == 0
        assert SyncRun.objects.filter(resource="django_blesta.invoice").latest("pk").orphans == {}
