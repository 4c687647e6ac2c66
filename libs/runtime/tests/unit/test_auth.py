import base64
import hmac
import json
import time
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from comptoir_runtime.auth import (
    USER_ISSUER,
    KeyRing,
    Kind,
    Principal,
    ServiceIdentity,
    SigningKey,
    TokenRefused,
    VerificationKey,
    Verifier,
    keys_of_jwks,
    public_jwk,
    sign,
)
from comptoir_runtime.auth.keys import verification_key

NOW = 1_800_000_000.0
USER_KEY = SigningKey.generate("user-1")
ORDERS_KEY = SigningKey.generate("service:orders")
CUSTOMER = Principal(
    Kind.CUSTOMER,
    "cus_1",
    visitor="vis_1",
    session="ses_1",
    groups=frozenset({"trade"}),
)
STAFF = Principal(Kind.STAFF, "stf_1", permissions=frozenset({"stock.write"}), store="PAR1")
CLAIMS = {
    "iss": USER_ISSUER,
    "aud": "comptoir",
    "sub": "cus_1",
    "knd": "customer",
    "iat": int(NOW),
    "exp": int(NOW) + 600,
}
HEADERS = {"typ": "at+jwt", "kid": "user-1"}


def trusted(key: SigningKey, issuer: str, expires: float | None = None) -> VerificationKey:
    return verification_key(public_jwk(key), issuer, expires)


def ring() -> KeyRing:
    return KeyRing([trusted(USER_KEY, USER_ISSUER), trusted(ORDERS_KEY, "service:orders")])


def verifier(now: float = NOW, keyring: KeyRing | None = None) -> Verifier:
    return Verifier(ring() if keyring is None else keyring, now=lambda: now)


def forge(
    claims: dict[str, Any] | None = None,
    headers: dict[str, Any] | None = None,
    key: SigningKey = USER_KEY,
) -> str:
    """A token with a good signature and the given differences; None removes a claim."""
    merged = {
        name: value for name, value in {**CLAIMS, **(claims or {})}.items() if value is not None
    }
    return jwt.encode(
        merged, key.private, algorithm="ES256", headers={**HEADERS, **(headers or {})}
    )


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


