"""The tabs of a workspace's settings. Apps above add theirs in `AppConfig.ready`, as with the navigation.

A page of theirs extends `settings/base.html` and has the tabs.
"""

from __future__ import annotations

from kuemmerer.web.shell import Entry

_tabs: list[Entry] = []


def add_tab(entry: Entry) -> None:
    """Put a tab into the settings; its icon is not shown."""
    _tabs.append(entry)
    _tabs.sort(key=lambda tab: tab.order)


def tabs() -> list[Entry]:
    return list(_tabs)
