from __future__ import annotations

from django.urls import include, path

from testproject.urls import urlpatterns as site

urlpatterns = [path("blesta-health/", include("django_blesta.health.urls")), *site]
