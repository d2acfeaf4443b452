"""One address, with the secret in it or without: `path("blesta/hooks/", include("django_blesta.webhooks.urls"))`."""

from __future__ import annotations

from django.urls import path, re_path

from django_blesta.webhooks import receive

app_name = "blesta_webhooks"

urlpatterns = [
    path("", receive, name="receiver"),
    # With and without the slash: a redirect would turn Blesta's POST into a GET.
    re_path(r"^(?P<secret>[^/]+)/?$", receive, name="receiver"),
]
