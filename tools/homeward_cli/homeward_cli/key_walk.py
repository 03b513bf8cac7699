"""A person who comes near the simulated car with a key in a pocket: the ranging hardware's twin says how far it is."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from homeward_key_auth import operations
from homeward_key_auth.device import KeyProblem, Talk
from homeward_key_auth.token import Verb

STEP_S, NEAREST_M, INSIDE_M, MOST_TRIES = 0.1, 0.5, 0.4, 20
ASK_EVERY = 5  # steps
Say = Callable[[float, bool], None]


async def walked(session: AbstractAsyncContextManager[Talk], from_m: float, speed_mps: float, sit: bool) -> None:
    """Walk up, until the doors unlock; then sit and start. Raises KeyProblem when either doesn't come."""
    import rclpy

    from homeward_interfaces.msg import KeyRange
    from homeward_runtime import ledger
    from homeward_runtime.rclpy_host import qos_profile

    rclpy.init()
    try:
        node = rclpy.create_node("key_walk")
        publisher = node.create_publisher(KeyRange, ledger.KEY_RANGE.name, qos_profile(ledger.KEY_RANGE.profile))
        async with session as talk:
            kid = talk.key.kid.hex()
            await _approach(talk, lambda at_m, inside: publisher.publish(KeyRange(kid=kid, distance_m=at_m, inside=inside)),
                            from_m, speed_mps, sit)  # fmt: skip
    finally:
        rclpy.shutdown()


async def _approach(talk: Talk, ranged: Say, from_m: float, speed_mps: float, sit: bool) -> None:
    at_m, steps = from_m, 0
    while True:
        ranged(at_m, False)
        await asyncio.sleep(STEP_S)
        if steps % ASK_EVERY == 0 and (await talk.command(Verb.UNLOCK, pressed=False)).outcome == operations.DONE:
            break
        if at_m <= NEAREST_M and steps > from_m / speed_mps / STEP_S + MOST_TRIES * ASK_EVERY:
            raise KeyProblem("the doors stay locked: see ./homeward key log")
        at_m, steps = max(at_m - speed_mps * STEP_S, NEAREST_M), steps + 1
    print(f"at {at_m:.1f} m the doors unlock", file=sys.stderr)
    if sit:
        await _sit(talk, ranged)


async def _sit(talk: Talk, ranged: Say) -> None:
    reason = ""
    for _ in range(MOST_TRIES):
        ranged(INSIDE_M, True)
        await asyncio.sleep(STEP_S)
        answer = await talk.command(Verb.START, pressed=False)
        if answer.outcome == operations.DONE:
            print("inside: the car starts", file=sys.stderr)
            return
        reason = answer.reason
    raise KeyProblem(f"the car doesn't start: {reason}")
