"""Rules about people, with pencil and paper."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from comptoir_customers.domain.keys import KeyRecord, next_is_due, signing_key
from comptoir_customers.domain.people import (
    customer_number,
    missing_permission,
    normalised_email,
)
from comptoir_customers.domain.sessions import (
    Attempts,
    RefreshToken,
    SessionRecord,
    successor_of,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def key_from(moment: datetime) -> KeyRecord:
    return KeyRecord(f"key_{moment.isoformat()}", b"", "", moment, None)


class TestPeople:
    def test_one_address_has_one_spelling(self) -> None:
        # Full-width letters and capitals, as some keyboards write them.
        wide = "Client@Example.com"
        assert normalised_email(f" {wide} ") == "client@example.com"

    def test_a_customer_number_ends_with_its_check_digit(self) -> None:
        assert customer_number(1) == "000000018"
        assert customer_number(7992739) == "079927398"

    def test_what_is_not_held_cannot_be_given(self) -> None:
        held = frozenset({"stock.read"})
        assert missing_permission(frozenset({"stock.read", "self"}), held) is None
        assert missing_permission(frozenset({"stock.write"}), held) == "stock.write"


class TestSessions:
    def test_a_successor_needs_the_token_and_the_nonce(self) -> None:
        successor = successor_of("token", b"nonce")
        assert successor == successor_of("token", b"nonce")
        assert successor not in (successor_of("token", b"other"), successor_of("other", b"nonce"))

    def test_a_refresh_slides_to_an_absolute_end(self) -> None:
        record = SessionRecord("ses_1", "customer", "cus_1", None, NOW, None)
        assert record.refresh_expires_at(NOW) == NOW + timedelta(days=30)
        late = NOW + timedelta(days=80)
        assert record.refresh_expires_at(late) == NOW + timedelta(days=90)

    def test_a_spent_token_is_replayed_only_after_the_grace(self) -> None:
        spent = RefreshToken(b"", b"", "ses_1", NOW, NOW)
        assert not spent.is_replayed(NOW + timedelta(seconds=30))
        assert spent.is_replayed(NOW + timedelta(seconds=31))

    def test_the_sixth_attempt_waits_for_the_rest_of_the_window(self) -> None:
        later = NOW + timedelta(minutes=5)
        assert Attempts(5, NOW).wait(later) is None
        assert Attempts(6, NOW).wait(later) == timedelta(minutes=10)
        assert Attempts(6, NOW).wait(NOW + timedelta(minutes=15)) is None


class TestKeys:
    def test_a_first_key_is_due_at_once(self) -> None:
        assert next_is_due([], NOW)
        assert signing_key([], NOW) is None

    def test_the_next_key_is_published_before_it_signs(self) -> None:
        first = key_from(NOW)
        assert not next_is_due([first], NOW + timedelta(days=27))
        assert next_is_due([first], NOW + timedelta(days=28))
        second = key_from(NOW + timedelta(days=30))
        assert signing_key([first, second], NOW + timedelta(days=29)) == first
        assert signing_key([first, second], NOW + timedelta(days=30)) == second
