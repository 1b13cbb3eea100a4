"""What holds for all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# The same examples in every run: what fails, fails for everybody. HYPOTHESIS_PROFILE=search looks for new ones.
settings.register_profile("pinned", derandomize=True)
settings.register_profile("search", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "pinned"))
