"""Tokens: files that rotate, variables, minting; and never another app's."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from syncer.errors import TokenError, VendorError, VendorKind
from syncer.model.desired import AppRef, DesiredApp, EnvToken, FileToken, MintedToken, TokenRef
from syncer.model.live import LiveApp, Unreadable
from syncer.model.outcome import TokenEnd
from syncer.model.secret import Secret
from syncer.vendor import tokens
from tests.vendor.stage import (
    COMPLETE,
    REF,
    FakeTime,
    Seen,
    desired,
    fine,
    http,
    raw_server,
    reading,
    surroundings,
    writing,
)

if TYPE_CHECKING:
    from pathlib import Path

MINTED = MintedToken(EnvToken("SECRET"))


def _tokens(time: FakeTime | None = None, **environ: str) -> tokens.Tokens:
    minted = iter(range(1000))

    async def mint(ref: AppRef, secret: Secret) -> Secret:
        await asyncio.sleep(0)
        return Secret(f"{ref.app_id}-{secret.reveal()}-{next(minted)}")

    return tokens.Tokens(environ, mint, time or FakeTime(), random.Random(1))


def _jwt(**claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{body}.c2lnbmF0dXJl"


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
async def test_a_file_gives_its_token_without_the_line_end(tmp_path: Path, ending: str) -> None:
    (tmp_path / "token").write_bytes(f"abc.DEF_123{ending}".encode())
    assert await _tokens().get(REF, FileToken(str(tmp_path / "token"))) == Secret("abc.DEF_123")


async def test_a_file_is_read_again_when_it_was_replaced(tmp_path: Path) -> None:
    ours = _tokens()
    source = FileToken(str(tmp_path / "token"))
    (tmp_path / "token").write_text("first")
    assert await ours.get(REF, source) == Secret("first")
    (tmp_path / "next").write_text("other")
    (tmp_path / "next").rename(tmp_path / "token")
    assert await ours.get(REF, source) == Secret("other")


async def test_a_mounted_secret_is_followed_through_its_links(tmp_path: Path) -> None:
    ours = _tokens()
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "token").write_text(f"tok-{version}")
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "token").symlink_to("..data/token")
    assert await ours.get(REF, FileToken(str(tmp_path / "token"))) == Secret("tok-v1")
    (tmp_path / "..next").symlink_to("v2")
    (tmp_path / "..next").rename(tmp_path / "..data")
    assert await ours.get(REF, FileToken(str(tmp_path / "token"))) == Secret("tok-v2")


async def test_an_unchanged_file_is_not_opened_again(tmp_path: Path) -> None:
    ours = _tokens()
    file = tmp_path / "token"
    file.write_text("abc")
    await ours.get(REF, FileToken(str(file)))
    before = file.stat().st_atime_ns
    os.utime(file, ns=(before, file.stat().st_mtime_ns))
    await ours.get(REF, FileToken(str(file)))  # ctime moved: read once more
    kept = ours._files[str(file)]
    await ours.get(REF, FileToken(str(file)))
    assert ours._files[str(file)] is kept


BAD_TEXTS = {
    "empty": "",
    "newline only": "\n",
    "two newlines": "can\n\n",
    "two lines": "canary\ncanary",
    "space": "canary canary",
    "leading space": " canary",
    "tab": "canary\t",
    "nul": "canary\0",
    "escape": "canary\x1b[0m",
    "accent": "canaryé",
    "header": "canary\r\nX-Evil: 1",
}


@pytest.mark.parametrize("text", BAD_TEXTS.values(), ids=BAD_TEXTS.keys())
@pytest.mark.parametrize("kind", ["file", "env"])
async def test_a_text_that_is_no_token_is_refused_without_being_shown(tmp_path: Path, text: str, kind: str) -> None:
    (tmp_path / "token").write_bytes(text.encode())
    source: TokenRef = FileToken(str(tmp_path / "token")) if kind == "file" else EnvToken("APP_TOKEN")
    with pytest.raises(TokenError) as caught:
        await _tokens(APP_TOKEN=text).get(REF, source)
    shown = repr(caught.value) + caught.value.message + caught.value.hint
    assert ("token" if kind == "file" else "APP_TOKEN") in caught.value.message
    assert "canary" not in shown


async def test_a_file_that_cannot_be_a_token_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "huge").write_text("a" * 20_000)
    for name, words in (("none", "No such file"), ("fifo", "not a regular file"), ("huge", "larger than 16 KiB")):
        with pytest.raises(TokenError, match=words):
            await _tokens().get(REF, FileToken(str(tmp_path / name)))
    with pytest.raises(TokenError, match="can't be read"):
        await _tokens().get(REF, FileToken(str(tmp_path)))


async def test_a_token_file_that_vanishes_is_an_error_and_not_its_last_content(tmp_path: Path) -> None:
    ours = _tokens()
    (tmp_path / "token").write_text("abc")
    await ours.get(REF, FileToken(str(tmp_path / "token")))
    (tmp_path / "token").unlink()
    with pytest.raises(TokenError):
        await ours.get(REF, FileToken(str(tmp_path / "token")))


async def test_an_app_that_declares_no_token_has_none() -> None:
    with pytest.raises(TokenError, match="declares no token"):
        await _tokens().get(REF, None)


def test_every_source_has_a_name_for_people() -> None:
    assert tokens.named(FileToken("/run/t")) == "file /run/t"
    assert tokens.named(EnvToken("T")) == "variable T"
    assert tokens.named(MintedToken(FileToken("/run/s"))) == "minted with the secret in file /run/s"
    assert "no token" in tokens.named(None)


async def test_a_rewrite_that_stat_does_not_show_is_found_after_a_refusal(tmp_path: Path) -> None:
    ours = _tokens()
    file, source = tmp_path / "token", FileToken(str(tmp_path / "token"))
    file.write_text("old")
    refused = await ours.get(REF, source)
    ours._files[str(file)] = tokens._Read(tokens._fingerprint(file.stat()), Secret("old"))
    assert not await ours.renew(REF, source, refused)
    file.write_text("new")
    ours._files[str(file)] = tokens._Read(tokens._fingerprint(file.stat()), Secret("old"))
    assert await ours.renew(REF, source, refused)
    assert await ours.get(REF, source) == Secret("new")


async def test_a_minted_token_is_kept_until_shortly_before_its_end() -> None:
    time = FakeTime()
    ours = _tokens(time, SECRET="s")
    first = await ours.get(REF, MINTED)
    time.elapsed = tokens.LIFETIME * 0.89
    assert await ours.get(REF, MINTED) == first
    time.elapsed = tokens.LIFETIME * 0.96
    assert await ours.get(REF, MINTED) != first


async def test_many_askers_mint_once() -> None:
    ours = _tokens(SECRET="s")
    answers = await asyncio.gather(*(ours.get(REF, MINTED) for _ in range(20)))
    assert {answer.reveal() for answer in answers} == {"app_abc123-s-0"}


async def test_minted_tokens_belong_to_one_app() -> None:
    ours = _tokens(SECRET="s")
    one, two = await ours.get(AppRef("c", "one"), MINTED), await ours.get(AppRef("c", "two"), MINTED)
    assert (one.reveal(), two.reveal()) == ("one-s-0", "two-s-1")


async def test_a_cancelled_mint_lets_the_next_asker_mint() -> None:
    ours = _tokens(SECRET="s")
    first = asyncio.ensure_future(ours.get(REF, MINTED))
    second = asyncio.ensure_future(ours.get(REF, MINTED))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).reveal().startswith("app_abc123-s-")


async def test_only_the_refused_minted_token_is_thrown_away() -> None:
    ours = _tokens(SECRET="s")
    stale = await ours.get(REF, MINTED)
    assert await ours.renew(REF, MINTED, stale)
    fresh = await ours.get(REF, MINTED)
    assert await ours.renew(REF, MINTED, stale)
    assert await ours.get(REF, MINTED) == fresh


@pytest.mark.parametrize(
    ("token", "left"),
    [
        ("opaque", tokens.LIFETIME),
        (_jwt(exp=1600), 600),
        (_jwt(exp=1600.5), 600.5),
        (_jwt(exp=500), 0),
        (_jwt(exp=10**12), tokens.LIFETIME),
        (_jwt(exp=10**400), tokens.LIFETIME),
        (_jwt(exp=float("nan")), 0),
        (_jwt(exp="soon"), tokens.LIFETIME),
        (_jwt(exp=True), tokens.LIFETIME),
        (_jwt(), tokens.LIFETIME),
        ("a.b.c", tokens.LIFETIME),
        ("a.!!!!.c", tokens.LIFETIME),
        ("a.WzFd.c", tokens.LIFETIME),
        (f"a.{base64.urlsafe_b64encode(b'[' * 9000).decode()}.c", tokens.LIFETIME),
    ],
)
def test_the_lifetime_is_what_a_jwt_says_or_ninety_days(token: str, left: float) -> None:
    assert tokens.lifetime(Secret(token), 1000.0) == left


NEW_YEAR = datetime(2030, 1, 1, tzinfo=UTC)
DAY = 86400.0


@pytest.mark.parametrize(
    ("token", "due_before_end"),
    [
        (_jwt(exp=NEW_YEAR.timestamp()), timedelta(days=7)),
        (_jwt(exp=NEW_YEAR.timestamp(), iat=NEW_YEAR.timestamp() - 90 * DAY), timedelta(days=7)),
        (_jwt(exp=NEW_YEAR.timestamp(), iat=NEW_YEAR.timestamp() - 3600), timedelta(minutes=15)),
        (_jwt(exp=NEW_YEAR.timestamp(), iat=NEW_YEAR.timestamp() + 1), timedelta(days=7)),
        (_jwt(exp=NEW_YEAR.timestamp(), iat=float("nan")), timedelta(days=7)),
        (_jwt(exp=NEW_YEAR.timestamp(), iat="then"), timedelta(days=7)),
    ],
)
def test_a_token_is_due_a_week_before_its_end_or_in_the_last_quarter_of_a_short_life(
    token: str, due_before_end: timedelta
) -> None:
    assert tokens.end(Secret(token)) == TokenEnd(NEW_YEAR, NEW_YEAR - due_before_end)


@pytest.mark.parametrize(
    "token", ["opaque", _jwt(), _jwt(exp=0), _jwt(exp=-1), _jwt(exp=float("nan")), _jwt(exp=10**12), _jwt(exp=10**400)]
)
def test_nobody_knows_when_other_tokens_end(token: str) -> None:
    assert tokens.end(Secret(token)) is None


async def test_ends_are_those_of_the_tokens_of_this_sweep() -> None:
    ours = _tokens(SECRET="s", ONE=_jwt(exp=NEW_YEAR.timestamp()), TWO="opaque")
    one, two, minted = AppRef("c", "one"), AppRef("c", "two"), AppRef("c", "minted")
    await ours.get(one, EnvToken("ONE"))
    await ours.get(two, EnvToken("TWO"))
    await ours.get(minted, MINTED)
    in_90_days = FakeTime().now() + timedelta(days=90)
    assert ours.ends == {
        one: TokenEnd(NEW_YEAR, NEW_YEAR - timedelta(days=7)),
        minted: TokenEnd(in_90_days, in_90_days),  # due only at its end: it renews itself before
    }
    ours.begin_sweep()
    await ours.get(one, EnvToken("ONE"))
    assert set(ours.ends) == {one}


async def test_a_replaced_token_has_its_own_end() -> None:
    environ = {"ONE": _jwt(exp=NEW_YEAR.timestamp())}
    ours = _tokens()
    ours._environ = environ
    await ours.get(REF, EnvToken("ONE"))
    environ["ONE"] = _jwt(exp=NEW_YEAR.timestamp() + DAY)
    await ours.get(REF, EnvToken("ONE"))
    assert ours.ends[REF].at == NEW_YEAR + timedelta(days=1)


async def test_a_token_that_is_over_on_arrival_is_kept_a_moment() -> None:
    time, minted = FakeTime(), []

    async def mint(ref: AppRef, secret: Secret) -> Secret:
        minted.append(ref)
        return Secret(_jwt(exp=5))

    ours = tokens.Tokens({"SECRET": "s"}, mint, time, random.Random(1))
    for _ in range(10):
        await ours.get(REF, MINTED)
    assert len(minted) == 1


# Over the wire


def _by_file(path: Path, text: str) -> DesiredApp:
    path.write_text(text)
    return desired(token=FileToken(str(path)))


async def test_a_401_with_a_rotated_file_is_read_with_the_new_token(tmp_path: Path) -> None:
    app = _by_file(tmp_path / "token", "old")

    def script(seen: Seen) -> bytes:
        (tmp_path / "token").write_text("new")
        return fine(seen) if seen.headers["authorization"] == "Bearer new" else http(401)

    async with raw_server(script) as server, reading(server.url) as client:
        assert isinstance(await client.read(app), LiveApp)
    assert len(server.seen) == 2


async def test_a_401_with_an_unchanged_file_is_one_request_in_the_whole_pass(tmp_path: Path) -> None:
    app = _by_file(tmp_path / "token", "old")
    async with raw_server(http(401)) as server, reading(server.url) as client:
        client.begin_sweep()
        first, second = await client.read(app), await client.read(app)
        assert isinstance(first, Unreadable)
        assert isinstance(second, Unreadable)
        assert (first.kind, second.kind, len(server.seen)) == (VendorKind.AUTH, VendorKind.AUTH, 1)
        client.begin_sweep()
        await client.read(app)
        assert len(server.seen) == 2


async def test_a_401_after_the_file_vanished_is_a_refusal(tmp_path: Path) -> None:
    app = _by_file(tmp_path / "token", "old")

    def script(seen: Seen) -> bytes:
        (tmp_path / "token").unlink(missing_ok=True)
        return http(401)

    async with raw_server(script) as server, reading(server.url) as client:
        live = await client.read(app)
    assert isinstance(live, Unreadable)
    assert (live.kind, len(server.seen)) == (VendorKind.AUTH, 1)


async def test_a_401_that_goes_on_with_rotating_tokens_ends_after_two(tmp_path: Path) -> None:
    app = _by_file(tmp_path / "token", "token0")

    def script(seen: Seen) -> bytes:
        (tmp_path / "token").write_text(f"token{len(server.seen)}")
        return http(401)

    async with raw_server(script) as server, reading(server.url) as client:
        await client.read(app)
    assert len(server.seen) == 2


async def test_each_app_is_asked_about_with_its_own_token() -> None:
    apps = [desired(f"app{number}", token=EnvToken(f"TOKEN_{number}")) for number in range(20)]
    environ = {f"TOKEN_{number}": f"token-of-app{number}" for number in range(20)}
    del environ["TOKEN_7"]
    async with raw_server(fine) as server, reading(server.url, surroundings(None, **environ)) as client:
        lives = [await client.read(app) for app in apps]
    assert all(
        f"/{seen.headers['authorization'].removeprefix('Bearer token-of-')}/" in seen.path for seen in server.seen
    )
    assert [isinstance(live, LiveApp) for live in lives].count(False) == 1
    assert isinstance(lives[7], Unreadable)


def _mint_script(token: str = "minted-1", status: int = 200, **changes: object) -> bytes:
    envelope = {"RequestId": "r", "Status": "Success", "Code": 200, "Error": "", "Data": token, **changes}
    return http(status, envelope)


async def test_a_token_is_minted_once_and_used_for_all() -> None:
    def script(seen: Seen) -> bytes:
        return _mint_script() if seen.method == "POST" else fine(seen)

    async with raw_server(script) as server, writing(server.url, surroundings(SECRET="app-secret")) as client:
        for _ in range(3):
            assert isinstance(await client.read(desired(token=MINTED)), LiveApp)
        await client.put(desired(token=MINTED), COMPLETE, "r1")
    post, *others = server.seen
    assert (post.method, post.path) == ("POST", "/v2/integrations/token")
    assert json.loads(post.body) == {"Id": "app_abc123", "Secret": "app-secret", "Entity": "app"}
    assert "authorization" not in post.headers
    assert [seen.method for seen in others] == ["GET", "GET", "GET", "PUT"]
    assert {seen.headers["authorization"] for seen in others} == {"Bearer minted-1"}


async def test_a_refused_minted_token_is_minted_once_more() -> None:
    def script(seen: Seen) -> bytes:
        if seen.method == "POST":
            return _mint_script(f"minted-{len(server.seen)}")
        return http(401) if seen.headers["authorization"] == "Bearer minted-1" else fine(seen)

    async with raw_server(script) as server, reading(server.url, surroundings(SECRET="s")) as client:
        assert isinstance(await client.read(desired(token=MINTED)), LiveApp)
    assert [seen.method for seen in server.seen] == ["POST", "GET", "POST", "GET"]


async def test_minting_for_ever_refused_tokens_stops_within_the_pass() -> None:
    def script(seen: Seen) -> bytes:
        return _mint_script(f"minted-{len(server.seen)}") if seen.method == "POST" else http(401)

    async with raw_server(script) as server, reading(server.url, surroundings(SECRET="s")) as client:
        for _ in range(3):
            await client.read(desired(token=MINTED))
    assert [seen.method for seen in server.seen] == ["POST", "GET", "POST", "GET"]


@pytest.mark.parametrize(
    "answer",
    [
        http(400),
        http(401),
        http(403),
        http(404),
        http(200, b""),
        http(200, b"[]"),
        http(200, b"{}"),
        _mint_script(Status="Failed", Data=None),
        _mint_script(""),
        _mint_script("two words"),
        _mint_script(Data=None),
        _mint_script(Data={"token": "x"}),
    ],
)
async def test_a_mint_that_gives_no_token_leaves_the_app_alone_for_the_pass(answer: bytes) -> None:
    async with raw_server(answer) as server, writing(server.url, surroundings(SECRET="s")) as client:
        live = await client.read(desired(token=MINTED))
        assert isinstance(live, Unreadable)
        assert live.kind is VendorKind.TOKEN
        with pytest.raises(VendorError) as caught:
            await client.put(desired(token=MINTED), COMPLETE, "r1")
        assert caught.value.sent is False
    assert len(server.seen) == 1


async def test_a_mint_that_fails_for_now_is_tried_again() -> None:
    def script(seen: Seen) -> bytes:
        if seen.method == "GET":
            return fine(seen)
        return _mint_script() if len(server.seen) > 1 else http(503)

    async with raw_server(script) as server, reading(server.url, surroundings(SECRET="s")) as client:
        assert isinstance(await client.read(desired(token=MINTED)), LiveApp)
    assert [seen.method for seen in server.seen] == ["POST", "POST", "GET"]


async def test_a_put_whose_token_could_not_be_minted_is_certainly_not_sent() -> None:
    async with raw_server(http(503)) as server, writing(server.url, surroundings(SECRET="s")) as client:
        with pytest.raises(VendorError) as caught:
            await client.put(desired(token=MINTED), COMPLETE, "r1")
    assert (caught.value.kind, caught.value.retryable, caught.value.sent) == (VendorKind.SERVER, True, False)


async def test_a_re_mint_that_fails_leaves_the_refusal_standing() -> None:
    def script(seen: Seen) -> bytes:
        return _mint_script() if len(server.seen) == 1 else http(401)

    async with raw_server(script) as server, reading(server.url, surroundings(SECRET="s")) as client:
        live = await client.read(desired(token=MINTED))
    assert isinstance(live, Unreadable)
    assert (live.kind, len(server.seen)) == (VendorKind.AUTH, 3)
