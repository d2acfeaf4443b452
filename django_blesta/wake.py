"""Tell a worker, after the commit, that there is something to do; the something itself is in the database.

`wake` sends at once. `nudge` leaves the sending to a thread of this process, for callers that must not wait for a
broker, and makes one message of many: a web process that takes hundreds of deliveries a second sends a few.
"""

from __future__ import annotations

import logging
import os
import threading
from functools import partial
from typing import Any

from django.db import transaction

logger = logging.getLogger("django_blesta.wake")


def wake(name: str, using: str, *, times: int = 1, **ids: Any) -> None:
    """Send the task of this name once the transaction of `using` has committed.

    A broker that refuses is logged and forgotten: the sweeper finds in the database what was to be done.
    """
    transaction.on_commit(lambda: _send(name, {**ids, "using": using}, times), using=using, robust=True)


#: Between two messages of `nudge`, and after one that the broker did not take.
PAUSE, LONG_PAUSE = 0.25, 5.0


def nudge(name: str, using: str) -> None:
    """Have the task of this name sent soon after the transaction of `using` has committed; neither waits nor raises."""
    transaction.on_commit(partial(_bell.ring, name, using), using=using, robust=True)


class _Bell:
    """The thread that sends. It is started by the first nudge of a process, and anew after a fork."""

    def __init__(self) -> None:
        self._wanted: dict[tuple[str, str], None] = {}
        self._rung = threading.Condition()
        self._thread: threading.Thread | None = None

    def ring(self, name: str, using: str) -> None:
        with self._rung:
            self._wanted[name, using] = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="blesta-nudge", daemon=True)
                self._thread.start()
            self._rung.notify()

    def _run(self) -> None:
        quiet = threading.Event()
        while True:
            with self._rung:
                while not self._wanted:
                    self._rung.wait()
                (name, using), _ = self._wanted.popitem()
            sent = _send(name, {"using": using}, 1)
            if not sent:
                with self._rung:
                    self._wanted[name, using] = None
            quiet.wait(PAUSE if sent else LONG_PAUSE)


_bell = _Bell()


def _new_bell() -> None:
    # The parent's thread does not exist in a forked child, and its lock may have been held.
    global _bell
    _bell = _Bell()


os.register_at_fork(after_in_child=_new_bell)


def _send(name: str, arguments: dict[str, Any], times: int) -> bool:
    from celery import current_app

    try:
        for _ in range(times):
            current_app.send_task(name, kwargs=arguments, ignore_result=True, retry=False)
    except Exception as error:  # a broker's trouble has many classes, one set per transport
        logger.warning("%s could not be sent: %s", name, type(error).__name__)
        return False
    return True
