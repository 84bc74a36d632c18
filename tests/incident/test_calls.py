"""Which calls fit a tool."""

from __future__ import annotations

import inspect
import json

import pytest

from workers.incident.activities import TOOLS
from workers.incident.calls import INVALID_ARGUMENTS, SPECS, UNKNOWN_TOOL, CallRefused, arguments_for, denial_text
from workers.incident.contracts import ModelAnswer


def answer(tool: str, arguments: object) -> ModelAnswer:
    return ModelAnswer("why", tool, json.dumps(arguments))


def test_the_model_is_told_of_exactly_the_worker_s_tools_and_their_parameters() -> None:
    declared = {
        function.__name__: {
            name: {"str": str, "int": int}[str(parameter.annotation)]
            for name, parameter in inspect.signature(function).parameters.items()
        }
        for function in TOOLS
    }
    assert {name: spec.parameters for name, spec in SPECS.items()} == declared
    assert {name: list(spec.parameters) for name, spec in SPECS.items()} == {
        name: list(parameters) for name, parameters in declared.items()
    }


def test_arguments_come_out_in_declared_order() -> None:
    wanted = {"replicas": 3, "environment": "production", "service": "a"}
    assert arguments_for(answer("scale_service", wanted)) == ["a", "production", 3]


def test_an_unknown_tool_is_refused_by_name() -> None:
    with pytest.raises(CallRefused, match="There is no tool named launch") as refused:
        arguments_for(answer("launch", {}))
    assert refused.value.code == UNKNOWN_TOOL


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"service": "a"},
        {"service": "a", "minutes": "5"},
        {"service": "a", "minutes": 5.0},
        {"service": "a", "minutes": True},
        {"service": "a", "minutes": None},
        {"service": "a", "minutes": 2**63},
        {"service": ["a"], "minutes": 5},
        {"service": {"a": 1}, "minutes": 5},
        {"service": "a", "minutes": 5, "force": True},
        {"service": "a" * 2001, "minutes": 5},
        {"service": "a\0", "minutes": 5},
        {"service": "\ud800", "minutes": 5},
        [1, 2],
        "service",
        None,
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments: object) -> None:
    with pytest.raises(CallRefused) as refused:
        arguments_for(answer("read_logs", arguments))
    assert refused.value.code == INVALID_ARGUMENTS


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"service": ' + "9" * 5000 + "}"])
def test_text_that_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(CallRefused):
        arguments_for(ModelAnswer("why", "read_logs", text))


def test_the_model_is_told_what_people_would_rather_agree_to() -> None:
    said = [{"reason": "No."}, {"reason": "Less.", "proposed_arguments": {"service": "a", "replicas": 2, "note": "ü"}}]
    told = denial_text("2 people denied scale_service: No.; Less.", ["No.; Less.", said])
    assert told.startswith("2 people denied scale_service: No.; Less. They propose these arguments instead: ")
    assert '{"service": "a", "replicas": 2, "note": "ü"}' in told


@pytest.mark.parametrize("details", [[], ["No."], ["No.", "text"], ["No.", [None, 1, {"reason": "No."}]]], ids=str)
def test_a_denial_without_a_proposal_is_told_as_it_is(details: list[object]) -> None:
    assert denial_text("A person denied it: No.", details) == "A person denied it: No."
