"""Exit 0 when the web front answers, 1 when it does not."""

import sys
import urllib.request

from common import PORT

try:
    with urllib.request.urlopen(f"http://127.0.0.1:{int(PORT.read_text())}/", timeout=5) as page:
        sys.exit(0 if page.status == 200 else 1)
except (OSError, ValueError) as error:
    sys.exit(f"no answer: {error}")
