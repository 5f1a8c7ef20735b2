"""The provider of one trial with the gate in front of it: the fake one in this process, or batchspec's emulator.

A tool that knows only api.openai.com is led to the gate by HTTPS_PROXY and a certificate that lives as long as a run.
"""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import gate, provider
from benchmarks.peers.catalogue import Api, Peer
from benchmarks.peers.ledger import Ledger

HOST = "api.openai.com"
_ENDED = {"SUCCESS", "FAILED", "TIMEOUT_EXCEEDED", "CANCELLED"}


@dataclass(frozen=True, slots=True)
class Certificate:
    """A self-signed certificate for the provider's real host: `file` is what a tool is told to trust."""

    file: Path
    context: ssl.SSLContext


@dataclass(frozen=True, slots=True)
class Service:
    """A provider behind a gate; `environ` is what points a tool to it, `ledger` what it has executed."""

    gate: gate.Gate
    environ: dict[str, str]
    ledger: Callable[[], Ledger]


def certificate(folder: Path) -> Certificate:
    """Make a certificate by the program openssl."""
    file, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={HOST}"]
    command += ["-addext", f"subjectAltName=DNS:{HOST}", "-out", str(file), "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return Certificate(file, context)


@contextmanager
def serving(peer: Peer, folder: Path, emulator: Path, trusted: Certificate) -> Iterator[Service]:
    """Serve the provider that a tool speaks to; `emulator` is the program batchspec."""
    if peer.api is Api.MISTRAL:
        with _emulator(emulator, folder / "emulator") as port, gate.opened(port, None) as opened:
            address = f"http://127.0.0.1:{opened.port}"
            yield Service(opened, {"MISTRAL_BASE_URL": address, "MISTRAL_API_KEY": "any"}, lambda: _settled(port))
        return
    with provider.serving() as (served, port), gate.opened(port, trusted.context) as opened:
        environ = {"OPENAI_API_KEY": "sk-any", "OPENAI_BASE_URL": f"http://127.0.0.1:{opened.port}/v1"}
        if peer.real_host:
            proxy = f"http://127.0.0.1:{opened.port}"
            environ = {"OPENAI_API_KEY": "sk-any", "HTTPS_PROXY": proxy, "SSL_CERT_FILE": str(trusted.file)}
        yield Service(opened, environ, served.ledger)
        for call in sorted(set(served.refused)):
            print(f"  the provider knows no {call}")


@contextmanager
def _emulator(program: Path, data: Path) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    data.parent.mkdir(parents=True, exist_ok=True)
    with data.with_suffix(".log").open("wb") as log:
        command = [str(program), "emulator", "--port", str(port), "--data", str(data)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _answering(port)
            yield port
        finally:
            process.terminate()
            process.wait(30)


def _answering(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            _get(port, "/v1/models")
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _get(port: int, path: str) -> dict[str, object]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": "Bearer any"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        document: dict[str, object] = json.load(answer)
    return document


def _settled(port: int) -> Ledger:
    """Return the emulator's ledger once no job is under way."""
    while True:
        listed = _get(port, "/v1/batch/jobs?page_size=100")["data"]
        assert isinstance(listed, list)
        if all(job["status"] in _ENDED for job in listed):
            break
        time.sleep(0.1)
    told = _get(port, "/emulator/ledger")
    numbers = {key: value for key, value in told.items() if isinstance(value, int)}
    paid = numbers["executions"]
    return Ledger(jobs=numbers["jobs"], paid=paid, twice=paid - numbers["distinct"])
