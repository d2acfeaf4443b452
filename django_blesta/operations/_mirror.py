"""Bringing the mirror up to date after a change."""

from __future__ import annotations

import logging

from django_blesta import sync
from django_blesta.models import Mirror

logger = logging.getLogger("django_blesta.operations")


def refreshed(*rows: tuple[type[Mirror], int | None], using: str) -> bool:
    """Whether all of them could be fetched anew; the change stands either way, so a failure is logged, not raised."""
    fresh = True
    for model, pk in rows:
        if pk is None:
            continue
        try:
            fresh = sync.refresh(model, pk, using=using, cause="operation") and fresh
        except Exception as error:
            fresh = False
            logger.warning("%s %s was changed and could not be read again: %s", model.__name__, pk, error)
    return fresh
