"""Rows written straight into the mirror, for tests of what shows them; tests of the sync use the simulator."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone

from django_blesta.models import (
    AppliedAmount,
    Client,
    ClientGroup,
    ClientLink,
    Company,
    Contact,
    ContactNumber,
    ContactType,
    Currency,
    Invoice,
    InvoiceLine,
    Mirror,
    Package,
    PackageGroup,
    PackageGroupMember,
    PackagePricing,
    Service,
    SyncRun,
    Transaction,
    TransactionType,
    User,
    mirrors,
)
from django_blesta.models.base import BOOKKEEPING, MirrorForeignKey

_ids = itertools.count(1)
FETCHED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def row(model: type[Mirror], **columns: Any) -> Any:
    """A row of any mirror; text columns say which row they belong to, so that rows can be told apart on a page."""
    values: dict[str, Any] = {"fetched_at": FETCHED}
    number = next(_ids)
    if isinstance(model._meta.pk, models.BigIntegerField) and not isinstance(model._meta.pk, models.AutoField):
        values["id"] = number
    values.update(columns)
    return model._base_manager.create(**values)


def company(**columns: Any) -> Company:
    return row(Company, **{"name": "Example Hosting"} | columns)


def client(**columns: Any) -> Client:
    number = next(_ids)
    facts = {
        "id": number,
        "id_code": f"{1500 + number}",
        "status": "active",
        "first_name": "Ada",
        "last_name": f"Byron{number}",
        "email": f"ada{number}@example.com",
        "country": "GB",
        "city": "London",
    }
    return row(Client, **facts | columns)


def contact(client: Client, **columns: Any) -> Contact:
    facts = {"client": client, "contact_type": "primary", "first_name": "Ada", "last_name": client.last_name}
    return row(Contact, **facts | {"company_id": client.company_id, "email": client.email} | columns)


def package(**columns: Any) -> Package:
    number = next(_ids)
    return row(Package, **{"id": number, "name": f"Package {number}", "status": "active"} | columns)


def service(client: Client, **columns: Any) -> Service:
    number = next(_ids)
    facts = {
        "id": number,
        "id_code": f"S-{number}",
        "client": client,
        "name": f"site{number}.example",
        "status": "active",
        "renews_at": FETCHED + timedelta(days=30),
    }
    return row(Service, **facts | {"company_id": client.company_id} | columns)


def invoice(client: Client, **columns: Any) -> Invoice:
    number = next(_ids)
    total = columns.get("total", Decimal("12.5000"))
    facts = {
        "id": number,
        "id_code": f"INV-{number}",
        "client": client,
        "status": "active",
        "currency": "USD",
        "subtotal": total,
        "total": total,
        "paid": Decimal(0),
        "due": total,
        "billed_at": FETCHED,
        "due_at": timezone.now() + timedelta(days=7),
    }
    return row(Invoice, **facts | {"company_id": client.company_id} | columns)


def line(invoice: Invoice, **columns: Any) -> InvoiceLine:
    number = next(_ids)
    facts = {"id": number, "description": f"Line {number}", "qty": Decimal(1), "amount": invoice.total}
    return row(InvoiceLine, **facts | {"invoice": invoice, "company_id": invoice.company_id} | columns)


def transaction(client: Client, **columns: Any) -> Transaction:
    number = next(_ids)
    facts = {
        "id": number,
        "client": client,
        "amount": Decimal("12.5000"),
        "applied_amount": Decimal("10.0000"),
        "currency": "USD",
        "type": "cc",
        "number": f"ch_{number}",
        "status": "approved",
        "added_at": FETCHED,
    }
    return row(Transaction, **facts | {"company_id": client.company_id} | columns)


def applied(transaction: Transaction, invoice: Invoice, **columns: Any) -> AppliedAmount:
    facts = {"amount": Decimal("10.0000"), "currency": "USD", "applied_at": FETCHED}
    return row(AppliedAmount, **facts | {"transaction": transaction, "invoice": invoice} | columns)


def run(resource: type[Mirror], state: str = SyncRun.State.COMPLETE, **columns: Any) -> SyncRun:
    started = columns.get("started_at") or timezone.now() - timedelta(minutes=5)
    facts = {"started_at": started, "finished_at": started + timedelta(seconds=9), "cause": "test", "company_id": 1}
    return SyncRun.objects.create(resource=resource._meta.label_lower, state=state, **facts | columns)


def site_user(name: str = "", **columns: Any) -> AbstractUser:
    return get_user_model().objects.create_user(name or f"user{next(_ids)}", password="pass", **columns)


def linked_user(client: Client, name: str = "") -> AbstractUser:
    user = site_user(name)
    ClientLink.objects.create(user=user, client_id=client.pk)
    return user


def one_of_each(number: int = 1) -> list[Mirror]:
    """`number` rows of every mirror, each group tied together as Blesta ties them."""
    made: list[Mirror] = []
    for _ in range(number):
        firm = company()
        login = row(User, username=f"login{next(_ids)}")
        group = row(ClientGroup, name="General", company=firm)
        person = client(company=firm, client_group=group, user=login)
        kind = row(ContactType, name="Technical", company=firm)
        friend = contact(person, contact_type_ref=kind, user=login)
        Client.objects.filter(pk=person.pk).update(contact=friend)
        plan = package(company=firm)
        offer = row(PackageGroup, name="Hosting", type="standard", company=firm)
        price = row(PackagePricing, package=plan, term=1, period="month", currency="USD", price=Decimal("9.9000"))
        bought = service(person, package=plan, package_group=offer, pricing=price, override_price=Decimal(5))
        addon = service(person, package=plan, parent_service=bought)
        bill = invoice(person)
        kind_of_payment = row(TransactionType, name="cash", type="debit")
        payment = transaction(person, transaction_type=kind_of_payment)
        made += [firm, login, group, person, kind, friend, plan, offer, price, bought, addon, bill]
        made += [kind_of_payment, payment, line(bill, service=bought), applied(payment, bill)]
        made += [row(ContactNumber, contact=friend, number="+44 20 7946 0000", type="phone", location="work")]
        made += [row(PackageGroupMember, package=plan, package_group=offer)]
        made += [row(Currency, code="USD", company=firm, precision=2)]
        made += [of_any(model, made) for model in mirrors() if model not in {type(one) for one in made}]
    return made


def of_any(model: type[Mirror], known: list[Mirror]) -> Any:
    """A row of a mirror of which nothing special is asked: every column has a value, and parents are known ones."""
    parents = {type(one): one for one in reversed(known)}
    values: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        if isinstance(field, MirrorForeignKey):
            values[field.name] = parents.get(field.related_model)
        elif field.primary_key or field.name in BOOKKEEPING:
            continue
        elif isinstance(field, models.DecimalField | models.IntegerField):
            values[field.name] = 1
        elif isinstance(field, models.DateTimeField):
            values[field.name] = FETCHED
        elif isinstance(field, models.BooleanField):
            values[field.name] = True
        elif isinstance(field, models.JSONField):
            values[field.name] = {"en_us": "Text"}
        elif isinstance(field, models.CharField | models.TextField):
            values[field.name] = f"{field.name}{next(_ids)}"[-(field.max_length or 50) :]
    return row(model, **values)
