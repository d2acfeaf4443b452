"""What happens as time goes by, and who stands behind Blesta: cron, gateways, modules, effects that come late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from django_blesta.testing.simulator import Simulator
from tests.testing.calling import read, send, write


@pytest.fixture
def blesta() -> Iterator[Simulator]:
    """One client with a service that renews in a month."""
    simulator = Simulator(companies=0)
    simulator.add_company()
    simulator.add_client()
    simulator.add_service(1)
    yield simulator
    assert simulator.crashes == []


class TestCron:
    def test_service_is_renewed_once_for_every_term_that_began(self, blesta):
        assert blesta.cron()["services renewed"] == 0
        blesta.clock.advance(days=65)
        assert blesta.cron()["services renewed"] == 2
        assert blesta.cron()["services renewed"] == 0
        rows = read(blesta, "invoices/getList", client_id=1, status="open")
        assert [row["total"] for row in rows] == ["9.9900", "9.9900"]
        assert blesta.state.tables["services"][1]["date_renews"] > blesta.clock.now()

    def test_invoice_falls_due_and_is_past_due(self, blesta):
        blesta.add_invoice(1)
        assert read(blesta, "invoices/getListCount", client_id=1, status="past_due") == 0
        blesta.clock.advance(days=11)
        assert read(blesta, "invoices/getListCount", client_id=1, status="past_due") == 1

    def test_scheduled_end_comes_about_and_is_not_renewed(self, blesta):
        assert write(blesta, "services/cancel", service_id=1, vars={"date_canceled": "end_of_term"}).status == 200
        assert read(blesta, "services/getListCount", client_id=1, status="scheduled_cancellation") == 1
        blesta.clock.advance(days=40)
        done = blesta.cron()
        assert (done["services canceled"], done["services renewed"]) == (1, 0)
        assert blesta.state.tables["services"][1]["status"] == "canceled"

    def test_recurring_invoice_is_made_as_often_as_it_was_asked_for(self, blesta):
        sent = {
            "client_id": 1, "period": "month", "term": 1, "duration": 2, "currency": "USD",
            "date_renews": blesta.clock.now().isoformat(), "lines": [{"description": "Rack", "amount": "80"}],
        }  # fmt: skip
        assert write(blesta, "invoices/addRecurring", vars=sent).value == 1
        blesta.clock.advance(days=200)
        assert blesta.cron()["recurring invoices made"] == 2
        assert blesta.state.tables["recurring_invoices"][1]["duration"] == 0

    def test_pending_service_is_made_when_its_invoice_is_paid(self, blesta):
        blesta.state.update("services", 1, status="pending")
        invoice = blesta.add_invoice(1, [{"service_id": 1, "amount": "5"}])
        assert blesta.cron()["services provisioned"] == 0
        blesta.add_transaction(1, "5", invoice_id=invoice["id"])
        assert blesta.cron()["services provisioned"] == 1

    def test_queued_invoices_are_sent_and_offers_expire(self, blesta):
        blesta.add_invoice(1)
        now = blesta.clock.now()
        for days in (1, 30):
            blesta.state.insert(
                "quotations", client_id=1, title="Machine", status="pending", currency="USD", date_created=now,
                date_expires=now + timedelta(days=days),
            )  # fmt: skip
        blesta.clock.advance(days=2)
        done = blesta.cron()
        assert (done["invoices sent"], done["quotations expired"]) == (1, 1)
        assert blesta.state.tables["invoice_delivery"][1]["date_sent"] == blesta.clock.now()


class TestLateEffects:
    def test_effect_comes_when_it_is_let_land(self, blesta):
        blesta.fail(model="Services", method="suspend", late=True)
        assert send(blesta, "POST", "services/suspend.json", {"service_id": 1}).status == 502
        assert blesta.state.tables["services"][1]["status"] == "active"
        assert blesta.land() == 1
        assert blesta.state.tables["services"][1]["status"] == "suspended"
        assert blesta.land() == 0


class TestOthers:
    @pytest.mark.parametrize("key", ["api", "module_row", "errors.domain"])
    @pytest.mark.parametrize(
        ("path", "arguments"),
        [
            ("services/suspend", {"service_id": 1}),
            ("services/unsuspend", {"service_id": 1}),
            ("services/renew", {"service_id": 1}),
            ("services/cancel", {"service_id": 1, "vars": {"use_module": "true"}}),
            ("services/edit", {"service_id": 1, "vars": {"domain": "a.example"}}),
            ("services/add", {"vars": {"client_id": 1, "pricing_id": 1, "status": "active", "use_module": "true"}}),
        ],
    )
    def test_module_refuses_under_a_key_of_its_own(self, blesta, path, arguments, key):
        blesta.switches.module_error = key
        assert write(blesta, path, **arguments).errors == {key: ["response"]}
        assert blesta.state.tables["services"][1]["status"] == "active"

    def test_module_that_is_left_out_refuses_nothing(self, blesta):
        blesta.switches.module_error = "api"
        assert write(blesta, "services/suspend", service_id=1, vars={"use_module": "false"}).status == 200

    @pytest.mark.parametrize(
        ("position", "status", "code"),
        [
            ("approves", "approved", None),
            ("pending", "pending", None),
            ("declines", "declined", "declined"),
            ("fails", "error", "error"),
        ],
    )
    def test_gateway_answers_as_the_switch_says(self, blesta, position, status, code):
        blesta.state.insert("accounts_cc", contact_id=1, first_name="A", last_name="B", last4="4242", type="visa")
        blesta.switches.gateway = position
        answer = write(
            blesta, "payments/processPayment", client_id=1, type="cc", amount="5.00", currency="USD", account_id=1
        )
        row = blesta.state.tables["transactions"][1]
        assert (row["status"], row["amount"]) == (status, Decimal(5))
        if code:
            assert answer.errors == {"gateway": [code]}
        else:
            assert answer.value["id"] == 1

    @pytest.mark.parametrize(
        ("changes", "errors"),
        [
            ({"type": "cash"}, {"type": ["valid"]}),
            ({"account_id": 9}, {"account_id": ["exists"]}),
            ({"amount": "much"}, {"amount": ["valid"]}),
        ],
    )
    def test_charge_that_cannot_be_is_refused(self, blesta, changes, errors):
        blesta.state.insert("accounts_cc", contact_id=1, first_name="A", last_name="B", last4="4242", type="visa")
        sent = {"client_id": 1, "type": "cc", "amount": "5.00", "currency": "USD", "account_id": 1} | changes
        assert write(blesta, "payments/processPayment", **sent).errors == errors
