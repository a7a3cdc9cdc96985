"""Where the parts of the example meet: files below .data, relative to the directory of services."""

import os
import socket
import sqlite3
from pathlib import Path

DATA = Path(".data")
INBOX = DATA / "inbox"
STORE = DATA / "store.db"
PORT = DATA / "web.port"


def connect() -> sqlite3.Connection:
    """The store; each program has a connection of its own and waits for the others' writes."""
    return sqlite3.connect(STORE, timeout=30)


def notify(text: str) -> None:
    """Tell the service manager something, as sd_notify(3) does; alone at a shell, tell nobody."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(text.encode(), address)
