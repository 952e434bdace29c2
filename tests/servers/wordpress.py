"""A real WordPress on PHP's own web server and SQLite.

The site is installed once into the cache; a run hard-links its files, copies its database and starts PHP.
Measured on two cores: installation 11 s, a start 0.4 s (the first request 0.8 s), about 110 MB in all;
several may run at once.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from . import Missing, Process, client, free_port
from ._parts import built, command, debian, from_trixie, npm_pack

OURS = Path(__file__).with_name("wordpress_site")
PHP = ("php-cli", "php-sqlite3", "php-xml", "php-curl", "php-gd", "php-mbstring", "php-intl", "php-zip")
WORDPRESS = ("wordpress", "php-getid3", "wordpress-theme-twentytwentyfive")
PLUGIN = "sqlite-database-integration"
RECIPE = "2 wp-playground 3.1.56"

CONFIG = """<?php
define('DB_NAME', 'tests'); define('DB_USER', ''); define('DB_PASSWORD', ''); define('DB_HOST', '');
define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', ''); define('WP_HOME', '%(url)s'); define('WP_SITEURL',
'%(url)s'); define('WP_ENVIRONMENT_TYPE', 'local'); define('WP_HTTP_BLOCK_EXTERNAL', true);
define('DISABLE_WP_CRON', true); define('AUTOMATIC_UPDATER_DISABLED', true); define('WP_DEBUG', false);
define('TESTS_FLOOD_CHECK', %(flood_check)s); define('TESTS_MODERATION', %(moderation)s); foreach
(['AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY', 'AUTH_SALT', 'SECURE_AUTH_SALT',
    'LOGGED_IN_SALT', 'NONCE_SALT'] as $name) define($name, 'tests ' . $name);
