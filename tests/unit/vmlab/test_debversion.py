from __future__ import annotations

from itertools import pairwise

import pytest

from vmlab.sources.debversion import compare_versions, version_key

# Each list is in ascending order.
ORDERED = [
    pytest.param(["6.1.9-1", "6.1.10-1", "6.1.192-2"], id="numbers-are-numbers"),
    pytest.param(["7.3.4-1~bpo13+1", "7.3.4-1", "7.3.4-1+b1"], id="tilde-before-the-end"),
    pytest.param(["1.0~rc1", "1.0", "1.0a", "1.0+1"], id="letters-before-signs"),
    pytest.param(["2.0", "1:0.1"], id="epoch-first"),
    pytest.param(["1.0", "1.0-1"], id="no-revision-first"),
    pytest.param(["1~~", "1~~a", "1~", "1", "1a"], id="double-tilde"),
]


@pytest.mark.parametrize("versions", ORDERED)
def test_versions_sort_as_dpkg_sorts_them(versions: list[str]) -> None:
    for older, newer in pairwise(versions):
        assert compare_versions(older, newer) < 0
        assert compare_versions(newer, older) > 0
    assert sorted(reversed(versions), key=version_key) == versions


@pytest.mark.parametrize(("left", "right"), [("1.0", "1.0"), ("0:1", "1"), ("1.00", "1.0")])
def test_equal_versions_are_equal(left: str, right: str) -> None:
    assert compare_versions(left, right) == 0
