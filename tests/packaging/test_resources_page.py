"""Whatever Blesta is known to have is mirrored, or is said to be left out, with the reason."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from django_blesta import models
from django_blesta.models import mirrors
from django_blesta.resources import resource_of
from django_blesta.testing.simulator import schema

SCRIPT = Path(__file__).resolve().parent.parent.parent / "docs" / "resources.py"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("resources_page", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGE = loaded()


@pytest.mark.parametrize("name", list(schema.resources()))
def test_every_resource_has_a_mirror_or_a_reason(name):
    assert (name in PAGE.MIRRORED) != (name in PAGE.LEFT_OUT)
    if name in PAGE.LEFT_OUT:
        assert PAGE.LEFT_OUT[name]
        return
    model = getattr(models, PAGE.MIRRORED[name])
    assert model in mirrors()
    fields = set(schema.resource(name).fields)
    left_out = resource_of(model).left_out
    assert all(left_out.values())
    assert fields - PAGE.columns_of(model) == fields & left_out.keys()


def test_page_is_current():
    assert PAGE.PAGE.read_text(encoding="utf-8") == PAGE.page(), "Run: python docs/resources.py"
