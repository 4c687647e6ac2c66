import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir_pim.domain.records import Record, RecordReader, Unreadable


def read(*pieces: bytes) -> list[Record]:
    reader = RecordReader()
    found = [record for piece in pieces for record in reader.feed(piece)]
    return found + reader.finish()


class TestRecords:
    def test_a_row_begins_at_its_line_even_after_cells_of_several_lines(self) -> None:
        assert read(b'a;b\n"x\ny\n";1\nz;2\n') == [
            Record(1, ["a", "b"]),
            Record(2, ["x\ny\n", "1"]),
            Record(5, ["z", "2"]),
        ]

    def test_a_byte_order_mark_and_windows_line_ends_are_no_content(self) -> None:
        assert read(b"\xef\xbb\xbfa;b\r\n1;2\r\n") == [Record(1, ["a", "b"]), Record(2, ["1", "2"])]

    def test_empty_rows_are_skipped_and_counted(self) -> None:
        assert read(b"a;b\n\n;;\n1;2") == [Record(1, ["a", "b"]), Record(4, ["1", "2"])]

    def test_a_quote_inside_a_bare_cell_opens_nothing(self) -> None:
        assert read(b'a;b\n15" screen;1\nz;2\n')[1:] == [
            Record(2, ['15" screen', "1"]),
            Record(3, ["z", "2"]),
        ]

    def test_a_character_may_be_split_between_pieces(self) -> None:
        text = "é;ü\n".encode()

        assert read(text[:1], text[1:4], text[4:]) == [Record(1, ["é", "ü"])]

    def test_an_open_quote_makes_the_file_unreadable(self) -> None:
        with pytest.raises(Unreadable, match="never closed") as caught:
            read(b'a;b\n1;2\n"x;3\n4;5\n')

        assert caught.value.line == 3

    def test_other_encodings_and_binary_files_are_unreadable(self) -> None:
        for content, reason in ((b"a\nPr\xe9nom\n", "UTF-8"), (b"PK\x03\x04\x00\x00", "NUL")):
            with pytest.raises(Unreadable, match=reason):
                read(content)

    @given(
        st.lists(
            st.lists(st.text(st.sampled_from('ab;"\n é')), min_size=2, max_size=3),
            min_size=1,
            max_size=6,
        ),
        st.integers(1, 7),
    )
    def test_it_reads_what_the_csv_module_reads_whatever_the_pieces(
        self, rows: list[list[str]], size: int
    ) -> None:
        text = io.StringIO()
        csv.writer(text, delimiter=";", lineterminator="\n").writerows(rows)
        content = text.getvalue().encode()
        pieces = [content[start : start + size] for start in range(0, len(content), size)]

        assert [each.cells for each in read(*pieces)] == [row for row in rows if any(row)]
