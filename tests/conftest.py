"""Settings for all tests."""

from hypothesis import settings

# A loaded machine is no failure: how long one example takes says nothing about the claim.
settings.register_profile("project", deadline=None)
settings.load_profile("project")
