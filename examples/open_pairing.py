"""Ask the key service for a pairing code: `./homeward shell python examples/open_pairing.py`."""

import sys

import rclpy

from homeward_interfaces.srv import KeyRequest


def main() -> int:
    """Prints the code, or why there is none yet."""
    rclpy.init()
    node = rclpy.create_node("open_pairing")
    client = node.create_client(KeyRequest, "key/request")
    if not client.wait_for_service(10.0):
        print("The key service isn't running: ./homeward run", file=sys.stderr)
        return 1
    asked = client.call_async(KeyRequest.Request(what=KeyRequest.Request.OPEN_PAIRING))
    rclpy.spin_until_future_complete(node, asked, timeout_sec=10.0)
    answer = asked.result()
    if answer is None or not answer.code:
        print(answer.outcome.text if answer else "no answer", file=sys.stderr)
        return 1
    print(f"{answer.code}  (for {answer.code_left_s:.0f} s)   ./homeward key pair {answer.code}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
