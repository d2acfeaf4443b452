"""Compare Blesta with the mirror and certify what was found. Writes certificates, and nothing to the mirror.

A row is called different only when Blesta, asked again for that one row, still disagrees with what the mirror holds by
then: what changed while we were looking is no difference.
"""

from __future__ import annotations

import random
import struct
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone

from django_blesta.exceptions import BlestaError
from django_blesta.models import Certificate, Mirror
from django_blesta.resources import Unfit, resource_of, row_mapping
from django_blesta.sync.comparison import (
    Difference,
    Keys,
    detail_differences,
    held_rows,
    key_attnames,
    named,
    number_of,
    present_rows,
    row_differences,
)
from django_blesta.sync.plan import Scope, in_order, referenced_by, scopes
from django_blesta.sync.rows import Mapped
from django_blesta.sync.store import Incoming
from django_blesta.sync.survey import Survey, Unstored, concerns_one_answer, concerns_one_resource

MAX_LISTED = 100
MAX_SUSPECTS = 1000
SUM = 2**256

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """A stored certificate, and how many rows changed in Blesta while they were looked at."""

    certificate: Certificate
    in_motion: int


def verify(
    chosen: Iterable[type[Mirror]] | None = None,
    *,
    using: str = DEFAULT_DB_ALIAS,
    company_ids: Iterable[int] | None = None,
    sample: int | None = None,
    detail: int | None = None,
    seed: int | None = None,
) -> Iterator[Finding]:
    """Certify each chosen mirror (all by default) of each company, and yield as soon as a certificate is stored.

    Every row that a listing shows is compared. `detail` also compares that many rows (0: all) with their single `get`,
    children included. `sample` is the cheap one: counts, and that many rows by `get`; of a scoped resource that many
    parents. `seed` repeats a choice of rows. What would befall every resource (a wrong key, maintenance) is raised
    after the certificate that it struck was stored.
    """
    dice = random.Random(seed)  # noqa: S311  (a sample, not a secret)
    models = in_order(chosen)
    for scope in scopes(using, company_ids):
        unstored = Unstored()
        for model in models:
            examination = Examination(model, scope, unstored, dice)
            failure = examination.run(sample, detail)
            certificate = examination.certificate("sample" if sample else "full" if detail is None else "detail")
            certificate.save(using=using)
            yield Finding(certificate, examination.in_motion)
            if failure is not None and not concerns_one_resource(failure):
                raise failure


