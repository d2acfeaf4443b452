"""A Blesta that does nothing but serve pages: built beforehand, 20 rows each, after a delay that a timer keeps.

    python -m benchmarks.server --rows 10000 --milliseconds 80

prints its port and serves until its standard input closes. `/count` answers how many pages were asked for since it
was last asked itself. It knows no credentials, no order but by id, and no argument but `page` and `invoice_id`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 20
HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"


def invoice(number: int) -> dict[str, Any]:
    """As Blesta's getList shows one: every number and amount as text, joined columns that no mirror keeps."""
    money = f"{number % 977}.5000"
    month, day = number % 12 + 1, number % 28 + 1
    return {
        "id": str(number),
        "id_format": "INV-{num}",
        "id_value": str(number),
        "id_code": f"INV-{number}",
        "client_id": str(number // 3 + 1),
        "date_billed": f"2026-{month:02}-{day:02} 00:00:00",
        "date_due": f"2026-{month:02}-{day:02} 12:00:{number % 60:02}",
        "date_closed": None if number % 3 else f"2026-{month:02}-{day:02} {number % 24:02}:{number % 60:02}:00",
        "date_autodebit": None,
        "autodebit": "1",
        "status": "active",
        "currency": "USD",
        "subtotal": money,
        "total": money,
        "paid": "0.0000" if number % 3 else money,
        "due": money if number % 3 else "0.0000",
        "previous_due": "0.0000",
        "client_id_code": str(1500 + number // 3),
        "client_first_name": "Ada",
        "client_last_name": "Lovelace",
        "client_company": "Analytical Engines",
        "client_address1": "12 St James's Square",
    }


class Pages:
    """Every answer, as the bytes that go out."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.asked = 0
        self._pages = [
            answer([invoice(number) for number in range(first, min(first + PAGE, rows + 1))])
            for first in range(1, rows + 1, PAGE)
        ]
        self._company = {"id": "1", "name": "Analytical Engines", "hostname": "localhost", "address": "", "phone": ""}
        self._empty, self._none = answer([]), answer(False)
        self._companies, self._one, self._count = answer([self._company]), answer(self._company), answer(rows)
        self._first_company_count, self._zero = answer(1), answer(0)

    def __getitem__(self, target: str) -> bytes:
        parts = urlsplit(target)
        name, _, method = parts.path.removeprefix("/api/").removesuffix(".json").partition("/")
        name = name.lower()
        if name == "count":
            asked, self.asked = self.asked, 0
            return answer(asked)
        self.asked += 1
        arguments = parse_qs(parts.query)
        page = int(arguments.get("page", ["1"])[0])
        if name == "invoices":
            return self._invoices(method, page, arguments)
        if name == "companies":
            if method == "getListCount":
                return self._first_company_count
            return self._one if method == "get" else self._companies if page == 1 else self._empty
        return self._zero if method == "getListCount" else self._none if method == "get" else self._empty

    def _invoices(self, method: str, page: int, arguments: dict[str, list[str]]) -> bytes:
        if method == "getListCount":
            return self._count
        if method == "get":
            number = int(arguments["invoice_id"][0])
            return answer({**invoice(number), "line_items": []}) if 1 <= number <= self.rows else self._none
        return self._pages[page - 1] if 1 <= page <= len(self._pages) else self._empty


def answer(response: Any) -> bytes:
    body = json.dumps({"response": response})
    return (HEAD.format(len(body)) + body).encode()


class Conversation(asyncio.Protocol):
    """One kept-open connection; requests have no body."""

    def __init__(self, pages: Pages, seconds: float) -> None:
        self._pages, self._seconds = pages, seconds
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            target = self._buffer.split(b" ", 2)[1].decode()
            self._buffer = self._buffer[end + 4 :]
            body = self._pages[target]
            if self._seconds:
                asyncio.get_running_loop().call_later(self._seconds, self._write, body)
            else:
                self._write(body)

    def _write(self, body: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(body)


async def serve(pages: Pages, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Conversation(pages, seconds), "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.server", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--milliseconds", type=float, default=0.0)
    options = parser.parse_args()
    asyncio.run(serve(Pages(options.rows), options.milliseconds / 1000))


if __name__ == "__main__":
    main()
