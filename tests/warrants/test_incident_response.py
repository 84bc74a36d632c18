"""The incident-response policy, tried call by call with Tenuo's own authorizer."""

from __future__ import annotations

import pytest
from tenuo.exceptions import ApprovalGateTriggered

from tests.warrants.calls import ALLOWED, REFUSED, STOPS, Desk

SERVICE = "payment-service-prod"
# Beginning with the Cyrillic er, then with zero-width and no-break characters.
NEAR_MISSES = [
    "Production",
    "PRODUCTION",
    "production ",
    " production",
    "prod",
    "рroduction",
    "production\u200b",
    "production\n",
    "prоduction",
    "",
    "*",
]


@pytest.mark.parametrize("environment", NEAR_MISSES)
@pytest.mark.parametrize("tool", ["restart_service", "scale_service"])
def test_a_near_miss_of_production_is_refused_and_never_runs(desk: Desk, tool: str, environment: str) -> None:
    more = {"replicas": 3} if tool == "scale_service" else {}
    assert desk.outcome(tool, service=SERVICE, environment=environment, **more) == REFUSED


@pytest.mark.parametrize("environment", [1, True, None, ["production"], ["staging"], 1.5])
def test_an_environment_that_is_not_text_is_refused(desk: Desk, environment: object) -> None:
    assert desk.outcome("restart_service", service=SERVICE, environment=environment) == REFUSED


def test_restarting_and_scaling_in_production_stops_for_a_person(desk: Desk) -> None:
    assert desk.outcome("restart_service", service=SERVICE, environment="production") == STOPS
    assert desk.outcome("scale_service", service=SERVICE, environment="production", replicas=3) == STOPS


@pytest.mark.parametrize("environment", ["staging", "dev"])
def test_staging_and_dev_need_nobody(desk: Desk, environment: str) -> None:
    assert desk.outcome("restart_service", service=SERVICE, environment=environment) == ALLOWED
    assert desk.outcome("scale_service", service=SERVICE, environment=environment, replicas=3) == ALLOWED


def test_the_gate_says_in_words_why_it_stopped(desk: Desk) -> None:
    with pytest.raises(ApprovalGateTriggered, match="Restarting a service in production needs a person's approval"):
        desk.attempt("restart_service", service=SERVICE, environment="production")
    assert desk.warrant.approval_gate_message("scale_service").startswith("Scaling a service in production")


def test_reading_is_for_this_incidents_service_only(desk: Desk) -> None:
    assert desk.outcome("read_logs", service=SERVICE, minutes=30) == ALLOWED
    assert desk.outcome("read_metrics", service=SERVICE, metric="error_rate") == ALLOWED
    assert desk.outcome("read_logs", service="checkout-service-prod", minutes=30) == REFUSED
    assert desk.outcome("read_logs", service="{incident.service}", minutes=30) == REFUSED


@pytest.mark.parametrize(
    ("replicas", "expected"),
    [(1, ALLOWED), (10, ALLOWED), (0, REFUSED), (11, REFUSED), (-1, REFUSED), ("5", REFUSED), (True, REFUSED)],
)
def test_replicas_are_one_to_ten(desk: Desk, replicas: object, expected: str) -> None:
    assert desk.outcome("scale_service", service=SERVICE, environment="dev", replicas=replicas) == expected


def test_a_float_passes_a_range_so_whole_numbers_are_the_tools_own_business(desk: Desk) -> None:
    assert desk.outcome("scale_service", service=SERVICE, environment="dev", replicas=2.0) == ALLOWED
    assert desk.outcome("scale_service", service=SERVICE, environment="dev", replicas=10.5) == REFUSED


def test_status_goes_to_two_channels_and_escalation_up_to_medium(desk: Desk) -> None:
    assert desk.outcome("post_status", channel="#incidents", text="Looking.") == ALLOWED
    assert desk.outcome("post_status", channel="#status", text="Looking.") == ALLOWED
    assert desk.outcome("post_status", channel="#general", text="Looking.") == REFUSED
    assert desk.outcome("escalate", severity="medium", summary="Please look.") == ALLOWED
    assert desk.outcome("escalate", severity="critical", summary="Please look.") == REFUSED


def test_an_undeclared_argument_or_a_missing_one_is_refused(desk: Desk) -> None:
    assert desk.outcome("restart_service", service=SERVICE, environment="dev", force=True) == REFUSED
    assert desk.outcome("restart_service", service=SERVICE) == REFUSED


def test_what_the_policy_does_not_name_is_refused(desk: Desk) -> None:
    assert desk.outcome("delete_database", name="orders-prod").startswith(REFUSED)
    assert desk.outcome("modify_iam", principal="support-bot", role="owner").startswith(REFUSED)
