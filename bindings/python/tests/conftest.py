"""What all tests use: the demo model, named by EXOGPU_TEST_MODEL, and a context with the CPU alone."""

import os
from collections.abc import Iterator

import pytest

import exogpu


@pytest.fixture(scope="session")
def model_path() -> str:
    return os.environ["EXOGPU_TEST_MODEL"]


@pytest.fixture(scope="session")
def context() -> Iterator[exogpu.Context]:
    with exogpu.Context(cpu_only=True) as opened:
        yield opened


@pytest.fixture
def cpu(context: exogpu.Context) -> exogpu.Device:
    return context.device("cpu")


@pytest.fixture(scope="session")
def model(context: exogpu.Context, model_path: str) -> Iterator[exogpu.Model]:
    with exogpu.Model.open(model_path, context_tokens=1024, context=context) as opened:
        yield opened
