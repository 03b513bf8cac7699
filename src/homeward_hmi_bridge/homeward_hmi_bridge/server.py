"""The cockpit's web server: the page, and the WebSocket that speaks rosbridge. asyncio; knows no ROS."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any, Protocol

from aiohttp import WSCloseCode, WSMsgType, web

from homeward_hmi_bridge import access
from homeward_hmi_bridge.rosbridge import Action, Session

QUEUE = 300  # messages waiting for a slow client; more and it is cut off, loudly
LOG = logging.getLogger("cockpit")
SECURITY = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self' ws: wss:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Backend(Protocol):
    """What the server needs of the node; called on the loop's thread."""

    def perform(self, client: Client, actions: list[Action]) -> None: ...
    def gone(self, client: Client) -> None: ...


class Client:
    """One WebSocket: its session and its outbox."""

    def __init__(self, socket: web.WebSocketResponse, peer: str) -> None:
        self.socket, self.peer, self.session = socket, peer, Session()
        self.outbox: asyncio.Queue[str] = asyncio.Queue(QUEUE)
        self.cut = False

    def send(self, text: str) -> None:
        """Queue a message; on the loop's thread."""
        try:
            self.outbox.put_nowait(text)
        except asyncio.QueueFull:
            if not self.cut:
                LOG.warning("the client %s reads too slowly and is cut off", self.peer)
            self.cut = True

    async def pump(self) -> None:
        """Send what is queued until the client is gone or cut off."""
        while not self.cut:
            await self.socket.send_str(await self.outbox.get())
        await self.socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"reads too slowly")


class CockpitServer:
    """Serves `folder` (the built page) and the WebSocket at / and /rosbridge."""

    def __init__(self, backend: Backend, folder: Path, token: str) -> None:
        self.backend, self.folder, self.token = backend, folder, token
        self.clients: set[Client] = set()
        self.runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port that it listens on. Raises OSError when it is taken."""
        app = web.Application(middlewares=[self.guard])
        app.router.add_get("/", self.root)
        app.router.add_get("/rosbridge", self.websocket)
        app.router.add_get("/health", self.health)
        if (self.folder / "assets").is_dir():
            app.router.add_static("/assets", self.folder / "assets")
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self.runner.setup()
        site = web.TCPSite(self.runner, host, port)
        await site.start()
        return int(self.runner.addresses[0][1])

    async def stop(self) -> None:
        for client in list(self.clients):
            await client.socket.close(code=WSCloseCode.GOING_AWAY, message=b"the cockpit ends")
        if self.runner is not None:
            await self.runner.cleanup()

    @web.middleware
    async def guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """The token for other addresses; our own origin for browsers."""
        token = request.query.get("token") or request.cookies.get("homeward_token")
        if not access.may_enter(request.remote, token, self.token):
            return web.Response(status=401, text="This cockpit wants its token: open the address that it printed.\n")
        if not access.same_origin(request.headers.get("Origin"), request.host):
            return web.Response(status=403, text="Another site's page may not speak to the cockpit.\n")
        response: web.StreamResponse = await handler(request)
        if not response.prepared:
            response.headers.update(SECURITY)
            if request.query.get("token"):
                response.set_cookie("homeward_token", self.token, httponly=True, samesite="Strict")
        return response

    async def root(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self.websocket(request)
        page = self.folder / "index.html"
        if not page.exists():
            return web.Response(status=503, text="The dashboard's page is not built: run ./homeward setup\n")
        return web.FileResponse(page, headers={"Cache-Control": "no-cache"})

    async def health(self, request: web.Request) -> web.Response:
        return web.json_response({"clients": len(self.clients)})

    async def websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=20.0, max_msg_size=1 << 20, compress=False)
        await socket.prepare(request)
        client = Client(socket, request.remote or "?")
        self.clients.add(client)
        pump = asyncio.create_task(client.pump())
        try:
            async for message in socket:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
                actions, answers = client.session.take(message.data)
                for answer in answers:
                    client.send(answer)
                self.backend.perform(client, actions)
        finally:
            self.clients.discard(client)
            pump.cancel()
            self.backend.gone(client)
        return socket
