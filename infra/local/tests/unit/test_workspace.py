import json
from pathlib import Path

import pytest

from comptoir_local.embedded import AlreadyRunning
from comptoir_local.workspace import Workspace


class TestLock:
    def test_a_second_holder_is_refused_with_the_address_of_the_first(self, tmp_path: Path) -> None:
        with Workspace(tmp_path).locked():
            Workspace(tmp_path).publish({"pid": 7, "gateway": "http://127.0.0.1:1"})

            with pytest.raises(AlreadyRunning, match=r"process 7, http://127\.0\.0\.1:1"):
                Workspace(tmp_path).locked().__enter__()

    def test_it_is_free_again_afterwards(self, tmp_path: Path) -> None:
        with Workspace(tmp_path).locked():
            Workspace(tmp_path).publish({"pid": 7})
        with Workspace(tmp_path).locked():
            assert Workspace(tmp_path).running() is None

    def test_others_may_pass_but_not_look(self, tmp_path: Path) -> None:
        with Workspace(tmp_path / "data").locked():
            assert (tmp_path / "data").stat().st_mode & 0o777 == 0o711


class TestRunning:
    def test_what_runs_is_told(self, tmp_path: Path) -> None:
        state = {"pid": 7, "gateway": "http://127.0.0.1:1"}
        with Workspace(tmp_path).locked():
            Workspace(tmp_path).publish(state)

            assert Workspace(tmp_path).running() == state
            assert (tmp_path / "running.json").stat().st_mode & 0o777 == 0o600

    def test_what_a_killed_platform_left_is_no_running_one(self, tmp_path: Path) -> None:
        (tmp_path / "lock").touch()
        (tmp_path / "running.json").write_text(json.dumps({"pid": 7}))

        assert Workspace(tmp_path).running() is None

    def test_an_empty_folder_is_no_running_one(self, tmp_path: Path) -> None:
        assert Workspace(tmp_path / "nowhere").running() is None


class TestSecrets:
    def test_a_secret_stays_the_same_and_private(self, tmp_path: Path) -> None:
        first = Workspace(tmp_path).secret("webhook")

        assert Workspace(tmp_path).secret("webhook") == first
        assert Workspace(tmp_path).secret("other") != first
        assert len(first) == 48
        assert (tmp_path / "keys" / "webhook.secret").stat().st_mode & 0o777 == 0o600
