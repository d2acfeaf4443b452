"""Stored cards and bank accounts: numbers and tokens come along, as nobody has shown that they do not."""

from __future__ import annotations

from typing import Any

from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.state import Row


def _of_client(call: Call, table: str, client_id: int) -> list[Row]:
    contacts = call.state.where("contacts", client_id=client_id)
    rows = (row for contact in contacts for row in call.state.where(table, contact_id=contact["id"]))
    return [call.rows.plain(table, row) for row in rows]


@method("Accounts", "getAllCcByClient")
def get_all_cc_by_client(call: Call, client_id: int) -> list[Row]:
    return _of_client(call, "accounts_cc", client_id)


@method("Accounts", "getAllAchByClient")
def get_all_ach_by_client(call: Call, client_id: int, unverified: bool = False) -> list[Row]:
    return [row for row in _of_client(call, "accounts_ach", client_id) if unverified or row["status"] != "unverified"]


@method("Accounts", "getCc")
def get_cc(
    call: Call, account_id: int, decrypt: bool = False, passphrase: str | None = None, staff_id: int | None = None
) -> Any:
    row = call.state.get("accounts_cc", account_id)
    return call.rows.plain("accounts_cc", row) if row else False


@method("Accounts", "getAch")
def get_ach(
    call: Call, account_id: int, decrypt: bool = False, passphrase: str | None = None, staff_id: int | None = None
) -> Any:
    row = call.state.get("accounts_ach", account_id)
    return call.rows.plain("accounts_ach", row) if row else False
