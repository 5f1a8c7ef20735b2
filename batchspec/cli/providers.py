"""Which provider a run talks to: Mistral, the emulator, or one that an installed plugin offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from batchspec.cli.console import Console
from batchspec.cli.interrupts import Interrupts
from batchspec.cli.options import PROVIDERS
from batchspec.core.diagnostics import did_you_mean
from batchspec.core.errors import AccessError
from batchspec.core.offered import MissingPluginError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from batchspec.core.model_cards import ModelCatalogue
    from batchspec.mistral.client import MistralProvider
    from batchspec.plugins.installed import Installed
    from batchspec.plugins.providing import GuardedProvider

    Opened = MistralProvider | GuardedProvider


@dataclass(frozen=True, slots=True)
class Connection:
    """What every connection of a run has: its environment, its clock, who is told of waits, and its patience."""

    console: Console
    interrupts: Interrupts
    note: Callable[[str], None]
    patient: bool = True

    def mistral(self, environ: Mapping[str, str]) -> MistralProvider:
        """Return the built-in client for a key and an address. Raises AccessError or InvalidInputError."""
        from batchspec.mistral.client import connect
        from batchspec.mistral.retry import TRIES

        return connect(environ, self.interrupts, on_wait=self.note, tries=TRIES if self.patient else 1)


def has_key(provider: str, environ: Mapping[str, str]) -> bool:
    """Tell whether a provider may be asked, as far as that is known: a plugin's own key is its own matter."""
    return provider != "mistral" or bool(environ.get("MISTRAL_API_KEY", "").strip())


def offered_provider(name: str, root: Path) -> Installed | None:
    """Return the plugin of a provider that is not built in; None for one that is.

    Raises MissingPluginError for a name that nothing offers, and PluginClashError.
    """
    if name in PROVIDERS:
        return None
    from batchspec.plugins.installed import named
    from batchspec.plugins.offers import InstalledPlugins

    found = named("providers", name, root)
    if found is None:
        known = [*PROVIDERS, *InstalledPlugins(root).names("providers")]
        raise MissingPluginError(
            f"there is no provider `{name}`",
            why=f"{InstalledPlugins(root).told('providers')};"
            " the name is that of --provider, or of BATCHSPEC_PROVIDER in the environment",
            hint=f"{did_you_mean(name, known)}; where it is a plugin's, `pip install` that here too",
        )
    return found


def open_named(
    stack: ExitStack,
    name: str,
    root: Path,
    home: Path,
    connection: Connection,
    *,
    needed: bool,
) -> Opened | None:
    """Open the provider of a name; None where its key is missing and it is not `needed`. Raises AccessError."""
    environ = connection.console.environ
    plugin = offered_provider(name, root)
    if plugin is not None:
        try:
            return stack.enter_context(_connected(plugin, root, home, connection))
        except AccessError:
            if needed:
                raise
            return None
    if name == "emulator":
        from batchspec.emulator.server import EmulatorServer

        server = stack.enter_context(EmulatorServer(home / "emulator" / "data"))
        return stack.enter_context(connection.mistral({"MISTRAL_API_KEY": "emulator", "MISTRAL_BASE_URL": server.url}))
    if not needed and not has_key(name, environ):
        return None
    return stack.enter_context(connection.mistral(environ))


def catalogue_of(provider: Opened | None) -> ModelCatalogue | None:
    """Return where a provider's models are listed, if they are."""
    return provider if provider is not None and getattr(provider, "lists_models", True) else None


def _connected(
    plugin: Installed, root: Path, home: Path, connection: Connection
) -> AbstractContextManager[GuardedProvider]:
    from batchspec.plugins.providing import connected, provider_plugin
    from batchspec.plugins.surface import ProviderContext

    context = ProviderContext(
        environ=connection.console.environ,
        home=home / "providers" / plugin.name / "data",
        clock=connection.interrupts,
        note=connection.note,
        mistral=connection.mistral,
    )
    return connected(plugin, provider_plugin(plugin, root), context, connection.console.say)
