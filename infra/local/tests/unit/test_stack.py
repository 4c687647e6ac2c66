from pathlib import Path

from comptoir_local.environment import Administrator, Surroundings
from comptoir_local.keys import ServiceKeys
from comptoir_local.stack import BACKENDS, GATEWAY, PROVIDER, SERVICES


class TestStack:
    def test_only_orders_and_the_gateway_call_others(self) -> None:
        calls = {service.name: set(service.calls) for service in SERVICES if service.calls}

        assert calls == {
            "orders": {"cart", "inventory", "payments"},
            "gateway": {service.name for service in BACKENDS},
        }


class TestSurroundings:
    def test_the_provider_is_told_nothing_but_where_to_report(self, tmp_path: Path) -> None:
        names = [service.name for service in (*SERVICES, PROVIDER)]
        surroundings = Surroundings(
            addresses={name: f"127.0.0.1:{port}" for port, name in enumerate(names, start=1)},
            database_urls={},
            owner_urls={},
            nats_url="nats://127.0.0.1:4222",
            keys=ServiceKeys(tmp_path),
            journal=tmp_path / "journal",
            webhook_secret="shared",
            gift_card_secret="hidden",
            administrator=Administrator("admin@comptoir.example", "secret"),
        )

        assert GATEWAY.name == names[6]
        assert surroundings.of_provider() == {
            "PSP_LISTEN": "127.0.0.1:8",
            "PSP_JOURNAL": str(tmp_path / "journal"),
            "PSP_WEBHOOK_URL": "http://127.0.0.1:7/v1/webhooks/payments/sandbox",
            "PSP_WEBHOOK_SECRET": "shared",
        }
        assert "secret" not in repr(surroundings.administrator)
