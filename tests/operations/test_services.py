"""Services: each change is found again by the state that it leads to, and none is asked for twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_blesta import sync
from django_blesta.exceptions import OutcomeUnknown, Rejected
from django_blesta.models import Client, Operation, Package, PackagePricing, Service
from django_blesta.operations import reconcile, services
from tests.operations.conftest import writes
from tests.operations.shop import ada, later, service, shop, the_operation

__all__ = ["shop"]

pytestmark = pytest.mark.django_db

State = Operation.State
TOMORROW = timedelta(days=1)


def pricing(simulator) -> PackagePricing:
    """Another term of the first service's package."""
    with simulator.state.lock:
        first = simulator.state.tables["package_pricing"][simulator.state.tables["services"][1]["pricing_id"]]
        row = simulator.state.insert(
            "package_pricing", pricing_id=99, package_id=first["package_id"], term=1, period="year", price="90",
            currency="USD",
        )  # fmt: skip
    sync.refresh(Package, first["package_id"])
    simulator.requests.clear()
    return PackagePricing.objects.get(pk=row["id"])


def suspended(simulator) -> None:
    services.suspend(service())


def canceled(simulator) -> None:
    services.cancel(service(), at="now")


CHANGES = {
    # The call, what to do before it, the change, and what Blesta then shows.
    "suspend": ("suspend", None, lambda: services.suspend(service(), reason="Unpaid"), {"status": "suspended"}),
    "unsuspend": ("unsuspend", suspended, lambda: services.unsuspend(service()), {"status": "active"}),
    "cancel now": ("cancel", None, lambda: services.cancel(service(), at="now"), {"status": "canceled"}),
    "cancel later": ("cancel", None, lambda: services.cancel(service(), at=timezone.now() + TOMORROW), {}),
    "cancel at the end": ("cancel", None, lambda: services.cancel(service()), {"status": "active"}),
    "uncancel": ("unCancel", canceled, lambda: services.uncancel(service()), {"status": "active"}),
    "fields": ("edit", None, lambda: services.edit_fields(service(), fields={"domain": "ada.example"}), {}),
    "move": ("move", None, lambda: services.move(service(), to=Client.objects.get(pk=2)), {"client_id": 2}),
}
every = pytest.mark.parametrize("change", CHANGES)


@every
def test_change_is_in_blesta_and_in_the_mirror(shop, change):
    method, before, ask, shown = CHANGES[change]
    if before:
        before(shop)
    shop.requests.clear()
    result = ask()
    assert writes(shop) == [f"Services.{method}"]
    row = shop.state.tables["services"][1]
    assert {name: row[name] for name in shown} == shown
    assert result.fresh
    assert (service().status, service().client_id) == (row["status"], row["client_id"])
    assert service().canceled_at == row["date_canceled"]


@every
@pytest.mark.parametrize("arrived", [True, False])
def test_open_outcome_is_decided_by_the_state(shop, change, arrived):
    method, before, ask, _shown = CHANGES[change]
    if before:
        before(shop)
        Operation.objects.all().delete()
    shop.requests.clear()
    shop.fail(model="Services", method=method, close=True, after_effect=arrived)
    with pytest.raises(OutcomeUnknown):
        ask()
    reconcile(now=later(seconds=3700))
    assert the_operation().state == (State.SUCCEEDED if arrived else State.FAILED)
    assert writes(shop) == [f"Services.{method}"]
    assert service().status == shop.state.tables["services"][1]["status"]


@pytest.mark.parametrize("change", ["suspend", "cancel now", "uncancel"])
def test_what_is_so_already_is_not_asked_for(shop, change):
    _method, _before, ask, _shown = CHANGES[change]
    ask()
    shop.requests.clear()
    assert ask().operation.state == State.SUCCEEDED
    assert writes(shop) == []


def test_state_from_which_it_cannot_be_done_is_refused_before_it_is_sent(shop):
    canceled(shop)
    shop.requests.clear()
    with pytest.raises(Rejected) as caught:
        services.suspend(service())
    assert [(one.field, one.code) for one in caught.value.errors] == [("status", "valid")]
    assert writes(shop) == []


def test_add_ons_end_with_their_parent(shop):
    services.cancel(service(), at="now")
    assert service(2).status == "canceled"


