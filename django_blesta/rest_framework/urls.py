from __future__ import annotations

from django.urls import path

from django_blesta.rest_framework.views import ContactsView, ContactView, OperationView

app_name = "blesta_api"

urlpatterns = [
    path("contacts/", ContactsView.as_view(), name="contacts"),
    path("contacts/<int:pk>/", ContactView.as_view(), name="contact"),
    path("operations/<str:token>/", OperationView.as_view(), name="operation"),
]
