"""What Blesta's own plugins hold: tickets in every state, orders, top-level domains, webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django_blesta.testing.simulator.seeding.catalogue import SECRET
from django_blesta.testing.simulator.seeding.customers import Customer
from django_blesta.testing.simulator.state import State

TICKET_STATUSES: Final = ("open", "awaiting_reply", "in_progress", "on_hold", "closed", "trash")
PRIORITIES: Final = ("low", "medium", "high", "critical", "emergency")
ORDER_STATUSES: Final = ("accepted", "accepted", "pending", "fraud", "canceled")
_TICKET_EVERY: Final = 3
_ORDER_EVERY: Final = 5


def seed_plugins(state: State, customers: Sequence[Customer], staff: Sequence[int]) -> None:
    departments = {}
    forms = {}
    for shop in {customer.shop.company_id: customer.shop for customer in customers}.values():
        departments[shop.company_id] = [
            state.insert(
                "ticket_departments",
                company_id=shop.company_id,
                name=name,
                description=f"{name}, day and night",
                email=f"{name.lower()}@{shop.brand.hostname}",
                method="imap",
                user=f"{name.lower()}@{shop.brand.hostname}",
                password=SECRET,
            )["id"]
            for name in ("Support", "Billing")
        ]
        forms[shop.company_id] = [
            state.insert(
                "order_forms",
                company_id=shop.company_id,
                label=label,
                name=name,
                client_group_id=shop.client_groups[0],
                status=status,
            )["id"]
            for label, name, status in (("hosting", "Order hosting", "active"), ("old", "Old form", "inactive"))
        ]
        for order, offer in enumerate(shop.offers["domain"]):
            state.insert(
                "domain_tlds",
                tld=offer.product.name.partition(" ")[0],
                company_id=shop.company_id,
                package_id=offer.package["id"],
                module_id=offer.package["module_id"],
                order=order,
                status="active",
                dns_management="1",
            )
        state.insert(
            "webhooks",
            company_id=shop.company_id,
            callback=f"https://{shop.brand.hostname}/blesta/{SECRET}/",
            events=["Clients.edit", "Invoices.add"],
            fields=[{"field": "client_id", "parameter": "client_id"}],
        )
        state.insert("webhooks", company_id=shop.company_id, callback=SECRET, type="incoming", events=[], fields=[])
    for number, customer in enumerate(customers):
        company_id = customer.shop.company_id
        if number % _TICKET_EVERY == 0:
            _seed_ticket(state, customer, number, departments[company_id][number % 2], staff)
        if number % _ORDER_EVERY == 0:
            state.insert(
                "orders",
                order_number=f"{519131 + number:x}eb623b8",
                order_form_id=forms[company_id][0],
                client_id=customer.client["id"],
                status=ORDER_STATUSES[number // _ORDER_EVERY % len(ORDER_STATUSES)],
                fraud_report="score: 3",
                date_added=customer.joined,
            )


def _seed_ticket(state: State, customer: Customer, number: int, department_id: int, staff: Sequence[int]) -> None:
    place = number // _TICKET_EVERY
    status = TICKET_STATUSES[place % len(TICKET_STATUSES)]
    opened = customer.joined + timedelta(days=2)
    contact = state.where("contacts", client_id=customer.client["id"])[0]
    answered = opened + timedelta(hours=3)
    ticket = state.insert(
        "tickets",
        code=f"{7_300_000 + number}",
        department_id=department_id,
        staff_id=staff[0] if place % 2 else None,
        client_id=customer.client["id"],
        summary="The site shows an old page — why?",
        priority=PRIORITIES[place % len(PRIORITIES)],
        status=status,
        date_added=opened,
        date_updated=answered,
        date_closed=answered if status == "closed" else None,
    )
    said: list[tuple[str, str, datetime, bool]] = [
        ("reply", "Since yesterday, in every browser. <b>Please</b> look.", opened, False),
        ("note", "Their cache plugin again", answered, True),
        ("reply", "The cache was full. It is emptied now. 👍", answered, True),
        ("log", "status: open, awaiting_reply", answered, True),
    ]
    for kind, text, at, by_staff in said:
        state.insert(
            "ticket_replies",
            ticket_id=ticket["id"],
            staff_id=staff[0] if by_staff else None,
            contact_id=None if by_staff else contact["id"],
            type=kind,
            details=text,
            date_added=at,
        )
