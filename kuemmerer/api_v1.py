"""Version 1 of the API: which apps' operations it has."""

from __future__ import annotations

from kuemmerer.api import teams, workspace
from kuemmerer.api.root import Api
from kuemmerer.audience import api as audience
from kuemmerer.channels import api as channels
from kuemmerer.channels import privacy_api as privacy
from kuemmerer.inbox import api as inbox
from kuemmerer.insights import api as insights
from kuemmerer.notify import api as notify
from kuemmerer.notify import webhook_api as webhooks
from kuemmerer.publishing import api as publishing

api = Api(
    title="Kümmerer",
    version="1",
    description=(
        "All that the pages of the desk can do. Send the token of a workspace as `Authorization: Bearer …`. "
        "Lists come a page at a time: while `next` is not null, send it as `after`. "
        "Moments are ISO 8601 in UTC. Errors are problems (RFC 9457) with a stable `code`; their sentences "
        "are German or English, by `Accept-Language`."
    ),
    prefix="/api/v1/",
)
api.mount(
    [
        workspace.operations,
        teams.operations,
        channels.operations,
        privacy.operations,
        audience.operations,
        *inbox.OPERATIONS,
        publishing.operations,
        insights.operations,
        notify.operations,
        webhooks.operations,
    ]
)
urls = api.guarded_urls
