"""What is written agrees with what is there: settings, commands, versions, links, and code that can be pasted."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest
from django.core.management import BaseCommand, find_commands, load_command_class

import django_blesta
from django_blesta import conf
from django_blesta.testing.simulator import Simulator

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [document.relative_to(ROOT).as_posix() for document in DOCUMENTS]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def documented(pattern: str, name: str) -> list[str]:
    return re.findall(pattern, text_of(name), re.MULTILINE)


def test_settings_page_lists_exactly_the_keys_that_are_read() -> None:
    options = {field.name.upper() for field in dataclasses.fields(conf.Installation)} - {"ALIAS"}

    listed = documented(r"^\| `([A-Z_]+)` \|", "docs/reference/settings.md")

    assert sorted(listed) == sorted(options | {"USER", "KEY"})


def test_settings_page_lists_exactly_the_mistakes_that_are_reported() -> None:
    source = text_of("django_blesta/conf.py") + text_of("django_blesta/options.py")

    listed = documented(r"^\| `django_blesta\.([EW]0\d{2})` \|", "docs/reference/settings.md")

    assert listed == sorted(set(re.findall(r'"([EW]\d{3})"', source)))


def test_commands_page_describes_every_command_of_the_package() -> None:
    commands = find_commands(str(ROOT / "django_blesta" / "management"))

    described = documented(r"^## `(blesta_\w+)`$", "docs/reference/commands.md")

    assert set(commands) <= set(described)


@pytest.mark.parametrize("command", sorted(find_commands(str(ROOT / "django_blesta" / "management"))))
def test_commands_page_lists_exactly_the_options_of_a_command(command: str) -> None:
    def own_options(of: BaseCommand) -> set[str]:
        actions = of.create_parser("manage.py", command)._actions
        return {name for action in actions for name in action.option_strings if name.startswith("--")}

    section = re.split(rf"^## `{command}`$", text_of("docs/reference/commands.md"), flags=re.MULTILINE)[1]
    terms = re.findall(r"^(`.*)\n: ", section.split("\n## ")[0], re.MULTILINE)
    listed = {name for term in terms for name in re.findall(r"--[a-z-]+", term)}

    assert listed == own_options(load_command_class("django_blesta", command)) - own_options(BaseCommand())


def test_floors_name_only_modules_that_are_there() -> None:
    rows = documented(r"^\| \d \| (.*?) \|", "docs/explanation/architecture.md")

    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]

    package = ROOT / "django_blesta"
    assert len(rows) == 9
    assert [name for name in named if not (package / name).is_dir() and not (package / f"{name}.py").exists()] == []


def test_tutorials_setting_names_the_user_that_the_simulator_prints() -> None:
    text = text_of("docs/tutorial/first-site.md")

    assert f'"USER": "{Simulator(clients=1).user}"' in text
    (port,) = set(re.findall(r"--port (\d+)", text))
    assert f'"URL": "http://127.0.0.1:{port}/"' in text


def test_version_is_one_when_read_from_package_and_distribution() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]

    assert project["version"] == django_blesta.__version__


@pytest.mark.parametrize("name", NAMES)
def test_python_block_compiles_when_pasted(name: str) -> None:
    for block in re.findall(r"^ *```python\n(.*?)^ *```", text_of(name), re.MULTILINE | re.DOTALL):
        lines = block.splitlines()
        indent = len(lines[0]) - len(lines[0].lstrip())
        compile("\n".join(line[indent:] for line in lines), name, "exec")


@pytest.mark.parametrize("name", NAMES)
def test_relative_link_leads_to_a_file(name: str) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)[^)]*\)", text_of(name))

    assert [link for link in links if not ((ROOT / name).parent / link).exists()] == []


def test_readme_adds_the_app_to_a_site_in_under_thirty_lines_of_code() -> None:
    section = text_of("README.md").split("## Add it to your site")[1].split("\n## ")[0]
    fenced = "".join(re.findall(r"```python\n(.*?)```", section, re.DOTALL)).splitlines()
    indented = [line for line in section.splitlines() if line.startswith("    python ")]

    assert 0 < len(fenced) + len(indented) < 30


def test_every_page_of_the_documentation_is_reached_from_its_index() -> None:
    index = text_of("docs/index.md")
    pages = {path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}

    assert {page for page in pages - {"index"} if page not in index} == set()
