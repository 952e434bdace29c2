"""The contract, kept by WordPress, and what only a real one can prove beside it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from kuemmerer.networks.base import Absent, Action, Delivered, Item, Kind, Status
from kuemmerer.networks.contract import ContractSuite
from kuemmerer.networks.errors import Rejected, TryLater
from kuemmerer.networks.scene import Scene, target_of
from kuemmerer.networks.wordpress import WordPress
from tests.networks.record import live, recorded
from tests.networks.wordpress import WordPressWorld, a_page, number, servers
from tests.servers import wordpress

TRICKY = """Er sagte "ja" -- und 'nein' ... :) 8-) ;-) (tm) 5x5 'n Stück
- Punkt mit --force & <b>kein Fett</b> [gallery] &amp; `` ''
https://example.org/a?b=1&c=2_--x. (siehe www.example.org) 😀 ❤️

Noch ein Absatz – mit „richtigen“ Zeichen … und 10" Zoll"""


class TestWordPressRecorded(ContractSuite):
    world = recorded("wordpress", WordPress(), servers)


@pytest.mark.servers
class TestWordPressLive(ContractSuite):
    world = live(servers)

    def test_every_character_is_shown_as_approved(self, scene: Scene) -> None:
        item = scene.stranger_asks()
        scene.connector.publish(scene.session(), scene.draft(TRICKY, to=item), key=scene.key("reply"))
        assert scene.world.answers(item.remote_id) == [TRICKY.replace("\n\n", "\n")]
        scene.connector.publish(scene.session(), scene.draft(TRICKY), key=scene.key("post"))
        assert scene.world.posts()[-1] == TRICKY.replace("\n\n", "\n")
        scene.sync()
        own = [i for i in scene.seen.values() if i.ours and i.kind == Kind.COMMENT]
        assert [i.text for i in own] == [TRICKY]

    def test_a_comment_that_leaves_and_enters_the_queue_is_followed(self, scene: Scene) -> None:
        server = blog(scene)
        item = scene.stranger_asks()
        steps = [("hold", Status.HELD, True), ("approve", Status.SHOWN, True), ("spam", Status.SPAM, False)]
        steps += [("approve", Status.SHOWN, True), ("trash", Status.TRASH, False)]
        for status, expected, addressed in steps:
            server.set_comment_status(number(item.remote_id), status)
            came = {i.remote_id: i for i in scene.sync()}
            assert came[item.remote_id].status == expected
            assert came[item.remote_id].addressed == addressed
        assert not scene.sync()
        server.delete_comment(number(item.remote_id))
        scene.sync()
        assert scene.gone == {item.remote_id}

    def test_an_old_comment_released_late_arrives(self, scene: Scene) -> None:
        """Held since before the backfill, released when a hundred others came after it."""
        server = blog(scene)
        scene.world.start()
        old = scene.world.stranger_writes(scene.text("Lange gewartet"))
        server.set_comment_status(number(old), "hold")
        backdate(server, number(old), "2020-01-01 10:00:00")
        assert [i.status for i in scene.sync() if i.remote_id == old] == [Status.HELD]
        for _ in range(101):
            scene.world.stranger_writes(scene.text("Rauschen"))
        scene.sync()
        assert not scene.sync()
        server.set_comment_status(number(old), "approve")
        assert [(i.remote_id, i.status) for i in scene.sync()] == [(old, Status.SHOWN)]

    def test_a_back_dated_comment_arrives(self, scene: Scene) -> None:
        server = blog(scene)
        scene.stranger_asks()
        imported = scene.world.stranger_writes(scene.text("Aus dem alten Blog"))
        backdate(server, number(imported), "2019-05-05 10:00:00")
        assert [i.created_at.year for i in scene.sync() if i.remote_id == imported] == [2019]

    def test_the_post_comes_once_and_before_its_comments(self, scene: Scene) -> None:
        root = scene.world.start()
        scene.world.stranger_writes(scene.text("Eins"))
        first = scene.sync()
        assert [(i.remote_id, i.kind, i.ours, i.addressed) for i in first[:1]] == [
            (root, Kind.POST, True, False)
        ]
        assert (first[0].title, first[0].text) == ("Neues aus der Werkstatt", "Wir haben umgebaut.")
        scene.world.stranger_writes(scene.text("Zwei"))
        assert root not in {i.remote_id for i in scene.sync()}
        assert [i.remote_id for i in scene.refresh(root).items] == [root]

    def test_a_comment_on_a_page_has_its_root(self, scene: Scene) -> None:
        page = blog(scene)._admin(
            "POST", "pages", json={"title": "Über uns", "status": "publish", "comment_status": "open"}
        )
        scene.world.stranger_writes(scene.text("Schöne Seite"), to=f"post-{page['id']}")
        assert next((i.kind, i.title) for i in scene.sync()) == (Kind.POST, "Über uns")
        assert [i.title for i in scene.refresh(f"post-{page['id']}").items] == ["Über uns"]

    def test_the_author_of_the_post_needs_no_answer(self, scene: Scene) -> None:
        server = blog(scene)
        item = scene.stranger_asks()
        body = {"post": number(item.thread_id), "parent": number(item.remote_id), "content": "Ich, der Chef"}
        server._admin("POST", "comments", json=body)
        found = [i for i in scene.sync() if i.text == "Ich, der Chef"]
        assert [(i.ours, i.addressed) for i in found] == [(False, False)]

    def test_closed_comments_and_missing_parents_are_refused(self, scene: Scene) -> None:
        server, connector = blog(scene), scene.connector
        item = scene.stranger_asks()
        draft = scene.draft(scene.text("Antwort"), to=item)
        server._admin("POST", f"posts/{number(item.thread_id)}", json={"comment_status": "closed"})
        assert refused(connector, scene, draft) == "comments_closed"
        server._admin("POST", f"posts/{number(item.thread_id)}", json={"comment_status": "open"})
        server.delete_comment(number(item.remote_id), forever=False)
        assert refused(connector, scene, draft) == "gone"
        server.delete_comment(number(item.remote_id))
        assert refused(connector, scene, draft) == "gone"

    def test_words_said_long_before_are_a_duplicate(self, scene: Scene) -> None:
        item = scene.stranger_asks()
        draft = scene.draft(scene.text("Danke!"), to=item)
        first = scene.connector.publish(scene.session(), draft, key=scene.key("one"))
        assert scene.connector.publish(scene.session(), draft, key=scene.key("one")) == first
        later = type(draft)(**{**vars(draft), "written_at": draft.written_at + timedelta(hours=3)})
        assert refused(scene.connector, scene, later) == "duplicate"
        assert scene.connector.find(scene.session(), later, key=scene.key("two")) == Absent()

    def test_a_draft_stays_hidden_and_is_found(self, scene: Scene) -> None:
        text, key = scene.text("Noch nicht"), scene.key("draft")
        draft = scene.draft(text, publish=False)
        delivered = scene.connector.publish(scene.session(), draft, key=key)
        assert not scene.posts_with(text)
        assert scene.connector.find(scene.session(), draft, key=key) == delivered
        scene.connector.delete(scene.session(), delivered.remote_id)
        assert isinstance(scene.connector.find(scene.session(), draft, key=key), Delivered)

    def test_an_author_may_work_with_less(self, scene: Scene) -> None:
        """No right to moderate: approved comments are read as shown, answers are given and found."""
        scene.world.start()
        comment = scene.world.stranger_writes(scene.text('Ist "das" -- richtig?'))
        become(scene, "author")
        item = scene.appears(comment)
        assert "„" not in item.author.remote_id
        draft = scene.draft(scene.text('Ja, "das" -- stimmt :)'), to=item)
        delivered = scene.connector.publish(scene.session(), draft, key=scene.key("a"))
        assert scene.connector.find(scene.session(), draft, key=scene.key("a")) == delivered
        with pytest.raises(Rejected) as caught:
            scene.connector.act(scene.session(), Action.SPAM, target_of(item))
        assert caught.value.code == "no_permission"

    def test_a_reader_may_read(self, scene: Scene) -> None:
        scene.world.start()
        comment = scene.world.stranger_writes(scene.text("Hallo"))
        become(scene, "subscriber")
        assert scene.appears(comment).addressed
        assert (
            scene.connector.find(scene.session(), scene.draft("Nie", to=scene.seen[comment]), key="") is None
        )

    def test_a_blog_without_pretty_permalinks_works(self, scene: Scene) -> None:
        php(blog(scene), "update_option('permalink_structure', ''); delete_option('rewrite_rules');")
        assert "rest_route=" in scene.session().settings["root"]
        scene.world.values = {**scene.world.values, "site": scene.world.values["site"] + "/wp-admin/"}
        item = made_by_hand(scene)
        draft = scene.draft(scene.text("Antwort"), to=item)
        delivered = scene.connector.publish(scene.session(), draft, key=scene.key("r"))
        assert scene.connector.find(scene.session(), draft, key=scene.key("r")) == delivered
        scene.connector.publish(scene.session(), scene.draft(scene.text("Beitrag")), key=scene.key("p"))
        scene.connector.act(scene.session(), Action.SPAM, target_of(item))
        scene.connector.delete(scene.session(), delivered.remote_id)

    def test_over_http_a_blog_out_in_the_world_refuses_and_is_sent_no_password(self, scene: Scene) -> None:
        must_use = blog(scene).site / "wp-content" / "mu-plugins" / "production.php"
        must_use.write_text("<?php add_filter('wp_is_application_passwords_available', '__return_false');")
        try:
            with pytest.raises(Rejected) as caught:
                scene.connector.connect(scene.bare_session(), scene.world.values)
        finally:
            must_use.unlink()
        assert caught.value.code == "wordpress_needs_https"

    def test_a_pingback_from_one_site_is_one_author(self, scene: Scene) -> None:
        scene.world.start()
        ids = []
        for words in ("Erstens", "Zweitens"):
            link = blog(scene).post_url(blog(scene).posts()[0]["id"])
            with a_page(f"<title>{words}</title><p>{words}: <a href='{link}'>hier</a></p>") as address:
                blog(scene).stranger_pings(address, blog(scene).posts()[0]["id"])
            ids.append(address)
        found = [i for i in scene.sync() if i.kind == Kind.MENTION]
        assert len(found) == 2
        assert all(i.addressed and i.author.url in ids for i in found)


