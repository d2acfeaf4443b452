from __future__ import annotations

from typing import Any

import pytest

from django_blesta import conf
from django_blesta.testing.simulator import Simulator


def test_the_fixture_is_an_empty_blesta_that_the_settings_point_at(blesta: Simulator) -> None:
    installation = conf.installation()
    assert installation.url == blesta.url
    assert installation.credentials(None)[1].resolve() == (blesta.user, blesta.key)
    assert blesta.state.tables["clients"] == {}
    assert len(blesta.state.tables["companies"]) == 1


@pytest.mark.parametrize("blesta_simulator", [{"clients": 3, "seed": 2, "companies": 2}], indirect=True)
def test_a_test_may_ask_for_more(blesta: Simulator) -> None:
    assert len(blesta.state.tables["clients"]) == 3
    assert set(conf.installation().companies) == {1, 2} == set(blesta.credentials)


def test_the_simulator_without_the_setting(blesta_simulator: Simulator, settings: Any) -> None:
    assert settings.BLESTA["URL"] != blesta_simulator.url
