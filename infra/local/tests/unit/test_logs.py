import io
from pathlib import Path

import pytest
from rich.console import Console

from comptoir_local.logs import LogBook


def book(folder: Path, *, verbose: bool = False) -> tuple[LogBook, io.StringIO]:
    screen = io.StringIO()
    return LogBook("cart", folder, Console(file=screen, width=200), verbose=verbose), screen


class TestLogBook:
    @pytest.mark.parametrize(
        ("line", "shown"),
        [
            (b'{"level":"info","message":"listening"}', ""),
            (b'{"level":"warning","message":"late"}', "       cart │ late\n"),
            (
                b'{"time":"now","level":"error","logger":"x","message":"failed","log_id":"a1"}',
                "       cart │ failed  log_id=a1\n",
            ),
            (b"Traceback (most recent call last):", ""),
            (b'{"level":"warning","message":"[bold]"}', "       cart │ [bold]\n"),
            (b'["not", "a", "log"]', ""),
            (b"\xff\xfe", ""),
        ],
    )
    def test_only_what_matters_is_shown(self, tmp_path: Path, line: bytes, shown: str) -> None:
        log, screen = book(tmp_path)
        log.write(line)
        log.close()

        assert screen.getvalue() == shown
        assert (tmp_path / "cart.log").read_bytes() == line + b"\n"

    def test_verbose_shows_everything(self, tmp_path: Path) -> None:
        log, screen = book(tmp_path, verbose=True)
        log.write(b"plain")
        log.close()

        assert screen.getvalue() == "       cart │ plain\n"

    def test_the_tail_is_what_was_said_last(self, tmp_path: Path) -> None:
        log, _ = book(tmp_path)
        assert log.tail() == "(it said nothing)"
        for number in range(40):
            log.write(b'{"level":"info","message":"line %d"}' % number)
        log.close()

        assert log.tail().splitlines() == [f"line {number}" for number in range(10, 40)]

    def test_the_log_of_the_run_before_is_kept(self, tmp_path: Path) -> None:
        for text in (b"first", b"second"):
            log, _ = book(tmp_path)
            log.write(text)
            log.close()

        assert (tmp_path / "cart.log").read_text() == "second\n"
        assert (tmp_path / "cart.previous.log").read_text() == "first\n"
