"""A company with one customer, mirrored: what every test of a change starts from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from django_blesta import sync
from django_blesta.models import Client, ClientGroup, ClientLink, Company, Contact
from django_blesta.testing.simulator import Simulator

ADA = {
    "first_name": "Ada",
    "last_name": "Byron",
    "company": "Analytical Engines",
    "email": "ada@example.com",
    "address1": "12 St James's Square",
    "city": "London",
    "zip": "SW1Y 4JH",
    "country": "GB",
}


@pytest.fixture
def billing(settings) -> Iterator[Simulator]:
    """Blesta on a socket, which this site is configured for; its only client is 1, with contact 1."""
    with Simulator(clients=0) as simulator:
        simulator.add_client(**ADA)
        settings.BLESTA = simulator.settings() | {"REQUESTS_PER_SECOND": 1000}
        yield simulator
    assert simulator.crashes == []


@pytest.fixture
def contact(billing: Simulator, db: None) -> Contact:
    """The mirror of that client's contact; the requests that brought it are forgotten."""
    for model in (Company, ClientGroup, Client, Contact):
        assert sync.refresh(model, 1)
    billing.requests.clear()
    return Contact.objects.get(pk=1)


@pytest.fixture
def ada(django_user_model, contact: Contact):
    """The user of this site who speaks for that client."""
    user = django_user_model.objects.create_user("ada", password="secret")
    ClientLink.objects.create(user=user, client_id=contact.client_id)
    return user


def writes(simulator: Simulator) -> list[str]:
    """What reached Blesta and was not a read."""
    return [f"{one.model}.{one.method}" for one in simulator.requests if one.verb != "GET"]
