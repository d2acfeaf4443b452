"""What cannot be right is refused, at the edge or by Blesta, on the field concerned, and the journal says by whom; a
Blesta that is not there or sends elsewhere is told, and never taken for success."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from django_blesta.exceptions import NotConfigured, OutcomeUnknown, Rejected, Unavailable
from django_blesta.models import Contact, Operation, Ticket, TicketDepartment
from django_blesta.operations import clients, contacts, invoices, services, tickets, transactions
from django_blesta.operations._kinds import EDGE
from tests.operations.conftest import writes
from tests.operations.market import market, one
from tests.operations.shop import ada, invoice, payment, service, shop, the_operation

__all__ = ["market", "shop"]

pytestmark = pytest.mark.django_db

State = Operation.State
LONG = "x" * 100_000
NUL = "a\x00b"
EMOJI = "Ada 👩‍💻 Ünï \U0001f468\u200d\U0001f469\u200d\U0001f467"
DAY = timezone.now() + timedelta(days=9)


def person() -> Contact:
    return Contact.objects.get(pk=1)


def bill(**changes: Any) -> Any:
    given = {"lines": [invoices.Line("Hosting", Decimal(1))], "currency": "USD", "billed_at": DAY, "due_at": DAY}
    return invoices.create(ada(), **given | changes)


def ticket(**changes: Any) -> Any:
    return tickets.open(
        ada(), **{"department": one(TicketDepartment), "summary": "Help", "details": "Please."} | changes
    )


REFUSED = {
    # The change, the field and code, and who refused it.
    "title of 100 kB": (lambda: contacts.edit(person(), changes={"title": LONG}), "title", "length", "rejected"),
    "subject of 100 kB": (lambda: ticket(summary=LONG), "summary", "length", "rejected"),
    "message of 100 kB": (
        lambda: transactions.record(ada(), amount=Decimal(1), currency="USD", message=LONG),
        "message",
        "length",
        "rejected",
    ),
    "NUL in a city": (lambda: contacts.edit(person(), changes={"city": NUL}), "city", "format", EDGE),
    "NUL in a reply": (lambda: tickets.reply(one(Ticket), details=NUL), "details", "format", EDGE),
    "NUL in a line": (
        lambda: bill(lines=[invoices.Line("a", Decimal(1)), invoices.Line(NUL, Decimal(1))]),
        "lines[1][description]",
        "format",
        EDGE,
    ),
    "NUL in a reason": (
        lambda: services.cancel(service(), reason=NUL),
        "cancellation_reason",
        "format",
        EDGE,
    ),
    "word of status": (lambda: clients.set_status(ada(), "gone"), "status", "format", "rejected"),
    "word of an invoice": (lambda: bill(status="gone"), "status", "format", "rejected"),
    "word of a payment": (lambda: transactions.mark(payment(), status="gone"), "status", "format", "rejected"),
    "word of priority": (lambda: ticket(priority="now"), "priority", "format", "rejected"),
    "word of delivery": (lambda: invoices.deliver(invoice(), method="pigeon"), "method", "exists", "rejected"),
    "kind of number": (
        lambda: contacts.add_number(person(), number="1", type="telegraph"),
        "type",
        "format",
        "rejected",
    ),
    "past end": (
        lambda: services.cancel(service(), at=timezone.now() - timedelta(days=1)),
        "date_canceled",
        "valid",
        EDGE,
    ),
    "due before it is billed": (
        lambda: bill(due_at=DAY - timedelta(days=1)),
        "date_due",
        "after_billed",
        "rejected",
    ),
    "line that is no number": (
        lambda: bill(lines=[invoices.Line("a", Decimal("NaN"))]),
        "lines[0][amount]",
        "format",
        EDGE,
    ),
    "line without words": (lambda: bill(lines=[]), "lines[0][description]", "empty", "rejected"),
    "currency": (lambda: bill(currency="DOLLARS"), "currency", "length", "rejected"),
    "payment that is void": (
        lambda: transactions.apply(payment(), amounts={invoice(5): Decimal(1)}),
        "amounts[0][invoice_id]",
        "status",
        EDGE,
    ),
    "invoice with a payment on it": (lambda: invoices.void(paid()), "id", "amount_applied", EDGE),
}


def paid() -> Any:
    transactions.apply(payment(), amounts={invoice(): Decimal(1)})
    Operation.objects.all().delete()
    return invoice()


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_right_is_refused_and_the_journal_says_by_whom(market, case):
    ask, field, code, by = REFUSED[case]
    with pytest.raises(Rejected) as caught:
        ask()
    assert (field, code) in [(each.field, each.code) for each in caught.value.errors]
    operation = the_operation()
    assert (operation.state, [field, code] in operation.errors) == (State.FAILED, True)
    assert (operation.reason == EDGE) is (by == EDGE)


def test_every_character_that_is_text_arrives_as_it_was(market):
    contacts.edit(person(), changes={"city": EMOJI})
    assert market.state.tables["contacts"][1]["city"] == EMOJI
    assert person().city == EMOJI
    ticket(summary=EMOJI, details=EMOJI + LONG)
    assert one(Ticket, 3).summary == EMOJI
    assert one(Ticket, 3).conversation().get().details == EMOJI + LONG


CHANGES = {
    "Contacts.edit": lambda: contacts.edit(person(), changes={"city": "Paris"}),
    "Services.cancel": lambda: services.cancel(service()),
    "Transactions.add": lambda: transactions.record(ada(), amount=Decimal(1), currency="USD"),
    "Transactions.apply": lambda: transactions.apply(payment(), amounts={invoice(): Decimal(1)}),
    "Invoices.add": bill,
    "support_manager.SupportManagerTickets.add": ticket,
}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", CHANGES)
def test_redirect_is_never_followed_and_never_success(market, call, status):
    model, _, method = call.rpartition(".")
    market.fail(model=model, method=method, verb="POST", status=status, body="", headers={"Location": market.url})
    with pytest.raises((OutcomeUnknown, NotConfigured)):
        CHANGES[call]()
    assert writes(market) == [call]
    assert the_operation().state == State.UNKNOWN


@pytest.mark.parametrize("call", CHANGES)
def test_blesta_that_is_not_there_is_told_and_nothing_is_sent(market, call):
    market.stop()
    with pytest.raises(Unavailable):
        CHANGES[call]()
    assert (the_operation().state, the_operation().outcome) == (State.FAILED, "Unavailable")
    market.start()
    assert market.requests == []
