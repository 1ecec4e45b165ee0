"""Which web pages may call an edge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_plugins.edge import cors
from rtml_plugins.edge.exchange import Request, Response
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving.problems import Problem

SHOP = "https://shop.example"
NONE = EdgeSettings(home="unused", region="emea")
ONE = EdgeSettings(home="unused", region="emea", cors=(SHOP,))
ANY = EdgeSettings(home="unused", region="emea", cors=("*",))


def preflight(settings: EdgeSettings, origin: str | None, **more: str) -> Response:
    headers = {} if origin is None else {"origin": origin}
    headers |= {"access-control-request-method": "POST", **{name.replace("_", "-"): value for name, value in more.items()}}
    return cors.preflight(settings, Request("OPTIONS", "/v1/services/churn/predict", "", headers, b""))


def test_without_the_setting_no_answer_says_anything_of_origins() -> None:
    assert list(cors.answer_headers(NONE, {"origin": SHOP})) == []


def test_an_allowed_origin_may_read_answers_and_their_request_id() -> None:
    headers = dict(cors.answer_headers(ONE, {"origin": SHOP}))
    assert headers["Access-Control-Allow-Origin"] == SHOP
    assert "X-Request-Id" in headers["Access-Control-Expose-Headers"]
    assert headers["Vary"] == "Origin"


@given(st.text())
def test_an_unknown_origin_is_never_reflected(origin: str) -> None:
    headers = cors.answer_headers(ONE, {"origin": origin})
    if origin.lower() != SHOP:
        assert list(headers) == [("Vary", "Origin")]
        with pytest.raises(Problem, match="may not call this edge") as caught:
            preflight(ONE, origin)
        assert caught.value.status == 403


def test_any_origin_is_answered_with_a_star_and_never_with_credentials() -> None:
    headers = dict(cors.answer_headers(ANY, {"origin": "https://anywhere.example"}))
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in headers
    assert list(cors.answer_headers(ANY, {})) == []


def test_a_preflight_says_what_may_be_sent() -> None:
    answer = preflight(ONE, SHOP, access_control_request_private_network="true")
    headers = dict(answer.headers)
    assert (answer.status, answer.body) == (204, b"")
    assert headers["Access-Control-Allow-Origin"] == SHOP
    assert "POST" in headers["Access-Control-Allow-Methods"]
    for name in ("authorization", "content-type", "x-request-id", "x-rtml-key", "traceparent"):
        assert name in headers["Access-Control-Allow-Headers"].split(", ")
    assert headers["Access-Control-Allow-Private-Network"] == "true"
    assert "Access-Control-Allow-Private-Network" not in dict(preflight(ONE, SHOP).headers)


def test_options_without_an_origin_tells_the_methods() -> None:
    assert dict(preflight(NONE, None).headers) == {"Allow": "GET, HEAD, POST, OPTIONS"}


def test_origins_of_the_setting_are_checked_and_made_comparable() -> None:
    assert cors.check_origins(["HTTPS://Shop.Example", "http://[::1]:3000", "*"]) == (SHOP, "http://[::1]:3000", "*")
    for wrong in ("shop.example", "https://shop.example/", "https://shop.example/cart", "https://*.example", "null", ""):
        with pytest.raises(cors.OriginRefused, match="is no origin: expected scheme://host"):
            cors.check_origins([wrong])
