"""The seller's side: companies with their settings, taxes and gateways, and the packages with their prices."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from django_blesta.testing.simulator.books import LineTax
from django_blesta.testing.simulator.factories import PASSWORD_HASH
from django_blesta.testing.simulator.seeding import places
from django_blesta.testing.simulator.seeding.options import seed_coupons, seed_options
from django_blesta.testing.simulator.state import Row, State

SECRET: Final = "never-mirror-this-secret"


@dataclass(frozen=True, slots=True)
class Brand:
    """One company that the installation bills for; the first currency is its default."""

    name: str
    hostname: str
    address: str
    phone: str
    country: str
    timezone: str
    id_format: str
    currencies: tuple[str, ...]


BRANDS: Final = (
    Brand("Larkspur Hosting", "billing.larkspur.example", "12 Quarry Lane, Austin, TX 78701", "+1 512 555 0100",
          "US", "America/Chicago", "{num}", ("USD", "EUR", "GBP", "JPY")),
    Brand("Skerry Cloud AB", "kund.skerry.example", "Hamngatan 4, 411 14 Göteborg", "+46 8 465 004 04",
          "SE", "Europe/Stockholm", "SK-{num}", ("EUR", "GBP", "SEK", "USD")),
    Brand("Bramble & Byte Ltd", "my.bramble.example", "3 Mill Lane, Leeds LS1 4AB", "+44 1632 960 100",
          "GB", "Europe/London", "BB{num}", ("GBP", "EUR", "USD")),
)  # fmt: skip

# code -> precision, format, prefix, suffix, units for one US dollar
CURRENCIES: Final = {
    "USD": (2, "#,###.##", "$", None, Decimal(1)),
    "EUR": (2, "#.###,##", None, " €", Decimal("0.92")),
    "GBP": (2, "#,###.##", "£", None, Decimal("0.79")),
    "SEK": (2, "# ###,##", None, " kr", Decimal("10.4")),
    "JPY": (0, "#,###", "¥", None, Decimal(150)),
}

MODULES: Final = {
    "hosting": ("cPanel", "cpanel"),
    "server": ("SolusVM", "solusvm"),
    "domain": ("NameSilo", "namesilo"),
    "extra": ("Universal Module", "universal_module"),
}


@dataclass(frozen=True, slots=True)
class Product:
    """One package of the price list; `price` is in dollars, for the term whose factor is 1."""

    kind: str  # hosting, server, domain, extra
    name: str
    description: str
    price: str
    terms: tuple[tuple[int, str, str], ...]  # term, period, factor on the price
    setup_fee: str = "0"
    group: str = ""
    taxable: int = 1
    status: str = "active"
    hidden: int = 0
    qty: int | None = None
    prorata_day: int | None = None


_TERMS: Final = ((1, "month", "1"), (3, "month", "2.9"), (1, "year", "10"))
_YEARS: Final = ((1, "year", "1"), (2, "year", "1.9"), (5, "year", "4.5"))

PRODUCTS: Final = (
    Product("hosting", "Web Starter", "One site, 10 GB of disk, free certificate.", "4.99", _TERMS),
    Product("hosting", "Web Business", "Ten sites, 50 GB of disk, daily backups.", "11.99", _TERMS),
    Product("hosting", "Web Agency", "Unlimited sites — staging, Git & SSH included.", "29.99", _TERMS, "25"),
    Product("hosting", "Legacy Bronze", "No longer sold; kept for those who have it.", "3.49", ((1, "year", "10"),),
            status="inactive", hidden=1),
    Product("hosting", "Reseller 50", "Fifty accounts for resellers, by arrangement.", "39.99", ((1, "month", "1"),),
            status="restricted"),
    Product("server", "VPS 2G", "2 GB of memory, 2 vCPU, 40 GB NVMe.", "12.00", _TERMS, "15", prorata_day=1),
    Product("server", "VPS 8G", "8 GB of memory, 4 vCPU, 160 GB NVMe.", "38.00", _TERMS, "15", qty=250),
    Product("server", "VPS 2G (weekly)", "For events and load tests.", "3.50", ((1, "week", "1"), (3, "day", "0.6"))),
    Product("domain", ".com registration", "Registration and renewal of .com names.", "13.50", _YEARS),
    Product("domain", ".org registration", "Registration and renewal of .org names.", "14.90", _YEARS),
    Product("domain", ".de registration", "Registrierung und Verlängerung von .de-Namen.", "9.90", _YEARS, taxable=0),
    Product("extra", "Dedicated IP address", "One IPv4 address of your own.", "3.00",
            ((1, "month", "1"), (3, "month", "3"), (1, "year", "12")), group="hosting"),
    Product("extra", "Managed backup", "Off-site copies, kept for 30 days.", "6.50", _TERMS, group="server"),
    Product("extra", "Site migration", "We move your site, once.", "89.00", ((0, "onetime", "1"),), group="hosting"),
)  # fmt: skip

GROUPS: Final = (
    ("hosting", "Web hosting", "standard"),
    ("server", "Virtual servers", "standard"),
    ("domain", "Domain names", "standard"),
    ("hosting-extra", "Hosting extras", "addon"),
    ("server-extra", "Server extras", "addon"),
)

TRANSACTION_TYPES: Final = (
    ("cash", "Cash", "debit", 1),
    ("check", "Check", "debit", 1),
    ("money_order", "Money Order", "debit", 1),
    ("Wire transfer", "Wire transfer", "debit", 0),
    ("in_house_credit", "In House Credit", "credit", 1),
)


@dataclass(slots=True)
class Offer:
    """A package on sale: its rows, and its prices by currency."""

    product: Product
    package: Row
    group_id: int
    prices: dict[str, list[Row]] = field(default_factory=dict)


@dataclass(slots=True)
class Shop:
    """What customers and sales need to know of one company."""

    brand: Brand
    company_id: int
    client_groups: list[int]
    contact_types: list[int]
    offers: dict[str, list[Offer]]  # by kind
    merchant_id: int
    nonmerchant_id: int
    tax_ids: dict[places.TaxRule, int]
    coupon_id: int

    def taxes_for(self, country: str, state: str | None) -> tuple[LineTax, ...]:
        """The taxes that a taxable line bears for a client of that place."""
        return tuple(
            LineTax(tax_id, Decimal(rule.rate), "exclusive", rule.level, rule.cascade)
            for rule, tax_id in self.tax_ids.items()
            if rule.country == country and rule.state in (None, state)
        )


def seed_installation(state: State, now: datetime) -> list[int]:
    """What all companies share: countries, states, payment types, system settings, staff. Returns the staff ids."""
    for country in places.COUNTRIES:
        state.insert(
            "countries", alpha2=country.alpha2, alpha3=country.alpha3, name=country.name, alt_name=country.alt_name
        )
        for code, name in country.states.items():
            state.insert("states", country_alpha2=country.alpha2, code=code, name=name)
    for name, real_name, kind, is_lang in TRANSACTION_TYPES:
        state.insert("transaction_types", name=name, real_name=real_name, type=kind, is_lang=is_lang)
    for key, value in {"database_version": "5.13.0", "root_web_dir": "/srv/www/", "license_key": SECRET}.items():
        state.insert("system_settings", key=key, value=value, encrypted=key == "license_key")
    staff = []
    for first_name, last_name, status in (("Ines", "Okonkwo", "active"), ("Tom", "Harkness", "inactive")):
        email = f"{first_name.lower()}@staff.example"
        user = state.insert("users", username=first_name.lower(), password=PASSWORD_HASH, date_added=now)
        row = state.insert(
            "staff", user_id=user["id"], first_name=first_name, last_name=last_name, email=email, status=status
        )
        staff.append(row["id"])
    return staff


def seed_company(state: State, number: int, opened: datetime) -> Shop:
    """Company `number` (from 0), its settings and its whole price list; brands repeat, renamed, after the third."""
    brand = BRANDS[number % len(BRANDS)]
    again = "" if number < len(BRANDS) else f" {number // len(BRANDS) + 1}"
    company = state.insert(
        "companies",
        name=brand.name + again,
        hostname=brand.hostname if not again else f"c{number}.{brand.hostname}",
        address=brand.address,
        phone=brand.phone,
    )
    company_id = company["id"]
    _seed_settings(state, brand, company_id)
    for code in brand.currencies:
        precision, form, prefix, suffix, rate = CURRENCIES[code]
        state.insert(
            "currencies",
            code=code,
            company_id=company_id,
            format=form,
            precision=precision,
            prefix=prefix,
            suffix=suffix,
            exchange_rate=rate / CURRENCIES[brand.currencies[0]][4],
            exchange_updated=opened,
        )
    tax_ids = {
        rule: state.insert(
            "taxes",
            company_id=company_id,
            level=rule.level,
            name=rule.name,
            amount=rule.rate,
            country=rule.country,
            state=rule.state,
        )["id"]
        for rule in places.TAXES
    }
    state.insert("taxes", company_id=company_id, name="MwSt. (2020)", amount=16, country="DE", status="inactive")
    types = [("Technical", 0), ("Accounts payable", 0), ("owner", 1)]
    contact_types = [
        state.insert("contact_types", company_id=company_id, name=name, real_name=name.capitalize(), is_lang=lang)["id"]
        for name, lang in types
    ]
    gateways = [_seed_gateway(state, company_id, brand.currencies, kind) for kind in ("merchant", "nonmerchant")]
    groups = [
        ("General", None, "5b8def"),
        ("Resellers", "Volume prices", "e8a33d"),
        ("Non-profit", "Verified", "43a35c"),
    ]
    client_groups = [
        state.insert("client_groups", company_id=company_id, name=name, description=text, color=color)["id"]
        for name, text, color in groups
    ]
    state.insert("client_group_settings", client_group_id=client_groups[1], key="inv_days_before_renewal", value="14")
    offers = _seed_packages(state, brand, company_id)
    packages = {kind: [offer.package["id"] for offer in some] for kind, some in offers.items()}
    seed_options(
        state, company_id, packages, {code: (CURRENCIES[code][0], CURRENCIES[code][4]) for code in brand.currencies}
    )
    coupon_id = seed_coupons(
        state, company_id, [one for some in packages.values() for one in some], brand.currencies, opened
    )
    return Shop(brand, company_id, client_groups, contact_types, offers, gateways[0], gateways[1], tax_ids, coupon_id)


def _seed_settings(state: State, brand: Brand, company_id: int) -> None:
    settings = {
        "timezone": brand.timezone,
        "language": "en_us",
        "country": brand.country,
        "default_currency": brand.currencies[0],
        "date_format": "M d, Y",
        "datetime_format": "M d, Y h:i:s A",
        "calendar_begins": "sunday",
        "inv_days_before_renewal": "10",
        "autodebit": "true",
        "smtp_password": SECRET,
    }
    for key, value in settings.items():
        state.insert("company_settings", company_id=company_id, key=key, value=value, encrypted=key == "smtp_password")
    for code, name in (("en_us", "English, US"), ("de_de", "Deutsch")):
        state.insert("languages", company_id=company_id, code=code, name=name)
    for name, folder in (("Support Manager", "support_manager"), ("Order System", "order")):
        state.insert("plugins", company_id=company_id, name=name, dir=folder, version="2.30.0")


def _seed_gateway(state: State, company_id: int, currencies: tuple[str, ...], kind: str) -> int:
    names = {
        "merchant": ("Stripe Payments", "stripe_payments"),
        "nonmerchant": ("PayPal Payments Standard", "paypal_payments_standard"),
    }
    name, class_name = names[kind]
    gateway = state.insert(
        "gateways",
        company_id=company_id,
        name=name,
        **{"class": class_name},
        type=kind,
        version="1.12.0",
        currencies=[{"currency": code} for code in currencies],
        meta=[{"key": "api_key", "value": SECRET, "encrypted": 1}],
    )
    gateway_id: int = gateway["id"]
    return gateway_id


def _seed_packages(state: State, brand: Brand, company_id: int) -> dict[str, list[Offer]]:
    groups = {
        key: state.insert(
            "package_groups",
            company_id=company_id,
            names=[{"lang": "en_us", "name": name}],
            descriptions=[{"lang": "en_us", "description": f"{name} by {brand.name}"}],
            type=kind,
        )["id"]
        for key, name, kind in GROUPS
    }
    for parent in ("hosting", "server"):
        state.insert("package_group_parents", group_id=groups[f"{parent}-extra"], parent_group_id=groups[parent])
    rows = {kind: _seed_module(state, company_id, kind) for kind in MODULES}
    offers: dict[str, list[Offer]] = {kind: [] for kind in MODULES}
    for product in PRODUCTS:
        group_id = groups[f"{product.group}-extra" if product.group else product.kind]
        package = _seed_package(state, company_id, product, rows[product.kind])
        state.insert("package_group_members", package_id=package["id"], package_group_id=group_id)
        offer = Offer(product, package, group_id)
        for currency in brand.currencies:
            offer.prices[currency] = [
                _seed_pricing(state, package["id"], product, currency, term) for term in product.terms
            ]
        offers[product.kind].append(offer)
    return offers


def _seed_module(state: State, company_id: int, kind: str) -> Row:
    name, class_name = MODULES[kind]
    module = state.insert("modules", company_id=company_id, name=name, **{"class": class_name}, version="2.25.0")
    meta = {"server_name": f"{kind}-{company_id}", "host_name": f"{kind}{company_id}.example", "api_key": SECRET}
    return state.insert("module_rows", module_id=module["id"], meta=meta)


def _seed_package(state: State, company_id: int, product: Product, module_row: Row) -> Row:
    number = state.last_id("packages") + 1
    mail: list[dict[str, Any]] = [
        {
            "lang": "en_us",
            "text": f"Your {product.name} is ready. Server: {{module.host_name}}, name: {{service.domain}}.",
            "html": f"<p>Your <strong>{product.name}</strong> is ready.</p>",
        }
    ]
    return state.insert(
        "packages",
        id_value=number,
        id_code=str(number),
        module_id=module_row["module_id"],
        names=[{"lang": "en_us", "name": product.name}, {"lang": "de_de", "name": product.name}],
        descriptions=[
            {
                "lang": "en_us",
                "text": product.description,
                "html": f'<p onclick="steal()">{product.description}</p><script>steal()</script>',
            }
        ],
        qty=product.qty,
        module_row=module_row["id"],
        taxable=product.taxable,
        single_term=product.terms[0][1] == "onetime",
        status=product.status,
        hidden=product.hidden,
        company_id=company_id,
        prorata_day=product.prorata_day,
        prorata_cutoff=25 if product.prorata_day else None,
        email_content=mail,
        meta={"package": product.name.lower().replace(" ", "_"), "type": product.kind},
    )


def _seed_pricing(state: State, package_id: int, product: Product, currency: str, term: tuple[int, str, str]) -> Row:
    number = state.last_id("package_pricing") + 1
    price = _in_currency(Decimal(product.price) * Decimal(term[2]), currency)
    domain = product.kind == "domain"
    return state.insert(
        "package_pricing",
        # Blesta numbers prices of packages and of options together, so the two ids drift apart.
        pricing_id=number * 2 + 5,
        package_id=package_id,
        term=term[0],
        period=term[1],
        price=price,
        price_renews=_in_currency(price * Decimal("1.15"), currency, exact=True) if domain else None,
        price_transfer=price if domain else None,
        setup_fee=_in_currency(Decimal(product.setup_fee), currency) if term[2] == "1" else 0,
        cancel_fee=0,
        currency=currency,
    )


def _in_currency(amount: Decimal, currency: str, *, exact: bool = False) -> Decimal:
    """A dollar amount in another currency, at its precision; `exact` when it already is in that currency."""
    precision, rate = CURRENCIES[currency][0], Decimal(1) if exact else CURRENCIES[currency][4]
    return (amount * rate).quantize(Decimal(1).scaleb(-precision), rounding=ROUND_HALF_UP)


def opening_of(now: datetime, months: int) -> datetime:
    """When the installation was set up: somewhat before the first client of so many months ago."""
    return now - timedelta(days=31 * months + 14)
