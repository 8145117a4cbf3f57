"""A browser signs in with a token, and is let in by its cookie for as long as the token holds."""

import re
import time
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from lrtune.service.access import tokens
from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from lrtune.service.wire.access.secrets import new_secret
from tests.api.calls import Json
from tests.api.test_tokens import bearer, made
from tests.web.conftest import ORIGIN, Browser


def test_a_browser_is_sent_to_sign_in_and_back_to_the_page_it_wanted(browser: Browser, admin: Json) -> None:
    away = browser.get("/docs?a=1&b=%2F")
    assert (away.status_code, away.headers["location"]) == (303, "/sign-in?next=/docs%3Fa%3D1%26b%3D%252F")
    form = browser.get(away.headers["location"])
    assert form.status_code == 200
    back = re.search(r'name="next" value="([^"]*)"', form.text)
    assert back is not None
    answer = browser.sign_in(admin["secret"], next=back[1].replace("&amp;", "&"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/docs?a=1&b=%2F")
    assert browser.get(answer.headers["location"]).status_code == 200


def test_a_program_without_a_token_gets_401_and_no_page(browser: Browser) -> None:
    for headers in ({"Accept": "*/*"}, {"Authorization": "Bearer lrt_wrong"}):
        refused = browser.send("GET", "/docs", headers)
        assert (refused.status_code, refused.json()["type"]) == (401, "token-refused")


def test_the_cookie_is_a_secret_of_its_own_that_no_script_reads(browser: Browser, admin: Json) -> None:
    answer = browser.sign_in(admin["secret"])
    cookie = answer.headers["set-cookie"]
    assert admin["secret"] not in cookie
    assert [part.strip().lower() for part in cookie.split(";")[1:]] == [
        "httponly",
        f"max-age={tokens.SESSION_SECONDS}",
        "path=/",
        "samesite=lax",
    ]
    assert answer.headers["location"] == "/sign-in"
    page = browser.get("/sign-in").text
    assert "ada" in page
    assert admin["prefix"] in page
    assert 'action="/sign-out"' in page


def test_behind_tls_the_cookie_goes_over_tls_alone(service: TestClient, admin: Json) -> None:
    answer = service.post(
        "https://testserver/sign-in",
        headers={"Origin": "https://testserver"},
        data={"token": admin["secret"]},
        follow_redirects=False,
    )
    assert answer.status_code == 303
    assert "; Secure" in answer.headers["set-cookie"]


def test_a_sign_in_ends_the_one_before_it_in_the_same_browser(signed_in: Browser, admin: Json) -> None:
    first = signed_in.cookie
    signed_in.sign_in(admin["secret"])
    assert signed_in.cookie not in (None, first)
    assert signed_in.get("/v1/me").status_code == 200
    signed_in.cookie = first
    assert signed_in.send("GET", "/v1/me", {"Accept": "*/*"}).status_code == 401


def test_after_signing_out_the_cookie_opens_nothing(signed_in: Browser) -> None:
    cookie = signed_in.cookie
    answer = signed_in.send("POST", "/sign-out", ORIGIN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert signed_in.cookie is None
    signed_in.cookie = cookie
    assert signed_in.get("/docs").status_code == 303
    assert "sign-in ended" in signed_in.get("/sign-in").text


@pytest.mark.parametrize("how", ["revoked", "rotated", "rotated with grace", "expired"])
def test_a_sign_in_ends_with_its_token_at_once(service: TestClient, browser: Browser, admin: Json, how: str) -> None:
    token = made(service, admin, role="viewer", expires_in_seconds=3600)
    browser.sign_in(token["secret"])
    assert browser.get("/v1/me").json()["token"]["id"] == token["id"]
    path = f"/v1/tokens/{token['id']}"
    if how == "revoked":
        service.delete(path, headers=bearer(admin))
    elif how == "expired":
        registry = service.app.state.container.access.registry  # type: ignore[attr-defined]
        token_now = registry.token(token["id"])
        registry.take_in([replace(token_now, expires_at=token_now.created_at)], registry.version)
    else:
        service.post(f"{path}/rotate", json={"grace_seconds": 60.0 * ("grace" in how)}, headers=bearer(admin))
    refused = browser.send("GET", "/v1/me", {"Accept": "*/*"})
    assert refused.status_code == 401
    assert browser.get("/v1/me").status_code == 303


def test_who_signs_in_with_a_former_secret_stays_no_longer_than_that_holds(
    service: TestClient, browser: Browser, admin: Json
) -> None:
    token = made(service, admin, role="viewer")
    service.post(f"/v1/tokens/{token['id']}/rotate", json={"grace_seconds": 60}, headers=bearer(admin))
    cookie = browser.sign_in(token["secret"]).headers["set-cookie"]
    seconds = re.search(r"Max-Age=(\d+)", cookie)
    assert seconds is not None
    assert int(seconds[1]) <= 60


def test_neither_the_cookies_secret_as_a_token_nor_a_token_as_a_cookie_is_taken(
    service: TestClient, signed_in: Browser, admin: Json
) -> None:
    header = {"Authorization": f"Bearer {signed_in.cookie}"}
    assert service.get("/v1/me", headers=header).status_code == 401
    assert signed_in.sign_in(signed_in.cookie or "").status_code == 401
    signed_in.cookie = admin["secret"]
    assert signed_in.send("GET", "/v1/me", {"Accept": "*/*"}).status_code == 401


def test_a_browser_that_may_not_see_a_page_is_shown_why_and_the_form_for_another_token(
    service: TestClient, browser: Browser, admin: Json
) -> None:
    viewer = made(service, admin, role="viewer", scopes=["cifar-*"])
    browser.sign_in(viewer["secret"])
    refused = browser.get("/optuna/?a=<b>")
    assert refused.status_code == 403
    assert refused.headers["content-type"].startswith("text/html")
    assert f"this needs a token for all studies (scope *), and {viewer['prefix']}… is for cifar-*" in refused.text
    assert 'href="/sign-in"' in refused.text
    back = re.search(r'name="next" value="([^"]*)"', refused.text)
    assert back is not None
    assert "<b>" not in refused.text
    for headers in ({"Accept": "*/*"}, bearer(viewer)):  # A program.
        assert browser.send("GET", "/optuna/", headers).json()["type"] == "not-allowed"
    assert browser.sign_in(admin["secret"], next=back[1]).headers["location"] == "/optuna/?a=%3Cb%3E"


def test_the_header_counts_where_there_is_a_cookie_too(service: TestClient, signed_in: Browser, admin: Json) -> None:
    viewer = made(service, admin, role="viewer")
    assert signed_in.send("GET", "/v1/me", bearer(viewer)).json()["role"] == "viewer"


def test_by_cookie_nothing_is_changed_without_the_origin_of_this_service(signed_in: Browser) -> None:
    study = {"name": "s"}
    for origin in ({}, {"Origin": "http://testserver:9999"}, {"Origin": "null"}, {"Origin": "https://evil.example"}):
        assert signed_in.send("POST", "/v1/studies", origin, json=study).status_code == 403
        assert signed_in.send("POST", "/sign-out", origin).status_code == 403
    reason = signed_in.send("POST", "/v1/studies", json=study).json()["detail"]
    assert "Origin" in reason
    assert signed_in.send("POST", "/v1/studies", ORIGIN, json=study).status_code == 201


def test_another_sites_page_signs_nobody_in(browser: Browser, admin: Json) -> None:
    for origin in ({}, {"Origin": "http://testserver:9999"}, {"Origin": "https://evil.example"}):
        refused = browser.send("POST", "/sign-in", origin, data={"token": admin["secret"]})
        assert refused.status_code == 403
        assert "set-cookie" not in refused.headers


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "paste a token"),
        ("lrt_short", "it was cut off"),
        ("secret", "does not begin with lrt_"),
        ("lrt_" + "ü" * 43, "token"),
        ("lrt_" + "Z" * 43, "there is no such token"),
        ("x" * 70_000, "larger than"),
    ],
)
def test_with_a_wrong_token_the_form_comes_again_and_says_why(browser: Browser, token: str, reason: str) -> None:
    refused = browser.sign_in(token, next="/docs")
    assert refused.status_code == (413 if len(token) > 1000 else 401)
    assert reason in refused.text.lower()
    assert "--role worker" not in refused.text
    assert 'role="alert"' in refused.text
    assert "set-cookie" not in refused.headers
    assert len(token) < 9 or token not in refused.text
    assert len(token) > 1000 or 'value="/docs"' in refused.text


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b'{"token": "x"}', 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("", b"token=x", 415),
        ("application/x-www-form-urlencoded", b"", 401),
        ("application/x-www-form-urlencoded", b"token=a&token=b", 400),
        ("application/x-www-form-urlencoded", b"&".join(b"f%d=" % n for n in range(99)), 400),
        ("application/x-www-form-urlencoded; charset=utf-8", b"\xff\x00%ff", 401),
    ],
)
def test_a_form_that_cannot_be_read_is_answered_by_the_form(
    browser: Browser, kind: str, body: bytes, status: int
) -> None:
    answer = browser.send("POST", "/sign-in", {**ORIGIN, "Content-Type": kind}, content=body)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "/\t/evil.example",
        "\n//evil.example",
        "evil.example",
        "javascript:alert(1)",
        "/sign-out",
        "/sign-in?next=/sign-in",
        "/" + "a" * 3000,
        "/\u2028x",
        "",
    ],
)
def test_nobody_is_sent_elsewhere_after_signing_in(browser: Browser, admin: Json, elsewhere: str) -> None:
    assert 'name="next"' not in browser.send("GET", "/sign-in", params={"next": elsewhere}).text
    assert browser.sign_in(admin["secret"], next=elsewhere).headers["location"] == "/sign-in"


