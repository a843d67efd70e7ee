"""The fixture `cas_emulator` for pytest."""

from typing import Iterator

import pytest

from .testing import Emulator


@pytest.fixture(scope="session")
def _cas_emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def cas_emulator(_cas_emulator: Emulator) -> Emulator:
    """A local CAS, started once for all tests and empty before each."""
    _cas_emulator.reset()
    return _cas_emulator
