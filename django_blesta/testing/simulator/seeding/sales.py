"""What the customers bought: services over time, and the invoices that each term brings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final

from django_blesta.testing.simulator.books import ZERO, LineTax, rounded
from django_blesta.testing.simulator.dates import add_term
from django_blesta.testing.simulator.seeding import names
from django_blesta.testing.simulator.seeding.catalogue import CURRENCIES, Offer
from django_blesta.testing.simulator.seeding.customers import Customer
from django_blesta.testing.simulator.state import Row, money

BILLED_AHEAD: Final = timedelta(days=10)
GRACE: Final = timedelta(days=7)  # from the due date to the suspension
_TERM_WEIGHTS: Final = {("month", 1): 4, ("month", 3): 3, ("year", 1): 7, ("year", 2): 2, ("year", 5): 1}


@dataclass(slots=True, eq=False)
class Sale:
    """One service from its order to its end, before it is a row."""

    customer: Customer
    offer: Offer
    pricing: Row
    start: datetime
    name: str
    status: str = "active"
    parent: Sale | None = None
    qty: int = 1
    override: Decimal | None = None
    discount: int = 0  # percent
    canceled: datetime | None = None
    suspended: datetime | None = None
    renews: datetime | None = None
    last_renewed: datetime | None = None
    paid_through: datetime | None = None
    reason: str | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a bill; `until` is the end of the term that it pays for."""

    description: str
    qty: Decimal
    amount: Decimal
    taxes: tuple[LineTax, ...]
    sale: Sale | None = None
    until: datetime | None = None


@dataclass(slots=True, eq=False)
class Bill:
    """One invoice before it is a row. `outcome` is what becomes of it: see payments.py."""

    customer: Customer
    currency: str
    billed: datetime
    due: datetime
    items: list[Item] = field(default_factory=list)
    status: str = "active"
    outcome: str = ""
    first: bool = False  # the order itself, not a renewal
    subtotal: Decimal = ZERO
    total: Decimal = ZERO
    paid: Decimal = ZERO
    closed: datetime | None = None
    id: int = 0

    @property
    def precision(self) -> int:
        return CURRENCIES[self.currency][0]


def sell(rng: Random, customer: Customer, now: datetime) -> tuple[list[Sale], list[Bill]]:
    """Everything that one customer ever ordered, with the invoices up to now."""
    orders = _orders(rng, customer, now)
    bills: dict[tuple[date, str, bool], Bill] = {}
    for sale in orders:
        _bill(sale, bills, now)
    return orders, [*bills.values(), *_extra_bills(rng, customer, orders, now)]


def _orders(rng: Random, customer: Customer, now: datetime) -> list[Sale]:
    scene = customer.scene
    if scene == "no_services":
        return []
    count = rng.choices((0, 1, 2, 3), weights=(5, 50, 30, 15))[0]
    if scene:
        count = max(count, 2 if scene == "two_currencies" else 1)
    orders: list[Sale] = []
    when = customer.joined + timedelta(minutes=rng.randint(2, 90))
    for number in range(count):
        if number and rng.random() < 0.5:
            when += (now - when) * rng.random()
        kind = rng.choices(("hosting", "server", "domain"), weights=(55, 18, 27))[0]
        if not number and scene in ("addon", "onetime"):
            kind = "hosting"
        currency = customer.currency
        if scene == "two_currencies" and number:
            currency = next(code for code in customer.shop.brand.currencies if code != customer.currency)
        sale = _order(rng, customer, kind, currency, when, now)
        orders.append(sale)
        if kind != "domain" and (rng.random() < 0.2 or (not number and scene in ("addon", "onetime"))):
            orders.append(_add_on(rng, sale, onetime=scene == "onetime"))
    if orders:
        _play_scene(customer, orders, now)
    return orders


