"""Signatures of the third-party Event Stream plugin: RSA with SHA-256 over the body, in base64 (reference 7.2).

Verifying is arithmetic with public numbers, so it needs no library: the one padded block that a valid signature stands
for is computed and compared whole; nothing of what came is parsed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from hmac import compare_digest
from typing import Final

HEADER: Final = "HTTP_X_EVENT_STREAM_SIGNATURE"
#: DER of `DigestInfo` for SHA-256, up to the digest itself (RFC 8017, 9.2).
DIGEST_INFO: Final = bytes.fromhex("3031300d060960864801650304020105000420")
SMALLEST: Final = 2048
_PEM: Final = re.compile(r"-----BEGIN (RSA )?PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END (RSA )?PUBLIC KEY-----")
_INTEGER, _BITS, _SEQUENCE = 0x02, 0x03, 0x30


@dataclass(frozen=True, slots=True)
class PublicKey:
    modulus: int
    exponent: int

    @property
    def size(self) -> int:
        return (self.modulus.bit_length() + 7) // 8


def is_signed(body: bytes, signature: str, pem: str) -> bool:
    """False too where the key cannot be read."""
    try:
        key = public_key(pem)
        given = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    if len(given) != key.size:
        return False
    digest = DIGEST_INFO + hashlib.sha256(body).digest()
    wanted = b"\x00\x01" + b"\xff" * (key.size - len(digest) - 3) + b"\x00" + digest
    found = pow(int.from_bytes(given, "big"), key.exponent, key.modulus)
    return compare_digest(found.to_bytes(key.size, "big"), wanted)


def is_key(pem: str) -> bool:
    """Whether signatures can be checked with it."""
    try:
        public_key(pem)
    except (binascii.Error, ValueError):
        return False
    return True


@lru_cache(maxsize=8)
def public_key(pem: str) -> PublicKey:
    """Read an RSA key of at least 2048 bits; raise ValueError for anything else."""
    found = _PEM.fullmatch(pem.strip())
    if found is None:
        raise ValueError("Not a public key in PEM.")
    content = base64.b64decode("".join(found[2].split()), validate=True)
    outer = _take(content, _SEQUENCE)[0]
    if not found[1]:
        _algorithm, rest = _take(outer, _SEQUENCE)
        bits = _take(rest, _BITS)[0]
        outer = _take(bits[1:], _SEQUENCE)[0]
    modulus, rest = _take(outer, _INTEGER)
    exponent, _ = _take(rest, _INTEGER)
    key = PublicKey(int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big"))
    if key.modulus.bit_length() < SMALLEST or key.exponent < 3:
        raise ValueError("Too small a key.")
    return key


def _take(content: bytes, tag: int) -> tuple[bytes, bytes]:
    """The contents of the first element, which must bear this tag, and what follows it."""
    if len(content) < 2 or content[0] != tag:
        raise ValueError("Not the public key of RSA.")
    length, start = content[1], 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(content[2 : 2 + count], "big"), 2 + count
    if len(content) < start + length:
        raise ValueError("The key is cut short.")
    return content[start : start + length], content[start + length :]
