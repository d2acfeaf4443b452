"""What this machine offers the tests: which databases and brokers answer, and where.

Nothing here is flushed, dropped or stopped: other people's data may live on the same servers.
`python -m tests.surroundings` prints one line each.
"""

from __future__ import annotations

import importlib
import os
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

BROKER_URLS = {
    "redis": os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"),
    "rabbitmq": os.environ.get("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//"),
}


def must_have_everything() -> bool:
    """On a build machine an absent database or broker is a failure; on a desk it is a skip."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def why_not_postgresql() -> str:
    return _why_not("psycopg", _connect_postgresql)


def why_not_mariadb() -> str:
    return _why_not("MySQLdb", _connect_mariadb)


def why_not_sqlite() -> str:
    return ""


def why_not_broker(name: str) -> str:
    url = urlsplit(BROKER_URLS[name])
    default_port = {"redis": 6379, "rabbitmq": 5672}[name]

    def connect() -> None:
        socket.create_connection((url.hostname or "127.0.0.1", url.port or default_port), timeout=3).close()

    return _why_not("redis" if name == "redis" else "amqp", connect)


WHY_NOT: dict[str, Callable[[], str]] = {
    "postgresql": why_not_postgresql,
    "mariadb": why_not_mariadb,
    "sqlite": why_not_sqlite,
    "redis": lambda: why_not_broker("redis"),
    "rabbitmq": lambda: why_not_broker("rabbitmq"),
}


def _why_not(driver: str, connect: Callable[[], None]) -> str:
    """Empty when `connect` succeeds, else one short reason."""
    try:
        importlib.import_module(driver)
    except ImportError:
        return f"the Python driver {driver} is not installed"
    try:
        connect()
    except Exception as error:  # any failure means "not here", whatever its class
        return " ".join(str(error).split())[:200] or type(error).__name__
    return ""


def _connect_postgresql() -> None:
    import psycopg

    psycopg.connect(
        host=os.environ.get("PGHOST", "127.0.0.1"),
        port=os.environ.get("PGPORT", "5432"),
        user=os.environ.get("PGUSER", "postgres"),
        password=os.environ.get("PGPASSWORD") or None,
        dbname="postgres",
        connect_timeout=3,
    ).close()


def _connect_mariadb() -> None:
    import MySQLdb

    MySQLdb.connect(
        host=os.environ.get("MARIADB_HOST", "127.0.0.1"),
        port=int(os.environ.get("MARIADB_PORT", "3306")),
        user=os.environ.get("MARIADB_USER", "root"),
        password=os.environ.get("MARIADB_PASSWORD", ""),
        connect_timeout=3,
    ).close()


if __name__ == "__main__":
    for name, why_not in WHY_NOT.items():
        reason = why_not()
        print(f"{name:<11} {'absent: ' + reason if reason else 'answers'}")