class TestVerify:
    @pytest.mark.parametrize("principal", [CUSTOMER, STAFF, Principal(Kind.VISITOR, "vis_9")])
    async def test_a_signed_token_speaks_for_its_principal(self, principal: Principal) -> None:
        token = sign(principal, USER_KEY, lifetime=timedelta(minutes=10), now=NOW)
        assert await verifier().verify(token) == principal

    async def test_a_service_speaks_for_itself(self) -> None:
        identity = ServiceIdentity("orders", ORDERS_KEY, now=lambda: NOW)
        token = identity.authorization().removeprefix("Bearer ")
        assert await verifier().verify(token) == Principal(Kind.SERVICE, "orders")

    async def test_algorithm_none_is_refused(self) -> None:
        token = f"{encoded({'alg': 'none', **HEADERS})}.{encoded(CLAIMS)}."
        with pytest.raises(TokenRefused):
            await verifier().verify(token)

    async def test_hs256_with_the_public_key_as_secret_is_refused(self) -> None:
        secret = USER_KEY.private.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
        signed = f"{encoded({'alg': 'HS256', **HEADERS})}.{encoded(CLAIMS)}"
        signature = hmac.digest(secret, signed.encode(), "sha256")
        token = f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
        with pytest.raises(TokenRefused):
            await verifier().verify(token)

    async def test_another_curve_is_refused(self) -> None:
        key = ec.generate_private_key(ec.SECP384R1())
        token = jwt.encode(CLAIMS, key, algorithm="ES384", headers=HEADERS)
        with pytest.raises(TokenRefused):
            await verifier().verify(token)

    @pytest.mark.parametrize(
        "claims",
        [
            {"aud": "elsewhere"},
            {"aud": ["comptoir"]},
            {"iss": "somebody"},
            {"iss": "service:orders"},
            {"exp": int(NOW) - 61},
            {"iat": int(NOW) + 61},
            {"nbf": int(NOW) + 61},
            {"exp": "never"},
            {"exp": True},
            {"sub": ""},
            {"sub": 7},
            {"knd": "emperor"},
            {"knd": "service"},
            {"prm": "stock.write"},
            {"prm": [1]},
            {"vis": ""},
            *({name: None} for name in CLAIMS),
        ],
        ids=str,
    )
    async def test_a_wrong_or_missing_claim_is_refused(self, claims: dict[str, Any]) -> None:
        with pytest.raises(TokenRefused):
            await verifier().verify(forge(claims))

    @pytest.mark.parametrize("claims", [{"exp": int(NOW) - 59}, {"nbf": int(NOW) + 59}], ids=str)
    async def test_clocks_may_differ_by_a_minute(self, claims: dict[str, Any]) -> None:
        assert (await verifier().verify(forge(claims))).subject == "cus_1"

    @pytest.mark.parametrize(
        "headers",
        [
            {"typ": "JWT"},
            {"kid": "unknown"},
            {"kid": None},
            {"jku": "https://evil.example/keys"},
            {"jwk": public_jwk(SigningKey.generate("user-1"))},
            {"x5u": "https://evil.example/cert"},
            {"crit": ["exp"]},
        ],
        ids=str,
    )
    async def test_a_strange_header_is_refused(self, headers: dict[str, Any]) -> None:
        with pytest.raises((TokenRefused, jwt.PyJWTError)):
            await verifier().verify(forge(headers=headers))

    async def test_a_missing_kid_is_refused(self) -> None:
        token = jwt.encode(CLAIMS, USER_KEY.private, algorithm="ES256", headers={"typ": "at+jwt"})
        with pytest.raises(TokenRefused):
            await verifier().verify(token)

    async def test_a_signature_by_another_key_is_refused(self) -> None:
        with pytest.raises(TokenRefused):
            await verifier().verify(forge(key=SigningKey.generate("user-1")))

    async def test_a_changed_payload_is_refused(self) -> None:
        head, _, signature = forge().split(".")
        with pytest.raises(TokenRefused):
            await verifier().verify(f"{head}.{encoded({**CLAIMS, 'sub': 'cus_2'})}.{signature}")

    async def test_a_service_key_speaks_for_no_user_and_no_other_service(self) -> None:
        for claims in ({"iss": "service:orders"}, {"iss": "service:orders", "knd": "service"}):
            token = forge(claims, {"kid": "service:orders"}, ORDERS_KEY)
            with pytest.raises(TokenRefused):
                await verifier().verify(token)

    async def test_an_expired_key_proves_nothing(self) -> None:
        keyring = KeyRing([trusted(USER_KEY, USER_ISSUER, expires=NOW - 1)])
        with pytest.raises(TokenRefused):
            await verifier(keyring=keyring).verify(forge())

    @pytest.mark.parametrize("token", ["", "a", "a.b.c", "....", "é.é.é", "x" * 9000, "\ud800.a.b"])
    async def test_garbage_is_refused(self, token: str) -> None:
        assert verifier().recall(token) is None
        with pytest.raises(TokenRefused):
            await verifier().verify(token)


class TestRecall:
    async def test_a_verified_token_is_remembered_until_it_expires(self) -> None:
        clock = [NOW]
        checker = Verifier(ring(), now=lambda: clock[0])
        token = forge()
        assert checker.recall(token) is None
        principal = await checker.verify(token)
        assert checker.recall(token) is principal
        clock[0] = NOW + 600 + 61
        assert checker.recall(token) is None

    async def test_is_forgotten_with_the_key_that_proved_it(self) -> None:
        stored, clock = [trusted(USER_KEY, USER_ISSUER)], [0.0]

        async def load() -> Iterable[VerificationKey]:
            return stored

        keyring = KeyRing(load=load, monotonic=lambda: clock[0])
        checker = verifier(keyring=keyring)
        token = forge()
        await checker.verify(token)
        clock[0] += 1
        await keyring.reload()
        assert checker.recall(token) is not None
        stored.clear()
        clock[0] += 1
        await keyring.reload()
        assert checker.recall(token) is None
        with pytest.raises(TokenRefused):
            await checker.verify(token)

    async def test_costs_less_than_5_microseconds(self) -> None:
        checker = verifier()
        token = forge()
        await checker.verify(token)
        best = min(_timed(checker, token) for _ in range(5))
        assert best < 20e-6  # generous for a shared machine; about 1 µs on an idle one


def _timed(checker: Verifier, token: str, rounds: int = 1000) -> float:
    started = time.perf_counter()
    for _ in range(rounds):
        checker.recall(token)
    return (time.perf_counter() - started) / rounds


