"""The demo network: its story, its time, its faults, and several who use it at once."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from kuemmerer.core.http import Client
from kuemmerer.networks.base import Absent, Batch, Delivered, Draft, Item, Kind, Media, Status, Target
from kuemmerer.networks.demo import Demo
from kuemmerer.networks.demo.story import ZONE, StoryError, read, wait
from kuemmerer.networks.demo.village import Village
from kuemmerer.networks.errors import AuthExpired, NetworkError, OutcomeUnknown, Rejected, TryLater
from kuemmerer.networks.session import Session

START = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)
KEY = "0123456789abcdef0123456789abcdef"

STORY = """
[company]
key = "baker"
name = "Bäckerei"
handle = "baker"
about = "Brot"

[[people]]
key = "ada"
name = "Ada"
handle = "ada"
followers = 3
about = "Stammgast"

[[posts]]
key = "rye"
day = -2
time = "08:30"
lang = "de"
text = "Roggenwoche"

[[posts.comments]]
key = "question"
by = "ada"
wait = "10m"
text = "Bis wann?"
on_answer = "Danke!"

[[posts.comments]]
by = "company"
to = "question"
wait = "1h05m"
text = "Bis Sonntag"

[[posts.comments]]
by = "ada"
wait = "1d2h"
text = "Tipfehler"
edited = "Tippfehler"

[[posts.comments]]
by = "ada"
wait = "3h"
text = "Das war gemein"
deleted = true

[[posts.reactions]]
kind = "like"
by = "ada"
wait = "2m"

[[mentions]]
by = "ada"
day = -1
time = "12:00"
text = "Bei @baker gewesen"

[[messages]]
by = "ada"
thread = "ada"
day = -1
time = "13:00"
text = "Darf ich etwas fragen?"

[[messages]]
by = "company"
thread = "ada"
day = -1
time = "13:05"
text = "Nur zu"

[[reviews]]
by = "ada"
stars = 4
day = -1
time = "14:00"
text = "Gutes Brot"

[[follows]]
by = "ada"
day = -1
time = "15:00"

[[live]]
after = 30
kind = "comment"
post = "rye"
key = "late"
by = "ada"
text = "Noch da?"
on_answer = "Schön!"

[[live]]
after = 60
kind = "review"
by = "ada"
stars = 1
text = "Schade"
"""


class Desk:
    """The connector with a session whose time can be moved."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, story: str = STORY) -> None:
        (folder / "story.toml").write_text(story, encoding="utf-8")
        told = folder / "story.toml"
        monkeypatch.setattr("kuemmerer.networks.demo.read", lambda *, start: read(told, start=start))
        self.client = Client(transport=httpx.MockTransport(lambda request: httpx.Response(500)))
        self.connector = Demo()
        self.values = {"file": str(folder / "test.dorfplatz")}
        self.now = START
        self.cursor: Any = {}
        connected = self.connector.connect(Session(client=self.client, now=START), self.values)
        self.settings, self.secret = connected.settings, connected.secret

    @property
    def session(self) -> Session:
        return Session(client=self.client, now=self.now, settings=self.settings, secret=self.secret)

    @property
    def village(self) -> Village:
        return Village(Path(self.values["file"]))

    def sync(self, *, since: datetime = START - timedelta(days=30)) -> list[Batch]:
        batches = []
        while True:
            batches.append(self.connector.fetch(self.session, self.cursor, since=since))
            self.cursor = batches[-1].cursor
            if not batches[-1].more:
                return batches

    def items(self, **more: Any) -> list[Item]:
        return [item for batch in self.sync(**more) for item in batch.items]

    def publish(self, text: str = "Guten Tag", *, to: Item | None = None, **more: Any) -> Delivered:
        return self.connector.publish(self.session, draft(text, to=to, **more), key=KEY)


def draft(text: str = "Guten Tag", *, to: Item | None = None, **more: Any) -> Draft:
    target = to and Target(remote_id=to.remote_id, thread_id=to.thread_id, author=to.author, kind=to.kind)
    return Draft(text=text, written_at=START, reply_to=target, **more)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


