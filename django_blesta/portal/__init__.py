"""The customer's own pages; `path("billing/", include("django_blesta.portal.urls"))` puts them on a site."""

from __future__ import annotations
