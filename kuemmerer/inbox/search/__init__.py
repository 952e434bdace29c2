"""Full-text search over interactions, replies, notes and authors' names.

`parse` takes a query apart, `find` asks the index for cases, `matches` says what to show of them; `fill`
keeps the index up to date, `changed` takes out what has another text now, and `rebuild` makes all of it
anew.
"""

from kuemmerer.inbox.search.finding import Found, Hit, find
from kuemmerer.inbox.search.index import changed, fill, rebuild
from kuemmerer.inbox.search.query import LONGEST, Query, parse
from kuemmerer.inbox.search.shown import Match, Part, matches

__all__ = [
    "LONGEST",
    "Found",
    "Hit",
    "Match",
    "Part",
    "Query",
    "changed",
    "fill",
    "find",
    "matches",
    "parse",
    "rebuild",
]
