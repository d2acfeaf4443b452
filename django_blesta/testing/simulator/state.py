"""The simulator's database: tables of plain rows, with the columns that Blesta itself stores.

`TABLES` below is the one place that documents every table. A row is a dict of native values: int (flags are 0 or 1),
str, Decimal with four places, aware UTC datetime, list or dict for the few nested values, None. What Blesta joins in
when it answers (a client's contact columns, a service's package, a gateway's name) is not stored; the methods add it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from types import MappingProxyType
from typing import Any, Final, TypeAlias

Row: TypeAlias = dict[str, Any]
Key: TypeAlias = int | str | tuple[int | str, ...]

FOUR_PLACES: Final = Decimal("0.0001")
_BY_ID: Final = ("id",)


class BadRow(ValueError):
    """A row that the table could not hold: an unknown column, a missing value, a float, a naive date, a taken key."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns with their kinds, the primary key, and the columns by which `State.where` finds rows at once."""

    columns: Mapping[str, str]  # name -> int, text, flag, money, time, list, map
    nullable: frozenset[str]
    defaults: dict[str, Any]  # every column, in order; None where the caller must give a value
    key: tuple[str, ...]
    indexes: tuple[str, ...]
    required: frozenset[str]
    filled: tuple[str, ...]  # columns that are never None
    converters: tuple[tuple[str, Callable[[Any], Any]], ...]


def money(value: Any) -> Decimal:
    """A Decimal with four places, as Blesta's DECIMAL columns hold it; a float is refused."""
    if isinstance(value, float):
        raise BadRow(f"{value!r} is a float; money is Decimal, int or str")
    return Decimal(value).quantize(FOUR_PLACES, rounding=ROUND_HALF_EVEN)


def _time(value: Any) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise BadRow(f"{value!r} is not an aware datetime")
    return value.astimezone(UTC).replace(microsecond=0)  # Blesta's columns hold whole seconds


_CONVERTERS: Final[Mapping[str, Callable[[Any], Any]]] = {"money": money, "time": _time, "flag": int}
_DEFAULTS: Final[Mapping[str, Callable[[Any], Any]]] = {"int": int, "flag": int, "money": money}


def _table(columns: str, *, key: str = "id", indexes: str = "") -> Table:
    """Read "name:kind", "name:kind?" (nullable, None by default) and "name:kind=default" words into a Table."""
    kinds: dict[str, str] = {}
    nullable: set[str] = set()
    defaults: dict[str, Any] = {}
    for word in columns.split():
        name, _, rest = word.partition(":")
        kind, has_default, default = rest.partition("=")
        if kind.endswith("?"):
            kind = kind.removesuffix("?")
            nullable.add(name)
            defaults[name] = None
        if has_default:
            defaults[name] = _DEFAULTS.get(kind, str)(default)
        kinds[name] = kind
    keys = tuple(key.split())
    return Table(
        columns=MappingProxyType(kinds),
        nullable=frozenset(nullable),
        defaults={name: defaults.get(name) for name in kinds},
        key=keys,
        indexes=tuple(indexes.split()),
        required=frozenset(kinds) - frozenset(defaults) - {"id"},
        filled=tuple(name for name in kinds if name not in nullable),
        converters=tuple((name, _CONVERTERS[kind]) for name, kind in kinds.items() if kind in _CONVERTERS),
    )