@pytest.mark.servers
class TestFlood:
    """WordPress' own flood check, which spares moderators."""

    @pytest.fixture
    def scene(self, tmp_path: Path) -> Iterator[Scene]:
        with (
            wordpress.run(tmp_path, flood_check=True) as server,
            Scene(WordPressWorld(server), "flood") as scene,
        ):
            yield scene

    def test_a_second_answer_within_seconds_is_tried_later(self, scene: Scene) -> None:
        scene.world.start()
        comment = scene.world.stranger_writes("Hallo?")
        become(scene, "author")
        item = scene.appears(comment)
        scene.connector.publish(scene.session(), scene.draft("Eins", to=item), key=scene.key("1"))
        with pytest.raises(TryLater) as caught:
            scene.connector.publish(scene.session(), scene.draft("Zwei", to=item), key=scene.key("2"))
        assert (caught.value.code, caught.value.retry_after) == ("flood", timedelta(seconds=20))


def blog(scene: Scene) -> wordpress.Server:
    assert isinstance(scene.world, WordPressWorld)
    return scene.world.server


def php(server: wordpress.Server, code: str) -> str:
    """Run something inside the blog."""
    head = "$_SERVER += ['HTTP_HOST' => '127.0.0.1', 'REQUEST_METHOD' => 'GET', 'REQUEST_URI' => '/'];"
    command = ["php", "-r", f"{head} require '{server.site}/wp-load.php'; {code}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def backdate(server: wordpress.Server, comment: int, moment: str) -> None:
    change = f"['comment_ID' => {comment}, 'comment_date' => '{moment}', 'comment_date_gmt' => '{moment}']"
    php(server, f"wp_update_comment({change});")


def become(scene: Scene, role: str) -> None:
    """From now on our account has this role."""
    user, password = blog(scene).person(f"neu{role}", role)
    scene.world.values = {**scene.world.values, "user": user, "password": password}


def refused(connector: WordPress, scene: Scene, draft: object) -> str:
    with pytest.raises(Rejected) as caught:
        connector.publish(scene.session(), draft, key=scene.key("refused"))
    return caught.value.code


def made_by_hand(scene: Scene) -> Item:
    """A post and a comment, made without the REST addresses that need permalinks."""
    server = blog(scene)
    post = int(php(server, "echo wp_insert_post(['post_title' => 'Neu', 'post_status' => 'publish']);"))
    comment = server.stranger_comments(post, "Anna Muster", "anna@example.com", scene.text("Hallo"))
    return scene.appears(f"comment-{comment}")
