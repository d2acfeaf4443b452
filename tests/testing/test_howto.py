"""What the how-to shows works as it stands there: its tests pass, its commands are answered."""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from django_blesta.testing.simulator import Simulator
from django_blesta.testing.simulator.control import Control

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    name: (ROOT / "docs" / "howto" / f"{name}.md").read_text(encoding="utf-8")
    for name in ("test-your-site", "mirror-your-plugin")
}
PAGE = PAGES["test-your-site"]
PLUGIN = ["-p", "django_blesta.testing.pytest_plugin"]
COMMANDS = re.findall(r"^    (curl .*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(
    ("page", "site", "options"),
    [
        ("test-your-site", "tests.settings", []),
        ("mirror-your-plugin", "testproject.uptime.settings", PLUGIN),
    ],
)
def test_tests_on_the_page_pass_in_a_folder_of_their_own(
    page: str, site: str, options: list[str], tmp_path: Path
) -> None:
    files = dict(re.findall(r"^```python\n# (\S+\.py)\n(.*?)^```", PAGES[page], re.MULTILINE | re.DOTALL))
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    wanted = sum(text.count("def test_") for text in files.values())
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("BLESTA_", "PYTEST_"))}
    environ |= {"BLESTA_TEST_DATABASE": "sqlite", "PYTHONPATH": str(ROOT)}

    done = subprocess.run(  # noqa: S603  (our own interpreter, our own page)
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, f"--ds={site}",
         f"--rootdir={tmp_path}", *options, str(tmp_path)],
        cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=300,
    )  # fmt: skip

    assert f"{wanted} passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
def test_commands_on_the_page_are_answered() -> None:
    with Simulator(clients=0) as simulator:
        for command in COMMANDS:
            words = shlex.split(command.replace("http://127.0.0.1:8800/_control/", simulator.control_url))
            done = subprocess.run(words, capture_output=True, text=True, timeout=60)  # noqa: S603  (our own page)
            assert done.returncode == 0, command
            answer = json.loads(done.stdout)
            assert not (isinstance(answer, dict) and "error" in answer), (command, answer)
        assert simulator.crashes == []


def test_every_door_of_the_desk_is_on_the_page() -> None:
    shown = {re.search(r"_control/(\w*)", command).group(1) for command in COMMANDS}  # type: ignore[union-attr]  # each has one

    assert shown == {path for _, path in Control(Simulator(companies=0)._application)._doors}


def test_signatures_on_the_page_are_those_of_the_simulator() -> None:
    listed = re.findall(r"^\| `(\w+)\((.*?)\)` \|", PAGE, re.MULTILINE)

    assert len(listed) > 5
    for name, arguments in listed:
        _self, *parameters = inspect.signature(getattr(Simulator, name)).parameters.values()
        taken = [word.partition("=")[0].lstrip("*") for word in arguments.split(", ") if word != "*"]
        assert taken == [one.name for one in parameters if not (name == "apply" and one.name == "at")]
