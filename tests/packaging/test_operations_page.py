"""The page of operations has every one of them, with its form where there is one."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from django_blesta import forms, operations
from django_blesta.operations import KINDS

SCRIPT = Path(__file__).resolve().parent.parent.parent / "docs" / "operations.py"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("operations_page", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGE = loaded()


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_operation_is_on_the_page(kind):
    shown = [each.name for group in PAGE.GROUPS for name, _ in PAGE.own_functions(getattr(operations, group))
             for each in PAGE.kinds_of(group, name)]  # fmt: skip
    assert shown.count(kind) == 1
    assert KINDS[kind].does.endswith(".")
    assert KINDS[kind].finds.endswith(".")


def test_every_form_of_an_operation_is_named():
    named = {getattr(forms, name) for name in PAGE.FORMS.values()}
    abstract = {forms.OperationForm, forms.ConfirmedForm}
    ready = {one for name, one in vars(forms).items() if isinstance(one, type) and issubclass(one, forms.OperationForm)}
    assert named == ready - abstract
    assert set(PAGE.FORMS) <= set(KINDS)


def test_page_is_current():
    assert PAGE.PAGE.read_text(encoding="utf-8") == PAGE.page(), "Run: python docs/operations.py"
