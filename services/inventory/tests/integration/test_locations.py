"""Places where stock can be."""

import pytest

from comptoir.inventory.v1 import inventory_service_pb2 as pb
from comptoir.inventory.v1 import stock_pb2
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.inventory.tests.factories import key

WRITER = "locations.write"


def place(time_zone: str) -> stock_pb2.Location:
    kind = stock_pb2.Location.KIND_STORE
    return stock_pb2.Location(code="lyon", name="Lyon", kind=kind, time_zone=time_zone)


class TestTimeZone:
    async def test_is_one_of_the_iana_database(self, harness: ServiceHarness) -> None:
        writer = harness.tokens.staff(WRITER)
        for name in ("Europe/Lyon", "CET-1", "europe/paris"):
            request = pb.CreateLocationRequest(request_id=key(), location=place(name))
            with pytest.raises(RemoteFailure) as refused:
                await harness.call("CreateLocation", request, writer)
            assert [each.field for each in refused.value.violations] == ["location.time_zone"]

        request = pb.CreateLocationRequest(request_id=key(), location=place("Europe/Paris"))
        created = await harness.call("CreateLocation", request, writer)
        assert created.time_zone == "Europe/Paris"

        change = pb.UpdateLocationRequest(request_id=key(), location=place("Paris"))
        change.update_mask.paths.append("time_zone")
        with pytest.raises(RemoteFailure) as refused:
            await harness.call("UpdateLocation", change, writer)
        assert [each.field for each in refused.value.violations] == ["location.time_zone"]
