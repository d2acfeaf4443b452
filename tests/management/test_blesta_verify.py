"""The command as a person meets it: a table, what differs, and how it ends."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from django_blesta import sync
from django_blesta.models import Certificate, Invoice

pytestmark = pytest.mark.django_db

some_clients = pytest.mark.parametrize("blesta_simulator", [{"clients": 10, "seed": 4}], indirect=True)


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("blesta_verify", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def refusal(*arguments: str) -> tuple[str, str]:
    out = io.StringIO()
    with pytest.raises(CommandError) as raised:
        call_command("blesta_verify", *arguments, stdout=out, stderr=out)
    assert raised.value.returncode == 1
    return str(raised.value), out.getvalue()


def line(text: str, start: str) -> list[str]:
    return next(one.split() for one in text.splitlines() if one.startswith(start))


@some_clients
class TestOutput:
    @pytest.mark.parametrize("arguments", [[], ["--sample", "3"], ["--detail", "2"]], ids=" ".join)
    def test_a_mirror_that_holds_ends_well(self, blesta, arguments):
        sync.run()
        table = run(*arguments)
        count = str(len(blesta.state.tables["invoices"]))
        assert line(table, "invoice ")[:5] == ["invoice", "1", "holds", count, count]
        assert line(table, "  active")[0] == "active"
        assert Certificate.objects.filter(holds=True).count() == len(Certificate.objects.all()) > 10

    def test_differences_are_named_and_end_with_an_error(self, blesta):
        sync.run()
        with blesta.state.lock:
            blesta.state.update("invoices", 3, status="void", date_due=blesta.clock.now())
            blesta.state.delete("invoices", 5)
        new = blesta.add_invoice(1)["id"]
        Invoice.objects.filter(pk=6).update(currency="XXX")
        blesta.state.tables["invoices"][7]["total"] = "twelve"
        error, text = refusal("invoice")
        assert error == "Not certified:\n  invoice: 1 only in Blesta, 1 only here, 3 different"
        assert line(text, "invoice ")[2] == "differs"
        assert f"invoice: only in Blesta: {new}\n" in text
        assert "invoice: only here: 5\n" in text
        assert "invoice 3: status, due_at\n" in text
        assert "invoice 6: currency (changed here, not by the sync: refresh the row)\n" in text
        assert "invoice 7: total: fits into no row here (not-a-number)\n" in text
        assert "void" not in text.replace("  void", "")

    def test_counts_alone_are_an_error(self, blesta):
        sync.run()
        blesta.add_invoice(1)
        error, _ = refusal("invoice", "--sample", "1")
        assert error == "Not certified:\n  invoice: the counts differ"

    def test_what_could_not_be_finished_is_an_error(self, blesta, settings):
        settings.BLESTA = {**settings.BLESTA, "READ_TRIES": 1}
        sync.run()
        blesta.switches.empty_page = 2
        error, text = refusal("invoice")
        assert "page 2" in error
        assert line(text, "invoice ")[2] == "unfinished"

    def test_long_lists_are_cut(self, blesta):
        sync.run()
        Invoice.objects.all().delete()
        error, text = refusal("invoice")
        assert "and more\n" in text
        assert "only in Blesta" in error


@pytest.mark.parametrize("blesta_simulator", [{"clients": 10, "seed": 4, "companies": 2}], indirect=True)
def test_one_company_alone(blesta):
    sync.run()
    table = run("--company", "2", "client")
    assert line(table, "client ")[1] == "2"
    assert Certificate.objects.count() == 1


@some_clients
class TestMistakes:
    def test_maintenance_is_one_sentence(self, blesta):
        blesta.switches.maintenance = "503"
        error, _ = refusal()
        assert "maintenance" in error
        assert "\n" not in error

    def test_no_setting(self, blesta, settings):
        del settings.BLESTA
        assert "BLESTA" in refusal()[0]

    def test_unknown_resource_names_the_known_ones(self, blesta):
        assert "invoice" in refusal("invoics")[0]

    def test_what_comes_inside_another_resource_says_so(self, blesta):
        assert refusal("invoiceline")[0] == "InvoiceLine comes inside Invoice: verify that, with --detail."

    @pytest.mark.parametrize("arguments", [["--sample", "0"], ["--detail", "-1"], ["--sample", "1", "--detail", "1"]])
    def test_numbers_that_mean_nothing(self, blesta, arguments):
        refusal(*arguments)
        assert not Certificate.objects.exists()
