"""Arguments to forms as PHP makes them, and JSON to declared shapes."""

from __future__ import annotations

import contextlib
import enum
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from django.utils.translation import gettext_lazy
from hypothesis import example, given
from hypothesis import strategies as st

from django_blesta.connection import Shape, Unreadable, encode
from django_blesta.connection._callable import Signature
from django_blesta.connection._errors import Answer, judge
from django_blesta.connection._wire import ABSENT, Unparsable, form, parse, salvage, shape_from
from tests.connection.conftest import DATA

PHP = json.loads((DATA / "http_build_query.json").read_text())
#: What PHP drops without a word, and we refuse; and the one number that it writes with an exponent.
DIFFERENT = {"null in a list", "empty list", "float with an exponent"}


@pytest.mark.parametrize("name", [vector["name"] for vector in PHP["vectors"] if vector["name"] not in DIFFERENT])
def test_form_is_what_php_makes_of_it(name: str) -> None:
    vector = next(vector for vector in PHP["vectors"] if vector["name"] == name)
    assert form(encode(vector["tree"])) == vector["query"]


def test_every_difference_from_php_is_deliberate() -> None:
    trees = {vector["name"]: vector["tree"] for vector in PHP["vectors"]}
    assert set(trees) >= DIFFERENT
    with pytest.raises(ValueError, match=r"a\[1\] is None, which would leave a gap"):
        encode(trees["null in a list"])
    with pytest.raises(ValueError, match="a is empty, which a form cannot express"):
        encode(trees["empty list"])
    assert encode(trees["float with an exponent"]) == [("a", "100000000000000000000")]


class Word(str, enum.Enum):  # noqa: UP042  (the older idiom is the one whose str() is not its value)
    ACTIVE = "active"


class Number(enum.IntEnum):
    TWO = 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "1"),
        (False, "0"),
        (0, "0"),
        (-7, "-7"),
        (10**30, "1" + "0" * 30),
        (Number.TWO, "2"),
        (Word.ACTIVE, "active"),
        (Decimal("9.9900"), "9.9900"),
        (Decimal("1E+10"), "10000000000"),
        (Decimal("1E-7"), "0.0000001"),
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        ("", ""),
        ("None", "None"),
        (gettext_lazy("Blesta"), "Blesta"),
        (datetime(2026, 1, 2, 3, 4, 5, 999, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=-5))), "2026-01-02T08:04:05Z"),
        (datetime(33, 1, 2, tzinfo=UTC), "0033-01-02T00:00:00Z"),
        (date(2026, 1, 2), "2026-01-02"),
    ],
)
def test_value_in_a_form(value: object, expected: str) -> None:
    assert encode({"a": value}) == [("a", expected)]


@pytest.mark.parametrize(
    "name",
    ["use_module", "notify_cancel", "encrypted", "send_registration_email", "send_registration_message", "prorate"],
)
def test_flags_that_blesta_documents_as_words_are_words(name: str) -> None:
    assert encode({"vars": {name: True, "other": True}}) == [(f"vars[{name}]", "true"), ("vars[other]", "1")]
    assert encode({name: False}) == [(name, "false")]


def test_none_is_left_out_at_every_depth() -> None:
    assert encode({"a": None, "vars": {"b": None, "c": 1}}) == [("vars[c]", "1")]


def test_lists_have_explicit_indices_from_zero() -> None:
    assert encode({"a": ["x", ("y", "z")]}) == [("a[0]", "x"), ("a[1][0]", "y"), ("a[1][1]", "z")]