def _order(rng: Random, customer: Customer, kind: str, currency: str, when: datetime, now: datetime) -> Sale:
    """One product, one term, and by chance its later life."""
    offers = customer.shop.offers[kind]
    if customer.scene:  # scenes need terms that last
        offers = [o for o in offers if o.product.terms[0][1] not in ("day", "week")]
    offer = rng.choices(offers, weights=[1 if o.product.status != "active" else 6 for o in offers])[0]
    prices = offer.prices[currency]
    pricing = rng.choices(prices, weights=[_TERM_WEIGHTS.get((p["period"], p["term"]), 1) for p in prices])[0]
    ending = rng.choice((".com", ".org", ".de"))
    if kind == "domain":
        ending = offer.product.name.split()[0]
    label = f"{rng.choice(names.WORDS)}-{rng.choice(names.WORDS)}-{rng.randint(10, 9999)}".lower()
    sale = Sale(customer, offer, pricing, when, label + (".example" if kind == "server" else ending))
    if pricing["period"] in ("day", "week"):
        sale.canceled = when + timedelta(days=rng.randint(1, 40))
    elif customer.client["status"] == "inactive" or rng.random() < 0.14:
        sale.canceled = when + (now - when) * (0.2 + 0.8 * rng.random())
    if sale.canceled is not None:
        sale.canceled = min(sale.canceled, now - timedelta(minutes=1))
        sale.status = "canceled"
        sale.reason = rng.choice(("Moved elsewhere", "No longer needed", None))
    if rng.random() < 0.03:
        _override(sale, rng)
    if rng.random() < 0.05:
        sale.discount = rng.choice((5, 10, 15))
    if kind == "server" and rng.random() < 0.1:
        sale.qty = rng.randint(2, 4)
    return sale


def _override(sale: Sale, rng: Random) -> None:
    share = Decimal(rng.choice((60, 75, 80))) / 100
    sale.override = rounded(sale.pricing["price"] * share, CURRENCIES[sale.pricing["currency"]][0])


def _add_on(rng: Random, parent: Sale, *, onetime: bool) -> Sale:
    """An extra for a service, on the parent's term where it is sold so, living and dying with it."""
    offers = [o for o in parent.customer.shop.offers["extra"] if o.product.group == parent.offer.product.kind]
    onetime = onetime or rng.random() < 0.15
    matching = [o for o in offers if (o.product.terms[0][1] == "onetime") == onetime] or offers
    offer = rng.choice(matching)
    prices = offer.prices[parent.pricing["currency"]]
    term = (parent.pricing["term"], parent.pricing["period"])
    pricing = next((p for p in prices if (p["term"], p["period"]) == term), prices[0])
    sale = Sale(parent.customer, offer, pricing, parent.start, f"{offer.product.name} · {parent.name}", parent=parent)
    sale.status, sale.canceled, sale.reason = parent.status, parent.canceled, parent.reason
    return sale


def _play_scene(customer: Customer, orders: list[Sale], now: datetime) -> None:
    main, scene = orders[0], customer.scene
    recent = max(customer.joined, now - timedelta(days=3))
    family = [main, *(sale for sale in orders if sale.parent is main)]
    if scene in ("pending", "in_review"):
        for sale in family:
            sale.start, sale.status, sale.canceled, sale.reason = recent, scene, None, None
    elif scene == "fraud":
        for sale in orders:
            sale.status, sale.canceled, sale.reason = "canceled", sale.start + (now - sale.start) / 4, "Fraud"
        main.status, main.canceled, main.reason = "in_review", None, None
        for sale in family[1:]:
            sale.status, sale.canceled, sale.reason = "in_review", None, None
    elif scene == "inactive":
        return
    elif scene == "canceled":
        for sale in family:
            sale.status, sale.canceled, sale.reason = "canceled", now - (now - main.start) / 5, "Too many outages"
    elif scene:
        for sale in family:
            sale.status, sale.canceled, sale.reason = "active", None, None
        if scene == "override":
            main.override = rounded(main.pricing["price"] * Decimal("0.75"), CURRENCIES[main.pricing["currency"]][0])
        if scene == "discount":
            main.discount = 10
        if scene in ("suspended", "scheduled"):
            for sale in family:
                sale.status = scene