# fmt: off
TABLES: Final[Mapping[str, Table]] = MappingProxyType({
    # The installation and its companies
    "companies": _table("id:int name:text hostname:text address:text? phone:text? fax:text?"),
    "company_settings": _table(
        "company_id:int key:text value:text? encrypted:flag=0 comment:text? inherit:flag=1",
        key="company_id key", indexes="company_id"),
    "system_settings": _table("key:text value:text? encrypted:flag=0", key="key"),
    "api_keys": _table("id:int company_id:int user:text key:text notes:text? date_created:time", indexes="company_id"),
    "staff": _table(
        "id:int user_id:int first_name:text last_name:text email:text email_mobile:text? number_mobile:text?"
        " status:text=active",
        indexes="user_id"),
    "plugins": _table("id:int company_id:int name:text dir:text version:text? enabled:flag=1", indexes="company_id"),
    "languages": _table("code:text name:text company_id:int", key="company_id code", indexes="company_id"),
    "countries": _table("alpha2:text alpha3:text name:text alt_name:text?", key="alpha2"),
    "states": _table("country_alpha2:text code:text name:text", key="country_alpha2 code", indexes="country_alpha2"),
    "currencies": _table(
        "code:text company_id:int format:text precision:int=2 prefix:text? suffix:text? exchange_rate:money=1"
        " exchange_updated:time?", key="company_id code", indexes="company_id"),
    "taxes": _table(
        "id:int company_id:int level:int=1 name:text? amount:money type:text=exclusive country:text? state:text?"
        " status:text=active", indexes="company_id"),
    "modules": _table("id:int company_id:int name:text class:text version:text", indexes="company_id"),
    "module_rows": _table("id:int module_id:int meta:map", indexes="module_id"),
    "gateways": _table(
        "id:int company_id:int name:text class:text type:text version:text? currencies:list? meta:list?",
        indexes="company_id"),
    # Clients
    "client_groups": _table("id:int company_id:int name:text description:text? color:text?", indexes="company_id"),
    "client_group_settings": _table(
        "client_group_id:int key:text value:text? encrypted:flag=0",
        key="client_group_id key", indexes="client_group_id"),
    "clients": _table(
        "id:int id_format:text={num} id_value:int id_code:text user_id:int? client_group_id:int primary_account_id:int?"
        " primary_account_type:text? status:text=active", indexes="client_group_id user_id status"),
    "client_settings": _table(
        "client_id:int key:text value:text? encrypted:flag=0", key="client_id key", indexes="client_id"),
    "client_notes": _table(
        "id:int client_id:int staff_id:int? title:text description:text? stickied:flag=0 date_added:time"
        " date_updated:time",
        indexes="client_id"),
    "contacts": _table(
        "id:int client_id:int user_id:int? contact_type:text=primary contact_type_id:int? first_name:text"
        " last_name:text title:text? company:text? email:text address1:text? address2:text? city:text? state:text?"
        " zip:text? country:text? date_added:time", indexes="client_id user_id"),
    "contact_numbers": _table(
        "id:int contact_id:int number:text type:text=phone location:text=home", indexes="contact_id"),
    "contact_permissions": _table("contact_id:int area:text", key="contact_id area", indexes="contact_id"),
    "contact_types": _table("id:int company_id:int name:text real_name:text? is_lang:flag=0", indexes="company_id"),
    "users": _table(
        "id:int username:text password:text recovery_email:text? two_factor_mode:text=none two_factor_key:text?"
        " two_factor_pin:text? date_added:time", indexes="username"),
    "accounts_cc": _table(  # number and the two reference ids are what nobody may mirror
        "id:int contact_id:int first_name:text last_name:text last4:text type:text? expiration:text? status:text=active"
        " gateway_id:int? reference_id:text? client_reference_id:text? number:text?", indexes="contact_id"),
    "accounts_ach": _table(
        "id:int contact_id:int first_name:text last_name:text last4:text type:text? status:text=active gateway_id:int?"
        " account:text? routing:text? reference_id:text?", indexes="contact_id"),
    # What is sold. Names and descriptions are stored per language; name, groups and pricing of a package are joined in.
    "packages": _table(
        "id:int id_format:text={num} id_value:int id_code:text module_id:int? names:list descriptions:list qty:int?"
        " client_qty:int? module_row:int? module_group:int? taxable:flag=0 single_term:flag=0 status:text=active"
        " hidden:flag=0 company_id:int prorata_day:int? prorata_cutoff:int? email_content:list meta:map",
        indexes="company_id"),
    "package_pricing": _table(
        "id:int pricing_id:int package_id:int term:int=1 period:text=month price:money price_renews:money?"
        " price_transfer:money? setup_fee:money=0 cancel_fee:money=0 currency:text", indexes="package_id"),
    "package_groups": _table(
        "id:int company_id:int names:list descriptions:list type:text=standard hidden:flag=0 allow_upgrades:flag=1",
        indexes="company_id"),
    "package_group_parents": _table(  # an add-on group's parents
        "group_id:int parent_group_id:int", key="group_id parent_group_id", indexes="group_id parent_group_id"),
    "package_group_members": _table(
        "package_id:int package_group_id:int",
        key="package_id package_group_id", indexes="package_id package_group_id"),
    "package_options": _table(
        "id:int company_id:int label:text name:text type:text=select addable:flag=0 editable:flag=0 hidden:flag=0",
        indexes="company_id"),
    "package_option_values": _table(  # pricing: maps with term, period, price, setup_fee, currency
        "id:int option_id:int name:text value:text? default:flag=0 status:text=active min:int? max:int? step:int?"
        " pricing:list", indexes="option_id"),
    "package_option_groups": _table(
        "id:int company_id:int name:text description:text? hidden:flag=0 hide_options:flag=0", indexes="company_id"),
    "package_option_members": _table(
        "option_id:int option_group_id:int", key="option_id option_group_id", indexes="option_id option_group_id"),
    "package_option_offers": _table(
        "package_id:int option_group_id:int", key="package_id option_group_id", indexes="package_id"),
    "coupons": _table(
        "id:int company_id:int code:text used_qty:int=0 max_qty:int=0 start_date:time? end_date:time?"
        " status:text=active recurring:flag=0 limit_recurring:flag=0 apply_package_options:flag=0"
        " internal_use_only:flag=0", indexes="company_id"),
    "coupon_amounts": _table(
        "coupon_id:int currency:text amount:money type:text=percent", key="coupon_id currency", indexes="coupon_id"),
    "coupon_packages": _table("coupon_id:int package_id:int", key="coupon_id package_id", indexes="coupon_id"),
    # What is bought
    "services": _table(
        "id:int id_format:text={num} id_value:int id_code:text parent_service_id:int? package_group_id:int?"
        " pricing_id:int client_id:int module_row_id:int? coupon_id:int? qty:int=1 override_price:money?"
        " override_currency:text? status:text=active suspension_reason:text? cancellation_reason:text?"
        " date_added:time date_renews:time? date_last_renewed:time? date_paid_through:time? date_suspended:time?"
        " date_canceled:time? name:text?",
        indexes="client_id parent_service_id pricing_id status"),
    "service_fields": _table(
        "service_id:int key:text value:text? serialized:flag=0 encrypted:flag=0",
        key="service_id key", indexes="service_id"),
    "service_options": _table(  # value may be what a client typed, a password included
        "id:int service_id:int option_id:int option_value_id:int? value:text? qty:int=1 price:money setup_fee:money=0",
        indexes="service_id"),
    "service_changes": _table(
        "id:int service_id:int invoice_id:int? status:text=pending data:map date_added:time date_status:time",
        indexes="service_id status"),
    # Billing. An invoice's subtotal, total, paid, due and date_closed and the sums of its lines are a cache: books.py
    # keeps them.
    "invoices": _table(
        "id:int id_format:text={num} id_value:int id_code:text client_id:int date_billed:time date_due:time"
        " date_closed:time? date_autodebit:time? status:text=active previous_due:money=0 currency:text"
        " note_public:text? note_private:text? subtotal:money=0 total:money=0 paid:money=0 due:money=0",
        indexes="client_id status"),
    "invoice_lines": _table(
        "id:int invoice_id:int service_id:int? description:text qty:money=1 amount:money order:int=0 subtotal:money=0"
        " total:money=0", indexes="invoice_id service_id"),
    "invoice_line_taxes": _table(  # which taxes a line bears; cascade 1 = computed on top of the lower level's tax
        "line_id:int tax_id:int cascade:flag=0", key="line_id tax_id", indexes="line_id"),
    "invoice_delivery": _table("id:int invoice_id:int method:text=email date_sent:time?", indexes="invoice_id"),
    "invoice_meta": _table("invoice_id:int key:text value:text?", key="invoice_id key", indexes="invoice_id"),
    "recurring_invoices": _table(
        "id:int client_id:int term:int=1 period:text=month duration:int? date_renews:time? date_last_renewed:time?"
        " currency:text note_public:text? note_private:text?", indexes="client_id"),
    "recurring_invoice_lines": _table(
        "id:int invoice_recur_id:int description:text qty:money=1 amount:money order:int=0",
        indexes="invoice_recur_id"),
    "quotations": _table(
        "id:int id_code:text? client_id:int staff_id:int? title:text status:text=draft currency:text notes:text?"
        " private_notes:text? date_created:time date_expires:time subtotal:money? total:money?",
        indexes="client_id status"),
    "quotation_lines": _table(
        "id:int quotation_id:int description:text qty:money=1 amount:money order:int=0", indexes="quotation_id"),
    "quotation_invoices": _table(
        "quotation_id:int invoice_id:int", key="quotation_id invoice_id", indexes="quotation_id"),
    "transaction_types": _table("id:int name:text real_name:text? type:text=debit is_lang:flag=0"),
    "transactions": _table(  # applied_amount and credited_amount are sums that books.py keeps
        "id:int client_id:int amount:money currency:text type:text=other transaction_type_id:int? account_id:int?"
        " gateway_id:int? transaction_id:text? parent_transaction_id:text? reference_id:text? message:text?"
        " status:text=approved date_added:time applied_amount:money=0 credited_amount:money=0",
        indexes="client_id status"),
    "transaction_applied": _table(  # its currency, amount, type, gateway … are the transaction's, joined in
        "transaction_id:int invoice_id:int applied_amount:money applied_date:time",
        key="transaction_id invoice_id", indexes="transaction_id invoice_id"),
    # Plugins
    "ticket_departments": _table(
        "id:int company_id:int name:text description:text email:text? method:text=none default_priority:text=medium"
        " status:text=visible clients_only:flag=0 require_captcha:flag=0 user:text? password:text?",
        indexes="company_id"),
    "tickets": _table(
        "id:int code:text department_id:int staff_id:int? service_id:int? client_id:int? email:text? summary:text"
        " priority:text=medium status:text=open date_added:time date_updated:time? date_closed:time?",
        indexes="department_id client_id status"),
    "ticket_replies": _table(
        "id:int ticket_id:int staff_id:int? contact_id:int? type:text=reply details:text date_added:time",
        indexes="ticket_id"),
    "order_forms": _table(
        "id:int company_id:int label:text name:text type:text=general template:text=standard client_group_id:int?"
        " visibility:text=public status:text=active require_tos:int? date_added:time?", indexes="company_id status"),
    "orders": _table(
        "id:int order_number:text order_form_id:int? invoice_id:int? client_id:int status:text=pending"
        " fraud_report:text? date_added:time", indexes="client_id status"),
    "domain_tlds": _table(
        "id:int tld:text company_id:int package_id:int? order:int? status:text? module_id:int? dns_management:text=0"
        " email_forwarding:text=0 id_protection:text=0 epp_code:text=0", indexes="company_id"),
    "webhooks": _table(
        "id:int company_id:int callback:text type:text=outgoing method:text=post_json events:list fields:list",
        indexes="company_id type"),
    "webhook_logs": _table(
        "id:int staff_id:int? webhook_id:int type:text=outgoing event:text fields:text response:text http_response:int"
        " date_triggered:time date_last_retry:time?", indexes="webhook_id"),
    # Who changed what
    "log_contact": _table("id:int contact_id:int date_changed:time fields:map", indexes="contact_id"),
    "log_client_settings": _table(
        "id:int client_id:int by_user_id:int? ip_address:text? date_changed:time fields:map", indexes="client_id"),
    "log_transaction": _table(
        "id:int transaction_id:int staff_id:int? date_changed:time fields:map", indexes="transaction_id"),
    "log_service_change": _table(
        "id:int service_id:int transaction_id:int? date_changed:time old_service:map new_service:map",
        indexes="service_id"),
})
# fmt: on


