import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from comptoir_runtime import etag, mask
from comptoir_runtime.errors import InvalidFields, StaleEtag

ALLOWED = {"name", "price.amount"}


class TestEtag:
    def test_the_current_one_passes_and_so_does_none(self) -> None:
        etag.check(etag.of(7), 7)
        etag.check("", 7)

    @pytest.mark.parametrize("given", ["6", "8", "07", '"7"', "x"])
    def test_any_other_is_stale(self, given: str) -> None:
        with pytest.raises(StaleEtag) as caught:
            etag.check(given, 7)

        assert caught.value.reason == "STALE_ETAG"
        assert caught.value.metadata == {"current_etag": "7"}


class TestMask:
    @pytest.mark.parametrize("paths", [[], ["*"]])
    def test_without_paths_everything_allowed_is_meant(self, paths: list[str]) -> None:
        assert mask.apply(FieldMask(paths=paths), ALLOWED) == ALLOWED

    def test_names_what_is_to_change(self) -> None:
        assert mask.apply(FieldMask(paths=["name", "name"]), ALLOWED) == {"name"}

    def test_paths_that_may_not_change_are_named(self) -> None:
        with pytest.raises(InvalidFields) as caught:
            mask.apply(FieldMask(paths=["id", "name", "price"]), ALLOWED)

        assert [violation.description.split()[0] for violation in caught.value.violations] == [
            "id",
            "price",
        ]
        assert {violation.field for violation in caught.value.violations} == {"update_mask"}
