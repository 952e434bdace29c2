from __future__ import annotations

from django.urls import path

from kuemmerer.inbox import (
    automation_pages,
    bulk_pages,
    deadline_pages,
    feed_pages,
    library_pages,
    merging_pages,
    pages,
    teamwork_pages,
    view_pages,
)

urlpatterns = [
    path("inbox/", pages.inbox, name="inbox"),
    path("inbox/views/", view_pages.saved, name="saved-views"),
    path("inbox/views/save/", view_pages.save, name="saved-view-save"),
    path("inbox/views/<int:view_id>/delete/", view_pages.delete, name="saved-view-delete"),
    path("inbox/together/", bulk_pages.together, name="bulk"),
    path("inbox/together/<int:run_id>/undo/", bulk_pages.undo, name="bulk-undo"),
    path("inbox/<int:case_id>/", pages.case, name="case"),
    path("inbox/<int:case_id>/earlier/", pages.earlier, name="case-earlier"),
    path("inbox/of/<int:interaction_id>/", pages.case_of, name="case-of"),
    path("inbox/<int:case_id>/merge/", merging_pages.merge, name="case-merge"),
    path("inbox/<int:case_id>/split/<int:interaction_id>/", merging_pages.split, name="case-split"),
    path("inbox/<int:case_id>/thread/", pages.thread, name="case-thread"),
    path("inbox/<int:case_id>/count/", pages.count, name="case-count"),
    path("inbox/<int:case_id>/write/", pages.write, name="case-write"),
    path("inbox/<int:case_id>/assign/", pages.assign, name="case-assign"),
    path("inbox/<int:case_id>/close/", pages.close, name="case-close"),
    path("inbox/<int:case_id>/reopen/", pages.reopen, name="case-reopen"),
    path("inbox/<int:case_id>/snooze/", pages.snooze, name="case-snooze"),
    path("inbox/<int:case_id>/label/", pages.label, name="case-label"),
    path("inbox/<int:case_id>/classify/", pages.classify, name="case-classify"),
    path("inbox/<int:case_id>/interactions/<int:interaction_id>/", pages.act, name="interaction-act"),
    path("inbox/<int:case_id>/replies/<int:reply_id>/", pages.reply, name="reply-do"),
    path("inbox/<int:case_id>/presence/", teamwork_pages.presence_of, name="case-presence"),
    path("inbox/<int:case_id>/replies/<int:reply_id>/decide/", teamwork_pages.decide, name="reply-decide"),
    path("inbox/approvals/", teamwork_pages.waiting, name="approvals"),
    path("settings/approval/", teamwork_pages.settings, name="settings-approval"),
    path("settings/deadlines/", deadline_pages.deadlines, name="settings-deadlines"),
    path("notices/preferences/calendar/", feed_pages.case_feed, name="case-feed"),
    path("settings/automation/", automation_pages.automation, name="settings-automation"),
    path("settings/automation/new/", automation_pages.new_rule, name="automation-rule-new"),
    path("settings/automation/<int:rule_id>/", automation_pages.rule, name="automation-rule"),
    path("texts/", library_pages.texts, name="texts"),
    path("texts/import/", library_pages.import_replies, name="texts-import"),
    path("texts/export/", library_pages.export_replies, name="texts-export"),
]
outside = [
    path("feeds/<str:secret>/due.ics", feed_pages.calendar, name="case-feed-calendar"),
    path("feeds/<str:secret>/due.xml", feed_pages.reader, name="case-feed-reader"),
]
