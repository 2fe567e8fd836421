"""The peer `knn-few-shot`: dspy's KNNFewShot, which shows each input the rows that are most like it."""

from __future__ import annotations

from typing import Any

import dspy
from sklearn.feature_extraction.text import TfidfVectorizer

from optimizer.engine.components import NEAREST_ANSWER, NEAREST_INPUT
from tests.bench.method.jobs import Job
from tests.bench.method.meter import Meter
from tests.bench.method.programs import Found
from tests.bench.method.tasks import BenchTask
from tests.bench.method.with_dspy import MARKERS, Predictor, examples, quiet, signature, version

NEAREST = 8
FIELD = "input: "  # KNNFewShot puts it before each text


def search(job: Job, task: BenchTask, meter: Meter) -> Found:
    """Nothing is searched: the program looks the rows up when it answers."""
    quiet()
    choosing = dspy.KNNFewShot(
        k=NEAREST,
        trainset=examples(task, slice(None)),
        vectorizer=dspy.Embedder(Vectors([row.input for row in task.rows]), caching=False),
        max_bootstrapped_demos=0,  # else it would first ask the model for the answers that the rows already have
        max_labeled_demos=NEAREST,
    )
    similar = dspy.Example(input=NEAREST_INPUT, answer=NEAREST_ANSWER)
    module = choosing.compile(dspy.Predict(signature(task)))
    program = Predictor(module, task.answer_tokens + MARKERS, stand_ins=(similar,) * NEAREST)
    return Found(program, version())


class Vectors:
    """TF-IDF over character 2- to 4-grams of these texts; each vector has length 1."""

    def __init__(self, texts: list[str]) -> None:
        self._grams = TfidfVectorizer(analyzer="char", ngram_range=(2, 4)).fit(texts)

    def __call__(self, texts: list[str]) -> Any:
        return self._grams.transform([text.removeprefix(FIELD) for text in texts]).toarray()
