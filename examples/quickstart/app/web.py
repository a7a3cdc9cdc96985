"""Serve the number of jobs done as JSON, on a port that the kernel chooses."""

import json
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from common import PORT, connect


class Front(BaseHTTPRequestHandler):
    """GET / answers {"done": NUMBER, "last": TEXT}."""

    def do_GET(self) -> None:
        store = connect()
        try:
            done, last = store.execute(
                "SELECT count(*), (SELECT text FROM done ORDER BY rowid DESC LIMIT 1) FROM done"
            ).fetchone()
        finally:
            store.close()
        body = json.dumps({"done": done, "last": (last or "").strip()}).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Front)
    fresh = PORT.with_suffix(".new")
    fresh.write_text(f"{server.server_port}\n")
    fresh.replace(PORT)  # whoever reads the file sees a whole number
    print(f"http://127.0.0.1:{server.server_port}/")
    server.serve_forever()


main()