def test_what_a_link_says_is_shown_as_text(browser: Browser) -> None:
    page = browser.send("GET", "/sign-in", params={"next": '/"><script>alert(1)</script>'}).text
    assert "<script>" not in page


def test_beside_cookies_of_other_services_the_one_that_holds_is_taken(signed_in: Browser) -> None:
    own, strange = f"lrtune_session={signed_in.cookie}", f"lrtune_session={new_secret()}"
    for cookies in ((own, strange), (strange, own), (strange, "lrtune_session=x", strange, own)):
        headers = {"Cookie": "; ".join(cookies), "Accept": "*/*"}
        assert signed_in.send("GET", "/v1/me", headers).status_code == 200
    beyond = {"Cookie": "; ".join([strange] * 4 + [own]), "Accept": "*/*"}
    assert signed_in.send("GET", "/v1/me", beyond).status_code == 401


def test_who_signs_out_with_several_cookies_is_signed_out_by_all(browser: Browser, admin: Json) -> None:
    found = []
    for _ in range(2):
        browser.cookie = None
        browser.sign_in(admin["secret"])
        found.append(f"lrtune_session={browser.cookie}")
    browser.send("POST", "/sign-out", {**ORIGIN, "Cookie": "; ".join(found)})
    for cookie in found:
        assert browser.send("GET", "/v1/me", {"Cookie": cookie, "Accept": "*/*"}).status_code == 401


