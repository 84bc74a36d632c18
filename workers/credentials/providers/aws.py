"""Credentials from AWS Secrets Manager, through a role that is assumed anew for every activity.

The session's policy allows exactly one secret, whatever the role may; its name says workflow, run and activity, and so
does CloudTrail. It lives for 15 minutes, the shortest that AWS gives, and is used once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
from dataclasses import dataclass
from typing import Any

from workers.credentials.errors import (
    CredentialError,
    CredentialMissing,
    CredentialRefused,
    CredentialSettingsWrong,
    CredentialUnavailable,
)
from workers.credentials.scope import Scope

_ROLE = re.compile(r"arn:(aws[a-z-]*):iam::(\d{12}):role/[\w+=,.@/-]{1,512}")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")
_PREFIX = re.compile(r"(?:[A-Za-z0-9_+=.@-]+/)*")
_SESSION_SECONDS = 900
CONNECT_SECONDS, READ_SECONDS = 2, 4
# What AWS answers when another attempt may go better. After an expired session the next one assumes the role anew.
_LATER = frozenset(
    {
        "ExpiredToken", "ExpiredTokenException", "RequestExpired", "Throttling", "ThrottlingException",
        "TooManyRequestsException", "RequestLimitExceeded", "InternalServiceError", "InternalServiceErrorException",
        "InternalFailure", "ServiceUnavailable", "ServiceUnavailableException", "RequestTimeout",
    }
)  # fmt: skip
_MISSING = frozenset({"ResourceNotFoundException", "InvalidRequestException"})
_REFUSED = frozenset(
    {
        "AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId",
        "InvalidClientTokenIdException", "SignatureDoesNotMatch", "IncompleteSignature", "DecryptionFailure",
        "MalformedPolicyDocument", "PackedPolicyTooLarge", "RegionDisabledException", "ValidationError",
        "InvalidParameterException",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """``role`` is the ARN to assume, ``prefix`` stands before every secret's name (``countersign/``).

    ``endpoint`` is empty, or the address of a server other than AWS's own for STS and Secrets Manager.
    """

    role: str
    region: str
    prefix: str = ""
    endpoint: str = ""

    def __post_init__(self) -> None:
        if not _ROLE.fullmatch(self.role):
            raise CredentialSettingsWrong(
                "The role for credentials must be such as arn:aws:iam::123456789012:role/name."
            )
        if not _REGION.fullmatch(self.region):
            raise CredentialSettingsWrong("The region for credentials must be one of AWS's, such as eu-central-1.")
        if not _PREFIX.fullmatch(self.prefix):
            raise CredentialSettingsWrong("The prefix of credentials must end with /, such as countersign/.")


class AwsProvider:
    """The worker's own identity is boto3's to find (an instance's role, a web identity, variables); it assumes a role.

    What is cached are AWS's descriptions of its interfaces, which cost a quarter of a second, and never a secret.
    """

    def __init__(self, settings: AwsSettings) -> None:
        self._settings = settings
        self._session = _botocore_session()
        self._making = threading.Lock()

    async def fetch(self, name: str, scope: Scope) -> str:
        return await asyncio.to_thread(self._fetch, name, scope)

    def _fetch(self, name: str, scope: Scope) -> str:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  an optional extra

        try:
            return self._current(name, self._assume(name, scope))
        except CredentialError:
            raise
        except ClientError as error:
            failure = _failure(name, error.response)
        except BotoCoreError as error:
            failure = _unreached(name, type(error).__name__)
        raise failure

    def _assume(self, name: str, scope: Scope) -> dict[str, str]:
        """Return the keys of a session that can read this one secret."""
        answer = self._client("sts").assume_role(
            RoleArn=self._settings.role,
            RoleSessionName=scope.session_name,
            Policy=session_policy(self._settings, name),
            DurationSeconds=_SESSION_SECONDS,
        )
        keys = answer["Credentials"]
        return {
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
            "aws_session_token": keys["SessionToken"],
        }

    def _current(self, name: str, keys: dict[str, str]) -> str:
        answer = self._client("secretsmanager", **keys).get_secret_value(SecretId=f"{self._settings.prefix}{name}")
        text = answer.get("SecretString")
        if not isinstance(text, str):
            raise CredentialMissing(f"The credential {name} is not text. Store it as the secret's text.")
        return text.strip()

    def _client(self, service: str, **keys: str) -> Any:
        from botocore.config import Config  # noqa: PLC0415  an optional extra

        once = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            # Temporal tries again, and its history says so.
            retries={"total_max_attempts": 1, "mode": "standard"},
        )
        # A session makes one client at a time.
        with self._making:
            return self._session.create_client(
                service,
                region_name=self._settings.region,
                endpoint_url=self._settings.endpoint or None,
                config=once,
                **keys,
            )


def session_policy(settings: AwsSettings, name: str) -> str:
    """Return the policy that narrows a session to reading the secret ``name``, and decrypting it where it has a key.

    AWS adds six characters to a secret's name in its ARN.
    """
    partition, account = _ROLE.fullmatch(settings.role).groups()  # type: ignore[union-attr]
    secret = f"arn:{partition}:secretsmanager:{settings.region}:{account}:secret:{settings.prefix}{name}-??????"
    via = f"secretsmanager.{settings.region}.amazonaws.com"
    read = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret}
    decrypt = {
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {
            "StringEquals": {"kms:ViaService": via},
            "StringLike": {"kms:EncryptionContext:SecretARN": secret},
        },
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [read, decrypt]}, separators=(",", ":"))


def _failure(name: str, response: Any) -> CredentialError:
    """Return what an answer of AWS's means. Of what it says only codes that are known here are told."""
    code = str(response.get("Error", {}).get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _MISSING:
        return CredentialMissing(f"There is no secret for the credential {name} in AWS Secrets Manager.")
    if code in _LATER or status == 429 or status >= 500:
        told = f" ({code})" if code in _LATER else ""
        return CredentialUnavailable(f"AWS does not give the credential {name} now{told}.")
    told = f" ({code})" if code in _REFUSED else ""
    return CredentialRefused(
        f"AWS refuses the credential {name}{told}. Check that there is such a secret, that the role may read it, and "
        "that this worker may assume the role."
    )


def _unreached(name: str, kind: str) -> CredentialError:
    if kind in ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ParamValidationError"):
        return CredentialRefused(
            f"The credential {name} cannot be asked for: this worker has no AWS identity ({kind})."
        )
    return CredentialUnavailable(f"AWS cannot be reached for the credential {name} ({kind}).")


def _botocore_session() -> Any:
    try:
        import botocore.session  # noqa: PLC0415  an optional extra
    except ImportError:
        raise CredentialSettingsWrong(
            "Credentials from AWS need boto3. Install it with: pip install --require-hashes -r requirements/aws.txt"
        ) from None
    # At DEBUG these write whole requests and answers: session tokens and secrets.
    for name in ("botocore", "urllib3"):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.INFO))
    return botocore.session.get_session()
