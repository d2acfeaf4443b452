"""What a run finds beside the rows: another installation, sums that do not add up, and what changed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from django_blesta import signals, sync
from django_blesta.exceptions import ForeignInstallation
from django_blesta.models import Change, Client, IdentityMark, Invoice, SyncRun
from django_blesta.testing.simulator import Simulator

pytestmark = pytest.mark.django_db

SIMULATED = pytest.mark.parametrize("blesta_simulator", [{"clients": 8, "seed": 3}], indirect=True)


@SIMULATED
def test_another_installation_is_refused_before_anything_is_stored(blesta, settings):
    sync.run()
    assert IdentityMark.objects.exists()
    before = list(Client.objects.order_by("pk").values())
    with Simulator(clients=8, seed=99) as other:
        settings.BLESTA = {**other.settings(), "REQUESTS_PER_SECOND": None}
        with pytest.raises(ForeignInstallation, match="accept-identity"):
            sync.run()
    assert list(Client.objects.order_by("pk").values()) == before
    refused = SyncRun.objects.latest("pk")
    assert (refused.state, refused.error_kind) == (SyncRun.State.FAILED, "foreign-installation")


@SIMULATED
def test_sums_that_do_not_add_up_are_on_the_run_and_stay_as_they_are(blesta):
    with blesta.state.lock:
        blesta.state.update("invoices", 1, due=Decimal("123.4500"))
    runs = {run.resource: run for run in sync.run()}
    assert runs["django_blesta.invoice"].violation_count == 1
    assert runs["django_blesta.invoice"].state == SyncRun.State.COMPLETE
    assert Invoice.objects.get(pk=1).due == Decimal("123.4500")


@SIMULATED
def test_a_change_has_its_history_and_its_signal_with_the_run(blesta, django_capture_on_commit_callbacks):
    sync.run()
    assert not Change.objects.exists()
    blesta.state.update("clients", 1, status="fraud")
    heard = []

    def listen(**facts):
        heard.append((facts["pk"], facts["changed"], facts["run_id"], facts["created"]))

    signals.row_stored.connect(listen, sender=Client)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            (run,) = sync.run([Client])
    finally:
        signals.row_stored.disconnect(listen, sender=Client)
    assert heard == [(1, frozenset({"status"}), run.pk, False)]
    change = Change.objects.get()
    assert (change.remote_id, change.column, change.old, change.new) == ("1", "status", "active", "fraud")
    assert (change.run_id, change.cause) == (run.pk, "command")


@SIMULATED
def test_a_refresh_writes_its_own_cause_into_the_history(blesta):
    sync.run()
    blesta.state.update("clients", 1, status="inactive")
    sync.refresh(Client, 1, cause="operation")
    assert set(Change.objects.values_list("cause", "run_id")) == {("operation", None)}
