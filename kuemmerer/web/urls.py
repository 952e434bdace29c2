"""Accounts: the way in, one's own preferences, the settings of a workspace."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from kuemmerer.web import day_pages, team_pages
from kuemmerer.web import settings_pages as settings
from kuemmerer.web import setup_pages as setup

_settings: list[URLPattern] = [
    path("", settings.index, name="settings"),
    path("general/", settings.general, name="settings-general"),
    path("members/", settings.members, name="settings-members"),
    path("members/<int:membership_id>/role/", settings.change_role, name="settings-member-role"),
    path("members/<int:membership_id>/remove/", settings.remove_member, name="settings-member-remove"),
    path(
        "invitations/<int:invitation_id>/withdraw/",
        settings.withdraw_invitation,
        name="settings-invitation-withdraw",
    ),
    path("teams/", team_pages.team_settings, name="settings-teams"),
    path("tokens/", settings.tokens, name="settings-tokens"),
    path("tokens/<int:token_id>/revoke/", settings.revoke_token, name="settings-token-revoke"),
    path("security/", settings.security, name="settings-security"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("setup/", setup.setup, name="setup"),
    path("invitation/<str:token>/", setup.invitation, name="invitation"),
    path("workspaces/new/", setup.new_workspace, name="workspace-new"),
    path("preferences/", setup.preferences, name="preferences"),
    path("w/<slug:workspace>/today/", day_pages.today, name="today"),
    path("w/<slug:workspace>/absences/", team_pages.absences, name="absences"),
    path("w/<slug:workspace>/settings/", include(_settings)),
]