$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
"""


def install() -> Path:
    """The installed template site."""
    debian(*PHP)
    return built("wordpress", RECIPE, _build)


def _build(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="wordpress-") as scratch:
        work = Path(scratch)
        from_trixie(work, packages=WORDPRESS)
        for package in work.glob("*.deb"):
            command(["dpkg", "-x", package, work / "root"])
        _copy_following_links(work / "root", Path("usr/share/wordpress"), folder / "site")
        archive = npm_pack(work, "@wp-playground/cli@3.1.56")
        command(["tar", "xzf", archive, f"package/{PLUGIN}.zip"], cwd=work)
        shutil.unpack_archive(work / "package" / f"{PLUGIN}.zip", work / "sqlite")
        content = folder / "site" / "wp-content"
        shutil.copytree(next((work / "sqlite").iterdir()), content / "plugins" / PLUGIN)
    template = (content / "plugins" / PLUGIN / "db.copy").read_text()
    (content / "db.php").write_text(template.replace("{SQLITE_PLUGIN}", f"{PLUGIN}/load.php"))
    for name in ("uploads", "database", "mu-plugins"):
        (content / name).mkdir(exist_ok=True)
    shutil.copy(OURS / "harness.php", content / "mu-plugins")
    _configure(folder / "site", url="http://127.0.0.1", flood_check=False, moderation=False)
    printed = command(["php", "-d", "sendmail_path=/bin/true", OURS / "install.php", folder / "site"])
    keys = json.loads(printed[printed.index("{") :])
    (folder / "keys.json").write_text(json.dumps(keys))


def _copy_following_links(root: Path, inside: Path, target: Path) -> None:
    """Copy a tree of an unpacked package; its links point into the same root, or to parts not needed here."""

    def resolve(path: Path) -> Path:
        while path.is_symlink():
            aim = os.readlink(path)
            path = root / aim.lstrip("/") if aim.startswith("/") else path.parent / aim
        return path

    target.mkdir(parents=True)
    for entry in sorted(resolve(root / inside).iterdir()):
        real = resolve(entry)
        if real.is_dir():
            _copy_following_links(root, real.relative_to(root), target / entry.name)
        elif real.is_file() and entry.name not in (".htaccess", "wp-config.php"):
            shutil.copy(real, target / entry.name)


def _configure(site: Path, *, url: str, flood_check: bool, moderation: bool) -> None:
    values = {"url": url, "flood_check": str(flood_check).lower(), "moderation": str(moderation).lower()}
    (site / "wp-config.php").unlink(missing_ok=True)  # never write through a hard link
    (site / "wp-config.php").write_text(CONFIG % values)


@dataclass(frozen=True)
class Server:
    """One blog. ``user`` is an editor, as a company would give to its desk; ``admin`` is for the harness."""

    url: str
    user: str
    app_password: str
    admin_password: str = field(repr=False)
    site: Path = field(repr=False)
    process: Process = field(repr=False)

    # ---- the blog's owner

    def publish_post(self, title: str, text: str, **more: Any) -> int:
        made = self._admin(
            "POST", "posts", json={"title": title, "content": text, "status": "publish", **more}
        )
        return int(made["id"])

    def post(self, post_id: int) -> dict[str, Any]:
        """The post as everyone sees it; HTTPStatusError when it is not public."""
        seen: dict[str, Any] = self._outside("GET", f"posts/{post_id}")
        return seen

    def posts(self) -> list[dict[str, Any]]:
        """All public posts, newest first."""
        return self._all(f"{self.url}/wp-json/wp/v2/posts")

    def post_url(self, post_id: int) -> str:
        return str(self.post(post_id)["link"])

    def page(self, url: str) -> str:
        """A page of the blog as a visitor's browser gets it."""
        with client() as http:
            answer = http.get(url, follow_redirects=True)
            answer.raise_for_status()
            return answer.text

    # ---- strangers

    def stranger_comments(
        self, post_id: int, name: str, email: str, text: str, parent: int | None = None
    ) -> int:
        """Comment without login through the blog's own form; HTTPStatusError when WordPress refuses.

        409: the same words twice; 429: flood check (only with ``run(flood_check=True)``).
        """
        form = {
            "comment_post_ID": str(post_id),
            "comment_parent": str(parent or 0),
            "author": name,
            "email": email,
            "url": "",
            "comment": text,
            "submit": "Post Comment",
        }
        with client() as http:
            answer = http.post(f"{self.url}/wp-comments-post.php", data=form)
        if answer.status_code != 302:
            answer.raise_for_status()
            raise httpx.HTTPStatusError(
                f"comment refused with {answer.status_code}", request=answer.request, response=answer
            )
        location = answer.headers["location"]
        if "unapproved=" in location:
            return int(location.split("unapproved=")[1].split("&")[0])
        return int(location.rpartition("#comment-")[2])

    def stranger_pings(self, source_url: str, post_id: int) -> str:
        """Another blog's page says that it links to our post (XML-RPC pingback); takes over a second."""
        server = xmlrpc.client.ServerProxy(f"{self.url}/xmlrpc.php")
        return str(server.pingback.ping(source_url, self.post_url(post_id)))

    # ---- looking from the outside

    def comments(self, post_id: int) -> list[dict[str, Any]]:
        """The approved comments of a post, oldest first, as everyone may read them."""
        return self._all(f"{self.url}/wp-json/wp/v2/comments", post=str(post_id), order="asc", orderby="id")

    def replies_to(self, comment_id: int) -> list[dict[str, Any]]:
        return self._all(
            f"{self.url}/wp-json/wp/v2/comments", parent=str(comment_id), order="asc", orderby="id"
        )

    def pingbacks(self, post_id: int) -> list[dict[str, Any]]:
        """WordPress lists them only for people logged in."""
        found: list[dict[str, Any]] = self._admin(
            "GET", "comments", params={"post": str(post_id), "type": "pingback", "context": "edit"}
        )
        return found

    # ---- moderation behind the desk's back

    def edit_comment(self, comment_id: int, text: str) -> None:
        self._admin("POST", f"comments/{comment_id}", json={"content": text})

    def delete_comment(self, comment_id: int, *, forever: bool = True) -> None:
        """Delete for good, or move to the bin."""
        self._admin("DELETE", f"comments/{comment_id}", params={"force": "true"} if forever else {})

    def set_comment_status(self, comment_id: int, status: str) -> None:
        """``approve``, ``hold``, ``spam`` or ``trash``."""
        self._admin("POST", f"comments/{comment_id}", json={"status": status})

    def comment_status(self, comment_id: int) -> str:
        seen = self._admin("GET", f"comments/{comment_id}", params={"context": "edit"})
        return str(seen["status"])

    # ---- access

    def person(self, login: str, role: str) -> tuple[str, str]:
        """A further user of that role; login and application password."""
        made = self._admin(
            "POST",
            "users",
            json={"username": login, "email": f"{login}@example.com", "password": login * 3, "roles": [role]},
        )
        key = self._admin("POST", f"users/{made['id']}/application-passwords", json={"name": "tests"})
        return login, str(key["password"])

    def revoke_app_password(self) -> None:
        """Take the desk's application passwords away; its next call gets 401."""
        found = self._admin("GET", "users", params={"search": self.user, "context": "edit"})
        user_id = next(user["id"] for user in found if user["username"] == self.user)
        self._admin("DELETE", f"users/{user_id}/application-passwords")

    def _admin(self, method: str, path: str, **options: Any) -> Any:
        return self._call(method, path, auth=("admin", self.admin_password), **options)

    def _outside(self, method: str, path: str, **options: Any) -> Any:
        return self._call(method, path, **options)

    def _call(self, method: str, path: str, **options: Any) -> Any:
        with client() as http:
            answer = http.request(method, f"{self.url}/wp-json/wp/v2/{path}", **options)
        answer.raise_for_status()
        return answer.json()

    def _all(self, url: str, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        with client() as http:
            page, pages = 1, 1
            while page <= pages:
                answer = http.get(url, params={**query, "per_page": "100", "page": str(page)})
                answer.raise_for_status()
                found += answer.json()
                pages = int(answer.headers["X-WP-TotalPages"])
                page += 1
        return found


@contextmanager
def run(
    folder: Path,
    *,
    name: str = "blog",
    port: int | None = None,
    public_url: str | None = None,
    flood_check: bool = False,
    moderation: bool = False,
    workers: int = 3,
) -> Iterator[Server]:
    """A fresh blog in ``folder/name``.

    ``public_url`` is the address WordPress believes it has (give the fault proxy's, or leave it);
    ``flood_check`` keeps WordPress' limit of one comment in 15 s for each address; ``moderation`` holds every
    stranger's comment until somebody approves it.
    """
    template = install()
    site = folder / name
    shutil.copytree(
        template / "site",
        site,
        copy_function=_link_or_copy,
        ignore=lambda where, names: ["database"] if where.endswith("wp-content") else [],
    )
    shutil.copytree(template / "site" / "wp-content" / "database", site / "wp-content" / "database")
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    _configure(site, url=public_url or url, flood_check=flood_check, moderation=moderation)
    argv: list[object] = ["php", "-d", "sendmail_path=/bin/true", "-d", "opcache.enable_cli=1"]
    argv += ["-d", "upload_max_filesize=16M", "-d", "post_max_size=20M"]
    argv += ["-S", f"127.0.0.1:{port}", "-t", site, OURS / "router.php"]
    keys = json.loads((template / "keys.json").read_text())
    environment = {"PHP_CLI_SERVER_WORKERS": str(workers)}
    with Process(argv, folder=folder, name=name, env=environment) as process:
        process.wait_for_port(port)
        yield Server(url, "desk", keys["desk"], keys["admin"], site, process)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


__all__ = ["Missing", "Server", "install", "run"]
