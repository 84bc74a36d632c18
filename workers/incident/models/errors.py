"""Why a model could not be asked, or its answer not be used. No sentence ever holds a key or an answer's text."""

from __future__ import annotations

from typing import ClassVar


class ModelError(Exception):
    """``code`` becomes the activity failure's type; ``retryable`` says whether asking again may help."""

    code: ClassVar[str] = "MODEL_FAILED"
    retryable: ClassVar[bool] = False

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class ModelSettingsWrong(ModelError):
    """A setting or key is missing or cannot be right."""

    code = "MODEL_SETTINGS"


class ModelRequestRefused(ModelError):
    """The provider answered that the request, or our right to make it, is not good."""

    code = "MODEL_REQUEST_REFUSED"


class ModelUnavailable(ModelError):
    """The provider is busy, broken or not to be reached."""

    code = "MODEL_UNAVAILABLE"
    retryable = True


class ModelAnswerInvalid(ModelError):
    """The provider's answer is not what its interface promises. Asking again may bring a better one."""

    code = "MODEL_ANSWER_INVALID"
    retryable = True


class CassetteMissing(ModelError):
    code = "CASSETTE_MISSING"


class CassetteMismatch(ModelError):
    """The recording does not know this conversation."""

    code = "CASSETTE_MISMATCH"
