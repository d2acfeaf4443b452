"""The Webhooks plugin's outgoing half: events of this installation, posted to the addresses in its `webhooks` table.

As the plugin does it (reference 7.1): inside the call that raised the event, one endpoint after the other, the event's
parameters for a body and nothing else, no signature, no second try; each attempt is in `webhook_logs`. Only addresses
on this machine are called; others count as unreachable.

What may go wrong on the way is among the switches (`webhook_…`), and drawn from `random`, which a test may seed.
"""

from __future__ import annotations

import contextlib
import json
import threading
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from random import Random
from typing import Any, Final
from urllib.parse import quote_plus, unquote, urlsplit

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.clock import Clock
from django_blesta.testing.simulator.state import Row, State
from django_blesta.testing.simulator.switches import Switches

METHODS: Final = ("get", "post", "put", "put_json", "post_json")
TIMEOUT: Final = 20.0


@dataclass(slots=True)
class Sent:
    """One delivery on its way; `log_id` names the entry that a resend overwrites."""

    webhook: Row
    event: str
    fields: php.Array
    log_id: int | None = None


@dataclass(slots=True)
class Webhooks:
    """Everything about outgoing webhooks that is not a method of the API."""

    state: State
    clock: Clock
    switches: Switches
    random: Random = field(default_factory=lambda: Random(1))
    delivered: int = 0
    lost: int = 0
    _waiting: list[Sent] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _busy: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)

    def emit(self, event: str, parameters: Mapping[str, Any], company_id: int) -> None:
        """Tell every outgoing webhook of the company that is set on this event."""
        rows = self.state.where("webhooks", type="outgoing", company_id=company_id)
        for webhook in [dict(row) for row in rows if event in row["events"]]:
            self._leave(Sent(webhook, event, mapped_fields(webhook, parameters)))

    def retry(self, log_id: int) -> None:
        """Staff's "Resend": the logged payload again, with nothing to tell it from the first (reference 7.1)."""
        entry = self.state.get("webhook_logs", log_id)
        webhook = entry and self.state.get("webhooks", entry["webhook_id"])
        if entry and webhook and entry["type"] == "outgoing":
            self._deliver(Sent(dict(webhook), entry["event"], json.loads(entry["fields"]), log_id))

    def settle(self, seconds: float = 30.0) -> None:
        """Wait until nothing is on its way any more; TimeoutError where that takes too long."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._waiting and not self._busy, seconds):
                raise TimeoutError(f"{len(self._waiting)} deliveries are still on their way")

    def stop(self) -> None:
        self._stopping.set()
        with self._changed:
            self._waiting.clear()

    def _leave(self, sent: Sent) -> None:
        switches = self.switches
        times = 1 + (self.random.random() < switches.webhook_duplicates)
        if self.random.random() < switches.webhook_loss:
            self.lost += 1
            self._log(sent, 200 if switches.webhook_loss_shows == "no" else 0, "")
            return
        for _ in range(times):
            if switches.webhook_order == "kept" and not switches.webhook_delay:
                self._deliver(sent)
            else:
                self._later(sent)

    def _later(self, sent: Sent) -> None:
        with self._changed:
            self._waiting.append(sent)
            if self._busy:
                return
            self._busy = 1
            self._stopping.clear()
        threading.Thread(target=self._run, name="blesta-webhooks", daemon=True).start()

    def _run(self) -> None:
        """After the delay, whatever has gathered: in its order, or in any."""
        while True:
            self._stopping.wait(self.switches.webhook_delay)
            with self._changed:
                batch, self._waiting = self._waiting, []
                if not batch:
                    self._busy = 0
                    self._changed.notify_all()
                    return
            if self.switches.webhook_order == "shuffled":
                self.random.shuffle(batch)
            for sent in batch:
                self._deliver(sent)

    def _deliver(self, sent: Sent) -> None:
        status, answer = 0, ""
        with contextlib.suppress(OSError, HTTPException, ValueError):
            status, answer = post(sent.webhook, sent.event, sent.fields)
        if status:
            self.delivered += 1
        self._log(sent, status, answer)

    def _log(self, sent: Sent, status: int, answer: str) -> None:
        now = self.clock.now()
        values = {"http_response": status, "response": answer[:1000], "fields": php.to_json(sent.fields)}
        with self.state.lock:
            if sent.log_id is not None:
                self.state.update("webhook_logs", sent.log_id, date_last_retry=now, **values)
                return
            self.state.insert(
                "webhook_logs", webhook_id=sent.webhook["id"], event=sent.event, date_triggered=now, **values
            )


def post(webhook: Row, event: str, fields: php.Array) -> tuple[int, str]:
    """One request as curl makes it from the plugin's options; raise OSError for an address that is not this machine."""
    parts = urlsplit(webhook["callback"])
    if parts.scheme != "http" or parts.hostname not in ("localhost", "127.0.0.1"):
        raise OSError("only this machine is called")
    verb, _, form = webhook["method"].partition("_")
    headers = {"X-Blesta-Event": event, "X-Webhook-Id": str(webhook["id"]), "User-Agent": "Blesta-Webhook"}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    body = b""
    if verb == "get":
        target += f"?{build_query(fields)}" if fields else ""
    elif form == "json":
        headers["Content-Type"] = "application/json"
        body = php.to_json(fields or []).encode()
    else:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = build_query(fields).encode()
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=TIMEOUT)
    try:
        connection.request(verb.upper(), target or "/", body if verb != "get" else None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(100_000).decode("utf-8", "replace")
    finally:
        connection.close()


def mapped_fields(webhook: Row, parameters: Mapping[str, Any]) -> php.Array:
    """Flattened with dots, renamed where the webhook has other names for fields, and unfolded again."""
    renamed = {one["field"]: one["parameter"] for one in webhook["fields"]}
    unfolded: php.Array = {}
    for path, value in _flat(parameters):
        *steps, last = renamed.get(path, path).split(".")
        target = unfolded
        for step in steps:
            target = target.setdefault(step, {})
            if not isinstance(target, dict):
                break
        else:
            target[last] = value
    return unfolded


def _flat(value: Any, path: str = "") -> Iterable[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple) and value:
        for place, item in enumerate(value):
            yield from _flat(item, f"{path}.{place}" if path else str(place))
    elif path:
        yield path, value


def build_query(fields: Mapping[str, Any], outer: str = "") -> str:
    """http_build_query: brackets, null left out, flags as 0 and 1."""
    parts = []
    for key, value in fields.items():
        name = f"{outer}[{key}]" if outer else str(key)
        if isinstance(value, Mapping):
            parts.append(build_query(value, name))
        elif isinstance(value, list | tuple):
            parts.append(build_query({str(place): one for place, one in enumerate(value)}, name))
        elif value is not None:
            shown = str(int(value)) if isinstance(value, bool) else json.loads(php.to_json(value))
            parts.append(f"{quote_plus(name)}={quote_plus(str(shown))}")
    return "&".join(filter(None, parts))
