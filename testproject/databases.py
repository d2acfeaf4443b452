"""Which database the site uses, from the environment: PostgreSQL, MariaDB or (by default) a SQLite file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BASE_DIR = Path(__file__).resolve().parent.parent

# Two checkouts on one machine share its database servers; a name of their own keeps their rows (and tests) apart.
CHECKOUT = hashlib.sha256(str(BASE_DIR).encode()).hexdigest()[:8]
DATABASE_NAME = f"blesta_{CHECKOUT}"


def database_from(environ: Mapping[str, str]) -> dict[str, Any]:
    """The `default` entry of DATABASES. `BLESTA_TEST_DATABASE` picks the kind, `BLESTA_TEST_DATABASE_NAME` overrules
    the name (a worker process that a test starts is pointed at the test's own database with it)."""
    kind = environ.get("BLESTA_TEST_DATABASE", "sqlite")
    match kind:
        case "postgresql":
            return _postgresql(environ)
        case "mariadb":
            return _mariadb(environ)
        case "sqlite":
            return _sqlite(environ)
    raise ValueError(f"BLESTA_TEST_DATABASE is {kind!r}; it must be postgresql, mariadb or sqlite.")


def _postgresql(environ: Mapping[str, str]) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": environ.get("BLESTA_TEST_DATABASE_NAME", DATABASE_NAME),
        "HOST": environ.get("PGHOST", "127.0.0.1"),
        "PORT": environ.get("PGPORT", "5432"),
        "USER": environ.get("PGUSER", "postgres"),
        "PASSWORD": environ.get("PGPASSWORD", ""),
        "OPTIONS": {"connect_timeout": 5},
    }


def _mariadb(environ: Mapping[str, str]) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.mysql",
        "NAME": environ.get("BLESTA_TEST_DATABASE_NAME", DATABASE_NAME),
        "HOST": environ.get("MARIADB_HOST", "127.0.0.1"),
        "PORT": environ.get("MARIADB_PORT", "3306"),
        "USER": environ.get("MARIADB_USER", "root"),
        "PASSWORD": environ.get("MARIADB_PASSWORD", ""),
        "OPTIONS": {"charset": "utf8mb4", "connect_timeout": 5, "isolation_level": "read committed"},
        "TEST": {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_unicode_ci"},
    }


def _sqlite(environ: Mapping[str, str]) -> dict[str, Any]:
    file = environ.get("BLESTA_TEST_DATABASE_NAME") or environ.get("DJANGO_BLESTA_SQLITE")
    path = Path(file) if file else BASE_DIR / ".demo" / "site.sqlite3"
    path.parent.mkdir(parents=True, exist_ok=True)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            # Taking the write lock at BEGIN turns "database is locked" in mid-transaction into a short wait.
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
