"""The demo site's addresses: front page, admin, the customer's billing, the API, Blesta's
webhooks, logging in and out."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView, TemplateView

urlpatterns: list[URLPattern | URLResolver] = [
    path("", TemplateView.as_view(template_name="testproject/home.html"), name="home"),
    path("login/", LoginView.as_view(template_name="testproject/login.html"), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("favicon.ico", RedirectView.as_view(url=static("testproject/icon.svg"))),
    path("billing/", include("django_blesta.portal.urls")),
    path("blesta-health/", include("django_blesta.health.urls")),
    path("api/billing/", include("django_blesta.rest_framework.urls")),
    path("blesta/hooks/", include("django_blesta.webhooks.urls")),
    path("admin/", admin.site.urls),
]
