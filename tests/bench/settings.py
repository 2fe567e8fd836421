"""The product's settings, with one page more: the baseline."""

from promptevolver.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.urls"
