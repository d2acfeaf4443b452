"""Tell a worker, after the commit, that there is something to do; the something itself is in the database."""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction

logger = logging.getLogger("django_blesta.wake")


def wake(name: str, using: str, *, times: int = 1, **ids: Any) -> None:
    """Send the task of this name once the transaction of `using` has committed.

    A broker that refuses is logged and forgotten: the sweeper finds in the database what was to be done.
    """
    transaction.on_commit(lambda: _send(name, {**ids, "using": using}, times), using=using, robust=True)


def _send(name: str, arguments: dict[str, Any], times: int) -> None:
    from celery import current_app

    try:
        for _ in range(times):
            current_app.send_task(name, kwargs=arguments, ignore_result=True, retry=False)
    except Exception as error:  # a broker's trouble has many classes, one set per transport
        logger.warning("%s could not be sent: %s", name, type(error).__name__)
