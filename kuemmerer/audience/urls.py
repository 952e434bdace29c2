from __future__ import annotations

from django.urls import path

from kuemmerer.audience import pages, request_pages

urlpatterns = [
    path("contacts/", pages.contacts_page, name="contacts"),
    path("contacts/<int:contact_id>/", pages.contact, name="contact"),
    path("contacts/<int:contact_id>/edit/", pages.edit, name="contact-edit"),
    path("contacts/<int:contact_id>/do/", pages.contact_deed, name="contact-do"),
    path("contacts/<int:contact_id>/export/", request_pages.export_contact, name="contact-export"),
    path("contacts/<int:contact_id>/erase/", request_pages.erase_contact, name="contact-erase"),
    path("authors/<int:author_id>/", pages.author, name="author"),
    path("authors/<int:author_id>/aside/", pages.aside, name="author-aside"),
    path("authors/<int:author_id>/do/", pages.author_deed, name="author-do"),
    path("authors/<int:author_id>/export/", request_pages.export_author, name="author-export"),
    path("authors/<int:author_id>/erase/", request_pages.erase_author, name="author-erase"),
]
