"""Says why the package can't be installed, where it can't: pip would only name a dependency that it does not find."""

import sys
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface


class PlatformHook(MetadataHookInterface):
    """Asked for the metadata before pip looks for dependencies."""

    def update(self, metadata: dict) -> None:
        """Change nothing; importing the package raises ImportError on systems it does not run on."""
        sys.path.insert(0, str(Path(__file__).parent))
        import akm_jax  # noqa: F401
