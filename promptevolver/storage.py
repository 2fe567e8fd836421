"""Static files under names that say what is in them, so that browsers may keep them forever."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage

MODULE = r"""(?P<matched>(?P<keyword>from|import)\s*["'](?P<url>\./[^"']+)["'])"""


class HashedModules(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """With the names of the modules that our own scripts import; those of packages stay as they are."""

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        ("js/*.js", ((MODULE, '%(keyword)s "%(url)s"'),)),
    )