def _bill(sale: Sale, bills: dict[tuple[date, str, bool], Bill], now: datetime) -> None:
    """Put the sale's terms on bills, one bill a day and currency, and set the dates of the service."""
    term, period = sale.pricing["term"], sale.pricing["period"]
    ahead = timedelta(days=1) if period in ("day", "week") else BILLED_AHEAD
    mine: list[Bill] = []
    due: datetime | None = sale.start
    while due is not None:
        first = not mine
        billed = due if first else due - ahead
        ended = sale.canceled is not None and due >= sale.canceled
        if billed > now or (not first and (ended or sale.status in ("pending", "in_review"))):
            break
        key = (due.date(), sale.pricing["currency"], first)
        bill = bills.setdefault(key, Bill(sale.customer, sale.pricing["currency"], billed, due, first=first))
        until = add_term(sale.start, term * (len(mine) + 1), period)
        _add_items(bill, sale, due, until)
        mine.append(bill)
        due, sale.last_renewed = until, None if first else due
    sale.renews = due
    if sale.status == "scheduled":
        sale.status, sale.canceled = "active", sale.renews
    elif sale.status == "suspended":
        _suspend(sale, mine, now)
    elif sale.status == "pending":
        mine[0].outcome = "unpaid"


def _suspend(sale: Sale, mine: list[Bill], now: datetime) -> None:
    """Leave the last renewal that is long due unpaid; a service too young to have one stays active."""
    overdue = [bill for bill in mine if not bill.first and bill.due + GRACE <= now]
    if not overdue:
        sale.status = "active"
        return
    sale.suspended, sale.reason = overdue[-1].due + GRACE, "Overdue"
    for bill in mine[mine.index(overdue[-1]) :]:
        bill.outcome = "unpaid"


def _add_items(bill: Bill, sale: Sale, begin: datetime, until: datetime | None) -> None:
    pricing = sale.pricing
    renewal = not bill.first
    price: Decimal = pricing["price"]
    if renewal and pricing["price_renews"] is not None:
        price = pricing["price_renews"]
    if sale.override is not None:
        price = sale.override
    taxes = sale.customer.taxes if sale.offer.package["taxable"] else ()
    span = "" if until is None else f" ({begin:%Y-%m-%d} – {until - timedelta(days=1):%Y-%m-%d})"
    title = sale.name if sale.parent is not None else f"{sale.offer.product.name} – {sale.name}"
    bill.items.append(Item(title + span, money(sale.qty), price, taxes, sale, until))
    if not renewal and pricing["setup_fee"] > 0:
        bill.items.append(Item(f"{title}: setup", money(1), pricing["setup_fee"], taxes, sale))
    if sale.discount:
        off = rounded(price * sale.qty * sale.discount / 100, bill.precision)
        if off > 0:
            bill.items.append(Item(f"Loyalty discount {sale.discount} %", money(1), -off, taxes, sale))


def _extra_bills(rng: Random, customer: Customer, orders: list[Sale], now: datetime) -> list[Bill]:
    """Work billed by hand, drafts and proformas."""
    scene, bills = customer.scene, []
    if scene in ("draft", "proforma") or (not scene and rng.random() < 0.01):
        billed = max(customer.joined, now - timedelta(days=rng.randint(0, 12)))
        status = scene if scene == "proforma" else "draft"
        bills.append(Bill(customer, customer.currency, billed, billed + timedelta(days=14), status=status))
    if scene == "manual" or rng.random() < 0.04:
        billed = customer.joined + (now - customer.joined) * rng.random()
        bills.append(Bill(customer, customer.currency, billed, billed + timedelta(days=14)))
    rate = rounded(Decimal(55) * CURRENCIES[customer.currency][4], CURRENCIES[customer.currency][0])
    for bill in bills:
        hours = Decimal(rng.choice(("0.5", "1.25", "2.5", "3")))
        work = rng.choice(("Migration of mailboxes", "WordPress clean-up", "DNS consulting"))
        bill.items.append(Item(f"{work}, hours", money(hours), rate, customer.taxes))
    return bills
