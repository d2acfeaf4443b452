"""Servers of a test's own, on free ports and in folders that go with them: these may be killed and emptied.

Each `why_not` says why its server cannot be started here, or nothing.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class OwnServer:
    """A process that answers on `port`. `restart` is a kill, not a goodbye."""

    patience = 60.0

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="django_blesta_server_"))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> OwnServer:
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self) -> None:
        return None

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def environ(self) -> Mapping[str, str]:
        return {}

    def user(self) -> str | None:
        return None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  (a server of this machine, with our own arguments)
                self.command(),
                cwd=self.folder,
                env={**os.environ, **self.environ()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self.user(),
                start_new_session=True,
            )
        until = time.monotonic() + self.patience
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"{type(self).__name__} does not answer. It said:\n{self.log}")
            time.sleep(0.05)  # no server says over the wire when it will begin to listen

    def answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(20)
            self._process = None

    def restart(self) -> None:
        self.kill()
        self.start()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-4000:]


def _program(name: str, *elsewhere: str) -> str:
    """Where a program is, or nothing; servers are often outside of PATH."""
    if found := shutil.which(name):
        return found
    for pattern in elsewhere:
        if several := sorted(Path("/").glob(f"{pattern.lstrip('/')}/{name}")):
            return str(several[-1])
    return ""


class OwnPostgreSQL(OwnServer):
    """A cluster of its own, writing to disk as a real one does."""

    PROGRAMS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")

    @classmethod
    def why_not(cls) -> str:
        if not _program("initdb", *cls.PROGRAMS) or not _program("postgres", *cls.PROGRAMS):
            return "PostgreSQL's own programs (initdb, postgres) are not on this machine"
        if os.geteuid() == 0 and cls._other_user() is None:
            return "PostgreSQL does not run as root, and there is no user named postgres"
        return ""

    @staticmethod
    def _other_user() -> str | None:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam("postgres").pw_name
        return None

    def user(self) -> str | None:
        return self._other_user() if os.geteuid() == 0 else None

    def prepare(self) -> None:
        if user := self.user():
            shutil.chown(self.folder, user)
        words = [
            *(_program("initdb", *self.PROGRAMS), "-D", str(self.folder / "data"), "-U", "postgres"),
            *("-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"),
        ]
        subprocess.run(words, cwd=self.folder, user=self.user(), check=True, capture_output=True)  # noqa: S603  (as above)

    def command(self) -> Sequence[str]:
        return [
            *(_program("postgres", *self.PROGRAMS), "-D", str(self.folder / "data"), "-p", str(self.port)),
            *("-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}"),
        ]

    def answers(self) -> bool:
        import psycopg

        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(
                host="127.0.0.1", port=self.port, user="postgres", dbname="postgres", connect_timeout=2
            ).close()
            return True
        return False


class OwnRedis(OwnServer):
    """Keeps nothing on disk: after a restart it is empty."""

    @staticmethod
    def why_not() -> str:
        return "" if _program("redis-server") else "redis-server is not on this machine"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> Sequence[str]:
        words = (_program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder))
        return [*words, "--save", "", "--appendonly", "no"]

    def empty(self) -> None:
        import redis

        with redis.Redis.from_url(self.url) as store:
            store.flushall()


class OwnRabbitMQ(OwnServer):
    """A node of its own; `empty` takes its folder away with every queue and message."""

    WRAPPED = "/usr/lib/rabbitmq/bin"  # Debian's script in PATH insists on its own user

    def __init__(self) -> None:
        super().__init__()
        self._name = f"blesta_{uuid.uuid4().hex[:8]}@localhost"
        self._other_port = free_port()

    @classmethod
    def _server(cls) -> str:
        wrapped = Path(cls.WRAPPED, "rabbitmq-server")
        return str(wrapped) if wrapped.exists() else _program("rabbitmq-server")

    @classmethod
    def why_not(cls) -> str:
        return "" if cls._server() else "rabbitmq-server is not on this machine"

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def prepare(self) -> None:
        (self.folder / "plugins").write_text("[].")

    def command(self) -> Sequence[str]:
        return [self._server()]

    def environ(self) -> Mapping[str, str]:
        return {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": self._name,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._other_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "none"),
            "RABBITMQ_LOGS": "-",
        }

    def answers(self) -> bool:
        import kombu

        with contextlib.suppress(Exception):  # each way of not being ready yet has a class of its own
            with kombu.Connection(self.url, connect_timeout=2) as connection:
                connection.connect()
            return True
        return False

    def empty(self) -> None:
        self.kill()
        shutil.rmtree(self.folder / "mnesia")
        self.start()
