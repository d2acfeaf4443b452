from __future__ import annotations

from django.urls import path

from django_blesta.rest_framework.mirrors import (
    AnyMirrorDetail,
    AnyMirrorList,
    InvoicesView,
    InvoiceView,
    MirrorsView,
    ServiceDetailView,
    ServicesView,
    TransactionsView,
    TransactionView,
)
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
    path("invoices/", InvoicesView.as_view(), name="invoices"),
    path("invoices/<int:pk>/", InvoiceView.as_view(), name="invoice"),
    path("transactions/", TransactionsView.as_view(), name="transactions"),
    path("transactions/<int:pk>/", TransactionView.as_view(), name="transaction"),
    path("services/", ServicesView.as_view(), name="services"),
    path("services/<int:pk>/", ServiceDetailView.as_view(), name="service"),
    path("services/<int:pk>/cancel/", CancelServiceView.as_view(), name="service-cancel"),
    path("services/<int:pk>/uncancel/", UncancelServiceView.as_view(), name="service-uncancel"),
    path("operations/<str:token>/", OperationView.as_view(), name="operation"),
    path("mirrors/", MirrorsView.as_view(), name="mirrors"),
    path("mirrors/<str:mirror>/", AnyMirrorList.as_view(), name="mirror-list"),
    path("mirrors/<str:mirror>/<int:pk>/", AnyMirrorDetail.as_view(), name="mirror-detail"),
]
