"""What the documents say is what the code does: settings, commands, errors, dependencies."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandParser

from tests.config.source import ROOMS, ROOT, document, error_classes, sources, variables_read
from workers.gates import errors as gate_errors
from workers.gates.checks import PHONE_HOME

OWN_COMMANDS = sorted(name for name, app in get_commands().items() if app in ROOMS)
ERROR_FILES = list(sources(*ROOMS, pattern="errors.py"))
# Nothing of a terminal's is a setting of ours.
NOT_SETTINGS = {"TERM", "NO_COLOR", "PATH", "HOME", "DJANGO_SETTINGS_MODULE"}


def in_code_marks(text: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", text))


def variables() -> set[str]:
    return {name for path in sources(*ROOMS) for name in variables_read(path)} - NOT_SETTINGS


def names_in(file: str) -> list[str]:
    lines = (ROOT / "requirements" / file).read_text().splitlines()
    found = [re.match(r"[A-Za-z0-9._-]+", line) for line in lines if not line.startswith(("#", "-"))]
    return [match[0] for match in found if match]


def test_every_variable_that_is_read_is_in_the_settings_document() -> None:
    assert len(variables()) > 20
    assert variables() - in_code_marks(document("settings.md")) == set()


def test_the_settings_document_names_no_variable_that_nothing_reads() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)`", document("settings.md"), re.MULTILINE))
    assert documented - variables() == set()


def test_variables_that_stop_a_worker_are_in_the_settings_document() -> None:
    assert set(PHONE_HOME) <= in_code_marks(document("settings.md"))


@pytest.mark.parametrize("name", OWN_COMMANDS)
def test_every_command_and_option_is_in_the_commands_document(name: str) -> None:
    text = document("commands.md")
    line = next((line for line in text.splitlines() if re.search(rf"manage\.py {name}\b", line)), "")
    assert line
    for option in options_of(name):
        assert option in line


def options_of(name: str) -> list[str]:
    """Return the options that the command adds to those every command has."""
    parser = CommandParser(prog=name)
    command = load_command_class(get_commands()[name], name)
    assert isinstance(command, BaseCommand)
    command.add_arguments(parser)
    return [option for action in parser._actions for option in action.option_strings if option not in ("-h", "--help")]


@pytest.mark.parametrize("path", ERROR_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_error_and_its_code_is_in_the_errors_document(path: Path) -> None:
    text = document("errors.md")
    relative = path.relative_to(ROOT).as_posix()
    assert relative in text
    for name, code in error_classes(path).items():
        if code is None:
            assert f"`{name}`" in text, name
        else:
            assert re.search(rf"^\| `{code}` \| `{name}` \|", section_with(relative, text), re.MULTILINE), name


def section_with(relative: str, text: str) -> str:
    return next(section for section in text.split("\n## ") if relative in section)


def test_every_failure_type_of_a_guarded_call_is_in_the_errors_document() -> None:
    constants = {value for name, value in vars(gate_errors).items() if name.isupper() and isinstance(value, str)}
    assert gate_errors.DENIAL_TYPES | constants <= in_code_marks(document("errors.md"))


@pytest.mark.parametrize("file", ["base.in", "dev.in"])
def test_every_dependency_has_its_sentence(file: str) -> None:
    explained = dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", document("dependencies.md"), re.MULTILINE))
    assert len(names_in(file)) > 10
    for name in names_in(file):
        assert explained.get(name), name


def test_no_dependency_is_explained_that_is_not_there() -> None:
    explained = set(re.findall(r"^\| `([^`]+)` \|", document("dependencies.md"), re.MULTILINE))
    assert explained == {*names_in("base.in"), *names_in("dev.in")}


@pytest.mark.parametrize(
    "path", [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"], ids=lambda path: path.name
)
def test_a_link_between_documents_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        if "://" not in target and "/images/" not in target:
            assert (path.parent / target).exists(), target
