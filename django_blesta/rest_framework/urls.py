from __future__ import annotations

from django.urls import path

from django_blesta.rest_framework.views import (
    CancelServiceView,
    ContactsView,
    ContactView,
    OperationView,
    UncancelServiceView,
)

app_name = "blesta_api"

urlpatterns = [
    path("contacts/", ContactsView.as_view(), name="contacts"),
    path("contacts/<int:pk>/", ContactView.as_view(), name="contact"),
    path("services/<int:pk>/cancel/", CancelServiceView.as_view(), name="service-cancel"),
    path("services/<int:pk>/uncancel/", UncancelServiceView.as_view(), name="service-uncancel"),
    path("operations/<str:token>/", OperationView.as_view(), name="operation"),
]