def test_the_past_is_there_at_once(desk: Desk) -> None:
    items = {item.text: item for item in desk.items()}
    assert items["Roggenwoche"].kind == Kind.POST
    assert items["Roggenwoche"].created_at == datetime(2026, 3, 8, 8, 30, tzinfo=ZONE)
    assert items["Bis wann?"].created_at - items["Roggenwoche"].created_at == timedelta(minutes=10)
    assert items["Bis Sonntag"].ours
    assert items["Bis Sonntag"].parent_id == items["Bis wann?"].remote_id
    assert items["Tippfehler"].edited_at
    assert items["Nur zu"].thread_id == items["Darf ich etwas fragen?"].remote_id
    assert items["Gutes Brot"].stars == 4
    assert "Das war gemein" not in items
    assert "Noch da?" not in items


def test_local_times_follow_the_clock_change(tmp_path: Path) -> None:
    (tmp_path / "story.toml").write_text(STORY, encoding="utf-8")
    summer = read(tmp_path / "story.toml", start=datetime(2026, 3, 30, 12, 0, tzinfo=UTC))
    posts = [deed for deed in summer.deeds if deed.kind == "post"]
    assert posts[0].at.astimezone(UTC) == datetime(2026, 3, 28, 7, 30, tzinfo=UTC)
    summer = read(tmp_path / "story.toml", start=datetime(2026, 3, 31, 12, 0, tzinfo=UTC))
    posts = [deed for deed in summer.deeds if deed.kind == "post"]
    assert posts[0].at.astimezone(UTC) == datetime(2026, 3, 29, 6, 30, tzinfo=UTC)


def test_it_goes_on_while_one_watches(desk: Desk) -> None:
    desk.items()
    desk.now += timedelta(seconds=29)
    assert desk.items() == []
    desk.now += timedelta(seconds=1)
    assert [item.text for item in desk.items()] == ["Noch da?"]
    desk.now += timedelta(hours=1)
    assert [(item.text, item.stars) for item in desk.items()] == [("Schade", 1)]


def test_whoever_gets_an_answer_answers_once_more(desk: Desk) -> None:
    desk.now += timedelta(seconds=31)
    question = next(item for item in desk.items() if item.text == "Noch da?")
    ours = desk.publish("Ja!", to=question)
    desk.items()
    desk.now += timedelta(seconds=19)
    assert "Schön!" not in [item.text for item in desk.items()]
    desk.now += timedelta(seconds=41)
    thanks = next(item for item in desk.items() if item.text == "Schön!")
    assert thanks.parent_id == ours.remote_id
    assert thanks.thread_id == question.thread_id


def test_our_answer_in_the_story_does_not_wake_the_thanks(desk: Desk) -> None:
    desk.now += timedelta(days=1)
    assert "Danke!" not in [item.text for item in desk.items()]


def test_backfill_comes_in_pages_and_tells_how_far(desk: Desk) -> None:
    with desk.village as village:
        village.load(1000, seed=7, now=START)
    batches = desk.sync()
    ids = [item.remote_id for batch in batches for item in batch.items]
    assert len(ids) == len(set(ids)) >= 1000
    assert all(len(batch.items) <= 200 for batch in batches)
    reached = [batch.reached for batch in batches if batch.reached]
    assert reached == sorted(reached, reverse=True)
    assert reached[-1] == START - timedelta(days=30)


def test_what_happens_during_a_backfill_is_not_lost(desk: Desk) -> None:
    with desk.village as village:
        village.load(500, seed=7, now=START)
    first = desk.connector.fetch(desk.session, {}, since=START - timedelta(days=30))
    with desk.village as village:
        village.write("mention", by="ada", text="Dazwischen", now=START)
        village.edit(first.items[0].remote_id, "Geändert", now=START)
    desk.cursor = first.cursor
    later = {item.remote_id: item.text for item in desk.items()}
    assert "Dazwischen" in later.values()
    assert later[first.items[0].remote_id] == "Geändert"


def test_an_old_conversation_comes_with_its_beginning_but_unaddressed(desk: Desk) -> None:
    since = START + timedelta(seconds=1)
    assert desk.items(since=since) == []
    desk.now += timedelta(seconds=31)
    items = {item.text: item for item in desk.items(since=since)}
    assert items["Noch da?"].addressed
    assert not items["Roggenwoche"].addressed


