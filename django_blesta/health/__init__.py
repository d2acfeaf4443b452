"""Pages for machines: whether the process lives, whether the mirror is fresh, and figures for Prometheus.

Opt-in: a site includes `django_blesta.health.urls`. Guarded: a caller shows HEALTH_TOKEN of the BLESTA setting as a
bearer, or is staff who may see the status page. Blesta is not asked.
"""

from __future__ import annotations
