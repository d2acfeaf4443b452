"""Blesta's words for states: every one that is documented has a label for people, another is shown as it is."""

from __future__ import annotations

import pytest
from django.db import models
from django.utils.functional import Promise

from django_blesta.models import Client, mirrors
from django_blesta.models.words import is_known, label_for
from django_blesta.resources import resource_of
from django_blesta.testing.simulator import schema
from tests.models.test_declarations import RESOURCES


def documented() -> list[tuple[str, str, str]]:
    """Mirror, Blesta's column and word, for each column that has labels."""
    found = []
    for model in mirrors():
        if model.__name__ not in RESOURCES:
            continue
        fields = schema.resource(RESOURCES[model.__name__]).fields
        for ours, theirs in {**resource_of(model).fields.columns, **resource_of(model).detail.columns}.items():
            column = model._meta.get_field(ours)
            if isinstance(column, models.CharField) and hasattr(model, f"{ours}_label") and theirs in fields:
                found += [(model.__name__, theirs, word) for word in fields[theirs].enum]
    return found


def test_there_are_words_to_look_at():
    assert len(documented()) > 60


@pytest.mark.parametrize(("model", "column", "word"), documented())
def test_documented_word_has_a_label(model, column, word):
    assert is_known(word)
    assert str(label_for(word))


@pytest.mark.parametrize("word", ["hibernating", "ACTIVE", "🦄", "active "])
def test_unknown_word_is_shown_as_it_came(word):
    assert not is_known(word)
    assert label_for(word) == word
    assert Client(status=word).status_label == word


def test_known_words_are_translatable():
    assert isinstance(label_for("active"), Promise)
    assert is_known("")
