"""The tools that are compared: what is installed for each, which script drives it, and what was found in its source.

The notes state facts of the pinned version; a new version needs them read again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Api(Enum):
    """The provider that a tool is driven against."""

    OPENAI = "the fake provider of OpenAI's API"
    MISTRAL = "batchspec's emulator of Mistral's API"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One tool. `requirement` is what pip is given, with what its README has `beside` it; `script` drives it.

    `driven` says what a rerun is. `recovery` and `resume` say what the script does when asked to recover, after the
    faults at creation and after a kill while waiting; "" where the tool has no step of its own for it. `todo` is what
    is left to a person after the two faults at creation. `in_parts` says how the tool goes step by step, where that is
    another way than its usual one. `real_host` marks a tool that knows only the provider's real
    host and is led to the fake one through its proxy settings.
    """

    name: str
    requirement: str
    script: str
    driven: str
    todo: str
    api: Api = Api.OPENAI
    beside: tuple[str, ...] = ()
    in_parts: str = ""
    recovery: str = ""
    resume: str = ""
    real_host: bool = False


BATCHSPEC = "batchspec"
"""The requirement that stands for this checkout."""

CLIENT_ON_HTTPX = "openai==2.30.0"
"""For tools that import httpx or hook into it: release 3 of the client no longer brings it."""

UNSEEN_JOB = (
    "notice the second job, which the client's own retry made; after a kill, look at the list of jobs "
    "before running again"
)

PEERS = (
    Peer(
        name="batchspec",
        requirement=BATCHSPEC,
        script="batchspec_cli",
        api=Api.MISTRAL,
        driven="`batchspec apply --yes --wait`",
        in_parts="`render`, `apply`, `apply --wait`, each a command that starts anew, and the second renders again",
        todo="nothing, or run it again",
    ),
    Peer(
        name="mistralai, by hand",
        requirement="mistralai==3.7.0",
        script="by_hand_mistral",
        api=Api.MISTRAL,
        driven="a script of 20 lines on the official client",
        todo="look at the provider's list of jobs before running again; fetch the job's answers by hand",
    ),
    Peer(
        name="openai, by hand",
        requirement="openai==3.54.0",
        script="by_hand_openai",
        driven="a script of 20 lines on the official client",
        todo=(
            "notice the second job, which the client's own retry made, and cancel it; after a kill, look at "
            "the list of jobs before running again"
        ),
    ),
    Peer(
        name="batchwizard",
        requirement="batchwizard==0.5.0",
        script="batchwizard",
        driven="`batchwizard process`",
        recovery="`batchwizard reconcile`, `reconcile INTENT`, `watch`",
        resume="`batchwizard watch`",
        todo=(
            "not run again, which nothing stops, but reconcile; it says so after a lost answer, and `status` "
            "shows the intent after a kill"
        ),
    ),
    Peer(
        name="llm-batch-py",
        requirement="llm-batch-py==0.1.8",
        script="llm_batch_py",
        driven="`Runner().run(job)`, up to five times, as a schedule would",
        recovery="its lock file removed by hand, then run again",
        resume="its lock file removed by hand, then run again",
        todo=(
            "notice the second job, which the client's own retry made; after a kill, wait an hour for its "
            "lock or remove it, and then all is sent again"
        ),
    ),
    Peer(
        name="bespokelabs-curator",
        requirement="bespokelabs-curator==0.1.31",
        script="curator_llm",
        driven="`curator.LLM(..., batch=True)` with its cache",
        todo=UNSEEN_JOB,
    ),
    Peer(
        name="batchling",
        requirement="batchling==0.1.0a3",
        beside=(CLIENT_ON_HTTPX,),
        script="batchling_batchify",
        driven="`batchify()` around the official client, with its cache",
        real_host=True,
        todo=UNSEEN_JOB,
    ),
    Peer(
        name="batchata",
        requirement="batchata==0.4.7",
        script="batchata_batch",
        driven="`Batch(...).set_state(file=..., reuse_state=True).run()`",
        todo=(
            "notice the second job, which the client's own retry made; remove the state file after a run "
            "that ended, since this version cannot load it"
        ),
    ),
    Peer(
        name="simple-openai-requests",
        requirement="simple-openai-requests==1.1.0",
        script="simple_openai_requests",
        driven="`make_openai_requests(use_batch=True, use_cache=True)`",
        todo=UNSEEN_JOB,
    ),
    Peer(
        name="openapi-batch",
        requirement="openapi-batch[openai]==0.1.2",
        script="openapi_batch",
        driven='`BatchClient.map(mode="native", async_submit=False)`',
        todo=UNSEEN_JOB,
    ),
    Peer(
        name="batch-openai",
        requirement="batch-openai==0.4.0",
        script="batch_openai",
        driven="`builder.submit(client)`, `BatchRegistry().track(job)`, `job.wait()`",
        resume="`registry.list()`, `registry.get(batch_id, client)`, `job.wait()`",
        todo=(
            "notice the second job, which the client's own retry made; after a kill, look at the list of "
            "jobs, and take the job by its id"
        ),
    ),
    Peer(
        name="openai-batch",
        requirement="openai-batch==0.3.4",
        beside=(CLIENT_ON_HTTPX,),
        script="openai_batch",
        in_parts="its class `Batch` writes the file, and its command takes it from there",
        driven="`python -m openai_batch.run`",
        resume="`--resume` with the id that the first run printed",
        todo=(
            "notice the second job, which the client's own retry made; after a kill, look at the list of "
            "jobs, and `--resume` by id"
        ),
    ),
    Peer(
        name="openai-batch-helper",
        requirement="openai-batch-helper==0.1.1",
        script="openai_batch_helper",
        driven="`python -m openai_batch_helper`",
        todo=UNSEEN_JOB,
    ),
    Peer(
        name="openbatch",
        requirement="openbatch==0.0.4",
        beside=("openai==3.54.0",),
        script="openbatch",
        driven="its file, the official client for the job",
        todo=UNSEEN_JOB,
    ),
    Peer(
        name="instructor",
        requirement="instructor==1.17.0",
        script="instructor_batch",
        driven="`BatchProcessor`: `submit_batch`, `get_batch_status`, `get_results`",
        todo=UNSEEN_JOB,
    ),
    Peer(
        name="litellm",
        requirement="litellm==1.106.2",
        script="litellm_batches",
        driven="`create_file`, `create_batch`, `retrieve_batch`, `file_content`: calls of a library",
        todo=UNSEEN_JOB,
    ),
)
