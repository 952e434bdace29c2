"""Errors that people see: raised by an operation, shown as a form error, a page or problem+json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Message = str | Promise


class DeskError(Exception):
    """Something the person asked for cannot be done. Nothing was changed.

    `code` is stable and for programs, `message` for people in their language; `field` names the input it is
    about.
    """

    status = 400
    code = "invalid"

    def __init__(
        self, message: Message, *, code: str = "", field: str = "", extra: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.field = field
        self.extra = dict(extra or {})

    def __str__(self) -> str:
        return str(self.message)


class Invalid(DeskError):
    """The input is wrong."""


class Forbidden(DeskError):
    """The person may see this but not do that."""

    status = 403
    code = "forbidden"

    def __init__(
        self,
        message: Message = _("Your role does not allow this. Ask the owner of the workspace."),
        **kwargs: Any,
    ) -> None:
        super().__init__(message, **kwargs)


class NotFound(DeskError):
    """It does not exist, or not for this person."""

    status = 404
    code = "not_found"

    def __init__(self, message: Message = _("This does not exist (any more)."), **kwargs: Any) -> None:
        super().__init__(message, **kwargs)


class Conflict(DeskError):
    """Somebody else was faster, or the state does not allow it."""

    status = 409
    code = "conflict"
