"""Temporal's codec server protocol: ``POST …/decode`` and ``…/encode``, protobuf JSON of payloads there and back.

Three questions, in this order, before a byte of the body is looked at:

1. **Who?** A bearer token, or a session. A browser adds the session's cookie to whatever any page makes it send, so
   a session counts only together with an ``Origin`` that is Temporal's UI (browsers write it, pages cannot) and a
   content type that no form can send. That is the whole of the protection against forgery: the UI has no CSRF token.
2. **Which namespace?** In the address or in ``X-Namespace``; never two.
3. **May they?** ``audit.decode_payload`` there. A namespace that does not exist answers like a forbidden one.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from temporalio.api.common.v1 import Payload

from accounts.errors import InvalidNamespace
from accounts.models import Person
from accounts.roles.contracts import Role
from accounts.roles.queries import has_role
from accounts.roles.services import clean_namespace
from accounts.tokens.access import accepts_tokens, token_of
from accounts.web import error_as_json
from workers.codec_server import limits, reading, services
from workers.codec_server.cross_origin import is_from_ui
from workers.codec_server.errors import (
    CodecServerError,
    ForeignOrigin,
    MayNotRead,
    NoNamespace,
    SignedOut,
    TooManyReads,
)
from workers.codec_server.services import Caller

_RETRY_SECONDS = "60"


@csrf_exempt  # See the module: the Origin is checked instead.
@require_POST
@accepts_tokens
def decode(http_request: HttpRequest, namespace: str = "") -> JsonResponse:
    return _answer(http_request, namespace, services.decode)


@csrf_exempt
@require_POST
@accepts_tokens
def encode(http_request: HttpRequest, namespace: str = "") -> JsonResponse:
    return _answer(http_request, namespace, services.encode)


def _answer(http_request: HttpRequest, in_path: str, service: Callable[..., list[Payload]]) -> JsonResponse:
    try:
        caller = _caller(http_request)
        namespace = _namespace(http_request, in_path)
        if not has_role(caller.person, Role.PAYLOAD_READER, namespace=namespace):
            raise MayNotRead(namespace=namespace)
        limits.count(http_request, person=caller.person)
        payloads = service(caller=caller, namespace=namespace, payloads=reading.read(http_request))
        return JsonResponse(reading.write(payloads))
    except CodecServerError as error:
        return _error_response(error)


def _caller(http_request: HttpRequest) -> Caller:
    person, token = http_request.user, token_of(http_request)
    if not isinstance(person, Person):
        raise SignedOut
    # A token is not sent by itself, but a page that is not the UI has no business with one either.
    if (token is None or "Origin" in http_request.headers) and not is_from_ui(http_request):
        raise ForeignOrigin
    return Caller(person, token.name if token else "")


def _namespace(http_request: HttpRequest, in_path: str) -> str:
    """Return the one namespace that is named. Temporal's UI names it in the header, its command line in both."""
    named = {name for name in (in_path, http_request.headers.get("X-Namespace", "")) if name}
    if len(named) != 1:
        raise NoNamespace
    try:
        return clean_namespace(named.pop())
    except InvalidNamespace:
        raise NoNamespace from None


def _error_response(error: CodecServerError) -> JsonResponse:
    response = error_as_json(error)
    if isinstance(error, SignedOut):
        response["WWW-Authenticate"] = 'Bearer realm="Countersign"'
    if isinstance(error, TooManyReads):
        response["Retry-After"] = _RETRY_SECONDS
    return response
