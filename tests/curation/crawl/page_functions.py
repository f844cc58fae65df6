"""What the guard's tests have the child do with a page; imported there by name."""

import os
import signal
import time
from pathlib import Path

from gristmill.curation.crawl.html import TooComplex

left: list[bytearray] = []
"""Memory that one page leaves and the next finds."""


def act(body: bytes, *arguments) -> object:
    """Do what the page says."""
    deed, _, rest = body.decode().partition(" ")
    if deed == "sleep":
        time.sleep(3600)
    elif deed == "burn":
        while True:
            pass
    elif deed == "take":
        return len(bytearray(int(rest)))
    elif deed == "leave":
        left.append(bytearray(int(rest)))
    elif deed == "take_left":
        found = left.pop() if left else bytearray(int(rest))
        return len(found) + len(bytearray(int(rest)))
    elif deed == "signal":
        os.kill(os.getpid(), int(rest))
    elif deed == "die_once" and not Path(rest).exists():
        Path(rest).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    elif deed == "exit":
        os._exit(0)
    elif deed == "raise":
        raise {"complex": TooComplex(7), "value": ValueError("no"), "import": ImportError("no module")}[rest]
    elif deed == "print":
        print("noise", flush=True)
        os.write(1, b"more noise")
    elif deed == "pid":
        return os.getpid()
    return (body.decode(), *arguments)
