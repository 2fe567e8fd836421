"""Believable datasets for pictures."""

from __future__ import annotations

from optimizer.files import read_table
from optimizer.models import Dataset, User
from optimizer.services.dataset_rows import Typed, change_row, mark_rows, tag_rows
from optimizer.services.datasets import create_dataset
from tests import factories

QUESTIONS = [
    ("billing", "I was charged twice in May. Can you refund one of the two payments?", "refund"),
    ("billing", "Where do I find my invoice?", "invoice"),
    ("support", "The app closes as soon as I open the camera.", "bug"),
    ("support", "How do I change the language of the keyboard?", "question"),
    ("sales", "We are forty people. Is there a discount for teams?", "quote"),
    ("sales", "I would like to see the product before we buy it.", "demo"),
    ("support", "Since the update, letters stay unread although I opened them.\nI restarted twice.", "bug"),
    ("billing", "Please cancel my subscription at the end of the month.", "cancel"),
]  # fmt: skip


def addresses_of(user: User) -> dict[str, str]:
    """The pages of datasets by the name of their picture."""
    mail = kept(
        user, "Mail to support", "team,question,label", 240, "Letters of May, labelled by Grace and Ada."
    )
    kept(user, "Reviews of restaurants", "review,mood", 64)
    kept(
        user, "Meeting notes", "notes,language,length,summary", 38, "Notes with the summaries that we liked."
    )
    rows = list(mail.rows_there()[:12])
    mark_rows(dataset=mail, by=user, rows=[row.pk for row in rows[3:6]], split="held_out")
    tag_rows(dataset=mail, by=user, rows=[rows[0].pk, rows[6].pk], tag="hard")
    stale = mail.rows_there()[1]
    change_row(row=stale, by=user, typed=Typed(stale.texts, 2.0, ("two answers",), "search"))
    factories.make_session(
        user.personal_workspace, dataset=mail, dataset_version=1, status="completed", verdict="better",
        baseline_score=0.52, best_score=0.81, score_kind="accuracy", kept_original=False, results={"improvements": []},
        prompt=factories.make_prompt(
            user.personal_workspace, original="Which label has this letter?",
            template=factories.make_template(user.personal_workspace, name="Sort letters"),
        ),
    )  # fmt: skip
    place = f"/datasets/{mail.pk}/"
    return {
        "datasets": "/datasets/",
        "datasets-new": "/datasets/new/",
        "datasets-rows": place,
        "datasets-edit": f"{place}?edit={mail.rows_there()[2].pk}",
        "datasets-versions": f"{place}?tab=versions",
        "datasets-file": f"{place}?tab=file",
        "datasets-uses": f"{place}?tab=uses",
        "datasets-older": f"{place}?version=2",
    }


def kept(user: User, name: str, header: str, count: int, description: str = "") -> Dataset:
    """A dataset of that many rows under this header."""
    columns = header.split(",")
    lines = [header.replace(columns[-1], "expected")]
    for number in range(count):
        team, question, label = QUESTIONS[number % len(QUESTIONS)]
        texts = [team, f"{question} ({number + 1})", *["short"] * (len(columns) - 3), label][-len(columns) :]
        lines.append(",".join(f'"{text}"' for text in texts))
    table = read_table("\n".join(lines), f"{name.lower().replace(' ', '-')}.csv")
    workspace = user.personal_workspace
    return create_dataset(
        workspace=workspace, by=user, name=name, table=table, description=description
    ).dataset
