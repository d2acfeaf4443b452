"""`python -m tests.sync.ending NAME TIMES [MIRROR …]`: a sync in a process of its own that does not survive the
checkpoint NAME when it is reached for so many times; or, with `stop` in the environment, only pauses there.

The setting BLESTA comes as JSON in BLESTA_TEST_SETTING, the database as for any process that a test starts.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent.parent


def start(
    setting: Mapping[str, Any], name: str, times: int, *mirrors: str, database: str, sent: str = "SIGKILL"
) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603  (our own interpreter and arguments)
        [sys.executable, "-m", "tests.sync.ending", name, str(times), *mirrors],
        cwd=CHECKOUT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "testproject.settings",
            "BLESTA_TEST_DATABASE_NAME": database,
            "BLESTA_TEST_SETTING": json.dumps(setting),
            "BLESTA_TEST_SIGNAL": sent,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def main(name: str, times: str, *names: str) -> None:
    import django
    from django.conf import settings

    settings.BLESTA = json.loads(os.environ["BLESTA_TEST_SETTING"])
    django.setup()

    from django_blesta import sync
    from django_blesta.models import mirror_named
    from django_blesta.sync import _checkpoint

    left = int(times)

    def end(reached: str) -> None:
        nonlocal left
        left -= reached == name
        if reached == name and left == 0:
            os.kill(os.getpid(), signal.Signals[os.environ["BLESTA_TEST_SIGNAL"]])

    _checkpoint.on_reached = end
    try:
        runs = sync.run([mirror_named(one) for one in names] or None)
    except sync.AlreadyRunning as running:
        print(f"already running: {running}")
    else:
        print(f"ended: {sorted({str(run.state) for run in runs})}")


if __name__ == "__main__":
    main(*sys.argv[1:])
