import os
from pathlib import Path

import pytest

CHAIN = Path(os.environ["CAS_TEST_CERT"])
KEY = Path(os.environ["CAS_TEST_KEY"])


@pytest.fixture
def chain():
    return CHAIN


@pytest.fixture
def key():
    return KEY


@pytest.fixture
def client(cas_emulator):
    with cas_emulator.client() as client:
        yield client
