"""The catalogue of features against the kernel: each probe answers as the release table says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bpfkit.features.catalogue import CATALOGUE
from bpfkit.features.probe import Feature, Support
from conformance.case import case
from conformance.plugin import live_system


def known(feature: Feature) -> Callable[[pytest.Config], None]:
    """Make the case of a feature; the rule for requirements compares probe and release."""

    def test(pytestconfig: pytest.Config) -> None:
        assert live_system(pytestconfig).features.get(feature) is Support.YES

    test.__doc__ = f"The kernel has {feature.name} from Linux {feature.since or 'the first'} on."
    return case(
        f"features/{feature.name}",
        kernel=feature.since,
        feature=feature.name,
        config=feature.config,
        arch=feature.arch,
    )(test)


for _feature in CATALOGUE:
    globals()[f"test_{_feature.name.replace('/', '_')}"] = known(_feature)
