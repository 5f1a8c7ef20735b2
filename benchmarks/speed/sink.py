"""A server for transfers that costs next to nothing: what is uploaded is dropped, a download comes out of one file.

`python -m benchmarks.speed.sink FILE` prints its address and serves until it is killed.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from pathlib import Path

_BUFFER = 4 * 1024 * 1024
_UPLOADED = {
    "id": "file-1",
    "object": "file",
    "bytes": 0,
    "created_at": 1_700_000_000,
    "filename": "lines.jsonl",
    "purpose": "batch",
    "sample_type": "batch_request",
    "source": "upload",
}


def main() -> None:
    """Serve one connection after the other."""
    source = Path(sys.argv[1])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        while True:
            connection, _ = listening.accept()
            with connection:
                _serve(connection, source)


def _serve(connection: socket.socket, source: Path) -> None:
    buffer = memoryview(bytearray(_BUFFER))
    while True:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (came := connection.recv(65_536)):
                return
            head += came
        head, _, rest = head.partition(b"\r\n\r\n")
        if head.startswith(b"POST"):
            if b"100-continue" in head.lower():
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            found = re.search(rb"content-length: (\d+)", head.lower())
            assert found, "an upload says how long it is"
            left = int(found[1]) - len(rest)
            while left > 0:
                left -= connection.recv_into(buffer)
            body = json.dumps(_UPLOADED).encode()
            connection.sendall(_head(len(body), "application/json") + body)
        else:
            with source.open("rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                connection.sendall(_head(size, "application/octet-stream"))
                connection.sendfile(stream)


def _head(length: int, content_type: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n".encode()


if __name__ == "__main__":
    main()