def test_edits_deletions_and_moderation_are_fetched(desk: Desk) -> None:
    items = {item.text: item for item in desk.items()}
    with desk.village as village:
        village.edit(items["Gutes Brot"].remote_id, "Sehr gutes Brot", now=START)
        village.remove(items["Bis wann?"].remote_id, now=START)
        village.set_status(items["Tippfehler"].remote_id, Status.HELD, now=START)
    (batch,) = desk.sync()
    found = {item.remote_id: item for item in batch.items}
    assert found[items["Gutes Brot"].remote_id].text == "Sehr gutes Brot"
    assert found[items["Tippfehler"].remote_id].status == Status.HELD
    assert batch.gone == [items["Bis wann?"].remote_id]


def test_a_message_is_answered_by_a_message(desk: Desk) -> None:
    asked = next(item for item in desk.items() if item.kind == Kind.MESSAGE and not item.ours)
    desk.publish("Fragen Sie", to=asked)
    answer = next(item for item in desk.items() if item.text == "Fragen Sie")
    assert (answer.kind, answer.thread_id, answer.ours) == (Kind.MESSAGE, asked.thread_id, True)


def test_an_answer_to_something_deleted_is_refused(desk: Desk) -> None:
    item = next(item for item in desk.items() if item.text == "Tippfehler")
    with desk.village as village:
        village.remove(item.remote_id, now=START)
    with pytest.raises(Rejected) as caught:
        desk.publish("Zu spät", to=item)
    assert caught.value.code == "gone"


def test_pictures_are_kept(desk: Desk) -> None:
    picture = Media(content=b"\x89PNG", content_type="image/png", alt="Ein Brot")
    uid = desk.publish(media=[picture]).remote_id
    with desk.village as village:
        assert [(row["content"], row["alt"]) for row in village.media(uid)] == [(b"\x89PNG", "Ein Brot")]


@pytest.mark.parametrize(
    ("kind", "error", "stored"),
    [
        ("try_later", TryLater, 0),
        ("rate_limited", TryLater, 0),
        ("auth_expired", AuthExpired, 0),
        ("rejected", Rejected, 0),
        ("cut_before", OutcomeUnknown, 0),
        ("cut_after", OutcomeUnknown, 1),
    ],
)
def test_a_fault_strikes_as_often_as_told(
    desk: Desk, kind: str, error: type[NetworkError], stored: int
) -> None:
    with desk.village as village:
        village.fault(kind, count=2)
    for _ in range(2):
        with pytest.raises(error):
            desk.publish()
    with desk.village as village:
        assert village.posts().count("Guten Tag") == stored
    found = desk.connector.find(desk.session, draft(), key=KEY)
    assert isinstance(found, Delivered if stored else Absent)
    desk.publish()
    with desk.village as village:
        assert village.posts().count("Guten Tag") == 1


def test_a_slow_village_is_slow_and_then_answers(desk: Desk) -> None:
    with desk.village as village:
        village.fault("hang", seconds=0.2)
        village.fault("rate_limited", operation="fetch")
    begin = time.monotonic()
    assert desk.publish().remote_id
    assert time.monotonic() - begin >= 0.2
    with pytest.raises(TryLater) as caught:
        desk.sync()
    assert caught.value.retry_after == timedelta(seconds=30)
    with desk.village as village, pytest.raises(ValueError, match="unheard"):
        village.fault("unheard")


@pytest.mark.parametrize("file", ["", "village.dorfplatz", "/tmp/desk.sqlite3", "/tmp/../etc/passwd"])
def test_only_an_absolute_path_of_a_village_will_do(desk: Desk, file: str) -> None:
    with pytest.raises(Rejected) as caught:
        desk.connector.connect(desk.session, {"file": file})
    assert caught.value.code == "bad_address"


def test_another_file_is_left_as_it_is(desk: Desk, tmp_path: Path) -> None:
    for name, content in (("a", b"something else entirely, no database"), ("b", b"")):
        other = tmp_path / f"{name}.dorfplatz"
        other.write_bytes(content)
        if content:
            with pytest.raises(Rejected):
                desk.connector.connect(desk.session, {"file": str(other)})
            assert other.read_bytes() == content


