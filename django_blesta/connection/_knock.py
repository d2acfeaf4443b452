"""One request to the site itself, as Blesta would make it: for trying whether deliveries arrive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.views.decorators.debug import sensitive_variables

from django_blesta.exceptions import Facts, Unavailable

TIMEOUT: Final = 20.0


@sensitive_variables()
def knock(address: str, body: bytes, headers: Mapping[str, str]) -> int:
    """POST and return the status; raise Unavailable where nobody answers, without the address, which is a secret."""
    import requests

    trouble = ""
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.post(address, data=body, headers=dict(headers), timeout=TIMEOUT, allow_redirects=False)
            return answer.status_code
        except requests.RequestException as error:
            trouble = type(error).__name__
    raise Unavailable(f"The site does not answer there ({trouble}).", Facts(reason="unreachable"))
