"""Actions under rclpy, behind the same small `run` value that lockstep hands out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient, ActionServer, CancelResponse
from rclpy.task import Future

from homeward_runtime.car_node import message_class
from homeward_runtime.ledger import Interface

HOW = {
    GoalStatus.STATUS_SUCCEEDED: "succeed",
    GoalStatus.STATUS_ABORTED: "abort",
    GoalStatus.STATUS_CANCELED: "canceled",
}


class RosRun:
    """The node finishes it from any later callback; the awaiting task is polled on each turn of the executor."""

    def __init__(self, handle: Any) -> None:
        self._handle, self._done = handle, Future()
        self.goal = handle.request

    @property
    def cancel_requested(self) -> bool:
        return bool(self._handle.is_cancel_requested)

    def feedback(self, message: Any) -> None:
        if self._handle.is_active:
            self._handle.publish_feedback(message)

    def finish(self, how: str, result: Any) -> None:
        if not self._done.done():
            self._done.set_result((how, result))

    async def outcome(self, handle: Any) -> Any:
        how, result = await self._done
        # `canceled` is a transition from canceling alone; a cancel that nobody asked for is an abort
        getattr(handle, "abort" if how == "canceled" and not handle.is_cancel_requested else how)()
        return result


def serve(host: Any, interface: Interface, on_goal: Callable[[Any], None]) -> ActionServer:
    """Every goal is accepted; a node that can't do it finishes it at once with "abort" and a result that says why."""

    def on_accepted(handle: Any) -> None:
        run = RosRun(handle)
        handle.execute(run.outcome)
        on_goal(run)

    return ActionServer(
        host, message_class(interface.type), interface.name, execute_callback=lambda handle: None,
        handle_accepted_callback=on_accepted, cancel_callback=lambda _: CancelResponse.ACCEPT,
    )  # fmt: skip


def client(host: Any, interface: Interface) -> ActionClient:
    return ActionClient(host, message_class(interface.type), interface.name)


def send(host: Any, action_client: ActionClient, goal: Any, on_feedback: Any, on_done: Any) -> Callable[[], None]:
    """Send a goal without waiting. Gives a function that asks to cancel, also before the goal was accepted."""
    handles: list[Any] = []
    cancel_wanted: list[bool] = []

    def on_result(future: Any) -> None:
        on_done(HOW.get(future.result().status, "abort"), future.result().result)

    def on_accepted(future: Any) -> None:
        handle = future.result()
        if not handle.accepted:
            on_done("abort", None)
            return
        handles.append(handle)
        handle.get_result_async().add_done_callback(on_result)
        if cancel_wanted:
            handle.cancel_goal_async()

    def cancel() -> None:
        cancel_wanted.append(True)
        for handle in handles:
            handle.cancel_goal_async()

    if not action_client.server_is_ready():
        host.executor.create_task(on_done, "absent", None)
        return cancel
    sent = action_client.send_goal_async(goal, feedback_callback=lambda message: on_feedback(message.feedback))
    sent.add_done_callback(on_accepted)
    return cancel
