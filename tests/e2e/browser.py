"""A page in a headless Chromium, driven by its DevTools protocol: what it says, asks for and shows, and its keys."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

ROOT: Final = Path(__file__).resolve().parents[2]
_FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--mute-audio",
    "--remote-debugging-port=0",
)  # fmt: skip
_START_SECONDS: Final = 180.0
_ANSWER_SECONDS: Final = 180.0
_MOST_BYTES: Final = 64 << 20
# key -> (code, Windows' number of it, what it types)
_KEYS: Final = {
    "Enter": ("Enter", 13, "\r"), "Escape": ("Escape", 27, ""), "Tab": ("Tab", 9, ""), "Home": ("Home", 36, ""),
    "ArrowUp": ("ArrowUp", 38, ""), "ArrowDown": ("ArrowDown", 40, ""),
    "ArrowLeft": ("ArrowLeft", 37, ""), "ArrowRight": ("ArrowRight", 39, ""), "PageDown": ("PageDown", 34, ""),
    "+": ("NumpadAdd", 107, "+"), "-": ("NumpadSubtract", 109, "-"), "0": ("Digit0", 48, "0"), " ": ("Space", 32, " "),
}  # fmt: skip
SHIFT: Final = 8


@contextmanager
def chromium() -> Iterator[str]:
    """The address of a browser's DevTools; the browser is gone after the block."""
    program = subprocess.run([ROOT / "hack/chromium"], capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="napsim-page-", ignore_cleanup_errors=True) as folder:
        command = [program, *_FLAGS, f"--user-data-dir={folder}", "about:blank"]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield f"http://127.0.0.1:{_port(Path(folder) / 'DevToolsActivePort', process)}"
        finally:
            process.terminate()
            process.wait(_START_SECONDS)


def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + _START_SECONDS
    while not (file.exists() and (lines := file.read_text().splitlines())):
        assert process.poll() is None, f"chromium ended with {process.returncode}"
        assert time.monotonic() < deadline, "chromium has not started"
        time.sleep(0.05)
    return int(lines[0])


@dataclass
class Tab:
    """``said``: what the page wrote to its console, and its errors; ``requests``: every address it asked for."""

    socket: aiohttp.ClientWebSocketResponse
    said: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    _sent: int = 0
    _answers: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    _loaded: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        async for message in self.socket:
            told = message.json()
            if "id" in told:
                self._answers.pop(told["id"]).set_result(told)
            else:
                self._note(told["method"], told.get("params", {}))

    def _note(self, method: str, told: dict[str, Any]) -> None:
        if method in {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}:
            self.said.append(str(told))
        elif method == "Network.requestWillBeSent":
            self._note_request(told["request"]["url"])
        elif method == "Page.loadEventFired":
            self._loaded.set()

    def _note_request(self, address: str) -> None:
        """What is in an address itself is asked of nobody: so the browser draws its own date fields."""
        if not address.startswith("data:"):
            self.requests.append(address)

    async def ask(self, method: str, **params: object) -> dict[str, Any]:
        """The result of one command. Raises AssertionError when it is refused."""
        self._sent += 1
        answer = self._answers[self._sent] = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"id": self._sent, "method": method, "params": params})
        told = await asyncio.wait_for(answer, _ANSWER_SECONDS)
        assert "error" not in told, told["error"]
        result: dict[str, Any] = told["result"]
        return result

    async def open(self, address: str) -> None:
        """Load it, and wait until it has."""
        self._loaded.clear()
        await self.ask("Page.navigate", url=address)
        await asyncio.wait_for(self._loaded.wait(), _ANSWER_SECONDS)

    async def reload(self) -> None:
        """Load it again, and wait until it has."""
        self._loaded.clear()
        await self.ask("Page.reload")
        await asyncio.wait_for(self._loaded.wait(), _ANSWER_SECONDS)

    async def value(self, expression: str) -> Any:
        """What an expression of JavaScript comes to in the page."""
        told = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    async def press(self, *keys: str, modifiers: int = 0) -> None:
        """Keys, one after another, to what has the focus."""
        for key in keys:
            code, number, text = _KEYS[key]
            told = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": modifiers}
            await self.ask("Input.dispatchKeyEvent", type="keyDown", **told, **({"text": text} if text else {}))
            await self.ask("Input.dispatchKeyEvent", type="keyUp", **told)

    async def type(self, text: str) -> None:
        await self.ask("Input.insertText", text=text)

    async def mouse(self, kind: str, x: float, y: float) -> None:
        """``mouseMoved``, ``mousePressed`` or ``mouseReleased`` of the left button, in units of the window."""
        buttons = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
        await self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, **buttons)

    async def pdf(self) -> bytes:
        return base64.b64decode((await self.ask("Page.printToPDF"))["data"])


@asynccontextmanager
async def tab(address: str, width: int = 1280, height: int = 1800) -> AsyncIterator[Tab]:
    """An empty tab of the browser at that address, of that size."""
    async with aiohttp.ClientSession() as session:
        async with session.put(f"{address}/json/new?about:blank") as answer:
            made = await answer.json()
        async with session.ws_connect(made["webSocketDebuggerUrl"], max_msg_size=_MOST_BYTES) as socket:
            opened = Tab(socket)
            listening = asyncio.create_task(opened.listen())
            try:
                for domain in ("Page", "Runtime", "Log", "Network"):
                    await opened.ask(f"{domain}.enable")
                size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
                await opened.ask("Emulation.setDeviceMetricsOverride", **size)
                await opened.ask("Emulation.setFocusEmulationEnabled", enabled=True)
                yield opened
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
