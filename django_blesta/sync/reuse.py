"""When Blesta gives an id to somebody else, what hangs on it must not follow: a login would see a stranger's bills.

MySQL may hand out the highest id again once its row was deleted. The row here is overwritten and its old values go to
history, as for any change; links of this site's users to it are suspended until staff have looked.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django_blesta.models import Client, ClientLink, Mirror

logger = logging.getLogger("django_blesta.sync")

#: What a client keeps for life, each with rare exceptions: so two of these must differ.
_TELLING = ("id_code", "user_id", "contact_id")
_ENOUGH = 2


def is_watched(model: type[Mirror]) -> bool:
    return model is Client


def is_another(model: type[Mirror], before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a row that came under a held id is somebody else's; what one side does not know tells nothing."""
    if not is_watched(model):
        return False
    pairs = [(before.get(name), after.get(name)) for name in _TELLING]
    return sum(bool(old and new and old != new) for old, new in pairs) >= _ENOUGH


def suspend_links(client_ids: list[int], *, at: datetime, using: str) -> int:
    """To be called in the transaction that writes the rows; where links live in another database, the safe way round:
    they stay suspended though the rows may be rolled back."""
    links = ClientLink.objects.filter(using=using, client_id__in=client_ids, suspended_at__isnull=True)
    suspended = links.update(suspended_at=at, is_doubted=True)
    if suspended:
        logger.error(
            "Client %s of %r is somebody else in Blesta by now; %s user link(s) were suspended.",
            ", ".join(map(str, client_ids)),
            using,
            suspended,
        )
    return suspended
