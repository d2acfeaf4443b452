"""What must never leave Blesta is planted wherever it may occur, and is found in no column and no line of the log."""

from __future__ import annotations

import logging

import pytest
from django.apps import apps
from django.db import models

from django_blesta import sync
from django_blesta.testing.simulator.factories import PASSWORD_HASH
from django_blesta.testing.simulator.seeding.catalogue import SECRET

pytestmark = pytest.mark.django_db
NEVER = {SECRET, "hunter2", PASSWORD_HASH, "steal()"}
PLANTED_IN = {
    "accounts_ach", "accounts_cc", "company_settings", "gateways", "module_rows", "packages", "service_changes",
    "service_fields", "service_options", "system_settings", "ticket_departments", "users", "webhooks",
}  # fmt: skip


def everything() -> list[str]:
    found = []
    for model in apps.get_app_config("django_blesta").get_models():
        names = [field.attname for field in model._meta.concrete_fields if not isinstance(field, models.BinaryField)]
        found += [f"{model.__name__} {row}" for row in model._base_manager.values(*names)]
    return found


@pytest.mark.parametrize("blesta_simulator", [{"clients": 60, "seed": 3}], indirect=True)
def test_no_secret_is_stored_or_logged(blesta, caplog):
    planted = {name for name, rows in blesta.state.tables.items() if any(word in str(rows) for word in NEVER)}
    assert planted >= PLANTED_IN
    with caplog.at_level(logging.DEBUG):
        sync.run()
        with blesta.state.lock:  # rows that do not fit are kept by the names of their columns alone
            for account in blesta.state.tables["accounts_cc"].values():
                account["last4"] = SECRET
        sync.run()
    rows = everything()
    assert len(rows) > 1000
    for word in NEVER:
        assert [row for row in rows if word in row] == []
        assert [line for line in caplog.messages if word in line] == []
