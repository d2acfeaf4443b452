"""One call from its first try to its last: turns, tries, the verdict, the shape, the record."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django_blesta.conf import Installation
from django_blesta.connection._callable import Shape, Signature, paths_for, remember_path
from django_blesta.connection._errors import Answer, Sign, Verdict, judge, place_of, printable, retry_after_from
from django_blesta.connection._pace import PATIENCE, Clock, OutOfTime, Traffic, backoff, traffic_of
from django_blesta.connection._values import Unreadable
from django_blesta.connection._wire import form, shape_from
from django_blesta.exceptions import BlestaError, Facts, Misunderstood, NoSuchResource, OutcomeUnknown, Rejected

logger = logging.getLogger("django_blesta.connection")


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One finished call, from its first try to its last.

    ``outcome`` is "ok" or the name of the class that was raised, ``reason`` its word and ``codes`` the fields and rules
    of a refusal; ``names`` are the arguments' names, and their values are nowhere; ``salvaged`` says that PHP warnings
    stood before the JSON.
    """

    model: str
    method: str
    writes: bool
    status: int | None
    outcome: str
    tries: int
    milliseconds: float
    bytes: int
    using: str
    company_id: int | None
    names: tuple[str, ...] = ()
    salvaged: bool = False
    reason: str = ""
    codes: tuple[tuple[str, str], ...] = ()


_observers: list[Callable[[CallRecord], None]] = []


@contextmanager
def observe(callback: Callable[[CallRecord], None]) -> Iterator[None]:
    """Call back after every call that finishes, in whichever thread it ran; an observer that raises is logged."""
    _observers.append(callback)
    try:
        yield
    finally:
        _observers.remove(callback)


def watch(callback: Callable[[CallRecord], None]) -> None:
    """`observe` for as long as the process lives; asking twice is asking once."""
    if callback not in _observers:
        _observers.append(callback)


