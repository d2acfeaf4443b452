"""A real Celery worker in a process of its own, for tests that must see what a worker does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.surroundings import BROKER_URLS

CHECKOUT_DIR = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Broker:
    """A corner of a message broker that belongs to one test: its own queue, and on Redis its own key prefix."""

    name: str
    queue: str
    key_prefix: str

    @property
    def url(self) -> str:
        return BROKER_URLS[self.name]

    @property
    def transport_options(self) -> dict[str, str]:
        return {"global_keyprefix": self.key_prefix} if self.name == "redis" else {}


class WorkerProcess:
    """`celery -A testproject worker` on one queue. It is ready when its own log says so, not after a pause."""

    def __init__(
        self,
        broker: Broker,
        *,
        pool: str = "threads",
        concurrency: int = 2,
        environ: Mapping[str, str] | None = None,
        name: str = "",
    ) -> None:
        self.broker = broker
        self.name = name or f"{broker.queue}@localhost"
        self._lines: list[str] = []
        self._said = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen(  # noqa: S603  (our own interpreter and arguments)
            [
                *(sys.executable, "-m", "celery", "-A", "testproject", "worker"),
                *("-Q", broker.queue, "-n", self.name, "--pool", pool, "--concurrency", str(concurrency)),
                *("--loglevel", "INFO", "--without-gossip", "--without-mingle"),
            ],
            cwd=CHECKOUT_DIR,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "testproject.settings",
                "CELERY_BROKER_URL": broker.url,
                "CELERY_QUEUE": broker.queue,
                "CELERY_KEY_PREFIX": broker.key_prefix,
                "PYTHONUNBUFFERED": "1",
                **(environ or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"log of {self.name}", daemon=True)
        self._reader.start()

    def wait_until_ready(self, deadline: float = 60.0) -> WorkerProcess:
        if not self.wait_for_line(f"{self.name} ready.", deadline):
            self.kill()
            raise AssertionError(f"The worker was not ready after {deadline:g} seconds. It said:\n{self.log}")
        return self

    def wait_for_line(self, text: str, deadline: float = 30.0) -> bool:
        """True as soon as the worker has logged `text`; False at the deadline, or when the process ended first."""
        with self._said:
            self._said.wait_for(lambda: self._ended or any(text in line for line in self._lines), deadline)
            return any(text in line for line in self._lines)

    def wait_until(self, is_so: Callable[[], bool], deadline: float = 30.0) -> bool:
        """True as soon as `is_so`, which is asked whenever the worker has logged something; False at the deadline."""
        with self._said:
            return self._said.wait_for(lambda: self._ended or is_so(), deadline) and is_so()

    @property
    def log(self) -> str:
        return "".join(self._lines)

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def stop(self, deadline: float = 20.0) -> None:
        """A warm shutdown, as an operator's restart would do it; a worker that will not end is killed."""
        if self.running:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(deadline)
            except subprocess.TimeoutExpired:
                self.kill()
        self._close()

    def kill(self) -> None:
        """No goodbye at all: the process and its children, as when the machine loses power."""
        if self.running:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)
        self._close()

    def _close(self) -> None:
        self._reader.join(20)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._said:
                self._lines.append(line)
                self._said.notify_all()
        with self._said:
            self._ended = True
            self._said.notify_all()
