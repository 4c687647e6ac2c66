import pytest

from comptoir_pim.domain.markup import simple_markup


class TestSimpleMarkup:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("plain & simple", "plain & simple"),
            (r"two\nlines\r\nand more", "two\nlines\nand more"),
            ("<b>bold</b><br/>line", "<b>bold</b><br>line"),
            ("<p class='x' onclick='y()'>text</p>", "<p>text</p>"),
            ("a<script>alert(1)</script>b", "ab"),
            ("<img src=x onerror=alert(1)>text", "text"),
            ("<a href='javascript:x'>link</a>", "link"),
            ("<ul><li>one<li>two</ul>", "<ul><li>one<li>two</li></li></ul>"),
            ("<b>open", "<b>open</b>"),
            ("closed</b>", "closed"),
            ("<b>2 &lt; 3</b>", "<b>2 &lt; 3</b>"),
            ("2 < 3", "2 &lt; 3"),
        ],
    )
    def test_only_harmless_closed_tags_are_left(self, given: str, expected: str) -> None:
        assert simple_markup(given) == expected
