"""Commands for a platform that runs elsewhere."""

import json
from pathlib import Path

import pytest

from comptoir_local.__main__ import main
from comptoir_local.conversation import SOURCES
from comptoir_local.nats_users import as_configuration


class TestKeys:
    def test_private_and_public_halves_go_to_their_places(self, tmp_path: Path) -> None:
        private, public = tmp_path / "private", tmp_path / "services.jwks"
        arguments = ["keys", "--private", str(private), "--public", str(public), "orders"]

        with pytest.raises(SystemExit) as ended:
            main(arguments)

        assert ended.value.code == 0
        assert [path.name for path in private.iterdir()] == ["orders.pem"]
        assert [key["iss"] for key in json.loads(public.read_text())["keys"]] == ["service:orders"]

    def test_the_key_that_follows_is_listed_before_it_is_used(self, tmp_path: Path) -> None:
        private, public = tmp_path / "private", tmp_path / "services.jwks"
        arguments = ["keys", "--next", "--private", str(private), "--public", str(public), "orders"]

        with pytest.raises(SystemExit) as ended:
            main(arguments)

        assert ended.value.code == 0
        assert {path.name for path in private.iterdir()} == {"orders.pem", "orders.next.pem"}
        assert len(json.loads(public.read_text())["keys"]) == 2


class TestNatsUsers:
    def test_they_are_written_as_they_are_printed(self, tmp_path: Path) -> None:
        output = tmp_path / "users.conf"

        with pytest.raises(SystemExit) as ended:
            main(["nats-users", "--sources", str(SOURCES), "--output", str(output)])

        assert ended.value.code == 0
        assert output.read_text() == as_configuration()

    def test_without_the_code_nobody_is_made_a_user(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        output = tmp_path / "users.conf"

        with pytest.raises(SystemExit) as ended:
            main(["nats-users", "--sources", str(tmp_path), "--output", str(output)])

        assert ended.value.code == 1
        assert capsys.readouterr().err == f"{tmp_path}/pim/src/comptoir_pim: no code\n"
        assert not output.exists()


class TestLoad:
    def test_without_somebody_who_may_it_says_what_is_missing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.delenv("BOOTSTRAP_STAFF_EMAIL", raising=False)
        monkeypatch.delenv("BOOTSTRAP_STAFF_PASSWORD", raising=False)
        where = ["--gateway", "http://gateway", "--pim", "pim:50051"]

        with pytest.raises(SystemExit) as ended:
            main(["load", *where, "--note", str(tmp_path), "--catalogue", str(tmp_path)])

        assert ended.value.code == 2
        assert capsys.readouterr().err == (
            "not set: BOOTSTRAP_STAFF_EMAIL, BOOTSTRAP_STAFF_PASSWORD\n"
        )
        assert list(tmp_path.iterdir()) == []
