"""The buyers: clients with logins, contacts, phone numbers, settings and stored cards, in order of sign-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from django_blesta.testing.simulator.books import LineTax
from django_blesta.testing.simulator.dates import add_months
from django_blesta.testing.simulator.factories import PASSWORD_HASH
from django_blesta.testing.simulator.seeding import names, places
from django_blesta.testing.simulator.seeding.catalogue import SECRET, Shop
from django_blesta.testing.simulator.state import Row, State

# What happens to some clients so that a small company has every case: the client's place in the order of sign-up,
# modulo SCENE_CYCLE, picks the scene. All others live by chance alone.
SCENE_CYCLE: Final = 60
SCENES: Final = (
    "fraud", "inactive", "suspended", "in_review", "pending", "scheduled", "canceled", "override", "addon", "discount",
    "draft", "proforma", "void", "partial", "two_payments", "spread", "credit", "credit_used", "refunded", "declined",
    "pending_payment", "void_payment", "returned", "error", "overdue", "onetime", "no_services", "manual",
    "two_currencies", "markup", "no_login", "partial_recent",
)  # fmt: skip
# What a contact with a login of their own may see and do.
PERMISSIONS: Final = ("client_invoices", "client_services", "client_transactions", "client_contacts", "client_accounts")
_STEP: Final = 1  # residues 1, 2, 3 …: the very first client of all is an ordinary one


@dataclass(slots=True)
class Customer:
    """A client as sales and payments see it."""

    client: Row
    shop: Shop
    joined: datetime
    currency: str
    taxes: tuple[LineTax, ...]
    scene: str
    method: str  # card, bank, offsite, transfer
    account_id: int | None


def scene_of(number: int) -> str:
    """The scene of the client that signed up as number `number` (from 0), or "" for none."""
    place = number % SCENE_CYCLE - _STEP
    return SCENES[place] if 0 <= place < len(SCENES) else ""


def seed_customers(
    state: State, rng: Random, shops: Sequence[Shop], staff: Sequence[int], now: datetime, *, count: int, months: int
) -> list[Customer]:
    """`count` clients who signed up over the last `months` months, more of them lately, in turns over the companies."""
    first = add_months(now, -months)
    seconds = (now - first).total_seconds()
    joined = sorted(first + timedelta(seconds=int(seconds * rng.random() ** 0.8)) for _ in range(count))
    return [
        _seed_customer(state, rng, shops[number % len(shops)], staff, moment, number)
        for number, moment in enumerate(joined)
    ]


def _seed_customer(
    state: State, rng: Random, shop: Shop, staff: Sequence[int], joined: datetime, number: int
) -> Customer:
    scene = scene_of(number)
    country = rng.choices(places.COUNTRIES, weights=[country.weight for country in places.COUNTRIES])[0]
    pool = names.POOLS[country.pool]
    person = names.person(rng, pool)
    business = rng.random() < 0.4
    firm = names.firm(rng, pool, person.last_name) if business else None
    if scene == "markup":
        firm = 'R&D <b>Fibre</b> "Ltd"'
    email = f"{person.slug}{number}@{rng.choice(names.WORDS).lower()}.example"
    if number > 40 and rng.random() < 0.01:
        state.skip_ids("clients")  # merged or deleted long ago
    user_id = None
    if scene != "no_login" and rng.random() < 0.94:
        user_id = _seed_user(state, rng, email if rng.random() < 0.85 else f"{person.slug}{number}", email, joined)
    status = {"fraud": "fraud", "inactive": "inactive"}.get(scene, "active")
    if not scene and rng.random() < 0.06:
        status = "inactive"
    value = 1500 + number if len(shop.brand.id_format) == len("{num}") else 1000 + number
    client = state.insert(
        "clients",
        id_format=shop.brand.id_format,
        id_value=value,
        id_code=shop.brand.id_format.replace("{num}", str(value)),
        user_id=user_id,
        client_group_id=rng.choices(shop.client_groups, weights=[16, 2, 1][: len(shop.client_groups)])[0],
        status=status,
    )
    city, state_code, zip_pattern = rng.choice(country.cities).split("|")
    address = {
        "address1": names.street(rng, pool),
        "address2": f"Unit {rng.randint(1, 40)}" if rng.random() < 0.12 else None,
        "city": city,
        "state": state_code,
        "zip": places.filled(rng, zip_pattern),
        "country": country.alpha2,
    }
    contact = state.insert(
        "contacts",
        client_id=client["id"],
        contact_type="primary",
        first_name=person.first_name,
        last_name=person.last_name,
        title=rng.choice(("Owner", "Geschäftsführer", "CTO")) if business and rng.random() < 0.3 else None,
        company=firm,
        email=email,
        date_added=joined,
        **address,
    )
    for kind, location, chance in (("phone", "work", 0.6), ("phone", "mobile", 0.35), ("fax", "work", 0.05)):
        if rng.random() < chance:
            digits = places.filled(rng, country.dial)
            state.insert("contact_numbers", contact_id=contact["id"], number=digits, type=kind, location=location)
    _seed_more_contacts(state, rng, shop, client, pool, address, joined, number)
    exempt = business and rng.random() < 0.08
    currency = country.currency if country.currency in shop.brand.currencies else shop.brand.currencies[0]
    method = rng.choices(("card", "bank", "offsite", "transfer"), weights=[55, 8, 25, 12])[0]
    settings = {
        "default_currency": currency,
        "language": "de_de" if country.alpha2 == "DE" and rng.random() < 0.5 else "en_us",
        "username_type": "email",
        "autodebit": "true" if method in ("card", "bank") else "false",
    }
    if exempt:
        settings |= {"tax_exempt": "true", "tax_id": f"{country.alpha2}{rng.randint(10**8, 10**9 - 1)}"}
    for key, setting in settings.items():
        state.insert("client_settings", client_id=client["id"], key=key, value=setting)
    if rng.random() < 0.05:
        _seed_note(state, rng, client, staff, joined)
    account_id = _seed_account(state, rng, shop, client, contact, method)
    taxes = () if exempt else shop.taxes_for(country.alpha2, state_code)
    return Customer(client, shop, joined, currency, taxes, scene, method, account_id)


def _seed_user(state: State, rng: Random, username: str, email: str, joined: datetime) -> int:
    careful = rng.random() < 0.07
    user = state.insert(
        "users",
        username=username,
        password=PASSWORD_HASH,
        recovery_email=email if rng.random() < 0.2 else None,
        two_factor_mode="totp" if careful else "none",
        two_factor_key=SECRET if careful else None,
        date_added=joined,
    )
    user_id: int = user["id"]
    return user_id


def _seed_more_contacts(
    state: State,
    rng: Random,
    shop: Shop,
    client: Row,
    pool: names.Pool,
    address: dict[str, str | None],
    joined: datetime,
    number: int,
) -> None:
    for contact_type, chance in (("billing", 0.18), ("other", 0.1)):
        if rng.random() >= chance:
            continue
        person = names.person(rng, pool)
        email = f"{contact_type}.{person.slug}{number}@{rng.choice(names.WORDS).lower()}.example"
        added = joined + timedelta(hours=rng.randint(1, 200))
        own_login = rng.random() < 0.25
        contact = state.insert(
            "contacts",
            client_id=client["id"],
            user_id=_seed_user(state, rng, email, email, added) if own_login else None,
            contact_type=contact_type,
            contact_type_id=rng.choice(shop.contact_types) if contact_type == "other" else None,
            first_name=person.first_name,
            last_name=person.last_name,
            email=email,
            date_added=added,
            **(address if rng.random() < 0.7 else {"country": address["country"]}),
        )
        if own_login:
            for area in PERMISSIONS[: 1 + contact["id"] % len(PERMISSIONS)]:
                state.insert("contact_permissions", contact_id=contact["id"], area=area)
        if rng.random() < 0.4:
            digits = places.filled(rng, places.BY_CODE[str(address["country"])].dial)
            state.insert("contact_numbers", contact_id=contact["id"], number=digits, location="home")


def _seed_note(state: State, rng: Random, client: Row, staff: Sequence[int], joined: datetime) -> None:
    at = joined + timedelta(days=rng.randint(0, 3), minutes=rng.randint(1, 600))
    title = rng.choice(("Prefers e-mail", "Called about the invoice", "Asked for a quote — follow up"))
    state.insert(
        "client_notes",
        client_id=client["id"],
        staff_id=rng.choice(staff),
        title=title,
        description="See the ticket.\nNothing else to do.",
        stickied=rng.random() < 0.3,
        date_added=at,
        date_updated=at,
    )


def _seed_account(state: State, rng: Random, shop: Shop, client: Row, contact: Row, method: str) -> int | None:
    """The stored card or bank account of a client who is debited, made the primary one."""
    if method not in ("card", "bank"):
        return None
    table, kind = ("accounts_cc", "cc") if method == "card" else ("accounts_ach", "ach")
    columns = {
        "contact_id": contact["id"],
        "first_name": contact["first_name"],
        "last_name": contact["last_name"],
        "last4": f"{rng.randint(0, 9999):04d}",
        "gateway_id": shop.merchant_id,
        "reference_id": SECRET,
    }
    if kind == "cc":
        columns |= {
            "type": rng.choice(("visa", "mc", "amex")),
            "expiration": f"20{rng.randint(27, 31)}{rng.randint(1, 12):02d}",
        }
        columns |= {"client_reference_id": SECRET, "number": SECRET}
    else:
        columns |= {"type": rng.choice(("checking", "savings")), "account": SECRET, "routing": SECRET}
    account = state.insert(table, **columns)
    state.update("clients", client["id"], primary_account_id=account["id"], primary_account_type=kind)
    account_id: int = account["id"]
    return account_id
