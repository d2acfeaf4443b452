from __future__ import annotations

import json
from importlib.resources import files

import pytest

from django_blesta.testing.simulator.schema import Argument, resource, resources


def test_every_entry_of_the_file_is_a_resource() -> None:
    text = files("django_blesta.testing.simulator").joinpath("data/blesta-resources.json").read_text(encoding="utf-8")
    raw = json.loads(text)
    assert [*raw] == ["_meta", *resources()]
    for name, entry in resources().items():
        assert set(entry.fields) == set(raw[name]["fields"])
        assert set(entry.writes) == set(raw[name]["write_methods"])
        assert entry.raw == raw[name]


def test_a_resource_tells_its_methods_and_columns() -> None:
    invoices = resource("invoices")
    assert (invoices.model, invoices.url_model) == ("Invoices", "invoices")
    assert (invoices.list_method, invoices.count_method, invoices.get_method) == ("getList", "getListCount", "get")
    assert Argument("status", "string", False, "'open'") in invoices.list_arguments
    assert invoices.fields["client_id"].references == "clients.id"
    assert invoices.fields["status"].enum == ("active", "draft", "proforma", "void")
    assert invoices.inferred_columns == {"id_format", "id_value", "previous_due"}
    assert "vars[lines]" in invoices.writes["add"].required
    assert "currency" in next(argument for argument in invoices.list_arguments if argument.name == "filters").keys


def test_an_unknown_resource_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        resource("unicorns")
