"""The demo site's settings, pointed at a stub of which the environment says where it is and how to ask it."""

from __future__ import annotations

import os

from testproject.settings import *  # noqa: F403  (a settings module is a namespace)

BLESTA = {
    "URL": os.environ.get("BENCH_URL", "http://127.0.0.1:9/"),
    "USER": "user",
    "KEY": "key",
    "REQUESTS_PER_SECOND": None,
    "MAX_IN_FLIGHT": int(os.environ.get("BENCH_IN_FLIGHT", "4")),
    "WEBHOOK_SECRETS": [os.environ.get("BENCH_WEBHOOK_SECRET", "the-secret-of-a-benchmark-0123456789")],
}
DATABASES["default"]["CONN_MAX_AGE"] = int(os.environ.get("BENCH_CONN_MAX_AGE", "0"))  # noqa: F405  (from the above)
LOGGING = {"version": 1, "disable_existing_loggers": False}
