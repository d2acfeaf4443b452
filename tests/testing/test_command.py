from __future__ import annotations

import ast
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command

ROOT = Path(__file__).resolve().parents[2]


def start(*options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "manage.py", "blesta_simulator", "--clients", "5", *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_interrupted(number: signal.Signals) -> None:
    process = start("--companies", "2")
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"Blesta simulator at (\S+/api/) user (\S+) key (\S+)\n", line)
        assert found, line
        url, user, key = found.groups()
        headers = {"BLESTA-API-USER": user, "BLESTA-API-KEY": key}
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
        connection.request("GET", f"{urlsplit(url).path}companies/getListCount.json", headers=headers)
        assert json.load(connection.getresponse()) == {"response": 2}
        connection.close()
        settings = ast.literal_eval(process.stdout.readline().removeprefix("BLESTA = "))
        assert re.search(r"http://127\.0\.0\.1:\d+/_control/", process.stdout.readline())
        process.send_signal(number)
        rest, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, rest, errors) == (0, "", "")
    assert settings["URL"] == url
    assert settings["COMPANIES"][1] == {"USER": user, "KEY": key}


def test_a_taken_port_is_one_clear_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(CommandError, match="cannot be had"):
        call_command("blesta_simulator", port=taken.getsockname()[1], clients=0)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"port": -1}, "--port is -1; it must be from 0 to 65,535."),
        ({"port": 65_536}, "--port is 65536; it must be from 0 to 65,535."),
        ({"clients": -1}, "--clients is -1; it must be 0 or more."),
        ({"companies": 0}, "--companies is 0; it must be 1 or more."),
        ({"months": 0}, "--months is 0; it must be 1 or more."),
    ],
)
def test_number_that_cannot_be_is_one_clear_sentence(option: dict[str, int], told: str) -> None:
    with pytest.raises(CommandError, match=re.escape(told)):
        call_command("blesta_simulator", **option)
