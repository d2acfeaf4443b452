"""Every page of every mirror, for whatever row Blesta may send: unknown words, nulls, emoji, long texts, orphans.

The rows are made as Blesta would write them and stored as the sync stores them. What the mirror cannot hold goes to
quarantine there, and is left out here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from django.db import models, transaction
from django.test import Client as Browser
from django.urls import reverse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from django_blesta.models import Mirror, MirrorForeignKey, mirrors
from django_blesta.resources import Converted, Unfit, resource_of, row_mapping
from django_blesta.sync.plan import Scope
from django_blesta.sync.rows import map_rows
from django_blesta.sync.store import Incoming, store
from tests import rows

pytestmark = pytest.mark.django_db
MIRRORS = [model for model in mirrors() if model._meta.app_label == "django_blesta"]
every_mirror = pytest.mark.parametrize("model", MIRRORS, ids=lambda model: model.__name__)
SCOPE = Scope("default", 1, True, frozenset({1}))
ROWS = 4
# No shrinking: what fails is shown as it is, and the suite has better things to do than to look for less.
LOOK = {
    "deadline": None,
    "database": None,
    "phases": [Phase.explicit, Phase.generate],
    "suppress_health_check": list(HealthCheck),
}

WORDS = st.sampled_from(
    ["active", "void", "cc", "", "hibernating", "ACTIVE", "in review?", "нет", "🦄", "<b>", "{{ x }}"]
)
HOSTILE = st.sampled_from(
    [
        "",
        "🦄🏴󠁧󠁢󠁳󠁣󠁴󠁿",
        "\u202eabc\u202c",
        "<script>alert(1)</script>",
        "a\x0bb",
        "\ufffd",
        "x" * 60,
        "100%",
        "%(id)s",
        "{0}",
        "\r\n",
    ]
)
LONG = st.sampled_from(["long 🦄 text\n" * 9000, "x" * 100_000, "<p>&amp;" * 12_500])
NUMBERS = st.sampled_from([0, 1, "1", -1, 2**31 - 1, "007", None, ""])
AMOUNTS = st.sampled_from(["0.0000", "9.9900", "-12345678901.2345", "99999999999.9999", 10, "0.0001", None])
MOMENTS = st.sampled_from(
    ["2026-02-28 23:59:59", "0000-00-00 00:00:00", None, "", "1970-01-01 00:00:00", "9999-12-31 00:00:00",
     "0001-01-01 00:00:00", "2026-03-29T01:30:00Z"]
)  # fmt: skip
KEYS = st.sampled_from([None, 0, "0", 1, "1", 2**40, "987654321"])
NESTED = st.sampled_from(
    [
        None,
        [],
        {},
        "",
        [{"lang": "en_us", "name": "🦄", "description": "<b>bold</b>", "html": "<p onclick=x>hi", "text": "t"}],
        [{"lang": None, "name": None}],
        [{"key": "domain", "value": "🦄.example", "encrypted": 0, "serialized": 0}],
        {"domain": "a", "language": "xx", "label": "🦄"},
        [{"id": 3, "package_id": 3, "event": "x"}],
        ["a", "🦄"],
        {"3": {"id": 3}},
        "https://example.com/x",
        [{"term": 1, "price": "1"}],
    ]
)


def values_for(column: models.Field[Any, Any]) -> st.SearchStrategy[Any]:
    if isinstance(column, MirrorForeignKey):
        return KEYS
    if hasattr(column, "from_blesta") and not isinstance(column, models.DecimalField):
        return NESTED | WORDS
    match column:
        case models.BooleanField():
            return st.sampled_from([0, 1, "0", "1", None])
        case models.DecimalField():
            return AMOUNTS
        case models.DateTimeField():
            return MOMENTS
        case models.IntegerField():
            return NUMBERS
        case models.TextField():
            return st.none() | HOSTILE | LONG | st.text(max_size=50)
        case models.CharField():
            return st.none() | WORDS | HOSTILE | st.text(max_size=column.max_length or 50)
    return NESTED


@st.composite
def remote_rows(draw: Any, model: type[Mirror]) -> list[dict[str, Any]]:
    resource = resource_of(model)
    made = []
    for number in range(1, ROWS + 1):
        row: dict[str, Any] = {}
        for ours, theirs in {**resource.detail.columns, **resource.fields.columns}.items():
            column = cast("models.Field[Any, Any]", model._meta.get_field(ours))
            value = number if column.primary_key else draw(values_for(column))
            first, dot, rest = theirs.partition(".")
            if not dot:
                row[first] = value
            elif isinstance(row.get(first), dict):
                row[first] = {**row[first], rest: value}
            elif not isinstance(row.get(first), list):
                row[first] = {rest: value}
        for name in draw(st.sets(st.sampled_from(sorted(row)), max_size=1)):
            if name != resource.fields.columns.get("id"):
                del row[name]  # a column that has vanished
        made.append(row)
    return made


def stored(model: type[Mirror], made: list[dict[str, Any]]) -> list[Any]:
    """The ids of those that the mirror holds."""
    resource = resource_of(model)
    if resource.embedded_in:
        incoming = children(model, made)
    else:
        given = {resource.fields.columns[resource.parent]: 1} if resource.parent else {}
        incoming = map_rows(model, made, SCOPE, whole=True, given=given).incoming
    store(model, incoming, fence=1, fetched_at=datetime(2026, 1, 2, tzinfo=UTC), using="default")
    return list(model._base_manager.values_list("pk", flat=True))


def children(model: type[Mirror], made: list[dict[str, Any]]) -> list[Incoming]:
    parent, _, relation = resource_of(model).embedded_in.partition(".")
    (reference,) = (
        column.attname
        for column in model._meta.concrete_fields
        if isinstance(column, MirrorForeignKey)
        and (column.related_model.__name__, column.remote_field.related_name) == (parent, relation)
    )
    key = [cast("Any", model._meta.get_field(name)).attname for name in resource_of(model).key]
    found = []
    for number, row in enumerate(made, 1):
        try:
            converted = row_mapping(model).convert(row)
        except Unfit:
            continue
        values = {**converted.values, reference: number % 2 + 1}
        found.append(Incoming(tuple(values.get(name) for name in key), Converted(values, (), number), 1))
    return [one for one in found if None not in one.key]


def look_at_all(model: type[Mirror], made: list[dict[str, Any]], staff: Browser) -> int:
    name = f"admin:django_blesta_{model._meta.model_name}"
    with transaction.atomic():
        pks = stored(model, made)
        addresses = [reverse(f"{name}_changelist"), *(reverse(f"{name}_change", args=[pk]) for pk in pks)]
        shown = []
        for address in addresses:
            response = staff.get(address)
            assert response.status_code == 200, address
            shown.append(response.content.decode())
            assert "<script>alert" not in shown[-1]
        assert all(f'href="{address}"' in shown[0] for address in addresses[1:])
        transaction.set_rollback(True)
    return len(pks)


@pytest.fixture
def parents() -> None:
    """The row with the id 1 of some mirrors is there, so that some references lead somewhere."""
    rows.company(id=1, name="🦄 Hosting")
    rows.client(id=1, company_id=1)


def look(model: type[Mirror], staff: Browser, examples: int) -> None:
    held: list[int] = []

    @settings(**LOOK, max_examples=examples, derandomize=examples < 10)
    @given(remote_rows(model))
    def see(made: list[dict[str, Any]]) -> None:
        held.append(look_at_all(model, made, staff))

    see()
    assert sum(held) > 0, "not one row fitted, so nothing was looked at"


@every_mirror
def test_every_page_renders_for_any_row(model: type[Mirror], staff: Browser, parents: None) -> None:
    look(model, staff, 2)


@pytest.mark.proof
@every_mirror
def test_every_page_renders_for_any_row_of_many(model: type[Mirror], staff: Browser, parents: None) -> None:
    look(model, staff, 25)