def test_a_browser_with_a_cookie_that_nobody_knows_is_not_blamed(browser: Browser) -> None:
    for value in (new_secret(), "x", ""):
        page = browser.send("GET", "/sign-in", {"Cookie": f"lrtune_session={value}"})
        assert page.status_code == 200
        assert 'role="alert"' not in page.text


@pytest.mark.parametrize(
    "cookies",
    [
        "lrtune_session=a; lrtune_session=b",
        "lrtune_session=" + "x" * 65_536,
        "lrtune_session=\xfc",
        "lrtune_session",
        "lrtune_session=",
    ],
)
def test_an_odd_cookie_opens_nothing_and_stands_in_nobodys_way(browser: Browser, admin: Json, cookies: str) -> None:
    headers = {"Cookie": cookies.encode("latin-1")}
    assert browser.send("GET", "/docs", headers).status_code == 303
    assert browser.send("GET", "/v1/me", {**headers, "Accept": "*/*"}).status_code == 401
    form = browser.send("GET", "/sign-in", headers)
    assert form.status_code == 200
    assert "signed in" in form.text
    answer = browser.send("POST", "/sign-in", {**headers, **ORIGIN}, data={"token": admin["secret"]})
    assert answer.status_code == 303


def test_a_token_in_the_address_is_refused_and_not_carried_on(browser: Browser, admin: Json) -> None:
    refused = browser.get(f"/docs?t={admin['secret']}")
    assert refused.status_code == 401
    assert "address" in refused.text
    assert admin["secret"] not in refused.text
    assert admin["secret"] not in browser.send("GET", "/sign-in", params={"next": "/docs"}).text


def test_under_a_path_of_a_proxy_all_of_it_is_there(tmp_path: object) -> None:
    settings = Settings.model_validate({"storage": f"sqlite:///{tmp_path}/own.db", "root_path": "/ml"})
    with TestClient(create_app(settings)) as service:
        browser, admin = Browser(service), made(service, role="admin")
        for path in ("/docs", "/ml/docs"):  # Taken off by the proxy, or left there.
            assert browser.get(path).headers["location"] == "/ml/sign-in?next=/ml/docs"
        assert 'action="/ml/sign-in"' in browser.get("/ml/sign-in").text
        answer = browser.sign_in(admin["secret"], next="/ml/docs")
        assert answer.headers["location"] == "/ml/docs"
        own, of_the_host = answer.headers.get_list("set-cookie")
        assert "; Path=/ml;" in own
        assert 'lrtune_session=""' in of_the_host
        assert "Max-Age=0; Path=/;" in of_the_host
        assert browser.get("/ml/docs").status_code == 200
        page = browser.get("/sign-in").text
        assert 'action="/ml/sign-out"' in page
        assert "/optuna/" not in page


def test_where_there_are_no_tokens_the_page_says_so(service: TestClient) -> None:
    browser = Browser(service)
    for answer in (browser.get("/sign-in"), browser.sign_in("anything")):
        assert answer.status_code == 200
        assert "lrtune token create --role admin" in answer.text
        assert "set-cookie" not in answer.headers


def test_the_page_works_without_scripts_and_brings_all_it_needs(browser: Browser) -> None:
    page = browser.get("/sign-in").text
    scripts = re.findall(r"<script[^>]*>[^<]*", page)
    assert scripts == ['<script src="/assets/look/theme.js">'], "the colours; the form needs none"
    assert "hidden" not in page
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert '<label for="token">' in page
    assert 'lang="en"' in page


def test_who_sends_many_wrong_tokens_waits_for_the_form(browser: Browser) -> None:
    seconds: list[float] = []
    for _ in range(14):
        begun = time.perf_counter()
        assert browser.sign_in("lrt_" + "Z" * 43).status_code == 401
        seconds.append(time.perf_counter() - begun)
    assert min(seconds[-2:]) > max(0.045, min(seconds[:3]))
