"""One request to see what answers, in another way than the setting says if wanted: for those who look for a cause.

Nothing is retried, nothing is told to observers, and only what is declared as a read can be asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from django.views.decorators.debug import sensitive_variables

from django_blesta import conf
from django_blesta.connection._call import Call
from django_blesta.connection._callable import declared
from django_blesta.connection._errors import Answer, Verdict
from django_blesta.connection._pace import Clock
from django_blesta.connection._wire import encode
from django_blesta.exceptions import BlestaError, NotAllowed


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of it: `value` or `error`, and what the answer's head told. `date` is the server's own clock."""

    url: str
    value: Any
    error: BlestaError | None
    status: int | None
    date: datetime | None
    server: str
    milliseconds: float


class _Once(Call):
    """A call that is not repeated, not recorded, and by POST where wanted."""

    def __init__(self, *arguments: Any, by_post: bool) -> None:
        super().__init__(*arguments)
        self.by_post = by_post
        self.answer = Answer()

    def _exchange(self, path: str, text: str) -> Answer:
        from django_blesta.connection._http import exchange

        self.answer = exchange(
            self.installation,
            self.credentials,
            path,
            text,
            writes=self.by_post,
            deadline=self.deadline,
            clock=self.clock,
        )
        return self.answer

    def _record(self, answer: Answer, verdict: Verdict, error: BlestaError | None) -> None:
        return None


@sensitive_variables()
def probe(
    using: str,
    model: str,
    method: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    company_id: int | None = None,
    url: str = "",
    authentication: str = "",
    by_post: bool = False,
) -> Probe:
    """Ask once. `url` and `authentication` take the place of the setting's; raises NotAllowed and NotConfigured."""
    signature = declared(model, method)
    if signature is None or signature.writes:
        raise NotAllowed(f"{model}.{method} is not a declared read.")
    installation = replace(conf.installation(using), read_tries=1)
    if url:
        installation = replace(installation, url=url)
    if authentication:
        installation = replace(installation, authentication=authentication)
    asked = dict(arguments or {})
    clock = Clock()
    call = _Once(installation, company_id, signature, encode(asked), tuple(asked), "json", clock, by_post=by_post)
    value, error = call.run()
    took = (clock.monotonic() - call.started) * 1000
    headers = call.answer.headers
    server = str(headers.get("server", ""))[:60]
    return Probe(installation.url, value, error, call.answer.status, _date(headers.get("date", "")), server, took)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
