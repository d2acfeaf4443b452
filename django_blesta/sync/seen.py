"""Which rows a run has seen: kept with each chunk, small, and united without holding more than numbers."""

from __future__ import annotations

import json
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import pairwise

Identity = int | str


def packed(identities: Iterable[Identity]) -> bytes:
    """Ascending and without repetition; numbers as differences, which are small and so compress well."""
    numbers = sorted({one for one in identities if isinstance(one, int)})
    words = sorted({one for one in identities if isinstance(one, str)})
    steps = [b - a for a, b in zip([0, *numbers], numbers, strict=False)]
    return zlib.compress(json.dumps([steps, words], separators=(",", ":")).encode())


def unpacked(blob: bytes) -> Iterator[Identity]:
    steps, words = json.loads(zlib.decompress(bytes(blob)))
    number = 0
    for step in steps:
        number += step
        yield number
    yield from words


class Seen:
    """The union of what chunks saw; 8 bytes a row."""

    def __init__(self, blobs: Iterable[bytes | None]) -> None:
        numbers: array[int] = array("q")
        self.words: set[str] = set()
        for blob in blobs:
            if blob is None:
                continue
            for one in unpacked(blob):
                if isinstance(one, int):
                    numbers.append(one)
                else:
                    self.words.add(one)
        self.numbers = _ascending_and_unique(numbers)

    def __len__(self) -> int:
        return len(self.numbers) + len(self.words)

    def __contains__(self, identity: Identity) -> bool:
        if isinstance(identity, str):
            return identity in self.words
        place = bisect_left(self.numbers, identity)
        return place < len(self.numbers) and self.numbers[place] == identity

    def up_to(self, highest: int | None) -> int:
        """How many rows have at most this id; all of them where there are no numbers to compare."""
        if highest is None or self.words:
            return len(self)
        return bisect_left(self.numbers, highest + 1)

    def some(self) -> Identity | None:
        """The oldest row that was seen: the one least likely to go away meanwhile."""
        return self.numbers[0] if self.numbers else min(self.words, default=None)


def _ascending_and_unique(numbers: array[int]) -> array[int]:
    if all(a < b for a, b in pairwise(numbers)):
        return numbers
    result: array[int] = array("q")
    for number in sorted(numbers):
        if not result or result[-1] != number:
            result.append(number)
    return result
