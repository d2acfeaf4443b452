"""A plugin that Blesta does not have is a state of affairs, not an error."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from django_blesta import sync
from django_blesta.models import DomainTld, Order, SyncRun, Ticket, TicketReply, Webhook
from django_blesta.resources import resource_of
from django_blesta.status import Level, snapshot
from django_blesta.sync.plan import in_order

pytestmark = pytest.mark.django_db
PLUGINS = [model for model in in_order() if resource_of(model).plugin]


@pytest.mark.parametrize("blesta_simulator", [{"clients": 10, "seed": 5}], indirect=True)
class TestAbsent:
    def test_run_over_a_missing_plugin_is_absent_and_stores_nothing(self, blesta):
        blesta.switches.missing_plugin = "order"
        states = {run.resource: run.state for run in sync.run(PLUGINS)}
        absent = {name for name, state in states.items() if state == SyncRun.State.ABSENT}
        assert absent == {"django_blesta.order", "django_blesta.orderform"}
        assert set(states.values()) == {SyncRun.State.ABSENT, SyncRun.State.COMPLETE}
        assert not Order.objects.exists()
        assert Webhook.objects.exists()

    def test_command_succeeds_and_status_is_well_without_plugins(self, blesta):
        blesta.switches.missing_plugin = True
        call_command("blesta_sync")
        shown = {one.name: one for one in snapshot().resources}
        for model in PLUGINS:
            one = shown[model._meta.label_lower]
            assert (one.state, one.level, one.late) == (SyncRun.State.ABSENT, Level.GOOD, False)
            assert one.state_label == "not installed"
        assert snapshot().verdict is Level.GOOD

    def test_rows_of_a_plugin_that_was_removed_stay(self, blesta):
        sync.run()
        held = Ticket.objects.present().count()
        blesta.switches.missing_plugin = "support_manager"
        assert {run.state for run in sync.run([Ticket])} == {SyncRun.State.ABSENT}
        assert Ticket.objects.present().count() == held > 0


@pytest.mark.parametrize("blesta_simulator", [{"clients": 20, "seed": 5}], indirect=True)
class TestTickets:
    def test_every_status_is_asked_for_and_a_deleted_ticket_goes(self, blesta):
        sync.run()
        assert Ticket.objects.count() == len(blesta.state.tables["tickets"]) > 5
        with blesta.state.lock:
            blesta.state.delete("tickets", 2)
        (run,) = sync.run([Ticket])
        assert (run.state, run.gone) == (SyncRun.State.COMPLETE, 1)
        assert list(Ticket.objects.gone().values_list("pk", flat=True)) == [2]

    def test_ticket_that_changes_lists_while_they_are_read_is_not_lost(self, blesta):
        """It leaves a list that is still to be read for one that was: one round would not show it."""
        with blesta.state.lock:
            moving = next(row for row in blesta.state.tables["tickets"].values() if row["status"] == "closed")

        def moved(answer, arguments):
            rows = answer(arguments)
            if arguments["status"] == "in_progress":
                blesta.state.update("tickets", moving["id"], status="open")
            return rows

        blesta.lie("support_manager.SupportManagerTickets", "getList", moved)
        runs = {run.resource: run for run in sync.run()}
        assert runs["django_blesta.ticket"].state == SyncRun.State.COMPLETE
        assert set(Ticket.objects.values_list("pk", flat=True)) == set(blesta.state.tables["tickets"])

    def test_conversation_holds_no_note_of_staff(self, blesta):
        sync.run()
        ticket = Ticket.objects.earliest("pk")
        assert {reply.type for reply in ticket.replies.all()} == {"reply", "note", "log"}
        assert {reply.type for reply in ticket.conversation()} == {"reply"}
        assert not TicketReply.objects.for_client(ticket.client_id).exists()
        assert DomainTld.objects.filter(tld=".com").exists()
        assert {hook.leads_to("https://elsewhere.example/") for hook in Webhook.objects.all()} == {False}
        outgoing = next(row for row in blesta.state.tables["webhooks"].values() if row["type"] == "outgoing")
        assert Webhook.objects.get(pk=outgoing["id"]).leads_to(outgoing["callback"])
