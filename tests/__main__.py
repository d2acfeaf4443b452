"""`python -m tests`: the whole suite on the best database that answers, then on each other database the tests that
are marked `every_database`. Ends with one line per database. Further words go to pytest.

The long proofs are left to `make proofs`, the mishaps of servers to `make faults`. `BLESTA_TEST_DATABASE`
(postgresql, mariadb, sqlite) runs the whole suite on that database and on no other.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass

from tests.surroundings import WHY_NOT, must_have_everything

NO_TESTS_COLLECTED = 5
DATABASES = ("postgresql", "mariadb", "sqlite")


@dataclass(frozen=True, slots=True)
class Pass:
    """One run of pytest on one database."""

    database: str
    whole: bool

    @property
    def title(self) -> str:
        return f"{self.database} ({'whole suite' if self.whole else 'tests marked every_database'})"

    @property
    def wanted(self) -> str:
        rest = "not proof and not faults"
        return rest if self.whole else f"every_database and {rest}"

    def run(self, words: list[str]) -> tuple[int, str]:
        """pytest's exit code and its last line, its output shown as it comes."""
        command = [sys.executable, "-m", "pytest", "-n", "2", "-m", self.wanted, *words]
        print(f"\n=== {self.title}: {' '.join(command[1:])}", flush=True)
        environ = {**os.environ, "BLESTA_TEST_DATABASE": self.database, "PYTHONUNBUFFERED": "1"}
        last = ""
        # Our own interpreter; the words are the developer's.
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True, errors="replace") as pytest:  # noqa: S603
            assert pytest.stdout is not None
            for line in pytest.stdout:
                print(line, end="", flush=True)
                last = line.strip() or last
        return pytest.returncode, last.strip("= ")


def passes(only: str = "") -> tuple[list[Pass], dict[str, str]]:
    """What can be run here, and why each other database that is wanted cannot; ValueError for an unknown one."""
    if only and only not in DATABASES:
        raise ValueError(f"BLESTA_TEST_DATABASE is {only}; it must be {', '.join(DATABASES[:-1])} or {DATABASES[-1]}.")
    wanted = (only,) if only else DATABASES
    absent = {name: reason for name in wanted if (reason := WHY_NOT[name]())}
    if only:
        return [Pass(name, whole=True) for name in wanted if name not in absent], absent
    main = "sqlite" if "postgresql" in absent else "postgresql"
    others = [name for name in ("mariadb", "sqlite") if name not in absent and name != main]
    return [Pass(main, whole=True), *(Pass(name, whole=False) for name in others)], absent


def main(words: list[str]) -> int:
    only = os.environ.get("BLESTA_TEST_DATABASE", "")
    try:
        planned, absent = passes(only)
    except ValueError as error:
        print(error)
        return 2
    lines: list[str] = []
    failed = False
    for planned_pass in planned:
        started = time.monotonic()
        code, last = planned_pass.run(words)
        fine = code == 0 or (code == NO_TESTS_COLLECTED and bool(words))
        failed = failed or not fine
        verdict = "passed " if fine else "FAILED "
        lines.append(f"{verdict} {planned_pass.title}: {last} [{time.monotonic() - started:.0f} s in all]")
    for database, reason in absent.items():
        is_fault = must_have_everything() or database == only
        failed = failed or is_fault
        word = "FAILED " if is_fault else "skipped"
        lines.append(f"{word} {database}: it does not answer here: {reason}")
    print("\n=== summary", *lines, sep="\n", flush=True)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
