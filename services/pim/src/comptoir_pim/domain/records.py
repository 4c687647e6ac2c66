"""Rows of a CSV file, with the line each one begins at, from text that arrives in pieces."""

import csv
from codecs import getincrementaldecoder
from dataclasses import dataclass

DELIMITER = ";"
# A quote left open would swallow the rest of the file as one cell.
MAX_ROW_CHARACTERS = 4 * 1024 * 1024
_NEVER_CLOSED = "a quote is opened and never closed"

csv.field_size_limit(MAX_ROW_CHARACTERS)


class Unreadable(Exception):
    """The file is not UTF-8 text in rows; the text tells why."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Record:
    """One row: the line it begins at (the header is line 1) and its cells."""

    line: int
    cells: list[str]


class RecordReader:
    """Reads rows from bytes; feed it pieces of any size, then `finish`.

    Cells may hold quoted line ends, so a row can span lines and pieces. Empty rows are skipped.
    """

    def __init__(self) -> None:
        self._decoder = getincrementaldecoder("utf-8-sig")()
        self._rest = ""
        self._row = ""
        self._line = 1
        self._row_line = 1
        self._open = False

    def feed(self, piece: bytes) -> list[Record]:
        """The rows that are complete now; raises `Unreadable`."""
        return self._read(piece, final=False)

    def finish(self) -> list[Record]:
        """The last row, when it does not end with a line end; raises `Unreadable`."""
        records = self._read(b"", final=True)
        if self._open:
            raise Unreadable(self._row_line, _NEVER_CLOSED)
        return records

    def _read(self, piece: bytes, *, final: bool) -> list[Record]:
        try:
            text = self._rest + self._decoder.decode(piece, final)
        except UnicodeDecodeError:
            raise Unreadable(self._line, "is not UTF-8 text") from None
        if "\x00" in text:
            raise Unreadable(self._line, "holds a NUL character")
        lines = text.split("\n")
        self._rest = lines.pop()
        if final and self._rest:
            lines.append(self._rest)
            self._rest = ""
        if len(self._rest) > MAX_ROW_CHARACTERS:
            raise Unreadable(self._line, "has a line without end")
        return self._assemble(lines)

    def _assemble(self, lines: list[str]) -> list[Record]:
        numbers, rows = [], []
        for line in lines:
            if self._open:
                self._row = f"{self._row}\n{line}"
                self._open = line.count('"') % 2 == 0
            else:
                self._row, self._row_line = line, self._line
                self._open = line.count('"') % 2 == 1 and _ends_inside_quotes(line)
            self._line += 1
            if self._open:
                if len(self._row) > MAX_ROW_CHARACTERS:
                    raise Unreadable(self._row_line, _NEVER_CLOSED)
            elif self._row.strip():
                numbers.append(self._row_line)
                rows.append(self._row)
        try:
            cells = list(csv.reader(rows, delimiter=DELIMITER))
        except csv.Error as error:
            raise Unreadable(self._row_line, f"is not CSV: {error}") from None
        found = zip(numbers, cells, strict=True)
        return [Record(number, row) for number, row in found if any(row)]


def _ends_inside_quotes(line: str) -> bool:
    """Whether a quoted cell goes on in the next line; a quote inside a bare cell opens nothing."""
    try:
        next(csv.reader([line], delimiter=DELIMITER, strict=True))
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False
