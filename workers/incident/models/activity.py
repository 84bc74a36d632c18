"""The one activity that asks a model. Keys are read in here and go no further than the provider's own request."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings
from temporalio import activity
from temporalio.exceptions import ApplicationError

from workers.incident.contracts import CALL_MODEL_ACTIVITY, ModelAnswer, ModelRequest
from workers.incident.models.errors import ModelError
from workers.incident.models.providers import ModelSettings, provider_for


@activity.defn(name=CALL_MODEL_ACTIVITY)
async def call_model(request: ModelRequest) -> ModelAnswer:
    """Return what the model wants next; fails with the codes of ``models.errors``."""
    try:
        return _counted(await provider_for(model_settings()).answer(request))
    except ModelError as error:
        # Without the cause: it may hold more than the sentence says.
        raise ApplicationError(error.sentence, type=error.code, non_retryable=not error.retryable) from None


def _counted(answer: ModelAnswer) -> ModelAnswer:
    """Return ``answer`` with how many times it was asked for."""
    call = answer.call
    return replace(answer, call=replace(call, attempt=activity.info().attempt)) if call else answer


def model_settings() -> ModelSettings:
    """Return this installation's choice of model."""
    return ModelSettings(
        provider=settings.MODEL_PROVIDER,
        name=settings.MODEL_NAME,
        base_url=settings.MODEL_BASE_URL,
    )
