"""What can go wrong at a network: five errors, one reaction each.

NetworkError
├── TryLater        nothing happened; the same call may succeed later      → wait, repeat
├── AuthExpired     the network no longer accepts our credential           → a person reconnects
├── Rejected        the network understood and refused                     → the author edits
├── OutcomeUnknown  the call may or may not have been carried out          → ask `find`, never blindly repeat
└── Unsupported     the network cannot do this                             → the page does not offer it

Each carries a code (one of `SENTENCES`) and, where there is one, the network's own words. Only the code and
the words are stored; the sentence is made when a person reads it, in that person's language.
"""

from __future__ import annotations

from datetime import timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

SENTENCES: dict[str, str | Promise] = {
    "unreachable": _("The server cannot be reached at the moment. If this goes on, check the address."),
    "unreachable_by_https": _(
        "No server answers at this address over https. If the address begins with http:// in the browser, "
        "write http:// in front."
    ),
    "timeout": _("The server did not answer in time. This usually passes by itself."),
    "server_error": _("The server reports a fault of its own. This usually passes by itself."),
    "rate_limited": _("The network asks us to slow down. We go on as soon as it allows."),
    "flood": _("The network takes only one entry in a few seconds. We send it a little later."),
    "private_address": _(
        "This address lies inside the own network and is not allowed. "
        "Whoever runs Kümmerer can allow it with KUEMMERER_ALLOW_PRIVATE_ADDRESSES."
    ),
    "bad_address": _("This is not a web address. Write it like https://example.org."),
    "not_this_network": _(
        "There is a server at this address, but not one of this network. Check the address."
    ),
    "bad_answer": _("The server answered with something we cannot read. If this goes on, check the address."),
    "too_large": _("The answer of the server is too large to be read."),
    "wrong_login": _("The network does not accept this login. Check name and password."),
    "revoked": _("The network no longer accepts our access. Please reconnect the channel."),
    "two_factor": _("This account asks for a second factor. Make an app password and use that one."),
    "no_permission": _("The account is not allowed to do this. Check its rights at the network."),
    "refused": _("The network refused this."),
    "too_long": _("The text is too long for this network. Please shorten it."),
    "empty": _("There is no text. Please write something."),
    "no_recipient": _("A private answer has to name the person with @ in front, else it reaches nobody."),
    "duplicate": _("The network has this very text already and refuses it a second time. Please change it."),
    "gone": _("What this refers to no longer exists on the network."),
    "comments_closed": _("Comments are closed here."),
    "bad_media": _("The network does not accept this picture. Please choose another one."),
    "gave_up": _("The network could not be reached for a day. Nothing was sent."),
    "interrupted": _("Sending was interrupted. It may have arrived or not."),
    "cut": _("The connection broke after sending. It may have arrived or not."),
    "unsupported": _("This network cannot do this."),
}


class NetworkError(Exception):
    """`code` is a key of `SENTENCES`; `words` are the network's own, shown in quotation marks."""

    def __init__(self, code: str, words: str = "") -> None:
        if code not in SENTENCES:
            raise ValueError(f"unknown error code {code!r}")
        self.code = code
        self.words = " ".join(words.split())[:500]
        super().__init__(f"{code}: {self.words}" if self.words else code)

    @property
    def sentence(self) -> str:
        """What happened and what to do, in the active language."""
        return sentence(self.code, self.words)


def sentence(code: str, words: str = "") -> str:
    """The sentence for a stored error, in the active language; empty for an empty code."""
    if not code:
        return ""
    text = str(SENTENCES.get(code, SENTENCES["refused"]))
    return (
        gettext("%(sentence)s The network says: “%(words)s”") % {"sentence": text, "words": words}
        if words
        else text
    )


class TryLater(NetworkError):
    """Nothing was done. `retry_after` is the network's wish, None if it named none."""

    def __init__(self, code: str, words: str = "", *, retry_after: timedelta | None = None) -> None:
        super().__init__(code, words)
        self.retry_after = retry_after


class AuthExpired(NetworkError):
    """The credential is no longer (or was never) accepted."""

    def __init__(self, code: str = "revoked", words: str = "") -> None:
        super().__init__(code, words)


class Rejected(NetworkError):
    """The network refused; repeating the same call would be refused again."""

    def __init__(self, code: str = "refused", words: str = "") -> None:
        super().__init__(code, words)


class OutcomeUnknown(NetworkError):
    """The request left the house and no answer came back."""

    def __init__(self, code: str = "cut", words: str = "") -> None:
        super().__init__(code, words)


class Unsupported(NetworkError):
    """The connector does not offer this."""

    def __init__(self, code: str = "unsupported", words: str = "") -> None:
        super().__init__(code, words)
