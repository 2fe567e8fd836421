"""What the page says of the measuring: the rules, and how each method is configured."""

from __future__ import annotations

from tests.bench.method.tasks import HELD_OUT, LONGEST_ANSWER, SEARCHED

HEAD = f"""# Benchmarks

`make bench-method` writes this page; the runs are in [benchmarks/](benchmarks). Every method has the same server,
model (as target and as optimizer), rows and grader. A search sees the first {SEARCHED} rows of a task. All searches
may use the same number of tokens, prompt and completion together, as the server reports them; a repeated request
is paid for once. The final prompt then answers the last {HELD_OUT} rows at temperature 0. The accuracy here is the
per cent of right answers.

| method | what it is |
|---|---|
| original | the given prompt, as it is |
| few-shot | the given prompt, and 8 random rows as chat turns; no search |
| rewrite | the model's one rewrite of the prompt, with 3 rows shown; no search |
| gepa | `gepa.optimize`, its defaults, 4 proposals at a time; 32 rows to learn from, 32 to choose by |
| gepa-reasoning | the same; its first prompt is the given one and a request to think step by step |
| miprov2 | `dspy.MIPROv2`, minibatches of 8; 16 rows to learn from |
| cot-bootstrap | `dspy.ChainOfThought` with `BootstrapFewShotWithRandomSearch`; 32 rows to learn from |
| knn-few-shot | `dspy.KNNFewShot`: 8 of the {SEARCHED} rows for each input, the most similar ones; no search |
| ours, ours-third | `optimizer.engine.run` with the budget, and with a third of it |

A program that reasons may write {LONGEST_ANSWER} tokens, and its answer is read behind its marker. Other answers are
cut where they can no longer be right. A program of dspy gets 64 more, for its field markers. If a peer is still
searching when the tokens are spent, its result is the program that led its own validation.

- **gepa** also stops after a hundred rounds in a row without a new question, because otherwise it would never end.
- **gepa-reasoning** begins with the given prompt and “Think step by step, and end with a line `Answer: …`.” The
  feedback asks for the correct answer behind the marker.
- **miprov2** chooses among 4 instructions and 4 sets of up to 4 examples, by 32 rows. With fewer than 40,000 tokens it
  gets 3, 3 and 16: otherwise the tokens would not last until it compares any.
- **cot-bootstrap** compares the program without examples and 17 sets of up to 4 examples, as far as the tokens last.
  The examples are the model's own right reasonings. It chooses by 32 rows, with fewer than 40,000 tokens by 12.
  Examples without reasoning are not tried (`max_labeled_demos=0`), because the tokens would not last for them.
  The seed orders its rows.
- **knn-few-shot** compares inputs by TF-IDF over character 2- to 4-grams (scikit-learn), and shows the rows as they are
  (`max_bootstrapped_demos=0`). It chooses anew for each held-out row. The seed changes nothing.
- **ours** ends with up to two finalists, one of which reasons first. The one that its search rows put first
  counts; both are shown under *Our finalists*.
"""
