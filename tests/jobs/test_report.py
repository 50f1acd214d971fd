"""The report: one HTML file and one PDF that say the same, in words an officer can hand on.

Reads   the small case of `report_case.py`, written to real files
Gives   tests of `jobs/report.py`, `jobs/report_content.py` and the templates
Knows   HTML through the standard parser; PDF text through pdftotext where it is installed
Start   at `report`
"""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from report_case import STAMP, case

from fadeout.jobs import report as report_job

VOID = {"meta", "br", "img", "link", "hr", "input", "use", "path", "rect", "circle", "image"}
HOSTILE = '<script>alert(\'x\')</script> #import "x" $x$ *bold* @page } \\ </style> "quoted"'


class Page(HTMLParser):
    """Collects tags, attributes and text; complains where a tag is closed that was not opened."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.headings, self.words, self.open = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script", "title"):
            self.words.append(data)
        if self.open and re.fullmatch("h[1-6]", self.open[-1]):
            self.headings.append((int(self.open[-1][1]), data.strip()))

    @property
    def text(self):
        return plain(" ".join(self.words))


def plain(text):
    return " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())


def make(folder, paper="a4", **kinds):
    one = case(**kinds)
    report_job.write(one.assessment, one.summary, folder, paper=paper)
    return folder


def page_of(folder):
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def pdf_pages(folder):
    if not shutil.which("pdftotext"):
        pytest.skip("pdftotext (poppler-utils) is not installed, so the text of the PDF cannot be read")
    told = subprocess.run(
        ["pdftotext", str(folder / "report.pdf"), "-"], capture_output=True, text=True, check=True
    )
    return [plain(page) for page in told.stdout.split("\f") if page.strip()]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return make(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    one = case(title=HOSTILE)
    one.summary["stamp"] = HOSTILE
    one.summary["stamps"] = [HOSTILE]
    one.summary["notes"] = [HOSTILE]
    one.summary["sources"][0]["file"] = HOSTILE
    one.summary["next_boxes"][0]["reason"] = HOSTILE
    one.summary["hazardous_area"]["parts"][0]["id"] = HOSTILE
    report_job.write(one.assessment, one.summary, folder)
    return folder


def test_the_report_is_one_html_file_and_one_pdf(report):
    assert sorted(path.name for path in report.iterdir()) == ["report.html", "report.pdf"]


def test_the_page_is_well_formed_and_has_six_sections(report):
    page = page_of(report)
    assert page.open == []
    assert [text[0] for level, text in page.headings if level == 2] == list("123456")


def test_the_page_needs_no_script_and_loads_nothing(report):
    page = page_of(report)
    assert not [tag for tag, _ in page.tags if tag in ("script", "link", "iframe", "object", "embed")]
    assert all(link.startswith(("#", "data:image/png")) for link in page.links)
    style = re.search(r"<style>(.*?)</style>", (report / "report.html").read_text(), flags=re.S)[1]
    assert "url(" not in style
    assert "@import" not in style


def test_headings_never_skip_a_level(report):
    levels = [level for level, _ in page_of(report).headings]
    assert levels[0] == 1
    assert all(later <= before + 1 for before, later in pairwise(levels))


def test_ids_on_the_page_are_unique_and_every_reference_is_met(report):
    page = page_of(report)
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    wanted = [attrs["aria-labelledby"] for _, attrs in page.tags if "aria-labelledby" in attrs]
    wanted += [link[1:] for link in page.links if link.startswith("#")]
    assert set(wanted) <= set(ids)


def test_every_map_is_described_for_those_who_do_not_see_it(report):
    pictures = [attrs for tag, attrs in page_of(report).tags if tag == "svg"]
    assert len(pictures) == 5
    assert all(attrs["role"] == "img" and attrs["aria-labelledby"] for attrs in pictures)


def test_every_table_header_has_a_scope_and_every_table_a_caption(report):
    tags = page_of(report).tags
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in tags if tag == "th")
    assert sum(tag == "table" for tag, _ in tags) == sum(tag == "caption" for tag, _ in tags)


@pytest.mark.parametrize(
    "figure",
    ["47", "31 to 78 (90 %)", "0.06", "0 to 17 (90 %)", "leaves out 3.4 % of items", "at confidence 93 %"],
)
def test_figures_of_the_first_page_stand_in_page_and_pdf(report, figure):
    assert figure in page_of(report).text
    assert figure in pdf_pages(report)[0]


def test_rows_of_the_next_boxes_stand_in_page_and_pdf(report):
    for place in ("48QYD12001 61900", "48QYD12012 61900"):
        assert place in page_of(report).text
        assert place in " ".join(pdf_pages(report))


def test_every_page_of_the_pdf_carries_the_stamp(report):
    assert all(STAMP in page for page in pdf_pages(report))


def test_the_report_has_two_to_six_pages(report):
    assert 2 <= len(pdf_pages(report)) <= 6


def test_every_section_of_the_page_carries_the_stamp(report):
    assert page_of(report).text.count(STAMP) >= 6


def test_nothing_in_the_report_says_safe(report):
    assert "safe" not in (report / "report.html").read_text().lower()
    assert "safe" not in " ".join(pdf_pages(report)).lower()


def test_the_pdf_is_tagged_and_claims_pdf_ua(report):
    data = (report / "report.pdf").read_bytes()
    assert data.startswith(b"%PDF-")
    assert b"/MarkInfo" in data
    assert b"pdfuaid" in data


def test_the_same_assessment_gives_the_same_bytes(report, tmp_path):
    make(tmp_path)
    for name in ("report.html", "report.pdf"):
        assert (tmp_path / name).read_bytes() == (report / name).read_bytes()


def test_letter_paper_can_be_asked_for_and_needs_no_more_pages(report, tmp_path):
    make(tmp_path, paper="letter")
    assert len(pdf_pages(tmp_path)) <= len(pdf_pages(report)) + 1
    assert b"/MediaBox[0 0 612 792]" in (tmp_path / "report.pdf").read_bytes()


def test_unknown_paper_is_refused(tmp_path):
    with pytest.raises(ValueError, match="paper must be one of a4, letter"):
        make(tmp_path, paper="folio")


def test_a_failed_check_stands_on_every_page_and_forbids_decisions(tmp_path):
    make(tmp_path, checks=False)
    assert all("CHECKS FAILED: chains agree" in page for page in pdf_pages(tmp_path))
    assert "decide nothing on this" in page_of(tmp_path).text


def test_hostile_text_stays_text_on_the_page(hostile):
    page = page_of(hostile)
    assert not [tag for tag, _ in page.tags if tag == "script"]
    assert page.open == []
    assert plain(HOSTILE) in page.text


def test_hostile_text_stays_text_in_the_pdf(hostile):
    words = " ".join(pdf_pages(hostile))
    assert "#import" in words
    assert "*bold*" in words
    assert "<script>" in words


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ({"finds": False, "area": False}, "no item found"),
        ({"finds": False, "area": False}, "no strike with finds"),
        ({"search": False}, "No search has been done here"),
        ({"boxes": 0}, "No box is proposed"),
        ({"finds": False, "strikes": False}, "no other evidence and no strike record"),
    ],
)
def test_what_is_lacking_is_said_in_words(tmp_path, kinds, words):
    make(tmp_path, **kinds)
    assert words in page_of(tmp_path).text
    assert words in " ".join(pdf_pages(tmp_path))
