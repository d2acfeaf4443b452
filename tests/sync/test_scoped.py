"""Lists that are asked for parent by parent: whose come first, and how old they are said to be."""

from __future__ import annotations

import pytest

from django_blesta import sync
from django_blesta.freshness import as_of
from django_blesta.models import Client, ClientGroup, ClientNote, Contact, ContactNumber, SyncRun

pytestmark = pytest.mark.django_db
SIMULATED = pytest.mark.parametrize("blesta_simulator", [{"clients": 8, "seed": 3}], indirect=True)


def asked(blesta, model, method, argument):
    found = [int(r.arguments[argument]) for r in blesta.requests if (r.model, r.method) == (model, method)]
    return list(dict.fromkeys(found))


@SIMULATED
class TestParents:
    @pytest.fixture(autouse=True)
    def one_at_a_time(self, blesta, settings):
        settings.BLESTA = {**settings.BLESTA, "MAX_IN_FLIGHT": 1}

    def test_those_that_were_never_seen_come_first(self, blesta):
        sync.run([ClientGroup, Client, Contact])
        new = [blesta.add_client()["id"] for _ in range(2)]
        sync.run([ClientGroup, Client])
        blesta.requests.clear()
        (run,) = sync.run([Contact])
        assert run.state == SyncRun.State.COMPLETE
        assert asked(blesta, "Contacts", "getList", "client_id") == [*new, *range(1, 9)]

    def test_parents_that_have_nothing_are_asked_for_all_the_same(self, blesta):
        sync.run([ClientGroup, Client, ClientNote])
        blesta.requests.clear()
        sync.run([ClientNote])
        order = asked(blesta, "Clients", "getNoteList", "client_id")
        with_notes = set(ClientNote.objects.values_list("client_id", flat=True))
        assert sorted(order) == list(range(1, 9))
        assert set(order[-len(with_notes) :] if with_notes else []) == with_notes

    def test_a_row_is_as_old_as_the_last_sweep(self, blesta):
        sync.run([ClientGroup, Client, Contact, ContactNumber])
        number = ContactNumber.objects.earliest("pk")
        before = as_of(number)
        (run,) = sync.run([ContactNumber])
        number.refresh_from_db()
        assert as_of(number) == run.started_at > before
