"""Fixtures for the tests of a site that bills with Blesta, and for our own.

Put `pytest_plugins = ["django_blesta.testing.pytest_plugin"]` into the `conftest.py` at the root of your tests; it
wants pytest-django. Then a test takes `blesta`, a simulated Blesta that the site's settings point at:

    def test_paid_invoices_are_mirrored(blesta, db):
        client = blesta.add_client(first_name="Ada")
        invoice = blesta.add_invoice(client["id"], [{"description": "Hosting", "amount": "9.99"}])
        blesta.add_transaction(client["id"], "9.99", invoice_id=invoice["id"])
        ...

It has no clients unless the test asks for some, with the simulator's own arguments:

    @pytest.mark.parametrize("blesta_simulator", [{"clients": 25, "seed": 3}], indirect=True)
    def test_with_a_whole_company(blesta, db): ...
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from django_blesta.testing.simulator import Simulator


@pytest.fixture
def blesta_simulator(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """A simulator on a free port, for this test alone; a mistake of the simulator's own fails the test."""
    wanted: dict[str, Any] = {"clients": 0, **getattr(request, "param", {})}
    with Simulator(**wanted) as simulator:
        yield simulator
    if simulator.crashes:
        pytest.fail("The simulator itself broke:\n" + "\n".join(simulator.crashes), pytrace=False)


@pytest.fixture
def blesta(blesta_simulator: Simulator, settings: Any) -> Simulator:
    """The simulator, with the setting BLESTA pointing at it and no pacing to wait for."""
    settings.BLESTA = {**blesta_simulator.settings(), "REQUESTS_PER_SECOND": None}
    return blesta_simulator
