"""Questions that every page asks, put into SQL once.

Django puts a query together anew each time, which for a small one takes ten times as long as its answer.
Where a page asks dozens, that is most of its time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Model, QuerySet
from django.db.models.query import get_related_populators  # type: ignore[attr-defined]

T = TypeVar("T")
M = TypeVar("M", bound=Model)

Value = int | str | datetime

LARGEST = 2**63 - 1
"""No number in the database is larger, so nothing is like one that is."""

_FIRST, _SECOND = 0, 1
# Times of day that no rounding to hours or days makes alike.
_MOMENTS = datetime(1971, 3, 2, 4, 5, 6, 789, tzinfo=UTC), datetime(1987, 6, 5, 7, 8, 9, 123, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a parameter of the SQL comes from: an argument, moved by `offset` if it is a moment."""

    name: str
    offset: timedelta | None = None


class _Asked(Generic[T]):
    """What both kinds have in common: the SQL, the places of its arguments, and the compiler that knows what
    the columns are.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, T]]) -> None:
        self._build = build
        self._known: tuple[str, Sequence[object], Any] | None = None

    def _ask(self, arguments: dict[str, Value]) -> tuple[list[tuple[Any, ...]], Any]:
        if self._known is None:
            self._known = _compiled(self._build, arguments)
        sql, places, compiler = self._known
        if any(isinstance(value, int) and abs(value) > LARGEST for value in arguments.values()):
            return [], compiler
        params: list[Any] = [_filled(place, arguments) for place in places]
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall(), compiler


class Prepared(_Asked[tuple[Any, ...]]):
    """A query for some columns that is put together once and asked again and again.

    _waiting = Prepared(lambda workspace: Case.objects.filter(workspace=workspace).values_list("pk")[:100])
    rows = _waiting(workspace=actor.workspace.pk)

    `build` is called with stand-ins for the arguments, which are whole numbers, texts or moments; moments may
    be moved by a fixed time, all else only compared with. None and lists would change the SQL.
    """

    def __call__(self, **arguments: Value) -> list[tuple[Any, ...]]:
        """The rows, as the database gives them: numbers and texts are what they are, on SQLite moments and
        truth values are not. Raises TypeError for a query that cannot be prepared.
        """
        return self._ask(arguments)[0]


class PreparedRows(_Asked[M]):
    """The same for whole rows, with `select_related`, `only` and `defer`, without `prefetch_related`."""

    def __call__(self, **arguments: Value) -> list[M]:
        """The rows as model objects. Raises TypeError for a query that cannot be prepared."""
        found, known = self._ask(arguments)
        # As Django's ModelIterable does it; a compiler belongs to the connection of a thread.
        compiler = copy(known)
        compiler.connection = connections[DEFAULT_DB_ALIAS]
        fields = compiler.klass_info["select_fields"]
        start, end = fields[0], fields[-1] + 1
        names = [column[0].target.attname for column in compiler.select[start:end]]
        related = get_related_populators(compiler.klass_info, compiler.select, DEFAULT_DB_ALIAS)
        model = compiler.klass_info["model"]
        rows: list[M] = []
        for row in compiler.results_iter([found]):
            one = model.from_db(DEFAULT_DB_ALIAS, names, row[start:end])
            for populator in related:
                populator.populate(row, one)
            rows.append(one)
        return rows


def _compiled(
    build: Callable[..., QuerySet[Any, Any]], arguments: dict[str, Value]
) -> tuple[str, list[object], Any]:
    """The SQL; for each parameter its place or its fixed value, as built twice with different stand-ins, what
    differs are the arguments; and the compiler.
    """
    tried = []
    for turn in (_FIRST, _SECOND):
        stand_ins = {
            name: _stand_in(value, turn, number) for number, (name, value) in enumerate(arguments.items())
        }
        compiler = build(**stand_ins).query.get_compiler(DEFAULT_DB_ALIAS)
        sql, params = compiler.as_sql()
        tried.append((sql, params, stand_ins))
    (sql, first, one), (other, second, two) = tried
    if sql != other or len(first) != len(second):
        raise TypeError("the SQL depends on the arguments")
    return sql, [_place(a, b, one, two) for a, b in zip(first, second, strict=True)], compiler


def _stand_in(value: Value, turn: int, number: int) -> Value:
    if isinstance(value, datetime):
        # No two arguments are as far apart in one turn as in the other.
        return _MOMENTS[turn] + timedelta(days=(400 + turn) * number)
    if isinstance(value, str):
        return f"stand-in-{turn}-{number}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} cannot be the argument of a prepared query")
    return 2**40 + 1001 * turn + number


def _place(first: object, second: object, one: dict[str, Value], two: dict[str, Value]) -> object:
    if first == second:
        return first
    for name, value in one.items():
        again = two[name]
        if isinstance(value, datetime) and isinstance(again, datetime):
            moved, moved_again = _moment(first), _moment(second)
            if moved and moved_again and moved - value == moved_again - again:
                return _Place(name=name, offset=moved - value)
        elif (first, second) == (value, again):
            return _Place(name=name)
    raise TypeError(f"a parameter of the query is none of the arguments {', '.join(one)}")


def _moment(param: object) -> datetime | None:
    """A moment as the database driver takes it."""
    if isinstance(param, str):
        try:
            param = datetime.fromisoformat(param)
        except ValueError:
            return None
    if not isinstance(param, datetime):
        return None
    return param if param.tzinfo else param.replace(tzinfo=UTC)


def _filled(param: object, arguments: dict[str, Value]) -> object:
    if not isinstance(param, _Place):
        return param
    value = arguments[param.name]
    if param.offset is None or not isinstance(value, datetime):
        # A driver may take a choice for something else than its text.
        return str(value) if isinstance(value, str) else value
    return connection.ops.adapt_datetimefield_value(value + param.offset)
