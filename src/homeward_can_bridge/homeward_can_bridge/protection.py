"""A counter and a checksum on the actuator frame, so that a lost, repeated or damaged one is noticed by the ECU."""

from __future__ import annotations

POLYNOMIAL = 0x1D  # CRC-8 SAE J1850
COUNTERS = 15  # 0 to 14, as AUTOSAR E2E profile 1 counts


def _table() -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        for _ in range(8):
            byte = ((byte << 1) ^ POLYNOMIAL) & 0xFF if byte & 0x80 else byte << 1
        rows.append(byte)
    return tuple(rows)


TABLE = _table()


def crc8(data: bytes) -> int:
    """CRC-8 SAE J1850: start and final XOR 0xFF."""
    crc = 0xFF
    for byte in data:
        crc = TABLE[crc ^ byte]
    return crc ^ 0xFF


def next_counter(counter: int) -> int:
    return (counter + 1) % COUNTERS
