"""SPAKE2+ against RFC 9383's vector, and what must not be taken for a share."""

from __future__ import annotations

import pytest

from homeward_key_auth import spake2plus
from homeward_key_auth.encoding import Malformed
from homeward_key_auth.spake2plus import ORDER, Context

# RFC 9383, appendix C, the first vector of P256-SHA256-HKDF-SHA256-HMAC-SHA256
CONTEXT = Context(b"SPAKE2+-P256-SHA256-HKDF-SHA256-HMAC-SHA256 Test Vectors", b"client", b"server")
W0, W1, X, Y = (int(one, 16) for one in (
    "bb8e1bbcf3c48f62c08db243652ae55d3e5586053fca77102994f23ad95491b3",
    "7e945f34d78785b8a3ef44d0df5a1a97d6b3b460409a345ca7830387a74b1dba",
    "d1232c8e8693d02368976c174e2088851b8365d0d79a9eee709c6a05a2fad539",
    "717a72348a182085109c8d3917d6c43d59b224dc6a7fc4f0483232fa6516d8b3",
))  # fmt: skip
SHARED = "0c5f8ccd1413423a54f6c1fb26ff01534a87f893779c6e68666d772bfd91f3e7"


def shares() -> tuple[bytes, bytes]:
    return spake2plus.prover_share(W0, X), spake2plus.verifier_share(W0, Y)


def test_the_rfc_s_vector_on_both_sides() -> None:
    share_p, share_v = shares()
    ours = spake2plus.prover_finish(CONTEXT, W0, W1, X, share_p, share_v)
    theirs = spake2plus.verifier_finish(CONTEXT, W0, W1, Y, share_p, share_v)
    assert ours == theirs and ours.key.hex() == SHARED


def test_another_code_gives_another_key() -> None:
    share_p, share_v = shares()
    ours = spake2plus.prover_finish(CONTEXT, W0, W1, X, share_p, share_v)
    assert spake2plus.verifier_finish(CONTEXT, W0, W1 + 1, Y, share_p, share_v).key != ours.key


def encoded(point: object) -> bytes:
    return spake2plus._encoded(point)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "share",
    [b"", bytes(65), b"\x04" + bytes(64), b"\x04" + b"\xff" * 64, encoded(spake2plus.G)[:-1], b"\x02" + encoded(spake2plus.G)[1:],
     encoded(spake2plus.G)[:-1] + bytes([encoded(spake2plus.G)[-1] ^ 1])],
)  # fmt: skip
def test_what_is_no_share(share: bytes) -> None:
    with pytest.raises(Malformed):
        spake2plus.verifier_finish(CONTEXT, W0, W1, Y, share, shares()[1])


def test_a_share_that_leads_to_the_neutral_element_is_refused() -> None:
    """M·w0: whoever sends it makes the shared point one that everybody knows."""
    with pytest.raises(Malformed, match="neutral"):
        spake2plus.verifier_finish(CONTEXT, W0, W1, Y, encoded(spake2plus.M * W0), shares()[1])


def test_the_code_is_stretched() -> None:
    context = Context(b"c", b"device", b"car")
    w0, w1 = spake2plus.derive("123456", bytes(16), 14, context)
    assert (w0, w1) == spake2plus.derive("123456", bytes(16), 14, context) and 0 < w0 < ORDER and 0 < w1 < ORDER
    assert spake2plus.derive("123457", bytes(16), 14, context) != (w0, w1)
    assert spake2plus.derive("123456", bytes(15) + b"\1", 14, context) != (w0, w1)
