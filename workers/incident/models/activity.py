"""The one activity that asks a model. Its key is fetched in here and goes no further than that request."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace

from django.conf import settings as installation
from temporalio import activity
from temporalio.exceptions import ApplicationError

from workers.credentials.errors import CredentialMissing
from workers.credentials.secret import Secret
from workers.incident.contracts import CALL_MODEL_ACTIVITY, ModelAnswer, ModelRequest
from workers.incident.models.errors import ModelError, ModelRequestRefused
from workers.incident.models.providers import ModelSettings, provider_for
from workers.own_credentials import credentials


@activity.defn(name=CALL_MODEL_ACTIVITY)
async def call_model(request: ModelRequest) -> ModelAnswer:
    """Return what the model wants next; fails with the codes of ``models.errors``."""
    try:
        return _counted(await _answer(model_settings(), request))
    except ModelError as error:
        # Without the cause: it may hold more than the sentence says.
        raise ApplicationError(error.sentence, type=error.code, non_retryable=not error.retryable) from None


async def _answer(settings: ModelSettings, request: ModelRequest) -> ModelAnswer:
    while True:
        async with AsyncExitStack() as opened:
            key = await _key(settings, opened)
            try:
                return await provider_for(settings, key.reveal() if key else "").answer(request)
            except ModelRequestRefused:
                # Replaced after it was fetched?
                if key is None or not await credentials().is_replaced(settings.key_name, key):
                    raise


def _counted(answer: ModelAnswer) -> ModelAnswer:
    """Return ``answer`` with how many times it was asked for."""
    call = answer.call
    return replace(answer, call=replace(call, attempt=activity.info().attempt)) if call else answer


async def _key(settings: ModelSettings, opened: AsyncExitStack) -> Secret | None:
    """Return the provider's key, forgotten when ``opened`` closes; None where none is needed."""
    if not settings.key_name:
        return None
    try:
        return await opened.enter_async_context(credentials().secret(settings.key_name))
    except CredentialMissing:
        if settings.needs_key:
            raise
        return None


def model_settings() -> ModelSettings:
    """Return this installation's choice of model."""
    return ModelSettings(
        provider=installation.MODEL_PROVIDER,
        name=installation.MODEL_NAME,
        base_url=installation.MODEL_BASE_URL,
    )
