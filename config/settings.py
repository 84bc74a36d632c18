"""Countersign's settings. Every value comes from the environment; ``docs/settings.md`` explains each.

The same file serves one process on SQLite and many processes on PostgreSQL.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config import env, namespaces, single_sign_on

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("DATA_DIR", str(BASE_DIR / "var")))

# --- Who we are -----------------------------------------------------------------------------
DEBUG = env.boolean("DEBUG", False)
SECRET_KEY = env.secret("SECRET_KEY")
SITE_ROOT = env.text("SITE_ROOT", "http://localhost:5050").rstrip("/")
_site = urlsplit(SITE_ROOT)
if _site.scheme not in ("http", "https") or not _site.hostname:
    raise ImproperlyConfigured("SITE_ROOT must be the address people open, such as https://countersign.example.com.")
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", _site.hostname)
# Where this process listens; behind a proxy that is not where people go.
LISTEN_HOST = env.text("LISTEN_HOST", "localhost")
LISTEN_PORT = env.integer("LISTEN_PORT", _site.port or 5050, minimum=1)
CSRF_TRUSTED_ORIGINS = [SITE_ROOT]
_https = _site.scheme == "https"

# --- Rooms ----------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "audit",
    "accounts",
    "warrants",
    "approvals",
    "workers",
]
MIDDLEWARE = [
    # First, so that what the others refuse reaches Temporal's UI with its headers too.
    "workers.codec_server.cross_origin.CrossOriginMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.sessions.middleware.LastSeenMiddleware",
    "accounts.tokens.access.BearerTokenMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    }
]

# --- Database -------------------------------------------------------------------------------
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASE_POOL_SIZE = env.integer("DATABASE_POOL_SIZE", 8, minimum=2)


def _database(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(parts.path) or str(DATA_DIR / "countersign.sqlite3"),
            # Opening a connection costs more than most of what is done with it; every thread keeps its own.
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                # With Django's defaults a quarter of concurrent writes fail with "database is locked".
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
                "PRAGMA foreign_keys=ON; PRAGMA busy_timeout=20000;",
            },
        }
    if parts.scheme in ("postgres", "postgresql"):
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.lstrip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            # A socket's directory does not fit before the path: postgresql://user@/name?host=/run/postgresql
            "HOST": unquote(parts.hostname or "") or dict(parse_qsl(parts.query)).get("host", ""),
            "PORT": str(parts.port or ""),
            "CONN_MAX_AGE": 0,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": {"pool": {"min_size": 1, "max_size": DATABASE_POOL_SIZE}},
        }
    raise ImproperlyConfigured("DATABASE_URL must begin with sqlite:// or postgresql://.")


_database_url = env.text("DATABASE_URL", "sqlite://")
DATABASES = {"default": _database(_database_url)}
# Rate limits live in the cache. SQLite means one process, PostgreSQL several, which share a table (`setup` makes it).
# With Django's 300 entries whoever sends from many addresses could push out what is counted of a guesser.
_in_database = {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "rate_limits"}
_in_memory = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
CACHES = {
    "default": {
        **(_in_memory if _database_url.startswith("sqlite") else _in_database),
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

# --- People ---------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.Person"
AUTHENTICATION_BACKENDS = ["accounts.sign_in.backend.PersonBackend", "accounts.roles.backend.RoleBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOCAL_ACCOUNTS = env.boolean("LOCAL_ACCOUNTS", False)
# Says that local accounts are meant although the site is on https, where others can reach it.
LOCAL_ACCOUNTS_IN_PUBLIC = env.boolean("LOCAL_ACCOUNTS_IN_PUBLIC", False)
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/approvals/"
ACCOUNT_ADAPTER = "accounts.sign_in.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_RATE_LIMITS = {
    "single_sign_on": "60/m/ip",
    "sign_in_link": "60/m/ip",
    "step_up": "40/5m/user",
    "second_factor": "20/5m/user",
}

# --- Namespaces -----------------------------------------------------------------------------
# Where incidents start, unless the namespaces' file gives their service another place.
TEMPORAL_NAMESPACE = env.text("TEMPORAL_NAMESPACE", "default")
# How long an incident's evidence is kept after its last entry, unless the file says otherwise. 0: without an end.
EVIDENCE_DAYS = env.integer(
    "EVIDENCE_DAYS", namespaces.EVIDENCE_DAYS, minimum=0, maximum=namespaces.LONGEST_EVIDENCE_DAYS
)
# How long it is kept who was told of a request that is over. 0: as long as the evidence.
NOTIFICATION_DAYS = env.integer("NOTIFICATION_DAYS", 0, minimum=0, maximum=namespaces.LONGEST_EVIDENCE_DAYS)
NAMESPACES = namespaces.configured(env.text("NAMESPACES_FILE", ""), TEMPORAL_NAMESPACE, evidence_days=EVIDENCE_DAYS)

# --- Single sign-on -------------------------------------------------------------------------
_openid = single_sign_on.openid_apps(NAMESPACES)
_saml = single_sign_on.saml_apps(NAMESPACES)
SOCIALACCOUNT_ADAPTER = "accounts.sign_in.social_adapter.SocialAdapter"
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": _openid}, "saml": {"APPS": _saml}}
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_STORE_TOKENS = False
# Roles follow the provider's groups at every sign-in, so nobody stays signed in for longer than this.
SINGLE_SIGN_ON_HOURS = env.integer("SINGLE_SIGN_ON_HOURS", 12, minimum=1, maximum=720)
# Passkeys are the only second factor: codes can be passed on, and recovery codes would stand in for them.
MFA_SUPPORTED_TYPES = ["webauthn"]
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = False

# --- Sessions, cookies, headers -------------------------------------------------------------
SESSION_COOKIE_NAME = "countersign_session"
CSRF_COOKIE_NAME = "countersign_csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = False
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
_behind_proxy = env.boolean("BEHIND_PROXY", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _behind_proxy else None
# Rate limits count people, not the proxy.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if _behind_proxy else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
_live = f"{'wss' if _https else 'ws'}://{_site.netloc}"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [NONCE, SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF, _live],
        "form-action": [SELF, *single_sign_on.form_targets(_openid, _saml)],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
        "require-trusted-types-for": ["'script'"],
        # static/js/components/fragment.js, htmx's hx-csp extension, and told-browser.js; each may be made once.
        "trusted-types": ["countersign", "htmx", "service-worker"],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# --- Static files ---------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage" if DEBUG else "config.static.ModuleManifestStorage"
        )
    },
}

# --- Keys -----------------------------------------------------------------------------------
# What wraps private keys and rings at rest. What is stored opens with whatever wrapped it, if that is still set.
KEY_CUSTODY = env.choice("KEY_CUSTODY", "local", ("local", "aws-kms", "pkcs11"))
# 32 bytes, base64.
KEY_ENCRYPTION_KEY = env.secret("KEY_ENCRYPTION_KEY")
KEY_ENCRYPTION_KEY_PREVIOUS = env.secret("KEY_ENCRYPTION_KEY_PREVIOUS")
KMS_KEY_ID = env.text("KMS_KEY_ID", "")
KMS_KEY_ID_PREVIOUS = env.names("KMS_KEY_ID_PREVIOUS")
PKCS11_MODULE = env.text("PKCS11_MODULE", "")
PKCS11_TOKEN = env.text("PKCS11_TOKEN", "")
PKCS11_KEY = env.text("PKCS11_KEY", "countersign")
PKCS11_KEY_PREVIOUS = env.text("PKCS11_KEY_PREVIOUS", "")
PKCS11_PIN = env.secret("PKCS11_PIN")

# Where a new issuer's key is made: wrapped in the database, in the same token, or in KMS. One that exists stays.
ISSUER_KEEPER = env.choice("ISSUER_KEEPER", "wrapped", ("wrapped", "pkcs11", "aws-kms"))
ISSUER_PKCS11_KEY = env.text("ISSUER_PKCS11_KEY", "countersign-issuer")
ISSUER_KMS_KEY_ID = env.text("ISSUER_KMS_KEY_ID", "")

# The people roots that this installation's own workers believe; empty: the first one seen is pinned in DATA_DIR.
PEOPLE_ROOTS = env.public_keys("PEOPLE_ROOTS")
TRUSTED_ROOTS = env.public_keys("TRUSTED_ROOTS")

# Receipts keys of workers elsewhere, which the issuer vouches for in every warrant it mints.
WORKER_RECEIPT_KEYS = env.public_keys("WORKER_RECEIPT_KEYS")

# --- Mail: requests to decide, and notices about people's keys; empty for none ------------------
EMAIL_HOST = env.text("EMAIL_HOST", "")
EMAIL_PORT = env.integer("EMAIL_PORT", 25, minimum=1, maximum=65_535)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.secret("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.boolean("EMAIL_USE_TLS", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", f"countersign@{_site.hostname or 'localhost'}")

# --- Slack: messages to a channel and to people; empty for none --------------------------------
SLACK_BOT_TOKEN = env.secret("SLACK_BOT_TOKEN")
SLACK_SIGNING_SECRET = env.secret("SLACK_SIGNING_SECRET")
SLACK_TEAM_ID = env.text("SLACK_TEAM_ID", "")
# Which channel is told of which policy's or namespace's requests, and which of all others.
SLACK_CHANNELS = env.pairs("SLACK_CHANNELS")
SLACK_CHANNEL = env.text("SLACK_CHANNEL", "")
SLACK_API_URL = env.web_address("SLACK_API_URL", "https://slack.com/api/")

# --- Webhooks: a JSON list of receivers with their secrets, docs/webhooks.md; empty for none ----
WEBHOOKS = env.secret("WEBHOOKS")

# --- On call kept elsewhere: a JSON list with their secrets, docs/on-call.md; empty for none ------
ON_CALL_SCHEDULES = env.secret("ON_CALL_SCHEDULES")

# --- Push: messages to browsers and phones; empty for none --------------------------------------
# Whom push services write to about this installation, an e-mail address.
PUSH_CONTACT = env.text("PUSH_CONTACT", "")
# The push services that are used: those of Chrome, Firefox, Safari and Edge. Nothing is sent to any other host.
PUSH_HOSTS = env.names(
    "PUSH_HOSTS",
    "fcm.googleapis.com, updates.push.services.mozilla.com, *.push.apple.com, *.notify.windows.com",
)

# --- Approvals ------------------------------------------------------------------------------
# A request waits this long for people; a signature lives at most this long. Seconds.
REQUEST_LIFETIME_SECONDS = env.integer("REQUEST_LIFETIME_SECONDS", 1800, minimum=30)
SIGNATURE_LIFETIME_SECONDS = env.integer("SIGNATURE_LIFETIME_SECONDS", 900, minimum=30, maximum=86_400)
# How often requests are looked through for those whose workflow is gone. Seconds.
SWEEP_SECONDS = env.integer("SWEEP_SECONDS", 30, minimum=5, maximum=3600)

# Where workers remember which approvals were used, if not in the database.
REDIS_URL = env.secret("REDIS_URL")
if REDIS_URL and urlsplit(REDIS_URL).scheme not in ("redis", "rediss", "unix"):
    raise ImproperlyConfigured("REDIS_URL must begin with redis://, rediss:// or unix://.")

# --- History export: file:///folder or s3://bucket/prefix; empty for none ------------------------
EXPORT_TARGET = env.text("EXPORT_TARGET", "")
# How long what is exported cannot be deleted, where the target can see to that. Seven years.
EXPORT_RETENTION_DAYS = env.integer("EXPORT_RETENTION_DAYS", 2557, minimum=1, maximum=36_500)

# --- The stream of ledger entries: a file, or an https address; empty for none --------------------
SIEM_TARGET = env.stream_target("SIEM_TARGET")
# A path, not a secret: it is read anew for every connection, so that the token can be replaced.
SIEM_TOKEN_FILE = env.text("SIEM_TOKEN_FILE", "")
# Who must have signed the endpoint's certificate, PEM; empty for the usual authorities.
SIEM_CA = env.secret("SIEM_CA")

# --- The ledger: where its checkpoints are kept, outside the database; empty for nowhere ---------
CHECKPOINTS_DIRECTORY = env.text("CHECKPOINTS_DIRECTORY", "")

# --- Temporal -------------------------------------------------------------------------------
TEMPORAL_ADDRESS = env.text("TEMPORAL_ADDRESS", "")
TEMPORAL_TLS = env.boolean("TEMPORAL_TLS", False)
TEMPORAL_API_KEY = env.secret("TEMPORAL_API_KEY")
# Whether payloads are encrypted, by namespace. "required" refuses what comes in plaintext as well.
PAYLOAD_ENCRYPTION = env.by_namespace("PAYLOAD_ENCRYPTION", "on", ("on", "required", "off"))
# Where the development server listens that one process starts when TEMPORAL_ADDRESS is empty.
TEMPORAL_DEVELOPMENT_PORT = env.integer("TEMPORAL_DEVELOPMENT_PORT", 7233, minimum=1)
TEMPORAL_DEVELOPMENT_UI_PORT = env.integer("TEMPORAL_DEVELOPMENT_UI_PORT", 8233, minimum=1)
TEMPORAL_UI = env.web_address("TEMPORAL_UI", f"http://localhost:{TEMPORAL_DEVELOPMENT_UI_PORT}")
# Activities that use the database at once, at most. More than the pool has would only wait for each other.
WEB_THREADS = min(env.integer("WEB_THREADS", 6, minimum=1), DATABASE_POOL_SIZE)
ACTIVITY_THREADS = min(env.integer("ACTIVITY_THREADS", 4, minimum=1), DATABASE_POOL_SIZE)

# --- The gateway in front of a Temporal server that has no access control of its own ---------------
TEMPORAL_GATEWAY_LISTEN = env.text("TEMPORAL_GATEWAY_LISTEN", "127.0.0.1:7243")
TEMPORAL_GATEWAY_UPSTREAM = env.text("TEMPORAL_GATEWAY_UPSTREAM", "")
TEMPORAL_GATEWAY_UPSTREAM_TLS = env.boolean("TEMPORAL_GATEWAY_UPSTREAM_TLS", False)
TEMPORAL_GATEWAY_UPSTREAM_CA = env.secret("TEMPORAL_GATEWAY_UPSTREAM_CA")
# Whose tokens count: where the issuer's public keys are, what `iss` and `aud` must say.
TEMPORAL_GATEWAY_KEYS = env.text("TEMPORAL_GATEWAY_KEYS", "")
TEMPORAL_GATEWAY_ISSUER = env.text("TEMPORAL_GATEWAY_ISSUER", "")
TEMPORAL_GATEWAY_AUDIENCE = env.text("TEMPORAL_GATEWAY_AUDIENCE", "")
# PEM, usually from files (`…_FILE`). With CLIENT_CA callers must show a certificate that it signed.
TEMPORAL_GATEWAY_CERTIFICATE = env.secret("TEMPORAL_GATEWAY_CERTIFICATE")
TEMPORAL_GATEWAY_PRIVATE_KEY = env.secret("TEMPORAL_GATEWAY_PRIVATE_KEY")
TEMPORAL_GATEWAY_CLIENT_CA = env.secret("TEMPORAL_GATEWAY_CLIENT_CA")
TEMPORAL_GATEWAY_AUDIT_FILE = env.text("TEMPORAL_GATEWAY_AUDIT_FILE", "")

# --- Credentials of activities --------------------------------------------------------------
CREDENTIALS = env.text("CREDENTIALS", "environment")  # or aws, or a directory: file:///etc/countersign/credentials
CREDENTIALS_AWS_ROLE = env.text("CREDENTIALS_AWS_ROLE", "")
CREDENTIALS_AWS_REGION = env.text("CREDENTIALS_AWS_REGION", "")
CREDENTIALS_AWS_PREFIX = env.text("CREDENTIALS_AWS_PREFIX", "")
CREDENTIALS_AWS_ENDPOINT = env.text("CREDENTIALS_AWS_ENDPOINT", "")

# --- MCP: tools that the agent uses with a person's authority; empty for none -----------------
MCP_URL = env.text("MCP_URL", "")
MCP_TOKEN_ENDPOINT = env.text("MCP_TOKEN_ENDPOINT", "")

# --- Nexus ----------------------------------------------------------------------------------
# Which teams elsewhere may ask for approvals: their endpoints, and the policy of what each may ask.
NEXUS_APPROVALS = env.pairs("NEXUS_APPROVALS")
for _endpoint in NEXUS_APPROVALS:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,62}", _endpoint):
        raise ImproperlyConfigured(
            f"NEXUS_APPROVALS: the endpoint {_endpoint!r} must be 1 to 63 lower-case letters, digits and hyphens."
        )

# --- Alerts and the demo agent --------------------------------------------------------------
# Secrets that sign PagerDuty webhooks; several while one is being rotated.
ALERT_WEBHOOK_SECRETS = env.names("ALERT_WEBHOOK_SECRETS")
MODEL_PROVIDER = env.text("MODEL_PROVIDER", "cassette")  # or anthropic, openai
MODEL_NAME = env.text("MODEL_NAME", "")
MODEL_BASE_URL = env.text("MODEL_BASE_URL", "")

# --- The rest -------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
_log_level = env.text("LOG_LEVEL", "INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "audit.logs.Formatter",
            "fmt": "{asctime} {levelname} {name} {message}",
            "style": "{",
            "withholds": _log_level != "DEBUG",
        }
    },
    "filters": {"tokens": {"()": "accounts.sign_in.logs.HideTokens"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["tokens"]}},
    # At INFO it writes whole addresses, and SIEM_TARGET may hold a secret.
    "loggers": {"httpx": {"level": "WARNING"}},
    "root": {"handlers": ["stderr"], "level": _log_level},
}
