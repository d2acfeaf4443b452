"""Whose rows a user sees."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User as SiteUser
from django.utils import timezone

from django_blesta import sync
from django_blesta.models import Client, ClientLink, Contact, Invoice, InvoiceLine

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(blesta):
    client = blesta.add_client(first_name="Ada")
    other = blesta.add_client(first_name="Eve")
    for one in (client, other):
        blesta.add_invoice(one["id"], [{"description": "Hosting", "amount": "9.99"}])
    sync.run()
    user = SiteUser.objects.create_user("ada")
    ClientLink.objects.create(user=user, client_id=client["id"])
    return user


MODELS = [Client, Contact, Invoice, InvoiceLine]


@pytest.mark.parametrize("model", MODELS)
def test_a_user_sees_the_linked_clients_rows_only(user, model):
    seen = model.objects.for_user(user)
    assert 0 < seen.count() < model.objects.count()
    client_id = user.blesta_links.get().client_id
    assert set(seen.values_list(model.client_path, flat=True)) == {client_id}


@pytest.mark.parametrize("model", MODELS)
def test_nothing_is_seen_of_a_client_that_is_gone(user, model):
    Client.objects.filter(pk=user.blesta_links.get().client_id).update(gone_at=timezone.now())
    assert not model.objects.for_user(user).exists()


@pytest.mark.parametrize("model", MODELS)
def test_a_suspended_link_an_inactive_user_and_nobody_see_nothing(user, model):
    assert not model.objects.for_user(None).exists()
    ClientLink.objects.update(suspended_at=timezone.now())
    assert not model.objects.for_user(user).exists()
    ClientLink.objects.update(suspended_at=None)
    user.is_active = False
    assert not model.objects.for_user(user).exists()


def test_a_row_is_seen_before_its_client_has_arrived(user):
    client_id = user.blesta_links.get().client_id
    Client.objects.filter(pk=client_id).delete()
    assert Invoice.objects.for_user(user).count() == 1
    assert Invoice.objects.for_user(user).get().client is None
