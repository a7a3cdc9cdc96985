"""Make the store, if it is not there yet."""

from common import DATA, INBOX, STORE, connect

DATA.mkdir(exist_ok=True)
INBOX.mkdir(exist_ok=True)
with connect() as store:
    store.execute("CREATE TABLE IF NOT EXISTS done (name TEXT PRIMARY KEY, text TEXT NOT NULL)")
print(f"{STORE} is ready")
