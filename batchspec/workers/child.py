"""What a worker's process runs: a recipe and a share come in on its stdin, chunks go out on its stdout."""

from __future__ import annotations

import os
import pickle
from contextlib import suppress
from typing import BinaryIO

from batchspec.core.errors import BatchspecError
from batchspec.core.rendering import SpecRenderer
from batchspec.core.shares import render_share

_STDIN = 0
_STDOUT = 1


def work() -> None:
    """Render a share. Whoever asked for it may leave at any time."""
    with os.fdopen(_STDIN, "rb") as stream:
        recipe, share = pickle.load(stream)  # noqa: S301 - from the process that has started this one
    with suppress(BrokenPipeError), os.fdopen(_STDOUT, "wb") as answers:
        try:
            renderer = SpecRenderer(recipe.spec, recipe.files, recipe.schema)
            for parcel in render_share(recipe, renderer, share):
                _send(parcel, answers)
            if recipe.readings is not None:
                _send(recipe.readings, answers)
        except BatchspecError as error:
            _send(error, answers)


def _send(thing: object, answers: BinaryIO) -> None:
    pickle.dump(thing, answers, protocol=pickle.HIGHEST_PROTOCOL)
    answers.flush()
