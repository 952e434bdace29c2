"""The settings a person can make: environment variables, or lines in `kuemmerer.env` in the data folder.

All are optional. A wrong one stops the start with one sentence that names it.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ

PREFIX = "KUEMMERER_"
KNOWN = (
    "DATA",
    "BIND",
    "DATABASE_URL",
    "BASE_URL",
    "EMAIL_URL",
    "EMAIL_FROM",
    "SECRET_KEY",
    "ALLOW_PRIVATE_ADDRESSES",
    "LEASE_SECONDS",
    "HTTP_SECONDS",
)
LEASE_MARGIN = 15
"""How much longer than a wait for the network a lease must be.

A lease begins anew before each call that must not happen twice (`channels.delivery`), so it has to outlast
one such call: finding the server, the connection (5 seconds) and its encryption (5 seconds), then
HTTP_SECONDS until the answer begins. When it has ended, that call was made or never will be. Calls that may
be repeated need no time of it.
"""


class ConfigError(Exception):
    """A setting that cannot be used. The text names the setting, what is wrong and what would be right."""


@dataclass(frozen=True, kw_only=True)
class Config:
    data: Path
    bind: str
    port: int
    database: dict[str, Any]
    base_url: str
    email: dict[str, Any]
    email_from: str
    secret_key: str
    allow_private_addresses: bool
    lease_seconds: int
    http_seconds: float


def load(env: Mapping[str, str] | None = None) -> Config:
    """The configuration from `env` (default: the process's environment). Raises ConfigError.

    Creates the data folder and, in it, the secret key if none is set.
    """
    env = dict(os.environ if env is None else env)
    data = Path(env.get(PREFIX + "DATA") or "data").expanduser().absolute()
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"{PREFIX}DATA: the folder {data} cannot be made ({error.strerror}).") from error
    env = {**_file(data / "kuemmerer.env"), **env}
    _refuse_unknown(env)
    bind, port = _bind(env)
    lease_seconds, http_seconds = _patience(env)
    return Config(
        data=data,
        bind=bind,
        port=port,
        database=_database(env, data),
        base_url=_base_url(env, bind, port),
        email=_email(env, data),
        email_from=env.get(PREFIX + "EMAIL_FROM") or "Kümmerer <kuemmerer@localhost>",
        secret_key=env.get(PREFIX + "SECRET_KEY") or _kept_secret(data / "secret-key"),
        allow_private_addresses=_boolean(env, "ALLOW_PRIVATE_ADDRESSES"),
        lease_seconds=lease_seconds,
        http_seconds=http_seconds,
    )


def _file(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    values: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: this file cannot be read as UTF-8 ({error}).") from error
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, sign, value = line.partition("=")
        if not sign:
            raise ConfigError(f"{path}, line {number}: expected NAME=value.")
        values[name.strip()] = value.strip().strip("\"'")
    return values


def _refuse_unknown(env: Mapping[str, str]) -> None:
    for name in env:
        # TEST_…, RECORD and SHARED belong to the test suite, not to the desk.
        if (
            name.startswith(PREFIX)
            and name[len(PREFIX) :] not in (*KNOWN, "RECORD", "SHARED")
            and not name.startswith(PREFIX + "TEST_")
        ):
            raise ConfigError(
                f"{name}: there is no such setting. Known are {', '.join(PREFIX + k for k in KNOWN)}."
            )


def _bind(env: Mapping[str, str]) -> tuple[str, int]:
    value = env.get(PREFIX + "BIND") or "127.0.0.1:8000"
    host, _, port = value.rpartition(":")
    if not host or not _is_whole(port) or not 0 < int(port) < 65536:
        raise ConfigError(f"{PREFIX}BIND: “{value}” is no address with port, such as 127.0.0.1:8000.")
    return host.strip("[]"), int(port)


def _database(env: Mapping[str, str], data: Path) -> dict[str, Any]:
    url = env.get(PREFIX + "DATABASE_URL") or f"sqlite:///{data / 'kuemmerer.sqlite3'}"
    if _scheme(url) not in {"sqlite", "postgres", "postgresql"}:
        raise ConfigError(
            f"{PREFIX}DATABASE_URL: only sqlite:///path and postgresql://user:password@host/name are known."
        )
    try:
        found: dict[str, Any] = dict(environ.Env.db_url_config(url))
    except Exception as error:
        raise ConfigError(f"{PREFIX}DATABASE_URL: cannot be understood ({error}).") from error
    if "sqlite" in found["ENGINE"]:
        found["OPTIONS"] = {
            # What was accepted must survive a power cut; writers queue up instead of failing late in a
            # transaction.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
            "PRAGMA cache_size=-32000; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=268435456; "
            "PRAGMA journal_size_limit=67108864;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
        }
    else:
        found["CONN_MAX_AGE"] = 60
        found["CONN_HEALTH_CHECKS"] = True
    return found


def _base_url(env: Mapping[str, str], bind: str, port: int) -> str:
    host = "localhost" if bind in {"0.0.0.0", "::"} else f"[{bind}]" if ":" in bind else bind  # noqa: S104
    value = env.get(PREFIX + "BASE_URL") or f"http://{host}:{port}"
    good = _scheme(value) in {"http", "https"}
    if not good or not urlsplit(value).netloc or urlsplit(value).path.strip("/"):
        raise ConfigError(f"{PREFIX}BASE_URL: “{value}” is no address such as https://desk.example.org.")
    return value.rstrip("/")


def _email(env: Mapping[str, str], data: Path) -> dict[str, Any]:
    url = env.get(PREFIX + "EMAIL_URL")
    if not url:
        # Without a mail server the mails are kept as files, so that a reset link can still be found.
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": data / "mail",
        }
    if _scheme(url) not in {"smtp", "smtp+tls", "smtp+ssl", "smtps", "consolemail", "filemail"}:
        raise ConfigError(
            f"{PREFIX}EMAIL_URL: “{url.split(':')[0]}” is unknown; use smtp+tls://user:password@host:587."
        )
    try:
        found: dict[str, Any] = dict(environ.Env.email_url_config(url))
    except Exception as error:
        raise ConfigError(f"{PREFIX}EMAIL_URL: cannot be understood ({error}).") from error
    found.pop("OPTIONS", None)
    return found


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def _is_whole(text: str) -> bool:
    # isdigit alone also takes “²”, of which int makes nothing.
    return text.isascii() and text.isdigit()


def _kept_secret(path: Path) -> str:
    try:
        with path.open("x", encoding="ascii") as file:
            path.chmod(0o600)
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    except OSError as error:
        raise ConfigError(f"{path}: the secret key cannot be written ({error.strerror}).") from error
    try:
        found = _filled(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the secret key cannot be read ({error}).") from error
    if len(found) < 32:
        raise ConfigError(f"{path}: the secret key in this file is too short. Restore it from the backup.")
    return found


def _filled(path: Path) -> str:
    """The text of a file that another process may be writing at this moment."""
    for _ in range(20):
        if found := path.read_text(encoding="ascii").strip():
            return found
        time.sleep(0.05)
    return ""


def _boolean(env: Mapping[str, str], name: str) -> bool:
    value = env.get(PREFIX + name, "").lower()
    if value not in {"", "0", "1", "true", "false", "yes", "no", "on", "off"}:
        raise ConfigError(f"{PREFIX}{name}: “{value}” is neither yes nor no.")
    return value in {"1", "true", "yes", "on"}


def _patience(env: Mapping[str, str]) -> tuple[int, int]:
    """LEASE_SECONDS and HTTP_SECONDS, which depend on each other."""
    http = _whole(env, "HTTP_SECONDS", 20, least=1, most=120)
    least = http + LEASE_MARGIN
    lease = _whole(env, "LEASE_SECONDS", max(90, least), least=1 + LEASE_MARGIN, most=3600)
    if lease < least:
        raise ConfigError(
            f"{PREFIX}LEASE_SECONDS: {lease} is too short, an answer could go out twice; "
            f"with {PREFIX}HTTP_SECONDS={http} it must be {least} or more."
        )
    return lease, http


def _whole(env: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    value = env.get(PREFIX + name) or str(default)
    if not _is_whole(value) or not least <= int(value) <= most:
        raise ConfigError(f"{PREFIX}{name}: “{value}” is no whole number from {least} to {most}.")
    return int(value)