def nested(depth: int) -> dict[str, Any]:
    tree: Any = "x"
    for _ in range(depth):
        tree = {"a": tree}
    return {"a": tree}


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"when": datetime(2026, 1, 2)}, ValueError, "when is a naive datetime"),
        ({"vars": {"lines": [{"amount": float("nan")}]}}, ValueError, r"vars\[lines\]\[0\]\[amount\] is not a finite"),
        ({"a": float("inf")}, ValueError, "finite"),
        ({"a": Decimal("Infinity")}, ValueError, "finite"),
        ({"a": b"bytes"}, TypeError, "a is bytes"),
        ({"a": {1, 2}}, TypeError, "a is set"),
        ({"a": object()}, TypeError, "a is object"),
        ({"a": {"b": {7: "x"}}}, TypeError, r"key in a\[b\] must be text, not int"),
        ({7: "x"}, TypeError, "name must be text"),
        ({"order_by[id]": "ASC"}, ValueError, "nest with dicts"),
        ({"a b": 1}, ValueError, "cannot be the name"),
        ({"": 1}, ValueError, "cannot be the name"),
        ({"a": {"b]c": 1}}, ValueError, "cannot be a key"),
        ({"a": {"": 1}}, ValueError, "cannot be a key"),
        ({"a": {}}, ValueError, "a is empty"),
        ({"a": {"b": []}}, ValueError, r"a\[b\] is empty"),
        ({"a": [None]}, ValueError, r"a\[0\] is None"),
        ({"a": "half \ud83d"}, ValueError, "surrogate"),
        (nested(70), ValueError, "nested deeper"),
        ({"a": list(range(1001))}, ValueError, "more than PHP takes"),
    ],
)
def test_what_cannot_be_sent_is_an_error_at_the_edge(
    arguments: dict[Any, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        encode(arguments)


def php_parse(query: str) -> dict[str, Any]:
    """A reader of PHP's forms, written apart from the code under test: bracket names to nested maps."""
    tree: dict[str, Any] = {}
    for pair in filter(None, query.split("&")):
        name, value = (unplus(part) for part in pair.split("=", 1))
        base, *rest = name.replace("]", "").split("[")
        node = tree
        for key, following in zip([base, *rest], rest, strict=False):
            node = node.setdefault(key, {})
            assert following != ""
        node[[base, *rest][-1]] = value
    return tree


def unplus(text: str) -> str:
    out = bytearray()
    position = 0
    while position < len(text):
        if text[position] == "%":
            out.append(int(text[position + 1 : position + 3], 16))
            position += 3
        else:
            out.append(0x20 if text[position] == "+" else ord(text[position]))
            position += 1
    return out.decode()


def as_php_would_hold_it(value: Any) -> Any:
    if isinstance(value, list):
        return {str(index): as_php_would_hold_it(item) for index, item in enumerate(value)}
    if isinstance(value, dict):
        kept = {key: as_php_would_hold_it(item) for key, item in value.items() if item is not None}
        return {key: item for key, item in kept.items() if item != {}}
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)


KEYS = st.text(st.characters(codec="utf-8", exclude_characters="[]", exclude_categories=["Cc"]), min_size=1)
LEAVES = st.text(st.characters(codec="utf-8")) | st.integers() | st.booleans()
TREES = st.recursive(
    LEAVES,
    lambda children: (
        st.lists(children, min_size=1, max_size=4) | st.dictionaries(KEYS, children, min_size=1, max_size=4)
    ),
    max_leaves=25,
)


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True), TREES | st.none(), max_size=4))
def test_every_tree_arrives_as_it_was(tree: dict[str, Any]) -> None:
    assert php_parse(form(encode(tree))) == as_php_would_hold_it(tree)


def shaped(shape: Shape, response: Any, **kwargs: Any) -> Any:
    return shape_from(response, Signature("Things", "get", False, shape, **kwargs))


@pytest.mark.parametrize(
    ("shape", "response", "expected"),
    [
        (Shape.ROW, {"id": 1}, {"id": 1}),
        (Shape.ROW, False, None),
        (Shape.ROW, None, None),
        (Shape.ROW, [], None),
        (Shape.ROW, {}, None),
        (Shape.ROWS, [{"id": 1}, {"id": 2}], [{"id": 1}, {"id": 2}]),
        (Shape.ROWS, [], []),
        (Shape.ROWS, {}, []),
        (Shape.ROWS, {"0": {"id": 1}, "2": {"id": 3}}, [{"id": 1}, {"id": 3}]),
        (Shape.ROWS, [[], {"id": 2}], [{}, {"id": 2}]),
        (Shape.MAP, {"uncancel": "Reactivate"}, {"uncancel": "Reactivate"}),
        (Shape.MAP, [], {}),
        (Shape.MAP, ["a", "b"], {"0": "a", "1": "b"}),
        (Shape.COUNT, 42, 42),
        (Shape.COUNT, "42", 42),
        (Shape.COUNT, 0, 0),
        (Shape.ID, 17, 17),
        (Shape.ID, "17", 17),
        (Shape.FLAG, True, True),
        (Shape.FLAG, "0", False),
        (Shape.NUMBER, Decimal("7.5"), Decimal("7.5000")),
        (Shape.NUMBER, 7, Decimal("7.0000")),
        (Shape.NUMBER, "7.5000", Decimal("7.5000")),
        (Shape.TEXT, "x", "x"),
        (Shape.TEXT, 5, "5"),
        (Shape.TEXTS, ["USD", "EUR"], ["USD", "EUR"]),
        (Shape.TEXTS, {"1": "USD"}, ["USD"]),
        (Shape.ANY, False, False),
        (Shape.ANY, [1], [1]),
        (Shape.NOTHING, None, None),
        (Shape.NOTHING, {"anything": 1}, None),
        (Shape.NOTHING, ABSENT, None),
    ],
)
def test_shape(shape: Shape, response: Any, expected: Any) -> None:
    result = shaped(shape, response)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("shape", "response"),
    [
        (Shape.ROW, [{"id": 1}]),
        (Shape.ROW, True),
        (Shape.ROW, 0),
        (Shape.ROW, "x"),
        (Shape.ROWS, False),
        (Shape.ROWS, None),
        (Shape.ROWS, {"id": 1}),
        (Shape.ROWS, [{"id": 1}, None]),
        (Shape.ROWS, [[{"id": 1}]]),
        (Shape.ROWS, {"٣": {"id": 1}}),
        (Shape.ROWS, "x"),
        (Shape.MAP, False),
        (Shape.MAP, None),
        (Shape.MAP, 1),
        (Shape.COUNT, None),
        (Shape.COUNT, False),
        (Shape.COUNT, -1),
        (Shape.COUNT, []),
        (Shape.COUNT, Decimal("1.5")),
        (Shape.ID, None),
        (Shape.ID, False),
        (Shape.ID, 0),
        (Shape.ID, "0"),
        (Shape.ID, {"id": 1}),
        (Shape.FLAG, None),
        (Shape.NUMBER, None),
        (Shape.NUMBER, False),
        (Shape.TEXT, None),
        (Shape.TEXT, False),
        (Shape.TEXTS, [None]),
        (Shape.TEXTS, False),
        *((shape, ABSENT) for shape in Shape if shape is not Shape.NOTHING),
    ],
)
def test_shape_that_does_not_fit_is_unreadable(shape: Shape, response: Any) -> None:
    with pytest.raises(Unreadable):
        shaped(shape, response)