class Call:
    """What one ``read`` or ``write`` does; used once."""

    def __init__(
        self,
        installation: Installation,
        company_id: int | None,
        signature: Signature,
        pairs: list[tuple[str, str]],
        names: tuple[str, ...],
        extension: str,
        clock: Clock,
    ) -> None:
        self.installation = installation
        self.company_id, self.credentials = installation.credentials(company_id)
        self.signature = signature
        self.pairs = pairs
        self.names = names
        self.extension = extension
        self.clock = clock
        self.traffic: Traffic = traffic_of(installation, clock)
        self.started = clock.monotonic()
        limit = installation.write_deadline if signature.writes else installation.read_deadline
        self.deadline = self.started + limit
        self.tries = 0

    def run(self) -> tuple[Any, BlestaError | None]:
        """Return the value, or the error that the caller is to raise; only NotConfigured is raised from here."""
        text = form(self.pairs)
        answer, verdict = Answer(), None
        for path in paths_for(self.installation.alias, self.signature.model, self.installation.plugin_paths):
            answer, verdict = self._ask(f"{path}/{self.signature.method}.{self.extension}", text)
            if verdict.row.error is not NoSuchResource:
                if verdict.sign in (Sign.RESPONSE, Sign.VOID, Sign.ERRORS):
                    remember_path(self.installation.alias, self.signature.model, path)
                break
        assert verdict is not None  # noqa: S101  (there is at least one path)
        value, error = self._settle(answer, verdict)
        self._record(answer, verdict, error)
        return value, error

    def _ask(self, path: str, text: str) -> tuple[Answer, Verdict]:
        """Try until the verdict is final."""
        tries = 0
        while True:
            tries += 1
            self.tries += 1
            answer = self._exchange(path, text)
            verdict = judge(answer, writes=self.signature.writes, salvage_warnings=self.installation.salvage_warnings)
            if verdict.row.error is None:
                self.traffic.budget.refill()
                return answer, verdict
            wait = self._wait_before_next(answer, verdict, tries)
            if wait is None:
                return answer, verdict
            self.clock.sleep(wait)

    def _exchange(self, path: str, text: str) -> Answer:
        from django_blesta.connection._http import exchange  # requests is loaded by the first call, not by Django

        try:
            with self.traffic.pace.turn(self.deadline):
                return exchange(
                    self.installation,
                    self.credentials,
                    path,
                    text,
                    writes=self.signature.writes,
                    deadline=self.deadline,
                    clock=self.clock,
                )
        except OutOfTime:
            return Answer(Sign.NO_TURN)

    def _wait_before_next(self, answer: Answer, verdict: Verdict, tries: int) -> float | None:
        if not verdict.row.again or tries >= self.installation.read_tries:
            return None
        wait = backoff(tries, self.clock)
        asked = retry_after_from(answer.headers)
        if asked is not None:
            if asked > PATIENCE:
                return None
            wait += asked
        if self.clock.monotonic() + wait >= self.deadline or not self.traffic.budget.spend():
            return None
        return wait

    def _settle(self, answer: Answer, verdict: Verdict) -> tuple[Any, BlestaError | None]:
        if verdict.row.error is not None:
            return None, self._error_for(answer, verdict, verdict.row.error)
        try:
            value = shape_from(verdict.response, self.signature)
            if value is None and self.signature.writes and self.signature.shape is Shape.ROW:
                raise Unreadable("no-row", "The answer names no row.")
        except Unreadable as unreadable:
            facts = Facts(self.signature.call, answer.status, unreadable.code, snippet=self._snippet(answer))
            if self.signature.writes:
                sentence = "The write was sent and its answer is not what was declared"
                return None, OutcomeUnknown(f"{self.signature.call}: {sentence}. {unreadable}", facts)
            return None, Misunderstood(f"{self.signature.call}: {unreadable}", facts)
        return value, None

    def _error_for(self, answer: Answer, verdict: Verdict, kind: type[BlestaError]) -> BlestaError:
        row = verdict.row
        sentence = row.sentence.format(
            status=answer.status,
            host=self.installation.host,
            said=self._said(answer, verdict),
            place=place_of(answer.headers.get("location", "")),
            sign=verdict.sign,
        )
        facts = Facts(
            call=self.signature.call,
            status=answer.status,
            reason=row.reason or verdict.sign.value,
            retry_after=retry_after_from(answer.headers),
            errors=verdict.errors,
            snippet="" if kind is Rejected else self._snippet(answer),
        )
        return kind(f"{self.signature.call}: {sentence}", facts)

    def _said(self, answer: Answer, verdict: Verdict) -> str:
        if verdict.errors:
            first = verdict.errors[0]
            said = f"{first.field}: {first.message or first.code}" if first.field else first.message
            rest = len(verdict.errors) - 1
            return printable(self.credentials.redact(said)) + (f" (and {rest} more)" if rest else "")
        if answer.sign is not None:
            return f" ({answer.detail})" if answer.detail else ""
        return printable(self.credentials.redact(verdict.message)).rstrip(".")

    def _snippet(self, answer: Answer) -> str:
        """Show the beginning of a body, without the key and without what was sent, which error pages like to repeat."""
        text = self.credentials.redact(answer.body[:4096].decode("utf-8", "replace"))
        for value in sorted({value for _, value in self.pairs if len(value) >= 4}, key=len, reverse=True):
            text = text.replace(value, "…")
        return printable(text[:2048])

    def _record(self, answer: Answer, verdict: Verdict, error: BlestaError | None) -> None:
        record = CallRecord(
            model=self.signature.model,
            method=self.signature.method,
            writes=self.signature.writes,
            status=answer.status,
            outcome="ok" if error is None else type(error).__name__,
            tries=self.tries,
            milliseconds=(self.clock.monotonic() - self.started) * 1000,
            bytes=len(answer.body),
            using=self.installation.alias,
            company_id=self.company_id,
            names=self.names,
            salvaged=verdict.salvaged,
            reason="" if error is None else error.reason,
            codes=() if error is None else tuple((one.field, one.code) for one in error.errors),
        )
        level = logging.DEBUG if error is None or isinstance(error, Rejected) else logging.WARNING
        if verdict.salvaged:
            level = logging.WARNING
        if logger.isEnabledFor(level):
            logger.log(
                level,
                "%s %s(%s): %s, status %s, %d tries, %.0f ms%s",
                "write" if record.writes else "read",
                self.signature.call,
                ", ".join(record.names),
                record.outcome,
                record.status,
                record.tries,
                record.milliseconds,
                ", PHP warnings before the JSON" if record.salvaged else "",
            )
        for observer in tuple(_observers):
            try:
                observer(record)
            except Exception:
                logger.exception("An observer of calls raised; the call itself stands.")
