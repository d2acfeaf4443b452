"""The door at which Blesta's webhooks knock: who may, what is kept of a delivery, and what is answered.

    path("blesta/hooks/", include("django_blesta.webhooks.urls"))

A delivery is a hint, never data (reference 7.1: nothing is signed, numbered or sent again). Its event name and the ids
in it are written down in one statement, and that is answered; a worker asks Blesta what the row is now.
"""

from __future__ import annotations

from django_blesta.webhooks._receive import receive
from django_blesta.webhooks._secrets import Door, doors, is_open, new_secret
from django_blesta.webhooks._signed import is_key

__all__ = ["Door", "doors", "is_key", "is_open", "new_secret", "receive"]
