"""The command as a person meets it: what it prints, and how it ends."""

from __future__ import annotations

import io
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from django_blesta.exceptions import ForeignInstallation
from django_blesta.models import Client, Invoice, SyncRun
from django_blesta.sync import identity
from django_blesta.sync.plan import scopes

pytestmark = pytest.mark.django_db


def run(*arguments: str, **options: Any) -> str:
    out = io.StringIO()
    call_command("blesta_sync", *arguments, stdout=out, stderr=out, **options)
    return out.getvalue()


def refusal(*arguments: str) -> str:
    with pytest.raises(CommandError) as raised:
        run(*arguments)
    assert raised.value.returncode != 0
    return str(raised.value)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class WebSite(BaseHTTPRequestHandler):
    """Some other site that lives where the setting points: it has no API and says so in HTML."""

    def do_GET(self) -> None:
        body = b"<html><body>Not found</body></html>"
        self.send_response(404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        return None


@pytest.fixture
def web_site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), WebSite) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("blesta_simulator", [{"clients": 15, "seed": 4}], indirect=True)
class TestOutput:
    def test_ends_with_a_table_that_adds_up(self, blesta):
        text = run()
        table = [line.split() for line in text.splitlines() if re.match(r"(invoice|client|total) ", line)]
        rows = {words[0]: words for words in table}
        assert rows["invoice"][2:5] == ["complete", *[str(len(blesta.state.tables["invoices"]))] * 2]
        assert int(rows["total"][1]) == sum(run.fetched for run in SyncRun.objects.all())
        assert "invoices: " in text

    def test_chosen_resources_only(self, blesta):
        run("client")
        assert Client.objects.exists()
        assert not Invoice.objects.exists()

    def test_rows_only_asks_for_no_single_row(self, blesta):
        run("--rows-only")
        assert Invoice.objects.exists()
        assert {request[2] for request in blesta.requests} <= {"getList", "getListCount", "getTypes", "getAll"}

    def test_unknown_resource_names_the_known_ones(self, blesta):
        assert "invoice" in refusal("invoics")

    def test_not_complete_is_an_error(self, blesta, settings):
        settings.BLESTA = {**settings.BLESTA, "READ_TRIES": 1}
        blesta.switches.empty_page = 2
        message = refusal("invoice")
        assert message.startswith("Not complete:\n  invoice: ")
        assert "page 2" in message


@pytest.mark.parametrize("blesta_simulator", [{"clients": 2, "seed": 4}], indirect=True)
class TestMistakes:
    """Each mistake gives one sentence that says what is wrong, and no traceback."""

    def test_no_key(self, blesta, settings):
        settings.BLESTA = {"URL": blesta.url, "USER": blesta.user}
        assert "KEY" in refusal()

    def test_no_setting_at_all(self, blesta, settings):
        del settings.BLESTA
        assert "BLESTA" in refusal()

    def test_wrong_key(self, blesta, settings):
        settings.BLESTA = {"URL": blesta.url, "USER": blesta.user, "KEY": "not-the-key"}
        message = refusal()
        assert re.search(r"credentials|user|key", message, re.IGNORECASE)
        assert "not-the-key" not in message

    def test_wrong_url(self, settings, blesta, web_site):
        settings.BLESTA = {"URL": web_site, "USER": "a", "KEY": "b"}
        message = refusal()
        assert "127.0.0.1" in message
        assert "<html>" not in message

    def test_plain_http_to_another_host(self, blesta, settings):
        settings.BLESTA = {"URL": "http://billing.example.com/api/", "USER": "a", "KEY": "b"}
        assert "https" in refusal()

    def test_unreachable_host(self, blesta, settings):
        settings.BLESTA = {"URL": f"http://127.0.0.1:{free_port()}/api/", "USER": "a", "KEY": "b"}
        assert re.search(r"reach|connect", refusal(), re.IGNORECASE)

    def test_maintenance(self, blesta):
        blesta.switches.maintenance = "503"
        assert "maintenance" in refusal()

    def test_unknown_database(self, blesta):
        assert "elsewhere" in refusal("--database", "elsewhere")

    @pytest.mark.parametrize("case", ["key", "url", "unreachable"])
    def test_message_is_one_short_paragraph(self, blesta, settings, web_site, case):
        settings.BLESTA = {
            "key": {"URL": blesta.url, "USER": blesta.user, "KEY": "wrong"},
            "url": {"URL": web_site, "USER": blesta.user, "KEY": blesta.key},
            "unreachable": {"URL": f"http://127.0.0.1:{free_port()}/", "USER": "a", "KEY": "b"},
        }[case]
        message = refusal()
        assert "\n" not in message
        assert len(message) < 400
        assert "Traceback" not in message


