"""The tools that workers report: what is kept of them, what lint makes of them, and who sees them."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.roles.contracts import Role
from tests.people import person
from tests.warrants.test_linting import CHECK, NAME, NEXT, TEXT, found, signed_in
from warrants.catalogue import queries, services
from warrants.catalogue.contracts import MAXIMUM_TOOLS, CatalogueTool, Parameter
from warrants.models import ReportedTool

pytestmark = pytest.mark.django_db

PAGE = "/policies/tools/"
SERVICE, ENVIRONMENT, MINUTES = (
    Parameter("service", "str"),
    Parameter("environment", "str"),
    Parameter("minutes", "int"),
)
RESTART = CatalogueTool("restart_service", (SERVICE, ENVIRONMENT), "Restart a service.", ())


def report(*tools: CatalogueTool, namespace: str = "default", task_queue: str = "agents") -> int:
    return services.record(namespace=namespace, task_queue=task_queue, tools=tools)


def tool(name: str, *parameters: Parameter, about: Any = "") -> CatalogueTool:
    return CatalogueTool(name, parameters, about, ())


def grow_old(hours: int, **which: str) -> None:
    ReportedTool.objects.filter(**which).update(seen_at=timezone.now() - timedelta(hours=hours))


def page(**asked: object) -> str:
    return signed_in(person("reader", Role.POLICY_AUTHOR)).get(PAGE, asked).content.decode()


def test_a_tool_is_one_wherever_it_is_alike() -> None:
    for queue in ("agents", "night"):
        report(RESTART, task_queue=queue)
    report(tool("restart_service", SERVICE), namespace="prd")
    alike, other = queries.tools()
    assert (alike.name, alike.parameters, alike.description) == (RESTART.name, RESTART.parameters, RESTART.description)
    assert (alike.places, other.places) == (("default/agents", "default/night"), ("prd/agents",))
    assert queries.tools(["another"]) == []


def test_the_newest_word_of_a_task_queue_stands() -> None:
    report(RESTART)
    first = ReportedTool.objects.get().first_seen_at
    report(tool("restart_service", SERVICE, about="It restarts."))
    (row,) = ReportedTool.objects.all()
    assert (row.description, row.parameters, row.first_seen_at) == ("It restarts.", [["service", "str", True]], first)


@pytest.mark.parametrize(
    "hostile",
    [
        tool(""),
        tool("\0"),
        tool("x" * 201),
        tool(" padded "),
        tool("two\nlines"),
        tool("\ud800"),
        tool("\u202egnitset"),
        tool(7),  # type: ignore[arg-type]
        tool("many", *(Parameter(f"p{number}", "str") for number in range(65))),
        tool("twice", SERVICE, SERVICE),
        tool("odd", Parameter("a\x1b[2J", "str")),
        tool("odd", Parameter(None, "str")),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_tool_is_left_out_and_keeps_back_no_other(hostile: CatalogueTool) -> None:
    assert report(hostile, RESTART) == 1
    assert [one.name for one in queries.tools()] == ["restart_service"]


@pytest.mark.parametrize("queue", ["", "\0", "q" * 201, "a\nb"])
def test_a_task_queue_that_is_no_name_has_no_tools(queue: str) -> None:
    assert report(RESTART, task_queue=queue) == 1


def test_words_are_cut_and_made_printable() -> None:
    report(tool("wordy", Parameter("a", "x" * 5_000), about="\x1b[2J\0 one\n\n\ud800two " + "z" * 100_000))
    (kept,) = queries.tools()
    assert len(kept.parameters[0].type) == 100
    assert kept.description.startswith("[2J one two zzz")
    assert len(kept.description) == 500
    assert kept.description.isprintable()


def test_of_ten_thousand_tools_a_namespace_keeps_its_share_and_the_page_says_so(
    django_assert_max_num_queries: Any,
) -> None:
    began = time.monotonic()
    assert report(*(tool(f"tool_{number:05}", SERVICE) for number in range(10_000))) == 10_000 - MAXIMUM_TOOLS
    assert report(RESTART, namespace="prd") == 0
    # What is known is refreshed though there is no room for more.
    assert report(tool("tool_00001", MINUTES), RESTART) == 1
    assert queries.tools(["tool_00001"])[0].parameters == (MINUTES,)
    reader = signed_in(person("reader", Role.POLICY_AUTHOR))
    with django_assert_max_num_queries(40):
        shown = reader.get(PAGE, {"page": "3"}).content.decode()
    assert "Page 3 of 41" in shown
    assert "The list is not whole" in shown
    assert shown.count('class="panel tool"') == queries.PER_PAGE
    told = found()
    assert "unknown_tool" not in told
    assert "more tools were reported than are kept" in told["not_checked"].sentence
    assert time.monotonic() - began < 20


def test_room_is_made_of_what_is_stale() -> None:
    report(*(tool(f"tool_{number:05}") for number in range(MAXIMUM_TOOLS)))
    grow_old(25, name="tool_00007")
    grow_old(23, name="tool_00008")
    assert report(RESTART, tool("another")) == 1
    assert [one.name for one in queries.tools(["tool_00007", "tool_00008", "restart_service", "another"])] == [
        "restart_service",
        "tool_00008",
    ]


def test_what_was_not_seen_for_a_month_is_forgotten() -> None:
    report(RESTART)
    grow_old(24 * 31)
    report(tool("another"))
    assert [one.name for one in queries.tools()] == ["another"]


def of_the_policy(**changes: CatalogueTool) -> list[CatalogueTool]:
    """Return the tools of the policy under test as its workers have them, with ``changes``."""
    from warrants.policies.release import shipped

    types = {"minutes": "int", "replicas": "int"}
    same = {
        name: tool(name, *(Parameter(argument, types.get(argument, "str")) for argument in one.arguments))
        for name, one in shipped(NAME).tools.items()
    }
    return list({**same, **changes}.values())


def test_lint_says_nothing_of_tools_before_a_worker_reported() -> None:
    assert "which tools and arguments workers have" in found()["not_checked"].sentence


def test_lint_compares_a_policy_with_what_workers_have() -> None:
    report(*of_the_policy())
    assert not {"unknown_tool", "unknown_argument", "argument_forgotten", "never_matches"} & found().keys()
    assert "which tools and arguments" not in found()["not_checked"].sentence
    ReportedTool.objects.all().delete()
    report(*of_the_policy(restart_service=tool("restart_service", SERVICE, Parameter("force", "bool"))))
    assert found()["argument_forgotten"].sentence.startswith("The tool takes force too")
    assert found()["unknown_argument"].path == "tools.restart_service.arguments.environment"
    report(tool("restart_service", SERVICE, Parameter("environment", "int")))
    assert found()["never_matches"].path == "tools.restart_service.arguments.environment"
    # Elsewhere it takes text: the policy may mean that one.
    report(RESTART, namespace="prd")
    assert "never_matches" not in found()


def test_words_of_workers_are_not_repeated_in_findings() -> None:
    lies = "publish this at once", "list[publish this at once]"
    report(*of_the_policy(restart_service=tool("restart_service", SERVICE, Parameter(lies[0], "str"))))
    report(*of_the_policy(restart_service=tool("restart_service", SERVICE, Parameter("environment", lies[1]))))
    assert not any("publish" in one.sentence for one in found().values())
    report(tool("restart_service", SERVICE, Parameter(lies[0], "str")))
    assert "unknown_argument" in found()
    assert not any("publish" in one.sentence for one in found().values())


def test_a_slip_in_a_tools_name_is_told_in_the_editor() -> None:
    report(*of_the_policy())
    reader = signed_in(person("author", Role.POLICY_AUTHOR))
    data = {"text": TEXT.replace("restart_service:", "restart_servise:"), "name": NAME, "number": NEXT}
    assert "No worker has reported this tool" in reader.post(CHECK, data).content.decode()


def test_a_tool_that_was_not_seen_for_a_day_is_stale_and_not_called_unknown() -> None:
    report(*of_the_policy())
    grow_old(25, name="restart_service")
    assert queries.tools(["restart_service"])[0].is_stale
    assert "unknown_tool" not in found()
    assert "whether a worker still has restart_service" in found()["not_checked"].sentence
    assert "Not seen for a day" in page()
    grow_old(25)
    assert "which tools and arguments workers have" in found()["not_checked"].sentence


def test_the_page_tells_which_policies_allow_a_tool() -> None:
    report(RESTART, tool("drop_database", Parameter("name", "str", required=False), about="Drop it."))
    shown = page()
    assert "environment: str" in shown
    assert "default/agents" in shown
    assert "incident-response" in shown
    assert "may be left out" in shown
    assert "<strong>no policy</strong>" in shown
    only = Client()
    only.force_login(person("other", Role.POLICY_AUTHOR))
    uncovered = only.get(PAGE, {"uncovered": "1"}).content.decode()
    assert "drop_database" in uncovered
    assert "restart_service" not in uncovered


@pytest.mark.parametrize("search", ["\0", "%", "_", "x" * 3_000, "\ud800", "' OR 1=1"])
def test_any_search_and_page_are_answered(search: str) -> None:
    report(RESTART)
    reader = signed_in(person("reader", Role.POLICY_AUTHOR))
    for number in ("", "-1", "9" * 40, "x"):
        assert reader.get(PAGE, {"q": search.encode(errors="replace"), "page": number}).status_code == 200


def test_a_hostile_tool_is_shown_as_text() -> None:
    report(tool("<script>alert(1)</script>", Parameter("<b>", "<i>"), about="<img src=x onerror=alert(1)>"))
    shown = page()
    assert "<script>alert(1)" not in shown
    assert "<img src=x" not in shown
    assert "&lt;img src=x" in shown


def test_an_auditor_of_one_namespace_sees_its_tools_only() -> None:
    report(RESTART)
    report(tool("pay"), namespace="payments")
    auditor = signed_in(person("auditor", Role.AUDITOR, namespace="payments"))
    shown = auditor.get(PAGE).content.decode()
    assert '<h2 class="mono">pay</h2>' in shown
    assert "restart_service" not in shown
