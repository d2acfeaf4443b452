"""Ways to find out whether a change took effect, from ids and markers alone. Each makes a `Probe` for a `Step`."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from django.utils.crypto import constant_time_compare, salted_hmac

from django_blesta.connection import Shape, Unreadable, declare, identifier_from
from django_blesta.operations._kinds import Case, Finding, Probe

_PAGES: Final = 25
"""So many pages of one client's rows are walked; beyond them nothing is claimed."""

declare("Users", "getByUsername", writes=False, shape=Shape.ROW)
declare("Clients", "getByUserId", writes=False, shape=Shape.ROW)


def row_shows(
    model: str, key: str, wanted: Callable[[Mapping[str, Any], Case], bool], *, told: str, by: str = "target_id"
) -> Probe:
    """Whether one row's state is what was asked for; `told` names the column whose word goes into the evidence."""

    def probe(case: Case) -> Finding:
        row = case.ask(model, "get", **{key: case[by]})
        if row is None:
            return Finding(None, f"{model}.get shows no row {case[by]}.")
        return Finding(wanted(row, case), f"{model} {case[by]}: {told} is {row.get(told)!s:.40}.")

    return probe


def row_is_gone(model: str, method: str, key: str) -> Probe:
    def probe(case: Case) -> Finding:
        row = case.ask(model, method, **{key: case["target_id"]})
        return Finding(row is None, f"{model} {case['target_id']} is {'gone' if row is None else 'there'}.")

    return probe


def seal(values: Mapping[str, Any]) -> dict[str, Any]:
    """Probe keys for an edit: the columns' names, and a keyed hash that recognises their values and tells none."""
    return {"columns": sorted(values), "seal": _sealed(values)}


def seal_fits(keys: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether the row has those values now."""
    found = {name: row.get(name) for name in keys["columns"]}
    return bool(constant_time_compare(_sealed(found), str(keys["seal"])))


def _sealed(values: Mapping[str, Any]) -> str:
    # Blesta's null and an empty text are one here, and so are 1 and "1".
    plain = {name: "" if value is None else str(value) for name, value in values.items()}
    text = json.dumps(plain, sort_keys=True)
    return salted_hmac("django_blesta.operations.probe", text, algorithm="sha256").hexdigest()


def row_has_the_values(model: str, method: str, key: str, *, by: str = "target_id") -> Probe:
    """For edits: whether the columns that were asked for have the values that were asked for."""

    def probe(case: Case) -> Finding:
        row = case.ask(model, method, **{key: case[by]})
        if row is None:
            return Finding(None, f"{model}.{method} shows no row {case[by]}.")
        fits = seal_fits(case.keys, row)
        return Finding(fits, f"{model} {case[by]} {'has' if fits else 'does not have'} the values asked for.")

    return probe


def rows_of_client(case: Case, model: str, **arguments: Any) -> Iterator[Mapping[str, Any]]:
    """The client's rows, newest first where Blesta orders them so; each once. LookupError where there is no end."""
    seen: set[int] = set()
    for page in range(1, _PAGES + 1):
        rows = case.ask(
            model,
            "getList",
            client_id=case["client_id"],
            status="all",
            page=page,
            order_by={"id": "DESC"},
            **arguments,
        )
        fresh = [row for row in rows if id_of(row) not in seen]
        if not fresh:
            return
        for row in fresh:
            seen.add(id_of(row))
            yield row
    raise LookupError(f"{model}.getList has more than {_PAGES} pages for one client.")


def newest_of_client(case: Case, model: str) -> int:
    """The client's highest id before sending: what the operation makes will be above it. 0 for none."""
    rows = case.ask(model, "getList", client_id=case["client_id"], status="all", page=1, order_by={"id": "DESC"})
    return max((id_of(row) for row in rows), default=0)


def newer_rows(case: Case, model: str) -> list[Mapping[str, Any]]:
    """The client's rows above `after_id`."""
    return [row for row in rows_of_client(case, model) if id_of(row) > case["after_id"]]


def id_of(row: Mapping[str, Any]) -> int:
    try:
        return identifier_from(row.get("id")) or 0
    except Unreadable:
        return 0


def one_of(hits: Collection[int], name: str, what: str) -> Finding:
    """None: not done. One: done. Several: a person must say which."""
    found = sorted(hits)
    if len(found) == 1:
        return Finding(True, f"{what} {found[0]} bears its mark.", {name: found[0]})
    if found:
        return Finding(None, f"Several could be it: {what} {', '.join(map(str, found[:10]))}.")
    return Finding(False, f"No {what} bears its mark.")
