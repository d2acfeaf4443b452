"""`manage.py demo` as people start it: one process that makes everything, shows it, and ends when it is told to."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from http.cookiejar import CookieJar
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120


class Demo:
    """One run of the command; `url` is known once it serves."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("BLESTA_", "DJANGO_"))}
        environ |= {"DJANGO_BLESTA_SQLITE": str(folder / "site.sqlite3"), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(  # noqa: S603  (our own command)
            [sys.executable, "manage.py", "demo", "--clients", "12", *arguments],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self.url = ""
        self._serving = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        assert self._serving.wait(PATIENCE), self.output
        assert self.url, self.output
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if found := re.search(r"http://localhost:\d+/", line):
                self.url = self.url or found.group()
            if "ctrl-C ends everything" in line:
                self._serving.set()
        self.process.stdout.close()
        self._serving.set()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code


class Visitor:
    """A browser without a screen."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.jar = CookieJar()
        self.opener: OpenerDirector = build_opener(HTTPCookieProcessor(self.jar))

    def get(self, path: str) -> str:
        with self.opener.open(self.base + path, timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def post(self, path: str, **form: str) -> str:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(path))
        assert token is not None
        data = urlencode({"csrfmiddlewaretoken": token.group(1), **form}).encode()
        with self.opener.open(self.base + path, data, timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def log_in(self, name: str) -> Self:
        page = self.post("login/", username=name, password=name)
        assert f"Welcome, {name}" in page
        return self


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


def test_demo_shows_staff_and_customer_what_they_came_for(folder: Path) -> None:
    with Demo(folder, "--port", "0", "--sync-every", "0.2") as demo:
        customer, staff = Visitor(demo.url).log_in("customer"), Visitor(demo.url).log_in("admin")

        billing = customer.get("billing/")
        assert "My billing" in billing
        assert "not linked" not in billing
        form = customer.get("billing/contact/")
        hidden = re.search(r'name="token" value="([^"]+)"', form)
        assert hidden is not None
        refused = customer.post("billing/contact/", token=hidden.group(1), email="not an address")
        assert 'id="id_email_error"' in refused
        assert "not an address" in refused

        assert "All is well" in staff.get("admin/django_blesta/status/")
        assert "12 results" in staff.get("admin/django_blesta/client/")
        assert staff.get("static/django_blesta/admin.css")
        assert "Administration" not in customer.get("")

        assert demo.stop(signal.SIGINT) == 0
        assert "Traceback" not in demo.output
        assert demo.output.rstrip().endswith("Stopped.")


def test_demo_says_how_to_reach_everything_and_logs_no_request(folder: Path) -> None:
    with Demo(folder, "--port", "0") as demo:
        assert "Another program has port" not in demo.output
        found = re.search(r"answers at (\S+) to user (\S+), key (\S+)\n", demo.output)
        assert found is not None
        url, user, key = found.groups()
        headers = {"BLESTA-API-USER": user, "BLESTA-API-KEY": key}
        asked = Request(f"{url}clients/getListCount.json", headers=headers)  # noqa: S310  (our own simulator)
        with build_opener().open(asked, timeout=PATIENCE) as answer:
            assert json.load(answer) == {"response": 12}
        desk = re.search(r"control desk is at (\S+)", demo.output)
        assert desk is not None
        with build_opener().open(desk.group(1), timeout=PATIENCE) as answer:
            assert "switches" in json.load(answer)
        assert "forgotten when the demo ends" in demo.output

        logins = [line for line in demo.output.splitlines() if re.match(r"  (Staff|Customer|API) ", line)]
        assert len({line.index("http://") for line in logins}) == 1
        api = re.search(r"API .*http://localhost:\d+/(\S+)", demo.output)
        assert api is not None
        listed = json.loads(Visitor(demo.url).log_in("customer").get(api.group(1)))
        assert listed["count"] >= 1
        Visitor(demo.url).log_in("admin").get("admin/")

        assert demo.stop(signal.SIGINT) == 0
        told = demo.output.split("ctrl-C ends everything.")[1]
        assert told.split() == ["Stopping", "...", "Stopped."]


def test_a_change_in_the_simulated_blesta_is_on_the_site_without_a_sync(folder: Path) -> None:
    with Demo(folder, "--port", "0", "--sync-every", "3600") as demo:
        found = re.search(r"answers at (\S+) to user (\S+), key (\S+)\n", demo.output)
        assert found is not None
        url, user, key = found.groups()
        headers = {"BLESTA-API-USER": user, "BLESTA-API-KEY": key}
        names = {"vars[first_name]": "Zenobia", "vars[last_name]": "Palmyra", "vars[email]": "z@example.com"}
        data = urlencode({"contact_id": 1, **names}).encode()
        asked = Request(f"{url}contacts/edit.json", data, headers)  # noqa: S310  (our own simulator)
        build_opener().open(asked, timeout=PATIENCE).close()
        staff = Visitor(demo.url).log_in("admin")
        until = time.monotonic() + 30
        while "1 result" not in (page := staff.get("admin/django_blesta/client/?q=Zenobia")):
            assert time.monotonic() < until, page
        assert demo.stop(signal.SIGINT) == 0
        assert demo.output.split("ctrl-C ends everything.")[1].split() == ["Stopping", "...", "Stopped."]


@pytest.mark.proof
def test_requests_are_logged_when_more_is_asked_for(folder: Path) -> None:
    with Demo(folder, "--port", "0", "-v", "2") as demo:
        Visitor(demo.url).log_in("customer")
        assert demo.stop(signal.SIGINT) == 0
        assert '"GET /login/ ' in demo.output


@pytest.mark.proof
def test_second_demo_finds_nothing_new_and_ends_on_sigterm(folder: Path) -> None:
    with Demo(folder, "--port", "0") as first:
        first.stop(signal.SIGTERM)
    with Demo(folder, "--port", "0") as second:
        assert "Nothing was new." in second.output
        assert Visitor(second.url).log_in("customer")
        assert second.stop(signal.SIGTERM) == 0
    assert "Traceback" not in second.output


@pytest.mark.proof
def test_demo_goes_on_where_a_killed_one_stood(tmp_path: Path) -> None:
    with Demo(tmp_path, "--port", "0", "--sync-every", "0.01") as killed:
        killed.process.kill()
    with Demo(tmp_path, "--port", "0") as demo:
        assert demo.stop(signal.SIGINT) == 0


@pytest.mark.proof
def test_next_port_is_taken_when_the_wanted_one_is_not_free(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        taken = squatter.getsockname()[1]
        with Demo(folder, "--port", str(taken)) as demo:
            port = int(demo.url.rsplit(":", 1)[1].strip("/"))
            assert taken < port < taken + 50
            assert f"Another program has port {taken}, so this is port {port}." in demo.output
            assert demo.stop(signal.SIGINT) == 0


@pytest.mark.proof
def test_new_company_is_made_when_another_size_is_asked_for(tmp_path: Path) -> None:
    with Demo(tmp_path, "--port", "0") as small:
        small.stop(signal.SIGINT)
    with Demo(tmp_path, "--port", "0", "--clients", "15") as larger:
        assert "Nothing was new." not in larger.output
        assert "15 results" in Visitor(larger.url).log_in("admin").get("admin/django_blesta/client/")
        assert larger.stop(signal.SIGINT) == 0
