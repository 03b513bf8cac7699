"""The compiled codec against cantools' fastest path: the same frames, equal values first, windows in turn, medians.

cantools runs as its users run it at its fastest: `message.decode(data, decode_choices=False)` and `message.encode(signals,
strict=False)`, which checks nothing; the codec's encoder checks everything. Both give a name -> physical value dictionary.
"""

from __future__ import annotations

import gc
import logging
import random
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cantools
import numpy as np
import opendbc

from homeward_can_bridge.codec import Codec, CodecError
from homeward_can_bridge.dbc import Message, overlaps
from homeward_cli.environment import ROOT

DESCRIPTION = "The CAN codec against cantools on the same frames: one message, batches, a mix of ids, encoding."
FRAMES, WINDOWS, SEED = 1000, 9, 3
BATCHES = 20  # of the codec's in a window: one alone would measure the memory that cantools' turn left cold
CHECKED_FRAMES = 50  # of each message of each DBC, for equality
ATTEMPTS = 200  # to draw a frame that a selector knows, or whose values are in range
JUDGED = ("toyota_adas", "tesla_model3_party")

Say = Callable[[str], None]


@dataclass
class Pair:
    """One message, both ways, and frames that both can decode."""

    name: str
    mine: Message
    codec: Codec
    theirs: Any
    frames: list[bytes]


def run(say: Say) -> dict[str, Any]:
    """The figures. Raises RuntimeError when a value differs: then no speed counts."""
    logging.getLogger("cantools").setLevel(logging.ERROR)
    random.seed(SEED)
    loaded, equal, frames = _equality(say)
    pairs = _pairs()
    single = {pair.name: _single(pair) for pair in pairs}
    say(f"decoding, one at a time: {_worst(single)[1]} is the worst of {len(single)} messages")
    batch = {pair.name: _batch(pair) for pair in pairs if pair.mine.signals}
    multiplexed = {pair.name for pair in pairs if any(signal.selector for signal in pair.mine.signals)}
    encoding = {pair.name: ratio for pair in pairs if (ratio := _encode(pair)) is not None}
    say(f"encoding: {_worst(encoding)[1]} is the worst of {len(encoding)} messages")
    mixed = _mixed(pairs)
    plain_batch = {name: ratio for name, ratio in batch.items() if name not in multiplexed}
    figures: dict[str, Any] = {
        "decode_ratio_single": _worst(single)[0], "decode_ratio_single_message": _worst(single)[1],
        "decode_ratio_single_median": round(statistics.median(single.values()), 2),
        "decode_ratio_batch": _worst(plain_batch)[0], "decode_ratio_batch_message": _worst(plain_batch)[1],
        "decode_ratio_batch_multiplexed": min((round(batch[name], 1) for name in multiplexed & batch.keys()), default=None),
        "decode_ratio_mixed": round(mixed, 2), "encode_ratio": _worst(encoding)[0], "encode_ratio_message": _worst(encoding)[1],
        "encode_ratio_median": round(statistics.median(encoding.values()), 2), "messages_judged": len(single),
        "opendbc_loaded": loaded, "messages_equal": equal, "frames_equal": frames,
    }  # fmt: skip
    return figures


def _worst(ratios: dict[str, float]) -> tuple[float, str]:
    name = min(ratios, key=lambda one: ratios[one])
    return round(ratios[name], 2), name


def dbc_files() -> list[Path]:
    """The DBCs that opendbc ships, generated ones aside."""
    return sorted((Path(opendbc.__file__).parent / "dbc").glob("*.dbc"))


def _equality(say: Say) -> tuple[int, int, int]:
    """How many of opendbc's files load; how many messages, on how many frames, decode as cantools decodes them."""
    loaded = equal = frames = 0
    for file in dbc_files():
        codec = Codec(file.read_text(encoding="utf-8"), file.name)
        loaded += 1
        theirs = _cantools(file)
        for message in codec.messages if theirs else ():
            if message.outside or overlaps(message):
                continue  # cantools' own reading of these is not what the DBC says
            frames += _equal_frames(codec, message, theirs.get_message_by_frame_id(message.can_id))
            equal += 1
    say(f"{loaded} DBCs loaded; {equal} messages equal to cantools on {frames} frames")
    return loaded, equal, frames


def _cantools(file: Path) -> Any:
    """None for what cantools refuses."""
    try:
        return cantools.database.load_file(file, strict=False)
    except Exception:  # whatever its parser raises
        return None


def _equal_frames(codec: Codec, message: Message, theirs: Any) -> int:
    decode = codec.decoder(message.name)
    count = 0
    edges = [bytes(message.length), b"\xff" * message.length]
    for data in edges + [random.randbytes(message.length) for _ in range(CHECKED_FRAMES)]:
        try:
            mine = decode(data)
        except CodecError:
            continue  # a value that the selector doesn't know
        if mine != theirs.decode(data, decode_choices=False):
            raise RuntimeError(f"{message.name} differs from cantools on {data.hex()}")
        count += 1
    return count


def _pairs() -> list[Pair]:
    files = [file for file in dbc_files() if file.stem in JUDGED] + [ROOT / "vehicles" / "homeward" / "homeward.dbc"]
    made = []
    for file in files:
        codec, theirs = Codec(file.read_text(encoding="utf-8"), file.name), _cantools(file)
        for message in codec.messages:
            peer = theirs.get_message_by_frame_id(message.can_id)
            made.append(Pair(f"{file.stem}.{message.name}", message, codec, peer, list(_frames(codec, message))))
    return made


