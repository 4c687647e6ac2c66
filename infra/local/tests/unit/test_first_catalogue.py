"""When a catalogue is loaded, and what is said of it."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from comptoir_local.catalogue import LoadReport
from comptoir_local.catalogue.first import Note, tell


@pytest.fixture
def note(tmp_path: Path) -> Note:
    return Note(tmp_path / "note", "abc")


class TestNote:
    def test_empty_data_get_the_sample(self, note: Note) -> None:
        assert note.is_due(asked=False, holds_products=False)

    def test_products_of_somebody_s_own_are_left_alone(self, note: Note) -> None:
        assert not note.is_due(asked=False, holds_products=True)

    def test_a_catalogue_that_is_asked_for_is_loaded_beside_what_is_there(self, note: Note) -> None:
        assert note.is_due(asked=True, holds_products=True)

    @pytest.mark.parametrize("asked", [True, False])
    def test_what_is_loaded_is_not_loaded_again(self, note: Note, asked: bool) -> None:
        note.begin()
        note.end()

        assert not note.is_due(asked=asked, holds_products=True)

    def test_a_load_that_was_cut_short_goes_on(self, note: Note) -> None:
        note.begin()

        assert note.is_due(asked=False, holds_products=True)

    @pytest.mark.parametrize("is_whole", [True, False])
    def test_another_catalogue_keeps_the_sample_away(self, tmp_path: Path, is_whole: bool) -> None:
        other, sample = Note(tmp_path / "note", "other"), Note(tmp_path / "note", "sample")
        other.begin()
        if is_whole:
            other.end()

        assert not sample.is_due(asked=False, holds_products=False)
        assert sample.is_due(asked=True, holds_products=False)


class TestTell:
    def told(self, report: LoadReport, remarks: Path) -> str:
        console = Console(file=io.StringIO(), width=200)
        tell(report, remarks, console)
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()

    def test_a_clean_load_is_one_line(self, tmp_path: Path) -> None:
        report = LoadReport(tried={"products.csv": 3, "families.csv": 1}, accepted=4)
        report.published = {"web": 3, "store": 2}

        text = self.told(report, tmp_path / "remarks.txt")

        assert text == (
            "Catalogue: 4 of 4 rows, 0 prices, 0 receipts of stock; published: web 3, store 2.\n"
        )
        assert not (tmp_path / "remarks.txt").exists()

    def test_a_few_bad_rows_are_shown_and_all_are_written_down(self, tmp_path: Path) -> None:
        errors = [f"products.csv line {line}: is [bad]" for line in range(2, 10)]
        report = LoadReport(tried={"products.csv": 9}, accepted=1, errors=errors)
        report.warnings = ["products.csv line 10, column ean: is no GTIN"]

        text = self.told(report, tmp_path / "logs" / "remarks.txt")

        assert text.count("refused products.csv") == 5
        assert "refused products.csv line 2: is [bad]" in text
        assert "8 rows refused, 1 values left out" in text
        written = (tmp_path / "logs" / "remarks.txt").read_text().splitlines()
        assert written[0] == "refused: products.csv line 2: is [bad]"
        assert written[-1] == "left out: products.csv line 10, column ean: is no GTIN"
        assert len(written) == 9
