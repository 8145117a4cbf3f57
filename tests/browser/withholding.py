"""A proxy that hands a stream on when it has ended, or refuses it, as some do: events never come through it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import httpx2

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding"}


How = Literal["body", "head", "refused"]


@contextmanager
def withholding(address: str, how: How = "body") -> Iterator[str]:
    """The proxy's address; what stands behind it is at `address`. Of a stream it keeps back the `body`, or the `head`,
    too; or it breaks off at once."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.split("?")[0].endswith("/events"):
                self._withhold()
                return
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            answer = httpx2.get(address + self.path, headers=headers, timeout=60)
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def _withhold(self) -> None:
            self.close_connection = True
            if how == "refused":
                return
            if how == "body":
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                self.wfile.flush()
            ended.wait(60)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A browser that has gone needs no answer."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