@dataclass
class Examination:
    """One resource of one company: both sides looked at, doubts asked again, and what remains."""

    model: type[Mirror]
    scope: Scope
    unstored: Unstored
    dice: random.Random
    started_at: datetime = field(default_factory=timezone.now)
    met: Keys = field(default_factory=Keys)
    suspects: dict[Key, tuple[int, int | None] | None] = field(default_factory=dict)
    """Rows to be asked about again, with the digests under which they were shown; None where they were not shown."""
    overflow: int = 0
    missing: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    different: dict[str, dict[str, Any]] = field(default_factory=dict)
    statuses: dict[str, dict[str, int | None]] = field(default_factory=dict)
    remote_count: int | None = None
    local_count: int = 0
    remote_sum: int = 0
    local_sum: int = 0
    compared: int = 0
    in_motion: int = 0
    miscounted: bool = False
    error: str = ""
    shown: Counter[str] = field(default_factory=Counter)
    """Rows per status, as they were seen."""

    def __post_init__(self) -> None:
        self.survey = Survey(self.model, self.scope, self.unstored)
        self.resource, self.using = resource_of(self.model), self.scope.using

    def run(self, sample: int | None, detail: int | None) -> BlestaError | None:
        """Whatever Blesta does ends in `error`; what it did is returned too."""
        failure: BlestaError | None = None
        try:
            if sample:
                self._sample(sample)
            else:
                self._look()
                self._settle()
                self._statuses()
                if detail is not None:
                    self._look_whole(detail)
        except BlestaError as error:
            failure, self.error = error, str(error)
        if self.overflow and not (self.missing or self.extra or self.different):
            self.survey.incomplete.append(f"{self.overflow} more rows would have to be asked for again")
        if self.survey.incomplete and not self.error:
            self.error = "Not everything could be seen: " + "; ".join(self.survey.incomplete)
        self.local_count = self._ours()
        return failure

    def _ours(self) -> int:
        rows = self._present()
        if not self.resource.reached_by or self.scope.alone:
            return int(rows.count())
        # Logins belong to no company: ours are those that rows of this company lead to.
        wanted = set(referenced_by(self.model, self.scope))
        return sum(pk in wanted for pk in rows.values_list("pk", flat=True).iterator(chunk_size=2000))

    def certificate(self, kind: str) -> Certificate:
        differs = bool(self.missing or self.extra or self.different or self.miscounted)
        return Certificate(
            resource=self.model._meta.label_lower,
            company_id=self.scope.company_id,
            kind=kind,
            started_at=self.started_at,
            finished_at=timezone.now(),
            holds=not differs and not self.error,
            compared=self.compared,
            remote_count=self.remote_count,
            local_count=self.local_count,
            statuses=self.statuses,
            remote_digest=f"{self.remote_sum:064x}" if kind != "sample" else "",
            local_digest=f"{self.local_sum:064x}" if kind != "sample" else "",
            missing=list(self.missing.values())[:MAX_LISTED],
            extra=list(self.extra.values())[:MAX_LISTED],
            different=list(self.different.values())[:MAX_LISTED],
            error=self.error[:500],
        )

    # --- all rows of the row tier -------------------------------------------------------------------------------

    def _look(self) -> None:
        self.remote_count = 0
        for mapped in self.survey.sightings():
            self._take(mapped)
        self._suspect_unseen(self._present())

    def _take(self, mapped: Mapped) -> None:
        held = held_rows(self.model, [one.key for one in mapped.incoming], self.using)
        for incoming in mapped.incoming:
            self.met.add(incoming.key)
            if "status" in incoming.row.values:
                self.shown[incoming.row.values["status"]] += 1
            ours = held.get(incoming.key)
            if ours is None:
                self.unstored.note(self.model, incoming)
            else:
                self.compared += 1
            if ours is not None and not row_differences(incoming, ours):
                self._agree(incoming)
            elif len(self.suspects) < MAX_SUSPECTS:
                self.suspects[incoming.key] = (incoming.row.digest, incoming.detail_digest)
            else:
                self.overflow += 1
        for name, unfit, _ in mapped.unfit:
            self._misfit(name, unfit)
        if self.remote_count is not None:
            self.remote_count += len(mapped.incoming) + len(mapped.unfit)

    def _suspect_unseen(self, rows: Any) -> None:
        asked = set(self.survey.asked) if self.resource.reached_by else None
        for key in map(tuple, rows.order_by().values_list(*key_attnames(self.model)).iterator(chunk_size=2000)):
            if key in self.met or (asked is not None and key[0] not in asked):
                continue
            if len(self.suspects) < 2 * MAX_SUSPECTS:
                self.suspects.setdefault(key, None)
            else:
                self.overflow += 1

    # --- doubts -------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        for key, shown in self.suspects.items():
            full = self.extra if shown is None else max(self.missing, self.different, key=len)
            if len(full) < MAX_LISTED:
                self._judge(key, shown)
            else:
                self.overflow += 1

    def _judge(self, key: Key, shown: tuple[int, int | None] | None, *, whole: bool = False) -> None:
        """Ask for the row again, and only then look at ours again: what caught up meanwhile is no difference."""
        try:
            answer = self.survey.ask(key)
        except BlestaError as error:
            if not concerns_one_answer(error):
                raise
            self.survey.incomplete.append(f"{self.model._meta.verbose_name} {named(key)} could not be asked for again")
            return
        ours = held_rows(self.model, [key], self.using, whole=whole).get(key)
        if isinstance(answer, Unfit):
            self._misfit(named(key), answer)
        elif answer is None:
            if ours is not None and ours["gone_at"] is None:
                self.extra[named(key)] = _plain(key)
                self._weigh_ours(key, ours)
        elif ours is None:
            self._disagree(answer, None)
            self.missing[named(key)] = _plain(key)
        else:
            self._compare_again(answer, ours, shown, whole)

    def _compare_again(
        self, answer: Incoming, ours: dict[str, Any], shown: tuple[int, int | None] | None, whole: bool
    ) -> None:
        found = self._differences(answer, ours, whole)
        if not found:
            self._agree(answer)
        elif shown is not None and (shown[0] != answer.row.digest or (whole and shown[1] != answer.detail_digest)):
            self.in_motion += 1
            self._agree(answer)
        else:
            self._disagree(answer, ours)
            columns = list(dict.fromkeys(one.column for one in found))
            entry = {"id": _plain(answer.key), "columns": columns}
            if ours["row_digest"] == answer.row.digest and row_differences(answer, ours):
                # The sync goes by the digest, so it will not heal this; only a refresh of the row does.
                entry["edited_here"] = True
            self.different[named(answer.key)] = entry

    def _differences(self, incoming: Incoming, ours: dict[str, Any], whole: bool) -> list[Difference]:
        found = row_differences(incoming, ours)
        return found + detail_differences(self.model, incoming, ours, self.using) if whole else found

    def _misfit(self, name: str, unfit: Unfit) -> None:
        """Blesta has the row, and no row of ours can hold it: what we show of it, if anything, is of another time."""
        self.different[name] = {"id": name, "columns": [unfit.column], "unfit": unfit.code}

    # --- some rows ----------------------------------------------------------------------------------------------

    def _look_whole(self, wanted: int) -> None:
        rows = self._present()
        if self.resource.detail:
            rows = rows.filter(detail_fetched_at__isnull=False)
        for key in self._some(rows, wanted):
            self._compare_whole(key)

    def _compare_whole(self, key: Key) -> None:
        try:
            answer = self.survey.ask(key)
        except BlestaError as error:
            if not concerns_one_answer(error):
                raise
            self.survey.incomplete.append(f"{self.model._meta.verbose_name} {named(key)} could not be read")
            return
        ours = held_rows(self.model, [key], self.using, whole=True).get(key)
        self.compared += 1
        if isinstance(answer, Incoming) and ours is not None and not self._differences(answer, ours, whole=True):
            return
        shown = (answer.row.digest, answer.detail_digest) if isinstance(answer, Incoming) else None
        if named(key) not in self.different:
            self._judge(key, shown, whole=True)

    def _sample(self, wanted: int) -> None:
        resource = self.resource
        if resource.parent:
            parents = self._pick(self.survey.parents(), wanted)
            for mapped in self.survey.sightings(parents):
                self._take(mapped)
            self._suspect_unseen(self._present().filter(**{f"{resource.parent}__in": parents}))
            self._settle()
            return
        listing = resource.listing
        if listing is not None and (resource.count is None or not listing.paged or not self._counts_agree()):
            self._look()
            self._settle()
            if not resource.detail:
                return
        for key in self._some(self._present(), wanted):
            self._compare_whole(key)
        self._statuses(decisive=True)

    def _counts_agree(self) -> bool:
        """False where only the rows themselves can tell, since the key is shown other companies' rows too."""
        for _ in range(2):  # what was created between the two counts is no difference
            self.remote_count = self.survey.count()
            held = self._present().count()
            if self.remote_count == held:
                return True
        if self.scope.alone:
            self.miscounted = True
            return True
        everywhere = self.model._base_manager.using(self.using).filter(gone_at__isnull=True).count()
        return self.remote_count == everywhere

    def _statuses(self, *, decisive: bool = False) -> None:
        """Rows per word: how many Blesta counts (only where it can count no other company's), shows, and are here.

        Blesta's filter words are not promised to mean the stored status. They do where they divide all rows among
        them; only then is a count that differs held against the mirror (`decisive`: the rows were not compared).
        """
        if "status" not in row_mapping(self.model).attnames:
            return
        rows = self._present()
        here = Counter(rows.order_by().values_list("status", flat=True).iterator(chunk_size=2000))
        call = self.resource.count
        can_count = call is not None and "status" in call.arguments and self.scope.alone
        for word in sorted({*here, *self.shown}):
            counted = self.survey.count(status=word) if can_count and word else None
            shown = self.shown[word] if self.remote_count is not None and self.shown else None
            self.statuses[word] = {"counted": counted, "shown": shown, "here": here[word]}
        if can_count and decisive:
            divided = sum(one["counted"] or 0 for one in self.statuses.values()) == self.survey.count()
            if divided and any(one["counted"] != one["here"] for one in self.statuses.values()):
                self.miscounted = True

    def _some(self, rows: Any, wanted: int) -> Iterator[Key]:
        """Keys of randomly chosen rows; of all where `wanted` is 0."""
        pks = array("q", rows.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=2000))
        chosen = self._pick(pks, wanted)
        names = key_attnames(self.model)
        for start in range(0, len(chosen), 100):
            found = self.model._base_manager.using(self.using).filter(pk__in=chosen[start : start + 100])
            yield from [tuple(key) for key in found.order_by("pk").values_list(*names)]

    def _pick(self, pks: Any, wanted: int) -> list[int]:
        return sorted(self.dice.sample(pks, wanted)) if 0 < wanted < len(pks) else list(pks)

    # --- sums ---------------------------------------------------------------------------------------------------

    def _present(self) -> Any:
        return present_rows(self.model, self.scope)

    def _agree(self, incoming: Incoming) -> None:
        weight = _weight(incoming.key, incoming.row.digest)
        self.remote_sum = (self.remote_sum + weight) % SUM
        self.local_sum = (self.local_sum + weight) % SUM

    def _disagree(self, incoming: Incoming, ours: dict[str, Any] | None) -> None:
        self.remote_sum = (self.remote_sum + _weight(incoming.key, incoming.row.digest)) % SUM
        if ours is not None:
            self._weigh_ours(incoming.key, ours)

    def _weigh_ours(self, key: Key, ours: dict[str, Any]) -> None:
        tier = row_mapping(self.model)
        digest = tier.digest({name: ours[name] for name in tier.attnames}, (ours["company_id"], ours["gone_at"]))
        self.local_sum = (self.local_sum + _weight(key, digest)) % SUM


def _weight(key: Key, digest: int) -> int:
    """What one row adds to the digest of a set: a sum, so that the order in which rows are met does not matter."""
    return int.from_bytes(blake2b(struct.pack(">qq", number_of(key), digest), digest_size=32).digest(), "big")


def _plain(key: Key) -> int | str:
    return key[0] if len(key) == 1 and isinstance(key[0], int) else named(key)
