import pytest

from comptoir_pim.domain.structure import Channel
from comptoir_pim.operations.published import locale_of

WEB = Channel("web", {}, ("fr_FR", "en_GB", "pt_BR"))


class TestLocale:
    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            ([""], "fr_FR"),
            (["en_GB"], "en_GB"),
            (["en-US"], "en_GB"),
            (["pt"], "pt_BR"),
            (["de-DE"], "fr_FR"),
            (["de_DE", "en-GB"], "en_GB"),
            (["*"], "fr_FR"),
        ],
    )
    def test_the_closest_locale_of_the_channel_is_chosen(
        self, wanted: list[str], expected: str
    ) -> None:
        assert locale_of(WEB, wanted) == expected
