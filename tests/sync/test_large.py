"""The promise at size: a large company lands whole, twice, without a difference."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command

from django_blesta.models import SyncRun
from tests.sync.comparison import differences

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.postgresql("it proves size, not a dialect, and one database is enough for that"),
]


def command(*arguments: str) -> list[SyncRun]:
    before = SyncRun.objects.count()
    call_command("blesta_sync", *arguments, stdout=io.StringIO())
    return list(SyncRun.objects.order_by("pk")[before:])


@pytest.mark.parametrize("blesta_simulator", [{"clients": 5000, "seed": 11}], indirect=True)
def test_row_tier_of_5000_clients_lands_without_a_difference(blesta):
    first = command("--rows-only")
    assert {run.state for run in first} == {SyncRun.State.COMPLETE}
    assert sum(run.created for run in first) > 50_000
    assert sum(run.quarantined for run in first) == 0
    second = command("--rows-only")
    assert {run.state for run in second} == {SyncRun.State.COMPLETE}
    assert [(run.resource, run.created, run.changed) for run in second if run.created or run.changed] == []
    assert differences(blesta, row_tier_only=True) == []


@pytest.mark.parametrize("blesta_simulator", [{"clients": 200, "seed": 12}], indirect=True)
def test_details_and_lists_per_parent_of_200_clients_land_without_a_difference(blesta):
    first = command()
    assert {run.state for run in first} == {SyncRun.State.COMPLETE}
    second = command()
    assert {run.state for run in second} == {SyncRun.State.COMPLETE}
    assert [(run.resource, run.created, run.changed) for run in second if run.created or run.changed] == []
    assert differences(blesta) == []