class State:
    """All tables of one installation. Hold `lock` around anything that reads or changes more than one row."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.tables: dict[str, dict[Any, Row]] = {name: {} for name in TABLES}
        self.versions: dict[str, int] = dict.fromkeys(TABLES, 0)  # goes up with every change of the table
        self._last_id: dict[str, int] = dict.fromkeys(TABLES, 0)
        # table -> column -> value -> keys in order of arrival
        self._indexes: dict[str, dict[str, dict[Any, dict[Any, None]]]] = {
            name: {column: {} for column in table.indexes} for name, table in TABLES.items()
        }

    def insert(self, table: str, **columns: Any) -> Row:
        """Add a row and return it, with the next id unless one is given; BadRow when the table could not hold it."""
        definition = TABLES[table]
        _refuse_unknown(table, definition, columns)
        if not definition.required <= columns.keys():
            raise BadRow(f"{table} needs {', '.join(sorted(definition.required - columns.keys()))}")
        row = definition.defaults.copy()
        row.update(columns)
        with self.lock:
            has_id = definition.key == _BY_ID
            if has_id and row["id"] is None:
                row["id"] = self._last_id[table] + 1
            _convert(table, definition, row)
            key = self.key_of(table, row)
            if key in self.tables[table]:
                raise BadRow(f"{table} already has {key!r}")
            if has_id:
                self._last_id[table] = max(self._last_id[table], row["id"])
            self.tables[table][key] = row
            self.versions[table] += 1
            for column, values in self._indexes[table].items():
                values.setdefault(row[column], {})[key] = None
        return row

    def update(self, table: str, key: Key, **columns: Any) -> Row:
        """Change columns of one row; its key cannot change. KeyError when there is no such row."""
        definition = TABLES[table]
        _refuse_unknown(table, definition, columns)
        with self.lock:
            row = self.tables[table][key]
            if any(column in columns and columns[column] != row[column] for column in definition.key):
                raise BadRow(f"the key of {table} {key!r} cannot change")
            _convert(table, definition, columns)
            for column, values in self._indexes[table].items():
                if column in columns and columns[column] != row[column]:
                    _unindex(values, row[column], key)
                    values.setdefault(columns[column], {})[key] = None
            row.update(columns)
            self.versions[table] += 1
        return row

    def delete(self, table: str, key: Key) -> Row:
        """Remove one row and return it; what refers to it stays. Its id is not given out again."""
        with self.lock:
            row = self.tables[table].pop(key)
            self.versions[table] += 1
            for column, values in self._indexes[table].items():
                _unindex(values, row[column], key)
        return row

    def get(self, table: str, key: Key | None) -> Row | None:
        return self.tables[table].get(key)

    def where(self, table: str, **columns: Any) -> list[Row]:
        """Rows with these values, in order of arrival; quick when one of the columns is an index of the table."""
        with self.lock:
            return list(self._matching(table, columns))

    def skip_ids(self, table: str, count: int = 1) -> None:
        """Leave a hole in the sequence, as rows that were deleted long ago do."""
        with self.lock:
            self._last_id[table] += count

    def last_id(self, table: str) -> int:
        """The highest id ever given out; 0 before the first."""
        return self._last_id[table]

    @staticmethod
    def key_of(table: str, row: Row) -> Any:
        """The value under which `tables[table]` holds the row: the id, or a tuple of a composite key's columns."""
        key = TABLES[table].key
        return row[key[0]] if len(key) == 1 else tuple(row[column] for column in key)

    def _matching(self, table: str, columns: dict[str, Any]) -> Iterator[Row]:
        _refuse_unknown(table, TABLES[table], columns)
        rows, indexes = self.tables[table], self._indexes[table]
        candidates: Any = rows.values()
        indexed = next((column for column in columns if column in indexes), None)
        if indexed is not None:
            candidates = [rows[key] for key in indexes[indexed].get(columns[indexed], ())]
        for row in candidates:
            if all(row[column] == value for column, value in columns.items()):
                yield row


def _refuse_unknown(table: str, definition: Table, columns: Row) -> None:
    if not columns.keys() <= definition.columns.keys():
        raise BadRow(f"{table} has no column {', '.join(sorted(columns.keys() - definition.columns.keys()))}")


def _convert(table: str, definition: Table, row: Row) -> None:
    for name, convert in definition.converters:
        value = row.get(name)
        if value is not None:
            row[name] = convert(value)
    for name in definition.filled:
        if name in row and row[name] is None:
            raise BadRow(f"{table}.{name} cannot be None")


def _unindex(values: dict[Any, dict[Any, None]], value: Any, key: Any) -> None:
    keys = values[value]
    del keys[key]
    if not keys:
        del values[value]
