"""Run the trials of every tool and write FAULTS.md, or of those that are named and only print.

python -m benchmarks.peers.faults [NAME...]
"""

from __future__ import annotations

import argparse
import functools
import subprocess
import tempfile
import time
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.peers import services
from benchmarks.peers.catalogue import PEERS, Peer
from benchmarks.peers.environments import NotInstallableError, prepared
from benchmarks.peers.gate import Fault
from benchmarks.peers.table import Outcome, page
from benchmarks.peers.trials import Bench

PAGE = Path(__file__).with_name("FAULTS.md")


def main() -> None:
    """Read the command line, run, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="tools to try; without any, all are, and FAULTS.md is written"
    )
    parser.add_argument("--environments", type=Path, help="a folder to keep environments in, for the next time")
    parser.add_argument("--keep", type=Path, help="a folder to keep the trials' folders and logs in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="peers-") as scratch:
        environments = (options.environments or Path(scratch) / "environments").resolve()
        trials = (options.keep or Path(scratch)).resolve() / f"trials-{int(time.time())}"
        trials.mkdir(parents=True)
        emulator = prepared(PEERS[0], environments).python.with_name("batchspec")
        trusted = services.certificate(trials)
        chosen = [peer for peer in PEERS if not options.names or peer.name in options.names]
        outcomes = [_tried(peer, environments, trials, emulator, trusted) for peer in chosen]
    text = page(outcomes, datetime.now(UTC).date())
    print(text)
    if not options.names:
        PAGE.write_text(text, encoding="utf-8")


def _tried(peer: Peer, environments: Path, trials: Path, emulator: Path, trusted: services.Certificate) -> Outcome:
    """Run every trial of one tool; a tool that cannot be tried has a reason in place of results."""
    print(f"{peer.name} ...", flush=True)
    began = time.monotonic()
    try:
        environment = prepared(peer, environments)
    except NotInstallableError as reason:
        return Outcome(peer=peer, version="-", reason=str(reason))
    serve = functools.partial(_serving, peer, emulator, trusted)
    bench = Bench(peer, environment, trials, serve)
    try:
        outcome = Outcome(
            peer=peer,
            version=environment.version,
            client=environment.client,
            reruns=bench.reruns(),
            lost=bench.faulted("lost", Fault.LOSE, recover=False),
            killed=bench.faulted("killed", Fault.HOLD, recover=False),
            waiting=bench.faulted("waiting", Fault.HOLD_STATUS, recover=False),
            lost_recovered=bench.faulted("lost", Fault.LOSE, recover=True) if peer.recovery else None,
            killed_recovered=bench.faulted("killed", Fault.HOLD, recover=True) if peer.recovery else None,
            waiting_resumed=bench.faulted("waiting", Fault.HOLD_STATUS, recover=True) if peer.resume else None,
        )
    except (AssertionError, subprocess.TimeoutExpired) as reason:
        outcome = Outcome(peer=peer, version=environment.version, reason=str(reason))
    print(f"  {outcome.reason or 'done'}, {time.monotonic() - began:.0f} s", flush=True)
    return outcome


def _serving(
    peer: Peer, emulator: Path, trusted: services.Certificate, home: Path
) -> AbstractContextManager[services.Service]:
    return services.serving(peer, home, emulator, trusted)


if __name__ == "__main__":
    main()
