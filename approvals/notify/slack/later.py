"""Work for Slack after it was answered: Slack waits three seconds, and its own servers may keep us for longer.

What is lost with the process is a preview or an answer to a command, which somebody asks for again. Nothing of a
request depends on it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore

from django.db import close_old_connections
from slack_sdk.errors import SlackClientError

from approvals.notify.slack.client import NO_ANSWER

logger = logging.getLogger(__name__)

AT_ONCE = 20
_threads = ThreadPoolExecutor(2, "slack-answer")
_room = BoundedSemaphore(AT_ONCE)


def later(work: Callable[[], None]) -> None:
    """Do ``work`` in a thread; if too much waits already, it is left."""
    if not _room.acquire(blocking=False):
        logger.warning("Slack asks for more than can be answered: a preview or a command was left.")
        return
    _threads.submit(_run, work)


def _run(work: Callable[[], None]) -> None:
    try:
        close_old_connections()
        work()
    except (*NO_ANSWER, SlackClientError) as error:
        logger.warning("Slack did not take an answer: %s", type(error).__name__)
    except Exception:
        logger.exception("Slack could not be answered.")
    finally:
        close_old_connections()
        _room.release()
