"""REST for a site that uses Django REST framework; nothing else of this app imports that.

::

    path("api/blesta/", include("django_blesta.rest_framework.urls"))
"""

from __future__ import annotations
