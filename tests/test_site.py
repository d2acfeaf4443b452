"""The demo site itself: its pages answer, and its policy for scripts and styles is the strict one."""

from __future__ import annotations

import pytest
from django.test import Client


@pytest.mark.parametrize("path", ["/", "/login/", "/admin/login/"])
@pytest.mark.django_db
def test_page_answers_with_a_strict_policy_when_nobody_is_logged_in(client: Client, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 200
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.django_db
@pytest.mark.every_database
def test_admin_index_answers_when_staff_is_logged_in(admin_client: Client) -> None:
    assert admin_client.get("/admin/").status_code == 200
