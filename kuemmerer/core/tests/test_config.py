"""Settings: each wrong one is named in one line, the right ones are kept where nobody else reads them."""

from __future__ import annotations

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kuemmerer import cli
from kuemmerer.config import KNOWN, Config, ConfigError, load


def loaded(folder: Path, **values: str) -> Config:
    return load(
        {"KUEMMERER_DATA": str(folder), **{f"KUEMMERER_{name}": value for name, value in values.items()}}
    )


def test_without_any_setting_everything_has_a_good_one(tmp_path: Path) -> None:
    config = loaded(tmp_path / "new" / "folder")
    assert (config.bind, config.port, config.base_url) == ("127.0.0.1", 8000, "http://127.0.0.1:8000")
    assert config.database["NAME"] == str(tmp_path / "new" / "folder" / "kuemmerer.sqlite3")
    assert config.allow_private_addresses is False
    assert (config.lease_seconds, config.http_seconds) == (90, 20)
    assert stat.S_IMODE((tmp_path / "new" / "folder").stat().st_mode) == 0o700


WRONG = [
    ("BIND", "8000"),
    ("BIND", "localhost"),
    ("BIND", "localhost:http"),
    ("BIND", "localhost:0"),
    ("BIND", "localhost:70000"),
    ("BIND", "localhost:²"),
    ("DATABASE_URL", "mysql://root@localhost/x"),
    ("DATABASE_URL", "kuemmerer.sqlite3"),
    ("DATABASE_URL", "postgresql://[::1/x"),
    ("DATABASE_URL", "postgresql://host:port/x"),
    ("BASE_URL", "desk.example.org"),
    ("BASE_URL", "ftp://desk.example.org"),
    ("BASE_URL", "https://"),
    ("BASE_URL", "https://[::1"),
    ("BASE_URL", "https://desk.example.org/sub/folder"),
    ("EMAIL_URL", "mail.example.org"),
    ("EMAIL_URL", "imap://mail.example.org"),
    ("EMAIL_URL", "smtp://[::1"),
    ("EMAIL_URL", "smtp://host:port"),
    ("ALLOW_PRIVATE_ADDRESSES", "maybe"),
    ("LEASE_SECONDS", "soon"),
    ("LEASE_SECONDS", "4"),
    ("LEASE_SECONDS", "34"),
    ("LEASE_SECONDS", "99999"),
    ("LEASE_SECONDS", "²"),
    ("HTTP_SECONDS", "0"),
    ("HTTP_SECONDS", "-3"),
    ("HTTP_SECONDS", "1.5"),
    ("COLOUR", "blue"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_setting_is_named_in_one_line(
    tmp_path: Path,
    name: str,
    value: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ConfigError, match=f"^KUEMMERER_{name}: ") as refused:
        loaded(tmp_path, **{name: value})
    assert "\n" not in str(refused.value)
    monkeypatch.setenv("KUEMMERER_DATA", str(tmp_path))
    monkeypatch.setenv(f"KUEMMERER_{name}", value)
    with pytest.raises(SystemExit) as ended:
        cli.main(["check"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"kuemmerer: KUEMMERER_{name}: ")
    assert said.count("\n") == 1


def test_a_lease_must_outlast_a_call_to_a_network(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"LEASE_SECONDS: 74 .* KUEMMERER_HTTP_SECONDS=60 it must be 75"
    ) as no:
        loaded(tmp_path, LEASE_SECONDS="74", HTTP_SECONDS="60")
    assert "\n" not in str(no.value)
    config = loaded(tmp_path, LEASE_SECONDS="75", HTTP_SECONDS="60")
    assert (config.lease_seconds, config.http_seconds) == (75, 60)


def test_who_only_waits_longer_for_networks_gets_a_lease_that_fits(tmp_path: Path) -> None:
    assert loaded(tmp_path, HTTP_SECONDS="120").lease_seconds == 135
    assert loaded(tmp_path, HTTP_SECONDS="1").lease_seconds == 90


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match="KUEMMERER_DATA: the folder"):
            loaded(folder)


def test_a_line_of_the_file_that_is_no_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "kuemmerer.env").write_text("# good\n\nKUEMMERER_BIND=[::]:80\nnonsense\n")
    with pytest.raises(ConfigError, match=r"kuemmerer\.env, line 4: expected NAME=value"):
        loaded(tmp_path)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "kuemmerer.env").write_bytes(b"KUEMMERER_EMAIL_FROM=K\xfcmmerer\n")
    with pytest.raises(ConfigError, match=r"kuemmerer\.env: .*UTF-8"):
        loaded(tmp_path)


