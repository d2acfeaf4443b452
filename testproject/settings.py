"""Settings of the demo site, which the tests use too. Everything that differs between machines comes from the
environment; without any, the site runs on a SQLite file and answers on localhost."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

from testproject.databases import BASE_DIR, CHECKOUT, database_from

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "demo-only-and-public-so-never-use-it-on-a-real-site")
DEBUG = os.environ.get("DJANGO_DEBUG", "") in {"1", "true", "yes"}
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", "testserver"]

INSTALLED_APPS = [
    "testproject",
    "django_blesta",
    "rest_framework",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

DJANGO_HAS_CSP = importlib.util.find_spec("django.middleware.csp") is not None
MIDDLEWARE = [
    "django_blesta.middleware.CorrelationMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware"
    if DJANGO_HAS_CSP
    else "testproject.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
# No inline script or style anywhere: a page of the app that needs one fails on a strict site, so it fails here.
SECURE_CSP = {
    "default-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "object-src": ["'none'"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
}
X_FRAME_OPTIONS = "DENY"

ROOT_URLCONF = "testproject.urls"
WSGI_APPLICATION = "testproject.wsgi.application"
ASGI_APPLICATION = "testproject.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES: dict[str, dict[str, Any]] = {"default": database_from(os.environ)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / ".demo" / "static"

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}

# The discard port: a test that forgets to name its simulator is refused by the machine, not answered by something else.
BLESTA: dict[str, Any] = {
    "URL": os.environ.get("BLESTA_URL", "http://127.0.0.1:9/api/"),
    "USER": os.environ.get("BLESTA_USER", "nobody"),
    "KEY": os.environ.get("BLESTA_KEY", "no-key"),
    "WEBHOOK_SECRETS": [os.environ.get("BLESTA_WEBHOOK_SECRET", "demo-only-and-public-webhook-secret")],
}
if "BLESTA_REQUESTS_PER_SECOND" in os.environ:
    # "none" for a simulator that is in no need of mercy
    _rate = os.environ["BLESTA_REQUESTS_PER_SECOND"]
    BLESTA["REQUESTS_PER_SECOND"] = None if _rate == "none" else float(_rate)

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0")
CELERY_TASK_DEFAULT_QUEUE = os.environ.get("CELERY_QUEUE", f"blesta_{CHECKOUT}")
# Only Redis has a key prefix; the other transports have no such option and must not be given one.
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"global_keyprefix": os.environ.get("CELERY_KEY_PREFIX", f"blesta_{CHECKOUT}:")}
    if CELERY_BROKER_URL.startswith("redis")
    else {}
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ALWAYS_EAGER = False
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"django_blesta": {"handlers": ["console"], "level": os.environ.get("BLESTA_LOG_LEVEL", "WARNING")}},
}
