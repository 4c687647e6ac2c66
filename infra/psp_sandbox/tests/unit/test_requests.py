"""What a malformed request is told; and that a card number is never said back."""

from typing import Any

import pytest

from comptoir_psp_sandbox import requests, scripts
from comptoir_psp_sandbox.errors import CardExpired, InvalidRequest
from comptoir_psp_sandbox.settings import InvalidSettings, Settings
from comptoir_psp_sandbox.webhooks import signature

GOOD: dict[str, Any] = {"amount": 1000, "currency": "EUR", "payment_method": "pm_card_visa"}


class TestPayment:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("amount", 0),
            ("amount", -1),
            ("amount", 10.0),
            ("amount", True),
            ("amount", "1000"),
            ("amount", 10**13),
            ("currency", "eur"),
            ("currency", "EURO"),
            ("payment_method", ""),
            ("payment_method", 7),
            ("capture", "no"),
            ("return_url", "javascript:alert(1)"),
            ("return_url", "http://shop/\r\nset-cookie: a=b"),
        ],
    )
    def test_a_wrong_field_is_named(self, field: str, value: object) -> None:
        with pytest.raises(InvalidRequest) as refused:
            requests.parse_payment({**GOOD, field: value})
        assert refused.value.details == {"param": field}

    @pytest.mark.parametrize("raw", [b"[]", b"{", b'"x"', b"\xff", b"[" * 100_000])
    def test_a_body_that_is_no_object_is_refused(self, raw: bytes) -> None:
        with pytest.raises(InvalidRequest):
            requests.parse_object(raw)

    @pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256, "a\n"])
    def test_a_strange_key_is_refused(self, key: str) -> None:
        with pytest.raises(InvalidRequest):
            requests.parse_key(key)


class TestCard:
    def card(self, **changes: object) -> dict[str, Any]:
        card = {"number": "4242 4242 4242 4242", "exp_month": 11, "exp_year": 2026, "cvc": "123"}
        return {"card": {**card, **changes}}

    def test_a_card_is_good_to_the_end_of_its_month(self) -> None:
        assert requests.parse_card(self.card(), year=2026, month=11).number == "4242424242424242"
        with pytest.raises(CardExpired):
            requests.parse_card(self.card(), year=2026, month=12)

    def test_a_mistyped_number_is_refused_and_not_repeated(self) -> None:
        with pytest.raises(InvalidRequest) as refused:
            requests.parse_card(self.card(number="4242424242424243"), year=2026, month=1)
        assert "4243" not in repr(refused.value.body())

    @pytest.mark.parametrize("change", [{"cvc": "12"}, {"exp_month": 13}, {"exp_year": 26}])
    def test_other_fields_are_checked(self, change: dict[str, object]) -> None:
        with pytest.raises(InvalidRequest):
            requests.parse_card(self.card(**change), year=2026, month=1)


class TestScripts:
    def test_a_script_serves_as_many_calls_as_it_says(self) -> None:
        queue = scripts.Scripts()
        queue.add(scripts.parse({"operation": "capture", "action": "status", "times": 2}))
        assert queue.take("refund") is None
        assert [queue.take("capture") is not None for _ in range(3)] == [True, True, False]

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"action": "drop"},
            {"action": "status", "status": 200},
            {"action": "delay", "times": 0},
        ],
    )
    def test_nonsense_is_refused(self, body: dict[str, Any]) -> None:
        with pytest.raises(InvalidRequest):
            scripts.parse(body)


class TestSettings:
    @pytest.mark.parametrize(
        ("environment", "named"),
        [
            ({}, "PSP_JOURNAL"),
            ({"PSP_JOURNAL": "j", "PSP_LISTEN": "8080"}, "PSP_LISTEN"),
            ({"PSP_JOURNAL": "j", "PSP_WEBHOOK_URL": "http://x"}, "PSP_WEBHOOK_SECRET"),
            ({"PSP_JOURNAL": "j", "PSP_HOLD_SECONDS": "-1"}, "PSP_HOLD_SECONDS"),
        ],
    )
    def test_the_wrong_variable_is_named(self, environment: dict[str, str], named: str) -> None:
        with pytest.raises(InvalidSettings, match=named):
            Settings.from_environment(environment)


def test_the_signature_is_the_documented_one() -> None:
    # printf '1800000000.{"a":1}' | openssl dgst -sha256 -hmac secret
    assert signature("secret", b'{"a":1}', 1_800_000_000) == (
        "t=1800000000,v1=440dfbb83aabca24d9e5027629cfd81cb45254690f8d410bb28f1cc17c990dbc"
    )
