from dataclasses import dataclass
from pathlib import Path

import pytest

from comptoir_runtime.settings import (
    Environment,
    MigrationSettings,
    Settings,
    SettingsError,
    load,
    readable,
)


@dataclass(frozen=True, kw_only=True)
class PrinterSettings(Settings):
    cart_target: str
    duplex: bool = False
    trays: tuple[int, ...] = (1,)
    profile: Path | None = None


FULL = {
    "DATABASE_URL": "postgresql://printer:secret@db/printer",
    "CART_TARGET": "dns:///cart:5000",
    "POOL_SIZE": "4",
    "ENVIRONMENT": "development",
    "DUPLEX": "yes",
    "TRAYS": "1, 3",
    "PROFILE": "/etc/profile.icc",
    "UNRELATED": "x",
}


class TestLoad:
    def test_reads_every_kind_of_field(self) -> None:
        settings = load(PrinterSettings, FULL)
        assert settings.pool_size == 4
        assert settings.environment is Environment.DEVELOPMENT
        assert settings.development
        assert settings.duplex is True
        assert settings.trays == (1, 3)
        assert settings.profile == Path("/etc/profile.icc")
        assert settings.cart_target == "dns:///cart:5000"

    def test_defaults_are_safe(self) -> None:
        settings = load(Settings, {"DATABASE_URL": "x"})
        assert settings.environment is Environment.PRODUCTION
        assert settings.otel_exporter_otlp_endpoint == ""
        assert settings.service_jwks is None

    def test_an_empty_optional_is_none(self) -> None:
        assert load(PrinterSettings, {**FULL, "PROFILE": ""}).profile is None

    def test_names_every_variable_that_is_wrong_at_once(self) -> None:
        wrong = {"POOL_SIZE": "many", "ENVIRONMENT": "moon", "DUPLEX": "perhaps"}
        with pytest.raises(SettingsError) as caught:
            load(PrinterSettings, wrong)
        text = str(caught.value)
        assert "DATABASE_URL is not set" in text
        assert "CART_TARGET is not set" in text
        assert "POOL_SIZE: not a valid int" in text
        assert "ENVIRONMENT: not one of development, production" in text
        assert "DUPLEX: not a boolean" in text

    @pytest.mark.parametrize(
        "told",
        [
            {"TLS_CERTIFICATE": "a.crt"},
            {"TLS_CERTIFICATE": "a.crt", "TLS_KEY": "a.key"},
            {"CALLERS": "gateway"},
        ],
    )
    def test_half_a_protection_is_none(self, told: dict[str, str]) -> None:
        with pytest.raises(SettingsError, match="TLS_CERTIFICATE"):
            load(Settings, {"DATABASE_URL": "x", **told})

    def test_a_certificate_that_cannot_be_read_is_a_wrong_setting(self, tmp_path: Path) -> None:
        told = {name: str(tmp_path / name) for name in ("TLS_CERTIFICATE", "TLS_KEY", "TLS_CA")}
        with pytest.raises(SettingsError, match="TLS_CERTIFICATE"):
            load(Settings, {"DATABASE_URL": "x", **told}).certificates()

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://u:p%2F@db/x",
            "postgresql://u:p@one:5432,two:5433/x?target_session_attrs=any",
            "postgresql:///x?host=/run/postgres",
            "nats://u:p@[::1]:4222",
            "tls://u:p@one:4222,tls://u:p@two:4222",
        ],
    )
    def test_urls_of_one_or_more_places_can_be_read(self, url: str) -> None:
        assert readable("URL", url) == url

    @pytest.mark.parametrize(
        "url",
        ["pass/word", "x://u:pa/ss@db/x", "x://u:pa@ss@db/x", "x://u:p@db:word/x", "x://u:p@[db/x"],
    )
    def test_one_that_cannot_be_read_is_not_shown(self, url: str) -> None:
        with pytest.raises(SettingsError) as caught:
            readable("URL", url)
        assert str(caught.value) == "URL: not a URL; is something in it not escaped?"

    def test_migrations_have_a_url_of_their_own(self) -> None:
        both = {"DATABASE_URL": "x://one", "MIGRATION_DATABASE_URL": "x://other"}
        assert load(MigrationSettings, both).url == "x://other"
        assert load(MigrationSettings, {"DATABASE_URL": "x://one"}).url == "x://one"
        with pytest.raises(SettingsError, match="MIGRATION_DATABASE_URL is not set"):
            _ = load(MigrationSettings, {}).url

    def test_never_shows_a_password(self) -> None:
        assert "secret" not in repr(load(PrinterSettings, FULL))
