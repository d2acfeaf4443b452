"""`manage.py blesta_webhook`: the address that Blesta is to call, making the entry there, trying it, a new secret."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from django_blesta import conf, management, operations
from django_blesta.connection import knock
from django_blesta.exceptions import BlestaError, NotConfigured, Unavailable
from django_blesta.management.tables import aligned
from django_blesta.models import Client, Company, Delivery, Hint, Webhook
from django_blesta.operations import webhooks
from django_blesta.sync.events import declared_events
from django_blesta.webhooks import is_open, new_secret

TRIED_WITH = "Clients.editAfter"
LOOK_EVERY = 0.1


class Command(BaseCommand):
    help = "Print the address that Blesta's Webhooks plugin is to call; register it, test it, replace its secret."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="Which installation of BLESTA, by its alias.")
        parser.add_argument("--site", default="", help="Where Blesta reaches this site, as in https://www.example.com.")
        parser.add_argument("--company", type=int, help="Whose events, where the installation has several companies.")
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--register",
            action="store_true",
            help="Make the entry in Blesta, or give the one that leads here the address with the first secret.",
        )
        what.add_argument(
            "--test", action="store_true", help="Deliver to --site as Blesta would, and wait for a worker to follow it."
        )
        what.add_argument("--rotate", action="store_true", help="Print a new secret, and how to change to it.")
        parser.add_argument("--deadline", type=float, default=30.0, help="Seconds that --test waits for a worker.")

    def handle(self, *args: Any, **options: Any) -> None:
        using = options["database"]
        try:
            installation = conf.installation(using)
            if options["rotate"]:
                self._rotate(bool(installation.webhook_secrets))
                return
            management.ensure_migrated(using)
            if not is_open(using):
                raise CommandError(
                    _(
                        "No secret is configured, so the receiver is closed. Here is a new one:\n\n  %(secret)s\n\nPut"
                        " it where the site's secrets are, name it in WEBHOOK_SECRETS of BLESTA, and start the site"
                        " anew."
                    )
                    % {"secret": new_secret()}
                )
            addresses = self._addresses(installation, options["site"])
            if options["register"]:
                self._register(addresses, using, options)
            elif options["test"]:
                self._test(addresses[0], using, options)
            else:
                self._tell(addresses[0], bool(options["site"]))
        except BlestaError as error:
            raise CommandError(str(error)) from None

    def _addresses(self, installation: conf.Installation, site: str) -> list[str]:
        """With the secret that is in use, then with those that are on their way out."""
        parts = urlsplit(site)
        if site and (parts.scheme not in ("http", "https") or not parts.netloc):
            raise CommandError(_("--site is the beginning of an address, as in https://www.example.com."))
        found = []
        for secret in installation.webhook_secrets:
            try:
                found.append(f"{site.rstrip('/')}{reverse('blesta_webhooks:receiver', args=[secret.reveal()])}/")
            except NotConfigured:
                continue
            except NoReverseMatch:
                raise CommandError(
                    _(
                        "The site has no address for it yet. Add to your urls.py:"
                        ' path("blesta/hooks/", include("django_blesta.webhooks.urls"))'
                    )
                ) from None
        if not found:
            raise CommandError(_("This installation takes signed deliveries only; there is no secret to print."))
        return found

    def _tell(self, address: str, is_whole: bool) -> None:
        self.stdout.write(address)
        if not is_whole:
            self.stdout.write(_("(after the address of your site; give --site to have it whole)"))
        self.stdout.write(
            _(
                "\nIn Blesta: Plugins, Webhooks, Manage, Add Webhook. Type: outgoing. Method: post_json. Events: all of"
                " those below, in their After form where there is one. The address is a secret: who knows it can have"
                " rows looked up, though nothing else."
            )
        )
        self.stdout.write("  " + ", ".join(sorted(declared_events())))

    def _register(self, addresses: list[str], using: str, options: dict[str, Any]) -> None:
        if not options["site"]:
            raise CommandError(_("--register needs --site: the address under which Blesta reaches this site."))
        company = self._company(using, options["company"])
        events = self._events(using, company)
        webhook = self._registered(addresses, using, company)
        address = addresses[0]
        if webhook is None:
            result = webhooks.add(company, address, events=events, using=using)
            told = _("Webhook %(id)s was made in Blesta.") % {"id": result.ids.get("webhook_id")}
        else:
            webhooks.edit(webhook, address, events=events, using=using)
            told = _("Webhook %(id)s of Blesta leads here, with the first secret.") % {"id": webhook.pk}
        self.stdout.write(told)
        self.stdout.write(
            _(
                "Change something small in Blesta, and look whether it arrives. If it does not, open the webhook in"
                " Blesta's staff area and save it once: some versions listen to all its events only from then on."
            )
        )

    def _company(self, using: str, wanted: int | None) -> Company:
        companies: list[Company] = list(Company.objects.using(using).filter(gone_at__isnull=True).order_by("pk"))
        chosen = [one for one in companies if wanted in (None, one.pk)]
        if not companies:
            raise CommandError(_("The mirror is empty: run “manage.py blesta_sync” first."))
        if len(chosen) != 1:
            ids = ", ".join(str(one.pk) for one in companies)
            raise CommandError(_("Say which company, by --company; there are %(ids)s.") % {"ids": ids})
        return chosen[0]

    def _events(self, using: str, company: Company) -> list[str]:
        """Those that Blesta offers, the After forms where it has them: what they tell of is done by then."""
        offered = set(webhooks.offered_events(using, company.pk))
        found = []
        for event in sorted(declared_events()):
            found += [name for name in (f"{event}After", event) if name in offered or not offered][:1]
        if not found:
            raise CommandError(_("Blesta offers none of the events that the mirrors know."))
        return found

    def _registered(self, addresses: list[str], using: str, company: Company) -> Webhook | None:
        case = operations.Case(using, company.pk, {})
        for row in webhooks.outgoing(case):
            if row.get("callback") in addresses:
                return Webhook(id=int(row["id"]), company_id=company.pk)
        return None

    def _test(self, address: str, using: str, options: dict[str, Any]) -> None:
        if not options["site"]:
            raise CommandError(_("--test needs --site: the address under which Blesta reaches this site."))
        client = Client.objects.using(using).filter(gone_at__isnull=True).order_by("pk").first()
        if client is None:
            raise CommandError(_("The mirror has no client to test with: run “manage.py blesta_sync” first."))
        deliveries = Delivery.objects.using(using)
        before = deliveries.order_by("-pk").values_list("pk", flat=True).first() or 0
        began = time.monotonic()
        headers = {"X-Blesta-Event": TRIED_WITH, "Content-Type": "application/json"}
        try:
            status = knock(address, json.dumps({"client_id": client.pk}).encode(), headers)
        except Unavailable as error:
            raise CommandError(str(error)) from None
        took = time.monotonic() - began
        if status != 202:
            raise CommandError(_("The site answered %(status)s instead of 202.") % {"status": status})
        lines = [[_("answered"), "202", f"{took * 1000:.0f} ms"]]
        mine = deliveries.filter(pk__gt=before, event=TRIED_WITH)
        resolved = self._await(lambda: mine.exclude(state=Delivery.State.PENDING).exists(), options["deadline"])
        if not mine.exists():
            raise CommandError(_("The site answered, and yet nothing is in this database: is --site another site?"))
        if not resolved:
            raise CommandError(
                _("The delivery is on record, and no worker has taken it up. Does a Celery worker run, on this queue?")
            )
        lines.append([_("taken up by a worker"), "", f"{time.monotonic() - began:.1f} s"])
        label = Client._meta.label_lower
        done = Hint.objects.using(using).filter(resource=label, remote_id=client.pk, state=Hint.State.DONE)
        if not self._await(done.exists, options["deadline"]):
            raise CommandError(_("A worker took it up, and the row was not refreshed in time; see the status page."))
        lines.append([_("row refreshed"), f"client {client.pk}", f"{time.monotonic() - began:.1f} s"])
        for line in aligned([_("step"), _("what"), _("after")], lines, left=2):
            self.stdout.write(line)

    def _await(self, happened: Any, seconds: float) -> bool:
        """By looking, since the worker is another process, on another machine perhaps."""
        until = time.monotonic() + seconds
        while not (found := bool(happened())) and time.monotonic() < until:
            time.sleep(LOOK_EVERY)
        return found

    def _rotate(self, has_secret: bool) -> None:
        self.stdout.write(new_secret())
        if has_secret:
            self.stdout.write(
                _(
                    "\n1. Put it before the others in WEBHOOK_SECRETS, and start the site anew: both are taken now.\n"
                    "2. manage.py blesta_webhook --register --site …, or paste the new address into Blesta.\n"
                    "3. manage.py blesta_webhook --test --site …\n"
                    "4. Take the old one out of WEBHOOK_SECRETS, and start the site anew."
                )
            )
