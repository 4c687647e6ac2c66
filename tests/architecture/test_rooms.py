"""The same rooms in every service."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REQUIRED = {
    "__main__",
    "convert",
    "domain",
    "errors",
    "events",
    "operations",
    "rpc",
    "settings",
    "store",
    "tables",
}
# Only where there is a neighbour to hear or to call, a choice to make, a provider to speak to.
OPTIONAL = {"clients", "policies", "providers", "subscribers"}
GATEWAY = {
    "__main__",
    "auth",
    "backends",
    "cache",
    "headers",
    "openapi",
    "problems",
    "settings",
    "streams",
    "transcode",
    "views",
    "web",
}
SERVICES = sorted(path.parent.name for path in (ROOT / "services").glob("*/pyproject.toml"))
TRADES = [name for name in SERVICES if name != "gateway"]
# Only orders calls its neighbours; only payments speaks to the outside.
OWNERS = {"clients": {"orders"}, "providers": {"payments"}}

# `revision = "0002"` and `down_revision = "0001"` of a migration.
_ORDER = re.compile(r"^(down_)?revision(?:: [^=]+)? = (.+)$", re.MULTILINE)


def package(service: str) -> Path:
    return ROOT / "services" / service / "src" / f"comptoir_{service}"


def rooms(service: str) -> set[str]:
    """Modules and packages of a service, by name."""
    return {
        path.stem
        for path in package(service).iterdir()
        if (path.suffix == ".py" and path.stem != "__init__")
        or (path.is_dir() and any(path.rglob("*.py")))
    }


class TestRooms:
    def test_there_are_six_services_and_a_gateway(self) -> None:
        assert SERVICES == [
            "cart",
            "customers",
            "gateway",
            "inventory",
            "orders",
            "payments",
            "pim",
        ]

    @pytest.mark.parametrize("service", TRADES)
    def test_every_service_has_the_rooms_and_no_others(self, service: str) -> None:
        assert rooms(service) - OPTIONAL == REQUIRED

    @pytest.mark.parametrize(("room", "owners"), OWNERS.items())
    def test_some_rooms_exist_in_one_service_only(self, room: str, owners: set[str]) -> None:
        assert {service for service in TRADES if room in rooms(service)} == owners

    @pytest.mark.parametrize("service", TRADES)
    def test_every_service_migrates_its_own_database(self, service: str) -> None:
        folder = ROOT / "services" / service / "migrations"
        assert (folder / "env.py").is_file()
        assert any((folder / "versions").glob("0001_*.py"))

    @pytest.mark.parametrize("service", TRADES)
    def test_migrations_follow_one_another_by_number(self, service: str) -> None:
        files = sorted((ROOT / "services" / service / "migrations" / "versions").glob("[0-9]*.py"))
        told = [_ORDER.findall(file.read_text()) for file in files]
        numbers = [f"{number:04}" for number in range(1, len(files) + 1)]
        assert [file.name[:4] for file in files] == numbers
        assert told == [
            [("", f'"{number}"'), ("down_", f'"{before}"' if before else "None")]
            for number, before in zip(numbers, ["", *numbers], strict=False)
        ]

    def test_the_gateway_has_its_own_rooms(self) -> None:
        assert rooms("gateway") == GATEWAY


class TestPackages:
    @pytest.mark.parametrize("service", SERVICES)
    def test_a_service_is_described_typed_and_tested(self, service: str) -> None:
        folder = ROOT / "services" / service
        assert (folder / "README.md").is_file()
        assert (package(service) / "py.typed").is_file()
        assert any((folder / "tests/unit").rglob("test_*.py"))
        assert any((folder / "tests/integration").rglob("test_*.py"))
