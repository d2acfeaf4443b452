from __future__ import annotations

from django.urls import include, path
from rest_framework.views import APIView

from django_blesta.models import Contact
from django_blesta.operations import contacts
from django_blesta.rest_framework.exceptions import blesta_exception_handler


class SiteView(APIView):
    """A view of the site's own that uses the exception handler and nothing else of ours."""

    authentication_classes = ()
    permission_classes = ()

    def get_exception_handler(self):
        return blesta_exception_handler

    def post(self, request):
        contacts.edit(Contact.objects.get(pk=1), changes={"company_name": "c" * 129, "email": "nobody"})

    def get(self, request):
        from rest_framework.exceptions import ValidationError

        raise ValidationError({"own": ["The site's own."]})


urlpatterns = [
    path("api/blesta/", include("django_blesta.rest_framework.urls")),
    path("site/", SiteView.as_view()),
]
