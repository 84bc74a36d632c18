"""Settings of the tests: the real ones, with secrets made for this run."""

import atexit
import base64
import os
import secrets
import shutil
import tempfile

from tests.postgresql import start_postgresql

os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(48))
os.environ.setdefault("KEY_ENCRYPTION_KEY", base64.b64encode(secrets.token_bytes(32)).decode())
os.environ.setdefault("LOCAL_ACCOUNTS", "true")
if not os.environ.get("DATA_DIR"):
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="countersign-tests-")
    atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)
os.environ.setdefault("ALERT_WEBHOOK_SECRETS", "test-webhook-secret")
if os.environ.get("TEST_DATABASE") == "postgresql":
    os.environ["DATABASE_URL"] = start_postgresql(careless=True)

from config.settings import *  # noqa: F403

# Tests that use no database are rate limited too; `test_single_sign_on.py` uses the real table.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_ROOT.mkdir(exist_ok=True)  # noqa: F405
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file, as in real life: threads on a database in memory fail in ways that no installation does.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "tests.sqlite3")}  # noqa: F405
    # No test cuts the power: what the kernel has, a killed process has not lost.
    DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"  # noqa: F405
