"""Which databases `python -m tests` runs on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import surroundings
from tests.__main__ import Pass, passes

ROOT = Path(__file__).resolve().parents[2]


def answering(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name in ("postgresql", "mariadb", "sqlite"):
        monkeypatch.setitem(surroundings.WHY_NOT, name, lambda name=name: "" if name in names else "not here")


@pytest.mark.parametrize(
    ("names", "planned", "absent"),
    [
        (("postgresql", "mariadb", "sqlite"), [("postgresql", True), ("mariadb", False), ("sqlite", False)], set()),
        (("mariadb", "sqlite"), [("sqlite", True), ("mariadb", False)], {"postgresql"}),
        (("sqlite",), [("sqlite", True)], {"postgresql", "mariadb"}),
    ],
)
def test_whole_suite_runs_on_the_best_that_answers(
    names: tuple[str, ...], planned: list[tuple[str, bool]], absent: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, *names)

    found, why = passes()

    assert ([(one.database, one.whole) for one in found], set(why)) == (planned, absent)


@pytest.mark.parametrize("only", ["postgresql", "mariadb", "sqlite"])
def test_named_database_is_the_only_one(only: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "postgresql", "mariadb", "sqlite")

    assert passes(only) == ([Pass(only, whole=True)], {})


def test_named_database_that_does_not_answer_is_replaced_by_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "sqlite")

    assert passes("mariadb") == ([], {"mariadb": "not here"})


def run(database: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  (our own interpreter)
        [sys.executable, "-m", "tests", *words], cwd=ROOT, capture_output=True, text=True, timeout=300,
        env={**os.environ, "BLESTA_TEST_DATABASE": database, "PGPORT": "9"},
    )  # fmt: skip


def test_name_that_is_none_is_told_in_a_sentence() -> None:
    done = run("oracle")

    assert done.returncode == 2
    assert done.stdout == "BLESTA_TEST_DATABASE is oracle; it must be postgresql, mariadb or sqlite.\n"


def test_named_database_that_does_not_answer_fails() -> None:
    done = run("postgresql")

    assert done.returncode == 1
    assert "FAILED  postgresql: it does not answer here" in done.stdout
