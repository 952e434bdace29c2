"""Django's settings. What a person can change is in `config.py`."""

from __future__ import annotations

from pathlib import Path

from django.utils.translation import gettext_lazy as _

from kuemmerer import config

CONFIG = config.load()

BASE_URL = CONFIG.base_url
DATA_DIR = CONFIG.data
ALLOW_PRIVATE_ADDRESSES = CONFIG.allow_private_addresses
LEASE_SECONDS = CONFIG.lease_seconds
HTTP_SECONDS = CONFIG.http_seconds
SECRET_KEY = CONFIG.secret_key

DEBUG = False
# The desk answers to whatever name its owner gives it; links in mails are made from BASE_URL, never from the
# Host header.
ALLOWED_HOSTS = ["*"]
_SECURE = BASE_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [BASE_URL]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _SECURE
SESSION_COOKIE_HTTPONLY = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _SECURE else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008"]  # https and HSTS are the proxy's business

INSTALLED_APPS = [
    "kuemmerer.core",
    "kuemmerer.jobs",
    "kuemmerer.accounts",
    "kuemmerer.web",
    "kuemmerer.api",
    "kuemmerer.notify",
    "kuemmerer.channels",
    "kuemmerer.audience",
    "kuemmerer.inbox",
    "kuemmerer.insights",
    "kuemmerer.publishing",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "django_tasks",
    "django_tasks_db",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "kuemmerer.web.middleware.language",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "kuemmerer.web.middleware.content_security_policy",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "kuemmerer.web.middleware.sessions_seen",
]
ROOT_URLCONF = "kuemmerer.urls"
WSGI_APPLICATION = "kuemmerer.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "kuemmerer.web.shell.context",
            ],
        },
    }
]

DATABASES = {"default": CONFIG.database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TASKS = {
    "default": {
        "BACKEND": "django_tasks_db.DatabaseBackend",
        "QUEUES": ["default", "sync", "delivery", "notify"],
    }
}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
ACCOUNT_ADAPTER = "kuemmerer.accounts.adapter.Adapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if _SECURE else "http"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_ADAPTER = "kuemmerer.accounts.adapter.SecondFactorAdapter"
MFA_TOTP_ISSUER = "Kümmerer"
USERSESSIONS_TRACK_ACTIVITY = False  # web.middleware.sessions_seen does it, less often
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"

for _name, _value in CONFIG.email.items():
    globals()[_name] = _value
DEFAULT_FROM_EMAIL = SERVER_EMAIL = CONFIG.email_from
EMAIL_TIMEOUT = 10
EMAIL_SUBJECT_PREFIX = ""

LANGUAGE_CODE = "en"
LANGUAGES = [("de", _("German")), ("en", _("English"))]
LOCALE_PATHS = [str((Path(__file__).parent / name).absolute()) for name in ("locale", "locale_allauth")]
USE_I18N = USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = None
# Files are served from where the package has them: no collecting, no build step between clone and first page.
WHITENOISE_USE_FINDERS = True
# What browsers ask for without having been told of it: /favicon.ico.
WHITENOISE_ROOT = Path(__file__).parent / "web" / "root"
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 3600

DATA_UPLOAD_MAX_MEMORY_SIZE = 6 * 1024 * 1024
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "kuemmerer": {"level": "INFO"},
        # httpx writes every URL it calls, and URLs may hold what nobody should read.
        "httpx": {"level": "WARNING"},
        "django_tasks": {"level": "WARNING"},
        "django_tasks_db": {"level": "WARNING"},
    },
}
