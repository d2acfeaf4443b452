"""A sync with everything converges: the second writes nothing, and a comparison with Blesta finds no difference."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import call_command

from django_blesta import sync
from django_blesta.models import Certificate, QuarantinedRow, SyncRun, mirrors

pytestmark = [pytest.mark.django_db, pytest.mark.every_database]

HABITS: dict[str, dict[str, Any]] = {
    "as documented": {},
    "without inferred columns": {"inferred_columns": "absent"},
    "ids as text, empty maps as lists": {
        "ids_as_strings": True,
        "flags_as_strings": True,
        "empty_map_as_list": True,
        "empty_list_as_false": True,
    },
}
whatever_habits = pytest.mark.parametrize("habits", HABITS)


def converges(blesta: Any, habits: str) -> None:
    blesta.switches.set(**HABITS[habits])
    first = sync.run()
    assert {run.state for run in first} == {SyncRun.State.COMPLETE}, [(run.resource, run.error) for run in first]
    held = sum(model._base_manager.count() for model in mirrors())
    assert held > sum(len(rows) for rows in blesta.state.tables.values()) / 2
    second = sync.run()
    assert {run.state for run in second} == {SyncRun.State.COMPLETE}
    written = [(run.resource, run.created, run.changed, run.removed, run.gone) for run in second]
    assert [one for one in written if any(one[1:])] == []
    told = io.StringIO()
    call_command("blesta_verify", "--detail", "0", stdout=told)  # it would end with status 1 if anything differed
    assert Certificate.objects.exists()
    assert not Certificate.objects.filter(holds=False).exists(), told.getvalue()
    assert not QuarantinedRow.objects.exists()


@whatever_habits
@pytest.mark.parametrize("blesta_simulator", [{"clients": 5, "seed": 31}], indirect=True)
def test_small_company_converges(blesta, habits):
    converges(blesta, habits)


@pytest.mark.proof
@whatever_habits
@pytest.mark.parametrize("blesta_simulator", [{"clients": 200, "seed": 32}], indirect=True)
def test_company_of_200_clients_converges(blesta, habits):
    converges(blesta, habits)
