"""The server of forks, as the acceptance tests have it."""

from forking import ForkedProject, ForkedRun, ForkServer, fork_server

__all__ = ["ForkServer", "ForkedProject", "ForkedRun", "fork_server"]