def test_a_village_that_is_gone_is_out_of_reach(desk: Desk) -> None:
    Path(desk.values["file"]).unlink()
    with pytest.raises(TryLater) as caught:
        desk.sync()
    assert caught.value.code == "unreachable"
    assert not Path(desk.values["file"]).exists()


def test_connecting_again_finds_the_same_village(desk: Desk) -> None:
    desk.publish("Schon da")
    desk.connector.connect(desk.session, desk.values)
    with desk.village as village:
        assert "Schon da" in village.posts()


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from kuemmerer.networks.demo.village import Village
for n in range(100):
    with Village(Path(sys.argv[1])) as village:
        village.write("mention", by="ada", text=f"{sys.argv[2]} {n}", now=datetime.now(UTC))
        village.write("mention", by="ada", text="beide", uid=f"both-{n}", now=datetime.now(UTC))
"""


def test_two_processes_write_without_losing_or_doubling(desk: Desk) -> None:
    argv = [sys.executable, "-c", WRITER, desk.values["file"]]
    writers = [subprocess.Popen([*argv, name]) for name in ("eins", "zwei")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    texts = Counter(item.text for item in desk.items() if item.kind == Kind.MENTION)
    assert texts["beide"] == 100
    assert all(texts[f"{name} {n}"] == 1 for name in ("eins", "zwei") for n in range(100))


def test_a_load_is_the_same_for_the_same_seed_and_skewed(tmp_path: Path, desk: Desk) -> None:
    with desk.village as village:
        village.load(5000, seed=1, now=START)
    items = [item for item in desk.items() if item.author.remote_id.startswith("crowd")]
    assert len(items) == 5000
    authors = Counter(item.author.remote_id for item in items)
    assert authors.most_common(1)[0][1] > 20 * 5000 / len(authors) / 4
    assert {Kind.COMMENT, Kind.LIKE, Kind.MENTION, Kind.MESSAGE, Kind.REVIEW} == {i.kind for i in items}


# ---- the story


def test_the_story_of_the_bakery_holds_together() -> None:
    story = read(start=START)
    assert len(story.people) >= 50
    assert sum(deed.do == "write" for deed in story.deeds) > 500
    assert any(deed.at > START for deed in story.deeds)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('to = "question"', 'to = "nowhere"', "posts 1, comment 2: nothing before it has the key 'nowhere'"),
        ('post = "rye"', 'post = "oat"', "live 1: nothing before it has the key 'oat'"),
        ('wait = "10m"\ntext', 'wait = "soon"\ntext', "posts 1, comment 1: 'soon' is no duration"),
        ('thread = "ada"\n', "", "messages 1: 'thread' is missing"),
        ("stars = 4", "stars = 6", "reviews 1: 6 stars"),
        ('time = "12:00"', 'time = "noon"', "mentions 1: 'noon' is no time"),
        ('kind = "like"\nby', 'kind = "hug"\nby', "posts 1, reaction 1: there is no reaction 'hug'"),
        ('kind = "review"', 'kind = "song"', "live 2: there is no kind 'song'"),
        (
            'by = "ada"\nwait = "10m"',
            'by = "eve"\nwait = "10m"',
            "posts 1, comment 1: there is no person 'eve'",
        ),
        ('key = "late"', 'key = "rye"', "live 1: the key 'rye' is taken"),
        ('text = "Gutes Brot"', 'text = " "', "reviews 1: there is no text"),
        ('key = "ada"', 'key = "baker"', "two people with the key 'baker'"),
        ("[company]", "[firma]", r"\[company\] is missing"),
        ("[company]", "[company", "story.toml: "),
    ],
)
def test_a_broken_story_names_the_place(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in STORY
    (tmp_path / "story.toml").write_text(STORY.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(StoryError, match=words):
        read(tmp_path / "story.toml", start=START)


@pytest.mark.parametrize(
    ("text", "seconds"), [("2h10m", 7800), ("15m", 900), ("1d2h", 93600), ("40s", 40), ("1h05m", 3900)]
)
def test_durations(text: str, seconds: int) -> None:
    assert wait(text) == timedelta(seconds=seconds)
