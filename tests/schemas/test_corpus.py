from __future__ import annotations

import pytest

from syncer.documents import schema
from tests.schemas import corpora


@pytest.mark.parametrize("name", corpora.names())
def test_what_the_corpus_allows_is_valid(name: str) -> None:
    refused = [
        (case.change, schema.validate(case.document, name))
        for case in corpora.cases(name)
        if case.valid and schema.validate(case.document, name)
    ]
    assert refused == []


@pytest.mark.parametrize("name", corpora.names())
def test_what_the_corpus_forbids_is_refused(name: str) -> None:
    let_through = [
        case.change for case in corpora.cases(name) if not case.valid and not schema.validate(case.document, name)
    ]
    assert let_through == []
