"""Handing a mail to the mail server, and what it answers. Never raises for what a server does, and ends in time."""

from __future__ import annotations

import smtplib
import socket
from contextlib import suppress
from threading import Timer
from typing import Any

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend

from approvals.agent_text import visible
from approvals.notify.contracts import Answer, Job, Result
from approvals.notify.mail import wording

# For one whole conversation. ``EMAIL_TIMEOUT`` bounds one silence: a server that says a letter now and then keeps it.
SECONDS = 20.0
# The first digit of a refusal says whether it is for good. Anything else is no answer to a mail.
_RESULTS = {4: Result.TEMPORARY, 5: Result.PERMANENT}


def send(job: Job) -> Answer:
    """Send ``job`` as a mail."""
    try:
        message = wording.message(job)
        message.message()
    except (ValueError, UnicodeError) as error:
        return Answer(Result.PERMANENT, f"No mail can be sent to this address ({type(error).__name__}).")
    connection = _Connection(fail_silently=False)
    try:
        return _converse(connection, message)
    finally:
        # What was accepted was accepted, however the server takes leave.
        with suppress(Exception):
            connection.close()


def _converse(connection: EmailBackend, message: Any) -> Answer:
    try:
        connection.open()
    except OSError as error:  # smtplib's own errors are of this kind
        return Answer(Result.TEMPORARY, f"The mail server cannot be used: {_said(error)}", is_about_channel=True)
    try:
        connection.send_messages([message])
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        return _refused(code, text)
    except smtplib.SMTPSenderRefused as error:
        # Not this person's fault, nor their mail's.
        return Answer(Result.TEMPORARY, f"The sender was refused: {_said(error)}", is_about_channel=True)
    except smtplib.SMTPResponseException as error:
        return _refused(error.smtp_code, error.smtp_error)
    except smtplib.SMTPNotSupportedError as error:
        return Answer(Result.PERMANENT, f"The mail server cannot take this mail: {_said(error)}")
    except OSError as error:
        said = f"The mail server did not say whether it took the mail: {_said(error)}"
        return Answer(Result.UNANSWERED, said, is_about_channel=True)
    return Answer(Result.SENT, f"Taken by {settings.EMAIL_HOST}.")


def _refused(code: int, text: bytes | str) -> Answer:
    return Answer(_RESULTS.get(code // 100, Result.UNANSWERED), f"{code} {_text(text)}")


def _said(error: OSError) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    return str(error.strerror or error) or type(error).__name__


def _text(answer: bytes | str) -> str:
    text = answer if isinstance(answer, str) else answer.decode("utf-8", "replace")
    return visible(" ".join(text.split()))


class _BoundedSMTP(smtplib.SMTP):
    """Hangs up by itself when ``SECONDS`` are over."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._end = Timer(SECONDS, self._hang_up)
        self._end.daemon = True
        self._end.start()
        super().__init__(*args, **options)

    def close(self) -> None:
        self._end.cancel()
        super().close()

    def _hang_up(self) -> None:
        # Whoever waits for a letter gets the end instead.
        with suppress(Exception):
            self.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]


class _Connection(EmailBackend):
    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _BoundedSMTP