def _frames(codec: Codec, message: Message) -> Iterable[bytes]:
    decode = codec.decoder(message.name)
    for _ in range(FRAMES):
        for _ in range(ATTEMPTS):
            data = random.randbytes(message.length)
            try:
                decode(data)
            except CodecError:
                continue
            yield data
            break


def _ratio(theirs: Callable[[], float], mine: Callable[[], float]) -> float:
    """Of the seconds that each takes for the same work: windows in turn, the median of the pairs' ratios."""
    theirs(), mine()
    gc.collect()
    gc.disable()
    try:
        return statistics.median(theirs() / mine() for _ in range(WINDOWS))
    finally:
        gc.enable()


def _single(pair: Pair) -> float:
    frames = pair.frames

    def theirs() -> float:
        decode = pair.theirs.decode
        began = time.perf_counter()
        for data in frames:
            decode(data, decode_choices=False)
        return time.perf_counter() - began

    def mine() -> float:
        decode = pair.codec.decoder(pair.mine.name)
        began = time.perf_counter()
        for data in frames:
            decode(data)
        return time.perf_counter() - began

    return _ratio(theirs, mine)


def _batch(pair: Pair) -> float:
    rows = np.frombuffer(b"".join(pair.frames), np.uint8).reshape(len(pair.frames), pair.mine.length)

    def theirs() -> float:
        began = time.perf_counter()
        _as_arrays(pair)
        return time.perf_counter() - began

    def mine() -> float:
        began = time.perf_counter()
        for _ in range(BATCHES):
            pair.codec.decode_batch(pair.mine.name, rows)
        return (time.perf_counter() - began) / BATCHES

    _check_batch(pair, rows)
    return _ratio(theirs, mine)


def _as_arrays(pair: Pair) -> dict[str, Any]:
    """What a user of cantools does for arrays: decode each, then gather by name."""
    decode = pair.theirs.decode
    decoded = [decode(data, decode_choices=False) for data in pair.frames]
    if any(signal.selector for signal in pair.mine.signals):
        return {one.name: np.array([row[one.name] for row in decoded if one.name in row]) for one in pair.mine.signals}
    return {name: np.array([row[name] for row in decoded]) for name in decoded[0]}


def _check_batch(pair: Pair, rows: Any) -> None:
    mine, theirs = pair.codec.decode_batch(pair.mine.name, rows), _as_arrays(pair)
    for name, values in mine.items():
        shown = values.compressed() if isinstance(values, np.ma.MaskedArray) else values
        if not np.array_equal(shown, theirs[name]):
            raise RuntimeError(f"{pair.name}.{name} differs from cantools in a batch")


def _mixed(pairs: list[Pair]) -> float:
    """All messages of one DBC in random order, by id: cantools through a dictionary made beforehand."""
    ratios = []
    for stem in {pair.name.split(".")[0] for pair in pairs}:
        chosen = [pair for pair in pairs if pair.name.startswith(stem + ".")]
        ratios.append(_mixed_ratio(chosen))
    return min(ratios)


def _mixed_ratio(pairs: list[Pair]) -> float:
    codec = pairs[0].codec
    by_id = {pair.mine.can_id: pair.theirs for pair in pairs}
    traffic = [(pair.mine.can_id, data) for pair in pairs for data in pair.frames[:200]]
    random.shuffle(traffic)

    def theirs() -> float:
        began = time.perf_counter()
        for can_id, data in traffic:
            message = by_id.get(can_id)
            if message is not None:
                message.decode(data, decode_choices=False)
        return time.perf_counter() - began

    def mine() -> float:
        decode = codec.decode
        began = time.perf_counter()
        for can_id, data in traffic:
            decode(can_id, data)
        return time.perf_counter() - began

    return _ratio(theirs, mine)


def _encode(pair: Pair) -> float | None:
    """None for a message of no signals, or without values in range."""
    signals = list(_encodable(pair)) if pair.mine.signals else []
    if not signals:
        return None

    def theirs() -> float:
        encode = pair.theirs.encode
        began = time.perf_counter()
        for one in signals:
            encode(one, strict=False)
        return time.perf_counter() - began

    def mine() -> float:
        encode = pair.codec.encoder(pair.mine.name)
        began = time.perf_counter()
        for one in signals:
            encode(one)
        return time.perf_counter() - began

    return _ratio(theirs, mine)


def _encodable(pair: Pair) -> Iterable[dict[str, Any]]:
    """Decoded frames, each value brought into its range, that both encode to the same bytes."""
    limits = {signal.name: signal for signal in pair.mine.signals}
    decode, encode = pair.codec.decoder(pair.mine.name), pair.codec.encoder(pair.mine.name)
    for data in pair.frames:
        values = decode(data)
        for name, value in values.items():
            low, high = limits[name].minimum, limits[name].maximum
            if low is not None and high is not None and low < high:
                values[name] = min(max(value, low), high)
        try:
            values = decode(encode(values))
            mine = encode(values)
        except CodecError:
            continue
        if mine != bytes(pair.theirs.encode(values, strict=False)):
            raise RuntimeError(f"{pair.name} encodes {values} unlike cantools")
        yield values