@pytest.mark.parametrize(("shape", "empty"), [(Shape.ROWS, []), (Shape.MAP, {}), (Shape.TEXT, ""), (Shape.TEXTS, [])])
@pytest.mark.parametrize("response", [False, None])
def test_false_means_empty_only_where_the_declaration_says_so(shape: Shape, empty: Any, response: Any) -> None:
    assert shaped(shape, response, false_is_empty=True) == empty


def test_false_stays_data_for_counts_and_ids_whatever_is_declared() -> None:
    for shape in (Shape.COUNT, Shape.ID, Shape.NUMBER):
        with pytest.raises(Unreadable):
            shaped(shape, False, false_is_empty=True)


def test_numbers_never_pass_through_a_float() -> None:
    parsed = parse(b'{"response":[0.1,1.0e2,12345678901234567890.12345678901234567890,10]}')
    assert parsed["response"] == [
        Decimal("0.1"),
        Decimal("100"),
        Decimal("12345678901234567890.12345678901234567890"),
        10,
    ]


ALMOST_JSON = st.lists(
    st.sampled_from(
        [
            *(b"{", b"}", b"[", b"]", b'"', b":", b",", b'"response"', b'"errors"', b'"message"', b'"model"', b"null"),
            *(b"true", b"1", b"-", b".5", b"e9", b"NaN", b"\\u", b"\\ud800", b"\xef\xbb\xbf", b"\xff", b"\x00", b" "),
            *(b"<", b"Warning", b'{"response":', b'{"errors":', b"9" * 400),
        ]
    ),
    max_size=30,
).map(b"".join)


@given(body=ALMOST_JSON | st.binary(), status=st.integers(100, 599), writes=st.booleans(), shape=st.sampled_from(Shape))
@example(body=b"[" * 100_000, status=200, writes=False, shape=Shape.ROWS)
@example(body=b'{"response":' * 50_000, status=200, writes=False, shape=Shape.ROWS)
def test_any_bytes_lead_to_a_verdict_and_a_shape_or_unreadable(
    body: bytes, status: int, writes: bool, shape: Shape
) -> None:
    verdict = judge(Answer(status=status, body=body), writes=writes, salvage_warnings=True)
    if verdict.row.error is None:
        with contextlib.suppress(Unreadable):
            shaped(shape, verdict.response)


@given(ALMOST_JSON | st.binary())
def test_parsers_raise_one_kind_of_error(body: bytes) -> None:
    for read in (parse, salvage):
        with contextlib.suppress(Unparsable):
            read(body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    )
)
def test_whatever_json_says_is_read_as_it_was(value: Any) -> None:
    for ascii_only in (False, True):
        try:
            body = json.dumps({"response": value}, ensure_ascii=ascii_only).encode()
        except UnicodeEncodeError:
            continue
        assert parse(body) == {"response": value}