def test_past_date_is_refused_before_it_is_sent(shop):
    with pytest.raises(Rejected) as caught:
        services.cancel(service(), at=timezone.now() - TOMORROW)
    assert [(one.field, one.code) for one in caught.value.errors] == [("date_canceled", "valid")]
    assert writes(shop) == []
    with pytest.raises(ValueError, match="aware"):
        services.cancel(service(), at=timezone.now().replace(tzinfo=None))


@pytest.mark.parametrize("arrived", [True, False])
def test_term_is_changed_and_found(shop, arrived):
    other = pricing(shop)
    shop.fail(model="Services", method="edit", close=True, after_effect=arrived)
    with pytest.raises(OutcomeUnknown):
        services.change_term(service(), pricing=other)
    reconcile(now=later(seconds=3700))
    assert the_operation().state == (State.SUCCEEDED if arrived else State.FAILED)
    assert (service().pricing_id == other.pk) is arrived


class TestAdd:
    def test_new_service_is_pending_and_in_the_mirror(self, shop):
        result = services.add(ada(), pricing=pricing(shop), fields={"domain": "new.example"})
        row = Service.objects.get(pk=result.ids["service_id"])
        assert (row.status, row.client_id, row.name) == ("pending", 1, "new.example")

    @pytest.mark.parametrize(("more", "state"), [(0, State.SUCCEEDED), (1, State.NEEDS_HUMAN)])
    def test_one_new_service_must_be_it_and_two_are_for_a_person(self, shop, more, state):
        other = pricing(shop)
        shop.fail(model="Services", method="add", close=True, after_effect=True)
        with pytest.raises(OutcomeUnknown):
            services.add(ada(), pricing=other)
        for _ in range(more):
            shop.add_service(1, pricing_id=other.pk)
        reconcile(now=later(seconds=3700))
        assert the_operation().state == state

    def test_none_is_sent_while_the_outcome_of_another_is_open(self, shop):
        other = pricing(shop)
        shop.fail(model="Services", method="add", close=True)
        for _ in range(2):
            with pytest.raises(OutcomeUnknown):
                services.add(ada(), pricing=other)
        assert writes(shop) == ["Services.add"]

    def test_dry_run_tells_the_errors_and_changes_nothing(self, shop):
        fine = services.add(ada(), pricing=pricing(shop), validate_only=True)
        assert fine.errors == ()
        wrong = services.add(ada(), pricing=PackagePricing(pk=999), qty=10**11, validate_only=True)
        assert {(one.field, one.code) for one in wrong.errors} == {("pricing_id", "exists"), ("qty", "length")}
        assert not Operation.objects.exists()
        assert len(shop.state.tables["services"]) == 2

    def test_field_that_is_blestas_own_is_refused(self, shop):
        with pytest.raises(ValueError, match="status"):
            services.add(ada(), pricing=pricing(shop), fields={"status": "active"})


def test_renewal_of_unknown_outcome_is_for_a_person(shop):
    shop.fail(model="Services", method="renew", close=True)
    with pytest.raises(OutcomeUnknown):
        services.renew(service())
    reconcile()
    assert the_operation().state == State.NEEDS_HUMAN


class TestQueue:
    def test_change_waits_for_the_end_of_maintenance_and_then_forgets_what_it_was(self, shop):
        shop.switches.maintenance = "503"
        result = services.cancel(service(), reason="Moving house", wait=True, token="once")
        assert result.queued
        assert the_operation().queued_arguments["vars"]["cancellation_reason"] == "Moving house"
        reconcile()
        assert the_operation().state == State.QUEUED
        assert services.cancel(service(), reason="Moving house", wait=True, token="once").repeated
        shop.switches.maintenance = "off"
        reconcile()
        assert (the_operation().state, the_operation().queued_arguments) == (State.SUCCEEDED, None)
        assert shop.state.tables["services"][1]["cancellation_reason"] == "Moving house"

    def test_changes_of_one_target_are_sent_in_their_order(self, shop):
        shop.switches.maintenance = "503"
        services.suspend(service(), wait=True)
        shop.switches.maintenance = "off"
        assert services.unsuspend(service(), wait=True).queued
        assert writes(shop) == []
        reconcile()
        assert writes(shop) == ["Services.suspend", "Services.unsuspend"]
        assert set(Operation.objects.values_list("state", flat=True)) == {State.SUCCEEDED}

    def test_without_being_asked_to_wait_it_fails(self, shop):
        shop.switches.maintenance = "503"
        with pytest.raises(Exception, match="maintenance"):
            services.suspend(service())
        assert the_operation().state == State.FAILED
