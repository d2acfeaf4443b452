"""What a site may listen to: sent after commit, so a receiver sees what every other process sees.

`row_stored` is sent when a mirrored row was created or a column of it changed; its sender is the mirror's class and
it carries `instance` (the columns that were stored are on it, others are read from the database when touched),
`created`, `changed` (a frozenset of attnames; related names where children changed), `using`, `pk`, `run_id` (None
outside a run) and `cause`.

`row_gone` is sent when a row was found missing in Blesta, and for children that their parent no longer has; it
carries `pk`, `using`, `run_id` and `cause`.

`event_received` is sent when a worker has made out what a webhook delivery speaks of, with the delivery as a hint on
record. Its sender is `Delivery`; it carries `event` (Blesta's name), `ids` (those of the payload, by path), `model` and
`pk` (of the row that will be refreshed; None where there is none), `received_at` and `using`. The row is as it was:
what became of it is told by `row_stored`. The same event may come twice.

`operation_finished` is sent when a change asked of Blesta has ended: done, refused, or in need of a person's decision.
Its sender is `Operation`; it carries `operation` (with its `state`) and `using`.

A receiver that raises is logged with its name; it harms neither the store nor other receivers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.dispatch import Signal

logger = logging.getLogger("django_blesta.signals")

row_stored = Signal()
row_gone = Signal()
event_received = Signal()
operation_finished = Signal()


def send(signal: Signal, sender: type[Any], **facts: Any) -> None:
    """Send to every receiver, each isolated from the others."""
    for receiver, answer in signal.send_robust(sender, **facts):
        if isinstance(answer, Exception):
            logger.error(
                "The receiver %s raised %s on a %s; nothing else was affected.",
                name_of(receiver),
                type(answer).__name__,
                sender.__name__,
            )


def name_of(receiver: Callable[..., Any]) -> str:
    """The dotted name by which a receiver is found in code."""
    named = receiver if hasattr(receiver, "__qualname__") else type(receiver)
    return f"{named.__module__}.{named.__qualname__}"
