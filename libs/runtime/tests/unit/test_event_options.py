import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir_runtime.event_options import (
    Kind,
    NotAnEvent,
    event_type,
    event_types_of,
    sanitise,
)
from libs.runtime.tests import sample

PACKAGE = "comptoir.runtimetest.v1"


class TestEventType:
    def test_is_read_from_the_options_of_the_message(self) -> None:
        found = event_type(sample.ThingState)

        assert (found.name, found.kind, found.key) == (
            f"{PACKAGE}.ThingState",
            Kind.STATE,
            "thing_id",
        )
        assert found.service == "runtimetest"
        assert found.stream == "state-runtimetest"
        assert found.every_subject == f"{PACKAGE}.ThingState.*"
        assert event_type(sample.ThingHappened).stream == "facts-runtimetest"

    def test_the_subject_ends_with_the_key(self) -> None:
        message = sample.ThingHappened(thing_id="ord_01j.*> é")

        subject = event_type(sample.ThingHappened).subject(message)

        assert subject == f"{PACKAGE}.ThingHappened.ord_01j=2E=2A=3E=20=C3=A9"

    def test_a_signal_has_a_subject_of_its_own(self) -> None:
        found = event_type(sample.ThingTouched)

        assert found.subject_of("a") == f"signal.{PACKAGE}.ThingTouched.a"
        assert found.every_subject == f"signal.{PACKAGE}.ThingTouched.*"

    def test_an_event_about_nothing_is_refused(self) -> None:
        with pytest.raises(ValueError, match="is empty"):
            event_type(sample.ThingHappened).subject(sample.ThingHappened())

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("NoEvent", "no comptoir.options.v1.event option"),
            ("ThingWithoutKind", "no kind"),
            ("ThingWithNumber", "not a string field"),
        ],
    )
    def test_a_message_without_usable_options_is_refused(self, name: str, why: str) -> None:
        with pytest.raises(NotAnEvent, match=why):
            event_type(getattr(sample, name))


class TestSanitise:
    @given(st.text(min_size=1))
    def test_gives_one_token_from_which_the_key_can_be_read(self, key: str) -> None:
        try:
            key.encode()
        except UnicodeEncodeError:
            return  # no proto string
        token = sanitise(key)

        assert re.fullmatch(r"[A-Za-z0-9_=-]+", token)
        assert unquote(token.replace("=", "%")) == key


class TestEventTypesOf:
    @pytest.mark.parametrize(
        "service", ["pim", "cart", "payments", "inventory", "orders", "customers"]
    )
    def test_every_event_of_a_service_is_found_and_well_formed(self, service: str) -> None:
        found = event_types_of(service)

        assert found
        assert {each.service for each in found} == {service}
        assert [each.name for each in found] == sorted(each.name for each in found)