@pytest.mark.parametrize("blesta_simulator", [{"clients": 10, "seed": 4}], indirect=True)
class TestDryRun:
    def test_prints_what_would_change_and_changes_nothing(self, blesta):
        run()
        runs = SyncRun.objects.count()
        before = Client.objects.get(pk=2)
        with blesta.state.lock:
            contact = blesta.state.where("contacts", client_id=2, contact_type="primary")[0]
            blesta.state.update("contacts", contact["id"], city="Par\x1b[2Jis\u202e")
            blesta.state.update("invoices", 3, status="void")
            blesta.state.delete("services", 4)
            row = blesta.state.tables["invoices"][3]
        new = blesta.add_invoice(1)["id"]
        text = run("--dry-run")
        assert f"client 2: changed: city {before.city!r} → 'Par\\x1b[2Jis\\u202e'\n" in text
        assert f"invoice {new}: created\n" in text
        assert "invoice 3: changed: status " in text
        assert "service 4: not shown\n" in text
        assert row["status"] == "void"
        assert text.endswith("Nothing was written.\n")
        assert SyncRun.objects.count() == runs
        assert Client.objects.get(pk=2).city == before.city
        assert not Invoice.objects.filter(pk=new).exists()

    def test_prints_a_table_by_resource(self, blesta):
        text = run("--dry-run", "--rows-only", "invoice", "client")
        table = {words[0]: words for words in (line.split() for line in text.splitlines()) if len(words) > 8}
        for name in ("invoice", "client"):
            count = str(len(blesta.state.tables[f"{name}s"]))
            assert table[name][1:4] == ["1", count, count]
        assert not Invoice.objects.exists()

    def test_money_and_lines_are_readable(self, blesta):
        run()
        with blesta.state.lock:
            line = blesta.state.where("invoice_lines", invoice_id=3)[0]
            blesta.state.update("invoices", 3, due="5", date_closed=None)
            blesta.state.delete("invoice_lines", line["id"])
        text = run("--dry-run", "invoice")
        assert re.search(r"^invoice 3: changed: .*due \d+\.\d{4} → 5\.0000", text, re.MULTILINE)
        assert f"invoice 3: detail changed: lines[{line['id']}] removed\n" in text

    def test_a_run_that_would_not_be_complete_is_an_error(self, blesta, settings):
        settings.BLESTA = {**settings.BLESTA, "READ_TRIES": 1}
        blesta.switches.empty_page = 2
        message = refusal("--dry-run", "invoice")
        assert message.startswith("A run would not be complete:\n  invoice: ")

    def test_another_installation_is_refused(self, blesta):
        run()
        identity.remember(scopes("default")[0])
        with blesta.state.lock:
            blesta.state.update("clients", 1, id_code="other")
        assert "--accept-identity" in refusal("--dry-run")


@pytest.mark.parametrize("blesta_simulator", [{"clients": 10, "seed": 4}], indirect=True)
class TestAcceptIdentity:
    def test_tells_what_differed_learns_it_and_runs(self, blesta):
        run()
        (scope,) = scopes("default")
        identity.remember(scope)
        with blesta.state.lock:
            blesta.state.update("clients", 1, id_code="other")
        with pytest.raises(ForeignInstallation):
            identity.check(scope)
        text = run("--accept-identity")
        assert "company 1: client 1: other id_code\n" in text
        assert Client.objects.get(pk=1).id_code == "other"
        assert identity.check(scope).compared

    def test_says_that_nothing_differed(self, blesta):
        run()
        identity.remember(scopes("default")[0])
        assert "company 1: the remembered rows are the same\n" in run("--accept-identity", "client")

    def test_is_not_to_be_had_with_a_dry_run(self, blesta):
        refusal("--accept-identity", "--dry-run")
