"""The demo site's settings on the best database that answers: PostgreSQL, else SQLite.

`BLESTA_TEST_DATABASE` (postgresql, mariadb, sqlite) takes the choice away. The choice is made here because settings
are the first thing that a test run imports, and is written to the environment so that every process of the run
shares it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

from tests.surroundings import must_have_everything, why_not_postgresql

if "BLESTA_TEST_DATABASE" not in os.environ:
    reason = why_not_postgresql()
    if reason and must_have_everything():
        raise RuntimeError(f"CI is set and PostgreSQL does not answer: {reason}")
    os.environ["BLESTA_TEST_DATABASE"] = "sqlite" if reason else "postgresql"
    os.environ["BLESTA_TEST_DATABASE_WHY"] = f"PostgreSQL does not answer: {reason}" if reason else "it answers"

from testproject.settings import *  # noqa: F403  (the choice above must come first; a settings module is a namespace)

# Hashing a password properly costs more than most tests do.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if os.environ["BLESTA_TEST_DATABASE"] == "sqlite":
    # A file, not memory: the threads and worker processes of a test must see the same rows. In a folder of this run's
    # own, since the write-ahead log that a killed run leaves behind would be replayed into the next one's database.
    if "BLESTA_TEST_SQLITE_FOLDER" not in os.environ:
        os.environ["BLESTA_TEST_SQLITE_FOLDER"] = tempfile.mkdtemp(prefix="django_blesta_")
        atexit.register(shutil.rmtree, os.environ["BLESTA_TEST_SQLITE_FOLDER"], ignore_errors=True)
    DATABASES["default"]["TEST"] = {"NAME": os.path.join(os.environ["BLESTA_TEST_SQLITE_FOLDER"], "test.sqlite3")}  # noqa: F405  (from the settings above)

# A test that wants a broker takes the fixture of that name; what others send stays in this process.
CELERY_BROKER_URL = "memory://localhost/"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, str] = {}
