"""Offers, tickets, recurring invoices, ordered changes, charges: done once, and found where the answer is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from django_blesta.exceptions import NotAllowed, OutcomeUnknown, Rejected, Unavailable
from django_blesta.models import (
    CardAccount,
    Invoice,
    InvoiceLine,
    Operation,
    Quotation,
    RecurringInvoice,
    Service,
    ServiceChange,
    Ticket,
    TicketDepartment,
)
from django_blesta.operations import (
    KINDS,
    PartlyDone,
    errors,
    invoices,
    payments,
    quotations,
    reconcile,
    recurring,
    service_changes,
    tickets,
)
from tests.operations.conftest import writes
from tests.operations.market import dearer, market, one
from tests.operations.shop import ada, invoice, later, line, service, shop, the_operation

__all__ = ["market", "shop"]

pytestmark = pytest.mark.django_db

State = Operation.State
MONEY = Decimal("100.00")
NEXT_YEAR = timezone.now() + timedelta(days=365)
SECRET = "the words of the customer"


def open_ticket(blesta: Any = None, **more: Any) -> Any:
    return tickets.open(ada(), department=one(TicketDepartment), summary="Help", details=SECRET, **more)


def charge(blesta: Any = None, **more: Any) -> Any:
    given = {"account": one(CardAccount), "amount": MONEY, "currency": "USD", "apply_to": {invoice(): MONEY}} | more
    return payments.charge(ada(), **given)


def order(blesta: Any, **more: Any) -> Any:
    given = {"amount": Decimal("20.00"), "currency": "USD", "pricing": dearer(blesta)} | more
    return service_changes.order(service(), **given)


def two_lines(blesta: Any) -> Any:
    with blesta.state.lock:
        blesta.state.insert("invoice_lines", invoice_id=1, description="More", amount="1", order=1)
    from django_blesta import sync

    sync.refresh(Invoice, 1)
    blesta.requests.clear()
    return [InvoiceLine.objects.filter(invoice=1).order_by("pk").last()]


LINES = [invoices.Line("Power", Decimal("24.50"))]
# The kind, the calls it sends, the change, and how many effects of it the books then show.
CHANGES: dict[str, tuple[list[str], Callable[[Any], Any], Callable[[Any], int]]] = {
    "recurring.create": (
        ["Invoices.addRecurring"],
        lambda blesta: recurring.create(ada(), lines=LINES, currency="USD", first_at=NEXT_YEAR),
        lambda blesta: len(blesta.state.tables["recurring_invoices"]) - 1,
    ),
    "recurring.edit": (
        ["Invoices.editRecurring"],
        lambda blesta: recurring.edit(one(RecurringInvoice), lines=LINES, term=3, next_at=NEXT_YEAR),
        lambda blesta: int(blesta.state.tables["recurring_invoices"][1]["term"] == 3),
    ),
    "recurring.stop": (
        ["Invoices.deleteRecurring"],
        lambda blesta: recurring.stop(one(RecurringInvoice)),
        lambda blesta: 1 - len(blesta.state.tables["recurring_invoices"]),
    ),
    "quotations.approve": (
        ["Quotations.updateStatus"],
        lambda blesta: quotations.approve(one(Quotation)),
        lambda blesta: int(blesta.state.tables["quotations"][1]["status"] == "approved"),
    ),
    "quotations.decline": (
        ["Quotations.updateStatus"],
        lambda blesta: quotations.decline(one(Quotation)),
        lambda blesta: int(blesta.state.tables["quotations"][1]["status"] == "lost"),
    ),
    "quotations.invoice": (
        ["Quotations.generateInvoice"],
        lambda blesta: quotations.invoice(one(Quotation, 2), first_due_at=NEXT_YEAR),
        lambda blesta: len(blesta.state.tables["invoices"]) - 6,
    ),
    "tickets.open": (
        ["support_manager.SupportManagerTickets.add", "support_manager.SupportManagerTickets.addReply"],
        open_ticket,
        lambda blesta: len(blesta.state.tables["tickets"]) - 2,
    ),
    "tickets.reply": (
        ["support_manager.SupportManagerTickets.addReply"],
        lambda blesta: tickets.reply(one(Ticket), details=SECRET),
        lambda blesta: len(blesta.state.tables["ticket_replies"]) - 2,
    ),
    "tickets.close": (
        ["support_manager.SupportManagerTickets.close"],
        lambda blesta: tickets.close(one(Ticket)),
        lambda blesta: int(blesta.state.tables["tickets"][1]["status"] == "closed"),
    ),
    "tickets.reopen": (
        ["support_manager.SupportManagerTickets.edit"],
        lambda blesta: tickets.reopen(one(Ticket, 2)),
        lambda blesta: int(blesta.state.tables["tickets"][2]["status"] == "open"),
    ),
    "service_changes.order": (
        ["Invoices.add", "ServiceChanges.add"],
        order,
        lambda blesta: len(blesta.state.tables["invoices"]) - 6,
    ),
    "service_changes.change_options": (
        ["Services.edit"],
        lambda blesta: service_changes.change_options(service(), options={1: "8"}),
        lambda blesta: len(blesta.state.tables["service_options"]),
    ),
    "service_changes.cancel": (
        ["ServiceChanges.cancel"],
        lambda blesta: service_changes.cancel(one(ServiceChange)),
        lambda blesta: int(blesta.state.tables["service_changes"][1]["status"] == "canceled"),
    ),
    "invoices.merge": (
        ["Invoices.merge"],
        lambda blesta: invoices.merge([invoice(), invoice(2)]),
        lambda blesta: len(blesta.state.tables["invoices"]) - 6,
    ),
    "invoices.split": (
        ["Invoices.split"],
        lambda blesta: invoices.split(invoice(), lines=two_lines(blesta)),
        lambda blesta: len(blesta.state.tables["invoices"]) - 6,
    ),
    "payments.charge": (
        ["Payments.processPayment"],
        lambda blesta: charge(apply_to=None),
        lambda blesta: len(blesta.state.tables["transactions"]) - 1,
    ),
    "payments.charge_and_apply": (
        ["Payments.processPayment", "Transactions.apply"],
        charge,
        lambda blesta: len(blesta.state.tables["transactions"]) - 1,
    ),
}
every = pytest.mark.parametrize("kind", CHANGES)


@every
def test_change_is_made_once_and_mirrored(market, kind):
    calls, change, effects = CHANGES[kind]
    result = change(market)
    assert result.operation.kind == kind
    assert writes(market) == calls
    assert result.fresh or kind == "recurring.stop"
    assert effects(market) == 1
    assert SECRET not in repr(Operation.objects.values().get())


@every
@pytest.mark.parametrize("arrived", [True, False])
def test_open_outcome_is_decided_by_what_blesta_shows(market, kind, arrived):
    calls, change, effects = CHANGES[kind]
    model, _, method = calls[0].rpartition(".")
    market.fail(verb="POST", model=model, method=method, close=True, after_effect=arrived)
    with pytest.raises(OutcomeUnknown):
        change(market)
    assert (the_operation().kind, the_operation().state) == (kind, State.UNKNOWN)
    reconcile(now=later(seconds=3700))
    operation = the_operation()
    if kind.startswith("payments.") and not arrived:
        # A gateway may act late: absence proves nothing.
        assert operation.state == State.NEEDS_HUMAN
    else:
        assert operation.state == (State.SUCCEEDED if arrived else State.FAILED), operation.evidence
    assert writes(market) == (calls if arrived else calls[:1])
    assert effects(market) == int(arrived)
    assert SECRET not in repr(Operation.objects.values().get())


SECOND = {name: given for name, given in CHANGES.items() if len(given[0]) == 2}


@pytest.mark.parametrize("kind", SECOND)
@pytest.mark.parametrize("arrived", [True, False])
def test_second_call_whose_answer_is_lost_is_not_blindly_repeated(market, kind, arrived):
    calls, change, effects = SECOND[kind]
    model, _, method = calls[1].rpartition(".")
    market.fail(verb="POST", model=model, method=method, close=True, after_effect=arrived)
    with pytest.raises(OutcomeUnknown):
        change(market)
    reconcile(now=later(seconds=3700))
    again = not arrived and KINDS[kind].steps[1].safe_again
    repeats = again and kind != "tickets.open"
    assert writes(market) == calls + (calls[1:] if repeats else [])
    assert the_operation().state == (State.SUCCEEDED if arrived or repeats else State.NEEDS_HUMAN)
    assert effects(market) == 1
    assert the_operation().queued_arguments is None


@pytest.mark.parametrize("kind", ["tickets.open", "service_changes.order"])
def test_second_call_that_never_left_is_sent_when_blesta_is_back(market, kind):
    calls, change, effects = SECOND[kind]
    model, _, method = calls[1].rpartition(".")
    body = '{"message": "The requested resource is currently unavailable due to maintenance."}'
    market.fail(verb="POST", model=model, method=method, status=503, body=body)
    with pytest.raises(PartlyDone):
        change(market)
    assert the_operation().queued_arguments is not None
    reconcile()
    assert (the_operation().state, the_operation().queued_arguments) == (State.SUCCEEDED, None)
    assert writes(market) == [*calls, calls[1]]
    assert effects(market) == 1


class TestTickets:
    def test_text_is_there_and_the_journal_has_forgotten_it(self, market):
        result = open_ticket()
        (said,) = [row for row in market.state.tables["ticket_replies"].values() if row["ticket_id"] == 3]
        assert (said["details"], said["type"]) == (SECRET, "reply")
        assert result.ids == {"ticket_id": 3, "reply_id": said["id"]}
        assert the_operation().queued_arguments is None
        assert one(Ticket, 3).conversation().get().details == SECRET

    def test_opening_waits_for_the_end_of_maintenance(self, market):
        market.switches.maintenance = "503"
        assert open_ticket(wait=True).queued
        market.switches.maintenance = "off"
        reconcile()
        assert the_operation().state == State.SUCCEEDED
        assert [row["details"] for row in market.state.tables["ticket_replies"].values()][-1] == SECRET

    def test_same_ticket_is_not_opened_beside_one_whose_outcome_is_open(self, market):
        market.fail(verb="POST", close=True)
        for _ in range(2):
            with pytest.raises(OutcomeUnknown):
                open_ticket()
        assert len(writes(market)) == 1

    def test_what_is_closed_is_not_closed_again(self, market):
        assert tickets.close(one(Ticket, 2)).operation.state == State.SUCCEEDED
        assert tickets.reopen(one(Ticket)).operation.state == State.SUCCEEDED
        assert writes(market) == []

    def test_trash_is_refused(self, market):
        market.state.update("tickets", 2, status="trash")
        with pytest.raises(Rejected) as caught:
            tickets.reopen(one(Ticket, 2))
        assert [(each.field, each.code) for each in caught.value.errors] == [("status", "trash")]


class TestQuotations:
    def test_answer_that_comes_too_late_is_refused_before_it_is_sent(self, market):
        market.state.update("quotations", 1, status="expired")
        with pytest.raises(Rejected) as caught:
            quotations.approve(one(Quotation))
        assert [(each.field, each.code) for each in caught.value.errors] == [("status", "valid")]
        assert writes(market) == []

    def test_invoiced_offer_is_not_invoiced_again(self, market):
        assert quotations.invoice(one(Quotation, 2), first_due_at=NEXT_YEAR).ids == {"invoice_id": 7}
        with pytest.raises(Rejected) as caught:
            quotations.invoice(one(Quotation, 2), first_due_at=NEXT_YEAR)
        assert [(each.field, each.code) for each in caught.value.errors] == [("id", "quotation_invoiced")]
        assert invoice(7).total == Decimal(250)
        assert one(Quotation, 2).status == "invoiced"

    def test_two_parts_make_two_invoices(self, market):
        quotations.invoice(
            one(Quotation, 2), first_due_at=NEXT_YEAR, second_due_at=NEXT_YEAR, percentage_due=Decimal(40)
        )
        assert [invoice(pk).total for pk in (7, 8)] == [Decimal(100), Decimal(150)]


class TestRecurring:
    def test_lines_take_the_place_of_those_there_were(self, market):
        recurring.edit(one(RecurringInvoice), lines=LINES, times=6)
        row = one(RecurringInvoice)
        assert (row.duration, [each.description for each in row.lines.filter(gone_at=None)]) == (6, ["Power"])
        assert row.note_public == "Rack"

    def test_nothing_to_change_is_a_mistake(self, market):
        with pytest.raises(ValueError, match="nothing"):
            recurring.edit(one(RecurringInvoice))


class TestServiceChanges:
    def test_quote_is_the_difference_per_day_until_the_renewal(self, market):
        market.state.update("services", 1, date_renews=timezone.now() + timedelta(days=15))
        quote = service_changes.quote(service(), pricing=dearer(market))
        assert quote.currency == "USD"
        assert abs(quote.amount - Decimal("10.00")) <= Decimal("0.01")
        assert quote.errors == ()
        assert writes(market) == ["Services.validateServiceEdit"]
        assert not Operation.objects.exists()

    def test_quote_tells_what_blesta_would_refuse(self, market):
        market.state.update("services", 1, override_price="5", override_currency="USD")
        quote = service_changes.quote(service(), pricing=dearer(market))
        assert [(each.field, each.code) for each in quote.errors] == [("pricing_id", "overrides")]

    def test_price_in_another_currency_is_refused(self, market):
        market.state.update("package_pricing", dearer(market).pk, currency="EUR")
        quote = service_changes.quote(service(), pricing=dearer(market))
        assert ("pricing_id", "valid") in [(each.field, each.code) for each in quote.errors]

    def test_cheaper_service_costs_nothing(self, market):
        market.state.update("package_pricing", dearer(market).pk, price="1", price_renews=None)
        quote = service_changes.quote(service(), pricing=dearer(market))
        assert quote.amount < 0
        assert quote.to_pay == 0
        with pytest.raises(ValueError, match="more than nothing"):
            order(market, amount=quote.to_pay)

    def test_ordered_change_is_made_when_its_invoice_is_paid(self, market):
        result = order(market)
        assert set(result.ids) == {"invoice_id", "service_change_id"}
        assert Service.objects.get(pk=1).pricing_id == 1
        market.add_transaction(1, "20", invoice_id=result.ids["invoice_id"])
        assert market.cron()["service changes made"] == 1
        assert market.state.tables["services"][1]["pricing_id"] == dearer(market).pk

    def test_dry_run_asks_and_changes_nothing(self, market):
        assert order(market, validate_only=True).errors == ()
        assert writes(market) == ["Services.validateServiceEdit"]
        wrong = service_changes.change_options(service(), options={99: "1"}, validate_only=True)
        assert [(each.field, each.code) for each in wrong.errors] == [("configoptions", "valid")]

    def test_cancelled_change_voids_its_invoice(self, market):
        service_changes.cancel(one(ServiceChange))
        assert invoice(2).status == "void"


class TestInvoiceMoves:
    def test_merged_into_one_of_them(self, market):
        result = invoices.merge([invoice(), invoice(2)], into=invoice())
        assert result.ids == {"invoice_id": 1}
        assert (invoice(1).total, invoice(2).status) == (Decimal(150), "void")

    def test_others_invoice_is_refused(self, market):
        with pytest.raises(Rejected) as caught:
            invoices.merge([invoice(), invoice(3)])
        assert [(each.field, each.code) for each in caught.value.errors] == [("invoice_ids", "client")]

    def test_split_needs_a_line_that_stays(self, market):
        with pytest.raises(Rejected) as caught:
            invoices.split(invoice(), lines=[line()])
        assert [(each.field, each.code) for each in caught.value.errors] == [("line_items", "minimum_split")]


class TestCharge:
    def test_charge_is_off_by_default(self, shop, market, settings):
        settings.BLESTA = {name: value for name, value in settings.BLESTA.items() if not name.startswith("CHARGE")}
        with pytest.raises(NotAllowed):
            charge()
        assert writes(market) == []
        assert not Operation.objects.exists()

    def test_paid_invoice_and_no_card_data(self, market):
        charge()
        assert invoice().is_paid
        (sent,) = [each for each in market.requests if each.method == "processPayment"]
        assert set(sent.arguments) == {"client_id", "type", "amount", "currency", "account_id", "options"}

    @pytest.mark.parametrize(("gateway", "code"), [("declines", "declined"), ("fails", "error")])
    def test_gateway_that_refuses_is_a_refusal(self, market, gateway, code):
        market.switches.gateway = gateway
        with pytest.raises(Rejected) as caught:
            charge()
        assert [(each.field, each.code) for each in caught.value.errors] == [("gateway", code)]
        assert the_operation().state == State.FAILED

    def test_refusal_in_a_good_answer_is_a_refusal(self, market):
        market.lie("Payments", "processPayment", lambda truth, sent: {"id": 2, "status": "declined"})
        with pytest.raises(Rejected):
            charge()

    def test_others_card_is_refused_before_it_is_sent(self, market):
        with pytest.raises(Rejected):
            charge(account=CardAccount(pk=1, client_id=2, status="active"))
        assert writes(market) == []

    def test_declined_after_a_lost_answer_is_told_as_not_done(self, market):
        market.switches.gateway = "declines"
        market.fail(verb="POST", close=True, after_effect=True)
        with pytest.raises(OutcomeUnknown):
            charge()
        reconcile(now=later(seconds=3700))
        assert the_operation().state == State.FAILED

    def test_charge_that_comes_late_is_found(self, market):
        market.fail(verb="POST", model="Payments", late=True)
        with pytest.raises(OutcomeUnknown):
            charge(apply_to=None)
        reconcile(now=later(seconds=20))
        assert the_operation().state == State.UNKNOWN
        assert market.land() == 1
        reconcile(now=later(seconds=1000))
        assert the_operation().state == State.SUCCEEDED
        assert len(writes(market)) == 1

    def test_not_even_what_never_left_is_sent_again_under_its_token(self, market):
        market.switches.maintenance = "503"
        with pytest.raises(Unavailable):
            charge(token="once")
        market.switches.maintenance = "off"
        with pytest.raises(Unavailable):
            charge(token="once")
        assert [each for each in market.requests if each.method == "processPayment"] == []
        assert errors.sentence_of(the_operation()) in (errors.MAINTENANCE, errors.TOOK_NO_EFFECT)

    def test_charge_is_never_queued(self, market):
        with pytest.raises(ValueError, match="never queued"):
            charge(wait=True)