def test_the_file_is_read_and_the_environment_goes_first(tmp_path: Path) -> None:
    (tmp_path / "kuemmerer.env").write_text(
        "\ufeffKUEMMERER_BIND=0.0.0.0:9000\nKUEMMERER_EMAIL_FROM='Desk <desk@example.org>'\n# X=1\n",
        encoding="utf-8",
    )
    config = loaded(tmp_path, BIND="127.0.0.1:9001")
    assert (config.port, config.email_from) == (9001, "Desk <desk@example.org>")
    assert loaded(tmp_path).base_url == "http://localhost:9000"


def test_other_peoples_variables_are_none_of_our_business(tmp_path: Path) -> None:
    config = load(
        {
            "KUEMMERER_DATA": str(tmp_path),
            "PATH": "/bin",
            "DATABASE_URL": "mysql://x",
            "KUEMMERER_TEST_X": "1",
        }
    )
    assert "sqlite" in config.database["ENGINE"]


def test_the_secret_key_is_made_once_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    first, second = loaded(tmp_path), loaded(tmp_path)
    assert first.secret_key == second.secret_key
    assert len(first.secret_key) >= 50
    assert stat.S_IMODE((tmp_path / "secret-key").stat().st_mode) == 0o600
    assert loaded(tmp_path, SECRET_KEY="one of my own, long enough for all").secret_key.startswith("one")


def test_processes_that_start_at_once_agree_on_the_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: loaded(tmp_path).secret_key, range(64)))
    assert len(keys) == 1


def test_a_secret_key_that_was_cut_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "secret-key").write_text("short")
    with pytest.raises(ConfigError, match="too short"):
        loaded(tmp_path)
    (tmp_path / "secret-key").write_bytes(b"\xff" * 60)
    with pytest.raises(ConfigError, match="secret-key"):
        loaded(tmp_path)


@pytest.mark.parametrize(
    ("value", "is_on"), [("yes", True), ("1", True), ("On", True), ("no", False), ("", False)]
)
def test_yes_and_no_have_many_names(tmp_path: Path, value: str, is_on: bool) -> None:
    assert loaded(tmp_path, ALLOW_PRIVATE_ADDRESSES=value).allow_private_addresses is is_on


def test_databases_and_mail_are_given_as_addresses(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        DATABASE_URL="postgresql://me:p%40ss@db.example:5433/desk",
        EMAIL_URL="smtp+tls://me:secret@mail.example:587",
    )
    assert config.database["ENGINE"].endswith("postgresql")
    assert (config.database["PASSWORD"], config.database["PORT"]) == ("p@ss", 5433)
    assert (config.email["EMAIL_HOST"], config.email["EMAIL_USE_TLS"]) == ("mail.example", True)
    assert "synchronous=FULL" in loaded(tmp_path).database["OPTIONS"]["init_command"]


@pytest.mark.parametrize(
    ("bind", "url"), [("[::1]:8000", "http://[::1]:8000"), ("[::]:80", "http://localhost:80")]
)
def test_an_address_of_version_six_is_an_address(tmp_path: Path, bind: str, url: str) -> None:
    assert loaded(tmp_path, BIND=bind).base_url == url


def test_every_setting_is_known_to_the_error_for_an_unknown_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, COLOUR="blue")
    assert all(f"KUEMMERER_{name}" in str(refused.value) for name in KNOWN)


def test_a_wrong_setting_stops_the_command_before_anything_is_imported(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "kuemmerer", "run"],
        env={"KUEMMERER_DATA": str(tmp_path), "KUEMMERER_BIND": "nowhere", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "Traceback" not in ended.stderr
