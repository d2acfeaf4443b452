"""The customer's addresses; a second installation is included again with `{"using": "its alias"}`."""

from __future__ import annotations

from django.urls import path

from django_blesta.portal import views

app_name = "blesta"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("services/", views.services, name="services"),
    path("invoices/", views.invoices, name="invoices"),
    path("invoices/<int:pk>/", views.invoice, name="invoice"),
    path("payments/", views.payments, name="payments"),
    path("contact/", views.contact, name="contact"),
    path("contact/<int:pk>/", views.contact, name="contact_of"),
]
