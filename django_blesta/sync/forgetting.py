"""Delete what is kept for a time only."""

from __future__ import annotations

from django.db import DEFAULT_DB_ALIAS

from django_blesta import ledger, presence
from django_blesta.sync import hints
from django_blesta.sync.history import prune_history, prune_runs


def forget_old(using: str = DEFAULT_DB_ALIAS) -> dict[str, int]:
    """How many rows of each were deleted, whose time is over by HISTORY_DAYS, CALL_DAYS, or after a week."""
    return {
        "changes": prune_history(using),
        "runs": prune_runs(using),
        "calls": ledger.prune(using),
        "signs of life": presence.prune(using),
        "deliveries and hints": hints.prune(using),
    }
