"""Handing a message to Slack, and what it answers. Never raises for what Slack does, and ends in time.

The first message about a request is changed at every event, which may be repeated; then the thread under it is told
what is new, last, so that what is tried again tells it twice at most where Slack's answer was lost.
"""

from __future__ import annotations

import math
from dataclasses import replace

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from accounts.models import Person
from approvals.notify.contracts import Answer, Job, NotificationEvent, Result
from approvals.notify.slack import client as slack
from approvals.notify.slack import people, wording

# Nothing more can be sent until somebody installs the app again or gives us another token.
REFUSES_US = frozenset(
    {
        "access_denied", "account_inactive", "app_uninstalled", "enterprise_is_restricted", "invalid_auth",
        "missing_scope", "no_permission", "not_allowed_token_type", "not_authed", "org_login_required",
        "team_access_not_granted", "tokens_revoked", "token_expired", "token_revoked",
    }
)  # fmt: skip
_FOR_NOW = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded", "team_added_to_org"})
_UNKNOWN = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})
_NO_ACCOUNT = frozenset({"channel_not_found", "messages_tab_disabled", "user_disabled", "user_not_found"})
_NO_LONGER_CHANGED = frozenset(
    {"cant_update_message", "channel_not_found", "edit_window_closed", "is_inactive", "message_not_found"}
)
_NOBODY = "Slack has no account for this person's e-mail address alone."


def send(job: Job) -> Answer:
    """Tell ``job`` in Slack: anew, or by changing what was said before and a line in its thread."""
    try:
        return _tell(slack.client(), job)
    except SlackApiError as error:
        return _refused(error)
    except (*slack.NO_ANSWER, SlackClientError) as error:
        return _unheard(error)


def refusal(code: str) -> str:
    """Return a sentence for operators: Slack refuses this installation."""
    return f"Slack refuses this installation: {code}. Install the app again, or give us its new token."


def _tell(client: WebClient, job: Job) -> Answer:
    channel, _, ts = job.remote_id.partition("/")
    if ts and job.notice.event is not NotificationEvent.OPENED and _has_changed(client, job, channel, ts):
        thread = wording.milestone(job.notice)
        client.chat_postMessage(
            channel=channel, thread_ts=ts, text=thread, mrkdwn=True, **wording.QUIETLY, **wording.UNFURLS_NOTHING
        )
        return Answer(Result.SENT, "Slack changed the message and added to its thread.", remote_id=job.remote_id)
    if job.person_id is None:
        return _post(client, job, job.address)
    person = Person.objects.filter(pk=job.person_id).first()
    return _to_person(client, job, person) if person else Answer(Result.PERMANENT, _NOBODY)


def _has_changed(client: WebClient, job: Job, channel: str, ts: str) -> bool:
    try:
        client.chat_update(channel=channel, ts=ts, **wording.message(job.notice), **wording.QUIETLY)
    except SlackApiError as error:
        if slack.code_of(error) in _NO_LONGER_CHANGED:
            return False  # somebody deleted it: it is said anew
        raise
    return True


def _to_person(client: WebClient, job: Job, person: Person) -> Answer:
    """Send to the account that is kept; to the one that Slack finds now if there is none, or it no longer works."""
    kept = "" if "@" in job.address else job.address
    if kept:
        try:
            return _post(client, job, kept)
        except SlackApiError as error:
            if slack.code_of(error) not in _NO_ACCOUNT:
                raise
        people.forget(person)
    found = _found(client, person)
    if isinstance(found, Answer):
        return found
    return _post(client, job, found) if found not in ("", kept) else Answer(Result.PERMANENT, _NOBODY)


def _found(client: WebClient, person: Person) -> str | Answer:
    """Return the id of ``person``'s account, nothing if there is none, or why Slack does not say: nothing has left."""
    try:
        return people.find(client, person)
    except SlackApiError as error:
        if slack.code_of(error) == "users_not_found":
            return ""
        answer = _refused(error)
    except (*slack.NO_ANSWER, SlackClientError) as error:
        answer = _unheard(error)
    return replace(answer, result=Result.TEMPORARY) if answer.result is Result.UNANSWERED else answer


def _post(client: WebClient, job: Job, channel: str) -> Answer:
    said = client.chat_postMessage(
        channel=channel, **wording.message(job.notice), **wording.QUIETLY, **wording.UNFURLS_NOTHING
    )
    return Answer(Result.SENT, "Taken by Slack.", remote_id=f"{said.get('channel')}/{said.get('ts')}"[:200])


def _refused(error: SlackApiError) -> Answer:
    code, status = slack.code_of(error), _status(error)
    if status == 429 or code in _FOR_NOW:
        said = f"Slack wants to be asked less often ({code or status})."
        return Answer(Result.TEMPORARY, said, retry_after=_retry_after(error), is_about_channel=True)
    if code in REFUSES_US:
        return Answer(Result.PERMANENT, refusal(code), is_about_channel=True)
    if code in _UNKNOWN or status != 200:
        return Answer(Result.UNANSWERED, f"Slack is in trouble ({code or status}).", is_about_channel=True)
    if code:
        return Answer(Result.PERMANENT, f"Slack refused it: {code}.")
    return Answer(Result.UNANSWERED, "Slack's answer is none of Slack's.", is_about_channel=True)


def _unheard(error: Exception) -> Answer:
    kind = type(getattr(error, "reason", error)).__name__
    if slack.never_left(error):
        return Answer(Result.TEMPORARY, f"Slack cannot be reached ({kind}).", is_about_channel=True)
    return Answer(Result.UNANSWERED, f"Slack did not say whether it took it ({kind}).", is_about_channel=True)


def _status(error: SlackApiError) -> int:
    return int(getattr(error.response, "status_code", 200))


def _retry_after(error: SlackApiError) -> float:
    headers = getattr(error.response, "headers", None) or {}
    try:
        seconds = float(next(value for name, value in headers.items() if name.lower() == "retry-after"))
    except (StopIteration, TypeError, ValueError):
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0
