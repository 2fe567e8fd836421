"""Static files under names that say what is in them, so that browsers may keep them for ever."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped]


class HashedModules(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """With the names of the modules that a script imports."""

    support_js_module_import_aggregation = True
