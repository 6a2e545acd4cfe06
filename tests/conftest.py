"""Settings of the property tests: no clock decides, and continuous integration repeats itself."""

import os

from hypothesis import settings

settings.register_profile("project", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("project")
