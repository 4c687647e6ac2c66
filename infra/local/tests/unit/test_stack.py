import dataclasses
import importlib
from pathlib import Path

import pytest

from comptoir_local.environment import Administrator, Surroundings
from comptoir_local.keys import ServiceKeys
from comptoir_local.stack import BACKENDS, GATEWAY, PROVIDER, SERVICES, Service
from comptoir_runtime.settings import Settings


class TestStack:
    def test_only_orders_and_the_gateway_call_others(self) -> None:
        calls = {service.name: set(service.calls) for service in SERVICES if service.calls}

        assert calls == {
            "orders": {"cart", "inventory", "payments"},
            "gateway": {service.name for service in BACKENDS},
        }

    @pytest.mark.parametrize("service", SERVICES, ids=lambda each: each.name)
    def test_a_service_calls_those_whose_address_it_reads(self, service: Service) -> None:
        module = importlib.import_module(f"{service.package}.settings")
        read = {
            field.name.removesuffix("_target")
            for each in vars(module).values()
            if isinstance(each, type) and issubclass(each, Settings)
            for field in dataclasses.fields(each)
            if field.name.endswith("_target")
        }

        assert read == set(service.calls)


class TestSurroundings:
    def test_the_provider_is_told_nothing_but_where_to_report(self, tmp_path: Path) -> None:
        around = surroundings(tmp_path)

        assert around.of_provider() == {
            "PSP_LISTEN": around.addresses["psp_sandbox"],
            "PSP_JOURNAL": str(tmp_path / "journal"),
            "PSP_WEBHOOK_URL": f"{around.gateway_url}/v1/webhooks/payments/sandbox",
            "PSP_WEBHOOK_SECRET": "shared",
        }
        assert "secret" not in repr(around.administrator)

    def test_callers_of_several_replicas_know_each_of_them(self, tmp_path: Path) -> None:
        around = surroundings(tmp_path, replicas=3)
        of = around.addresses

        orders = around.of(next(each for each in BACKENDS if each.name == "orders"), "orders-2")

        assert orders["LISTEN"] == of["orders-2"]
        assert orders["CART_TARGET"] == f"ipv4:{of['cart']},{of['cart-2']},{of['cart-3']}"
        assert around.gateway_urls == [f"http://{of[n]}" for n in GATEWAY.replicas(3)]

    @pytest.mark.parametrize(("replicas", "pool"), [(1, 10), (2, 10), (3, 6), (4, 3)])
    def test_replicas_share_the_connections_of_one_server(
        self, tmp_path: Path, replicas: int, pool: int
    ) -> None:
        around = surroundings(tmp_path, replicas=replicas)

        assert around.of(BACKENDS[0])["POOL_SIZE"] == str(pool)


def surroundings(folder: Path, *, replicas: int = 1) -> Surroundings:
    """What there is to know of a platform that nobody has started."""
    names = [name for service in SERVICES for name in service.replicas(replicas)]
    names.append(PROVIDER.name)
    return Surroundings(
        addresses={name: f"127.0.0.1:{port}" for port, name in enumerate(names, start=1)},
        database_urls={each.name: f"postgresql://{each.name}" for each in BACKENDS},
        owner_urls={},
        audit_urls={},
        nats_urls={each.name: "nats://127.0.0.1:4222" for each in SERVICES},
        keys=ServiceKeys(folder),
        journal=folder / "journal",
        webhook_secret="shared",
        gift_card_secret="hidden",
        administrator=Administrator("admin@comptoir.example", "secret"),
        replicas=replicas,
    )
