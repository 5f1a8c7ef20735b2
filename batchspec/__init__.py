"""batchspec: declarative LLM batch jobs, converged to results and never paid for twice."""

__version__ = "0.1.0"