class TestKeyRing:
    async def test_an_unknown_kid_reloads_at_most_once_a_second(self) -> None:
        loads, clock = [0], [100.0]

        async def load() -> Iterable[VerificationKey]:
            loads[0] += 1
            return [trusted(USER_KEY, USER_ISSUER)] if loads[0] > 1 else []

        keyring = KeyRing(load=load, monotonic=lambda: clock[0])
        assert await keyring.find("user-1") is None
        assert await keyring.find("user-1") is None
        assert loads == [1]
        clock[0] += 1.0
        found = await keyring.find("user-1")
        assert found is not None
        assert found.issuer == USER_ISSUER
        assert loads == [2]

    async def test_a_stored_key_never_replaces_a_service_key(self) -> None:
        impostor = SigningKey.generate("service:orders")

        async def load() -> Iterable[VerificationKey]:
            return [trusted(impostor, USER_ISSUER)]

        keyring = KeyRing([trusted(ORDERS_KEY, "service:orders")], load)
        await keyring.reload()
        found = await keyring.find("service:orders")
        assert found is not None
        assert found.issuer == "service:orders"

    def test_reads_a_jwks_file(self, tmp_path: Path) -> None:
        path = tmp_path / "jwks.json"
        path.write_text(json.dumps({"keys": [public_jwk(ORDERS_KEY, "service:orders")]}))
        (key,) = keys_of_jwks(path)
        assert (key.kid, key.issuer) == ("service:orders", "service:orders")

    def test_a_service_may_have_several_keys_and_a_name_has_one(self, tmp_path: Path) -> None:
        path = tmp_path / "jwks.json"
        jwk = public_jwk(ORDERS_KEY, "service:orders")
        path.write_text(json.dumps({"keys": [jwk, jwk | {"kid": "new"}]}))
        assert {each.kid for each in keys_of_jwks(path)} == {"service:orders", "new"}
        path.write_text(json.dumps({"keys": [jwk, jwk]}))
        with pytest.raises(ValueError, match="two keys have this kid"):
            keys_of_jwks(path)

    def test_a_jwks_file_cannot_bring_user_keys(self, tmp_path: Path) -> None:
        path = tmp_path / "jwks.json"
        path.write_text(json.dumps({"keys": [public_jwk(USER_KEY, USER_ISSUER)]}))
        with pytest.raises(ValueError, match="issuer must be service"):
            keys_of_jwks(path)

    @pytest.mark.parametrize(
        "change", [{"crv": "P-384"}, {"kty": "oct"}, {"alg": "HS256"}, {"kid": ""}]
    )
    def test_other_kinds_of_key_are_refused(self, change: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="a verification key"):
            verification_key({**public_jwk(USER_KEY), **change}, USER_ISSUER)


class TestServiceIdentity:
    def test_one_token_serves_until_shortly_before_it_expires(self) -> None:
        clock = [NOW]
        identity = ServiceIdentity("orders", ORDERS_KEY, now=lambda: clock[0])
        first = identity.authorization()
        clock[0] += 239
        assert identity.authorization() == first
        clock[0] += 1
        assert identity.authorization() != first

    def test_reads_a_pem_file(self, tmp_path: Path) -> None:
        identity = ServiceIdentity.from_pem("orders", pem_of(ORDERS_KEY, tmp_path))
        header = jwt.get_unverified_header(identity.authorization().removeprefix("Bearer "))
        assert header == {"alg": "ES256", "typ": "at+jwt", "kid": "service:orders"}

    async def test_its_key_bears_the_name_it_is_listed_by(self, tmp_path: Path) -> None:
        new = SigningKey.generate("orders-2027")
        listed = [trusted(ORDERS_KEY, "service:orders"), trusted(new, "service:orders")]
        verifier = Verifier(KeyRing(listed))
        for key in (ORDERS_KEY, new):
            identity = ServiceIdentity.from_pem("orders", pem_of(key, tmp_path), listed)
            token = identity.authorization().removeprefix("Bearer ")
            assert jwt.get_unverified_header(token)["kid"] == key.kid
            assert await verifier.verify(token) == Principal(Kind.SERVICE, "orders")

    @pytest.mark.parametrize("issuer", ["service:orders", "service:cart"])
    def test_a_key_that_nobody_would_believe_is_refused(self, tmp_path: Path, issuer: str) -> None:
        path = pem_of(ORDERS_KEY, tmp_path)
        other = ORDERS_KEY if issuer == "service:cart" else SigningKey.generate("other")
        with pytest.raises(ValueError, match="the key of orders is not listed"):
            ServiceIdentity.from_pem("orders", path, [trusted(other, issuer)])


def pem_of(key: SigningKey, folder: Path) -> Path:
    path = folder / "orders.pem"
    path.write_bytes(key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path
