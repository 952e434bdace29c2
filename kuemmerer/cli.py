"""The command `kuemmerer`. Only what a command needs is imported: the supervisor stays small."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable

from kuemmerer import __version__
from kuemmerer.config import ConfigError, load
from kuemmerer.language.commands import add as commands_of_language


def main(argv: list[str] | None = None) -> None:
    """Run a command; exits with its code. A wrong setting is named in one line."""
    arguments = _parser().parse_args(argv)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kuemmerer.settings")
    try:
        load()
    except ConfigError as error:
        print(f"kuemmerer: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    run: Callable[[argparse.Namespace], int] = arguments.run
    raise SystemExit(run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kuemmerer", description="Looks after a company's social networks.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    command("run", _run, "Prepare the database and run web and worker until Ctrl-C.")
    web = command("web", _web, "Run the web server alone.")
    web.add_argument("--migrate", action="store_true", help="prepare the database first")
    command("worker", _worker, "Run a worker alone; any number may run at once.")
    command("migrate", _migrate, "Prepare the database, or bring it up to date.")
    command("check", _check, "Check the settings and whether the desk does its work; exit code 1 if not.")
    demo = command("demo", _demo, "Found a demo company and print how to get in.")
    demo.add_argument("--language", choices=["de", "en"], default="de")
    user = command("createuser", _createuser, "Make a user, with a workspace and an API token if asked.")
    user.add_argument("--email", required=True)
    user.add_argument("--name", default="")
    user.add_argument("--password", help="read from the terminal or from standard input if left out")
    user.add_argument("--workspace", help="name of the workspace to found, or to join as owner if it exists")
    user.add_argument("--country", default="DE")
    user.add_argument("--region", default="")
    user.add_argument("--time-zone", default="Europe/Berlin")
    user.add_argument("--language", choices=["de", "en"], default="de")
    user.add_argument("--token", action="store_true", help="print an API token for the workspace")
    deadline = command(
        "deadline", _deadline, "Print when an answer is due: so much open time after a moment."
    )
    deadline.add_argument("--region", default="DE", help="country or region, such as DE-NW, AT-9, CH-ZH")
    deadline.add_argument("--tz", default="Europe/Berlin")
    deadline.add_argument("--hours", default="mon-fri 09:00-17:00", help="spans by weekday; parts end with ;")
    deadline.add_argument("--minutes", type=int, required=True, help="open minutes that have to pass")
    deadline.add_argument(
        "--from", dest="start", required=True, help="ISO time, local unless it has an offset"
    )
    deadline.add_argument("--half-days", action="store_true", help="24 and 31 December end at noon")
    commands_of_language(command("language", _language, "What comments are: verdicts, figures, training."))
    command("reindex", _reindex, "Build the search index anew, beside the desk's work.")
    bench = command("bench", _bench, "Measure this machine; prints JSON.")
    bench.add_argument("what", choices=["sync", "inbox", "search", "deadlines", "language"])
    bench.add_argument("--interactions", type=int, help="size of the test data; a tenth first")
    bench.add_argument("--rules", type=int, default=0, help="of sync: with so many automation rules")
    bench.add_argument("--keep", action="store_true", help="keep the test database")
    return parser


def _language(arguments: argparse.Namespace) -> int:
    from kuemmerer.language.commands import run

    return run(arguments)


def _setup() -> None:
    import django

    django.setup()


def _run(arguments: argparse.Namespace) -> int:
    from kuemmerer.supervisor import supervise

    return supervise(load())


def _migrate(arguments: argparse.Namespace) -> int:
    _setup()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    return 0


def _web(arguments: argparse.Namespace) -> int:
    if arguments.migrate:
        _migrate(arguments)
    from waitress import serve

    from kuemmerer.wsgi import application

    config = load()
    serve(
        application,
        host=config.bind,
        port=config.port,
        threads=8,
        ident="kuemmerer",
        # Waitress forgets the proxy's headers unless told whom to trust; the proxy stands on this machine.
        trusted_proxy="127.0.0.1",
        trusted_proxy_headers={"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"},
        clear_untrusted_proxy_headers=True,
    )
    return 0


def _worker(arguments: argparse.Namespace) -> int:
    _setup()
    from kuemmerer.jobs.worker import Worker

    return Worker().run()


def _check(arguments: argparse.Namespace) -> int:
    _setup()
    from django.core.management import call_command

    from kuemmerer.core import clock
    from kuemmerer.jobs.health import problems

    call_command("check")
    call_command("migrate", check_unapplied=True, verbosity=0)
    found = problems(clock.now())
    for problem in found:
        print(f"{problem.code}: {problem.details}")
    return 1 if found else 0


def _reindex(arguments: argparse.Namespace) -> int:
    _setup()
    from kuemmerer.core import clock
    from kuemmerer.inbox import search

    done = 0
    for count in search.rebuild(clock.now()):
        done += count
        print(f"\r{done} texts", end="", flush=True)
    print(f"\r{done} texts are in the index.")
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    _migrate(arguments)
    import secrets

    from kuemmerer import demo
    from kuemmerer.core import clock

    password = secrets.token_urlsafe(9)
    membership = demo.found(now=clock.now(), language=arguments.language, password=password)
    print(f"{load().base_url}/accounts/login/\ne-mail: {membership.user.email}\npassword: {password}")
    return 0


def _deadline(arguments: argparse.Namespace) -> int:
    _setup()
    from kuemmerer.core.errors import Invalid
    from kuemmerer.inbox import support

    try:
        due = support.deadline(
            region=arguments.region,
            time_zone=arguments.tz,
            hours=arguments.hours,
            minutes=arguments.minutes,
            start=arguments.start,
            half_days=arguments.half_days,
        )
    except Invalid as error:
        print(f"kuemmerer deadline: {error}", file=sys.stderr)
        return 2
    print(due)
    return 0


def _createuser(arguments: argparse.Namespace) -> int:
    _migrate(arguments)
    from kuemmerer.core.errors import DeskError

    try:
        return _create_user(arguments)
    except DeskError as error:
        print(f"kuemmerer: {error}", file=sys.stderr)
        return 1


def _create_user(arguments: argparse.Namespace) -> int:
    from django.db import transaction

    from kuemmerer.accounts import people, workspaces
    from kuemmerer.accounts.access import Actor
    from kuemmerer.accounts.models import Membership, Role, User, Workspace
    from kuemmerer.core import clock

    now = clock.now()
    with transaction.atomic():
        user = User.objects.filter(email=arguments.email.strip().lower()).first()
        if user is None:
            user = people.register(
                email=arguments.email,
                name=arguments.name or arguments.email.split("@")[0],
                password=arguments.password or _ask_password(),
                language="",
            )
        if not arguments.workspace:
            return 0
        workspace = Workspace.objects.filter(name=arguments.workspace, is_demo=False).first()
        if workspace is not None:
            membership, _ = Membership.objects.get_or_create(
                workspace=workspace, user=user, defaults={"role": Role.OWNER, "created_at": now}
            )
        else:
            membership = workspaces.found(
                owner=user,
                name=arguments.workspace,
                country=arguments.country,
                region=arguments.region,
                time_zone=arguments.time_zone,
                language=arguments.language,
                now=now,
            )
        if arguments.token:
            actor = Actor(user=user, workspace=membership.workspace, membership=membership)
            print(workspaces.make_token(actor=actor, name="createuser", now=now)[1])
    return 0


def _ask_password() -> str:
    import getpass

    return getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def _bench(arguments: argparse.Namespace) -> int:
    if arguments.what == "language":
        from kuemmerer.language.bench import figures

        print(json.dumps(figures(), indent=2))
        return 0
    from kuemmerer.bench import run

    result = run(
        arguments.what, interactions=arguments.interactions, keep=arguments.keep, rules=arguments.rules
    )
    print(json.dumps(result, indent=2))
    return 0
