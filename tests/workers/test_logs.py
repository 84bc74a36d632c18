"""What Temporal's SDK and our workers log: which error it was and where, and nothing that anybody said."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
from django.conf import settings
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from audit.logs import Formatter
from audit.sealing import UnknownKey
from tests.codec.failing import FailsLoudly, careless

SECRET = "canary-in-an-error"


@pytest.fixture
def log() -> Iterator[StringIO]:
    yield from _logging(withholds=True)


@pytest.fixture
def debug_log() -> Iterator[StringIO]:
    yield from _logging(withholds=False)


def _logging(*, withholds: bool) -> Iterator[StringIO]:
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Formatter(withholds=withholds))
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def raise_and_log() -> None:
    try:
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            raise ApplicationError(SECRET, SECRET, type="CARD_DECLINED") from error
    except ApplicationError:
        logging.getLogger("workers.something").exception("It did not work.")


def test_an_error_is_told_by_type_code_and_place(log: StringIO) -> None:
    raise_and_log()
    text = log.getvalue()
    assert SECRET not in text
    assert "It did not work." in text
    assert "builtins.ValueError" in text
    assert "temporalio.exceptions.ApplicationError [CARD_DECLINED]" in text
    assert f'File "{__file__}"' in text
    assert "in raise_and_log" in text


def test_at_debug_it_is_told_in_full(debug_log: StringIO) -> None:
    raise_and_log()
    assert SECRET in debug_log.getvalue()


def test_our_own_sentences_are_told_because_somebody_has_to_act_on_them(log: StringIO) -> None:
    try:
        raise UnknownKey(key_id="k1", namespace="prd")
    except UnknownKey:
        logging.getLogger("temporalio.worker").exception("Failed handling activation")
    assert "The ring of namespace 'prd' has no key 'k1'. Give this process the whole ring" in log.getvalue()


@pytest.mark.parametrize(
    "message",
    [
        f"Exception handling failed, original error: {SECRET}\nmore {SECRET}",
        f"Completing as failure during heartbeat with error of type <class 'ValueError'>: {SECRET}",
        f"Failed building Nexus failure, original error: {SECRET}",
        f"Unhandled\nfuture: <Task finished exception=ValueError('{SECRET}')>",
    ],
)
def test_texts_that_the_sdk_puts_into_its_message_are_cut(log: StringIO, message: str) -> None:
    logging.getLogger("temporalio.activity").warning(message)
    assert SECRET not in log.getvalue()
    assert message.split(":", maxsplit=1)[0].split("\n", maxsplit=1)[0] in log.getvalue()


def test_the_applications_own_log_is_written_this_way() -> None:
    formatter = settings.LOGGING["formatters"]["line"]
    assert (formatter["()"], formatter["withholds"]) == ("audit.logs.Formatter", True)
    assert settings.LOGGING["handlers"]["stderr"]["formatter"] == "line"


@pytest.mark.temporal
@pytest.mark.asyncio(loop_scope="session")
async def test_an_activity_and_a_workflow_that_fail_with_a_secret_leave_none_in_the_log(
    live_temporal: WorkflowEnvironment, log: StringIO
) -> None:
    queue = f"logs-{uuid.uuid4().hex[:8]}"
    client = live_temporal.client
    async with Worker(client, task_queue=queue, workflows=[FailsLoudly], activities=[careless]):
        with pytest.raises(WorkflowFailureError):
            await client.execute_workflow(
                FailsLoudly.run, SECRET, id=queue, task_queue=queue, execution_timeout=timedelta(seconds=3)
            )
    text = log.getvalue()
    assert SECRET not in text
    assert "Completing activity as failed" in text
    assert "[CARD_DECLINED]" in text
    assert queue in text  # the workflow's id
    assert "Failed activation on workflow FailsLoudly" in text
