"""What docs/audit.md shows is what the audit prints."""

import re

import pytest
from documents import Document

from jaxseg import published
from jaxseg.jobs.audit import audit

PAGE = Document("docs/audit.md")


def test_every_file_and_table_that_the_page_names_exists():
    assert not PAGE.missing()
    assert set(re.findall(r'"(\w+_\w+)"', PAGE.text)) == set(published.TABLES)


def test_the_page_shows_what_the_audit_prints():
    pytest.importorskip("mlscorecheck", reason="the extra 'audit' is not installed")
    (command,) = (line for line in "".join(PAGE.blocks("sh")).splitlines() if "--dataset" in line)
    flags = dict(re.findall(r"--(\w+)=(\S+)", command))
    tables, row = PAGE.blocks("text")
    assert tables == audit() + "\n"
    assert row == audit(flags.pop("dataset"), flags) + "\n"
