"""Counts tokens as the models' own tokenisers do: an adapter over mistral-common, the extra `tokens`.

Nothing is fetched: a model whose tokeniser the library does not bring along is counted by the nearest that it does,
or by the plain rule of `core.token_estimate`, and what comes of either is called an estimate.
"""

from batchspec.tokens.counter import MistralCounter, is_installed

__all__ = ["MistralCounter", "is_installed"]
