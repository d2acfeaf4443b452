"""`path("blesta-health/", include("django_blesta.health.urls"))`"""

from __future__ import annotations

from django.urls import path

from django_blesta.health import views

app_name = "blesta_health"
urlpatterns = [
    path("live/", views.live, name="live"),
    path("ready/", views.ready, name="ready"),
    path("metrics/", views.metrics, name="metrics"),
]
