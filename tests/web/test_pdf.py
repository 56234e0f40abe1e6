"""PDFs: readable text in any European script, the same bytes for the same document."""

from datetime import UTC, datetime

import pytest

from tests.pdfs import pages_of, text_of
from web.pdf import Bullets, Document, Heading, PageBreak, Paragraph, Table, pdf_bytes, pdf_response

AT = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)


def made(*blocks, **said) -> bytes:
    return pdf_bytes(Document(said.pop("title", "Agreement"), at=AT, **said), blocks)


def test_every_part_of_a_document_can_be_read_back() -> None:
    text = text_of(
        made(
            Heading("What was promised"),
            Paragraph("Each side said what it would do."),
            Bullets(("First touch within an hour.", "A reason (always) with each \\ rejection.")),
            Table(("Promise", "Target"), (("First touch", "85%"),), widths=(3, 1), right=(1,)),
            title="Review of November",
            notes=("Brightpath", "1 to 30 Nov 2026"),
            footer="Frozen 1 Dec 2026",
        )
    )
    for part in (
        "Review of November",
        "Brightpath",
        "1 to 30 Nov 2026",
        "What was promised",
        "Each side said what it would do.",
        "• First touch within an hour.",
        "A reason (always) with each \\ rejection.",
        "Promise",
        "First touch 85%",
        "Frozen 1 Dec 2026",
        "Page 1 of 1",
    ):
        assert part in text, part


@pytest.mark.parametrize("name", ["Zażółć Gęślą", "Иван Петров", "Ελένη", "Jürgen Ó Bríain", "Čeněk Ďurič"])
def test_names_in_the_scripts_of_europe_have_their_letters(name: str) -> None:
    text = text_of(made(Paragraph(name), Table(("Who",), ((name,),))))
    assert text.count(name) == 2


def test_the_same_document_is_the_same_bytes_and_says_its_own_date() -> None:
    first, second = (made(Paragraph("As agreed."), title="Łódź") for _ in range(2))
    assert first == second
    assert b"D:20261117090000" in first
    assert made(Paragraph("As agreed"), title="Łódź") != first


def test_a_long_table_goes_on_under_its_head_and_pages_are_counted() -> None:
    pages = pages_of(made(Table(("Lead", "Late"), [(f"Lead {number}", "1h") for number in range(120)])))
    assert len(pages) > 2
    for number, page in enumerate(pages, 1):
        assert "Lead Late" in page
        assert f"Page {number} of {len(pages)}" in page


def test_a_heading_is_never_the_last_line_of_a_page() -> None:
    filler = [Paragraph(f"Line {number}") for number in range(200)]
    for count in range(30, 50):
        pages = pages_of(made(*filler[:count], Heading("Alone"), Paragraph("With its text.")))
        (where,) = [page for page in pages if "Alone" in page]
        assert "With its text." in where


def test_a_page_break_begins_a_page() -> None:
    first, second = pages_of(made(Paragraph("One"), PageBreak(), Paragraph("Two")))
    assert "One" in first
    assert "Two" in second


def test_text_is_never_an_instruction_and_never_breaks_the_file() -> None:
    text = text_of(
        made(Paragraph("a\x00b\x1b **bold** {nb} <b>x</b> ) Tj ("), Table(("A",), ()), Bullets(()))
    )
    assert "ab **bold** { nb} <b>x</b> ) Tj (" in text
    assert "Page 1 of 1" in text


def test_characters_without_a_glyph_leave_the_rest_readable() -> None:
    assert "before" in text_of(made(Paragraph("before 😀 after")))


@pytest.mark.parametrize("columns", [1, 2, 6])
def test_a_cell_that_is_longer_than_a_page_goes_on_on_the_next(columns: int) -> None:
    long = " ".join(f"word{number}" for number in range(900))
    row = (*("x" for _ in range(columns - 1)), long)
    pages = pages_of(made(Table(tuple(f"Head{number}" for number in range(columns)), (row, row))))
    text = " ".join(pages)
    assert len(pages) > 1
    assert all(text.count(f"word{number} ") == 2 for number in range(0, 899, 37))


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="as long as its head"):
        made(Table(("A", "B"), (("one",),)))


def test_it_is_a_download_that_nobody_keeps() -> None:
    response = pdf_response("agreement.pdf", made(Paragraph("x")))
    assert response["Content-Type"] == "application/pdf"
    assert response["Content-Disposition"] == 'attachment; filename="agreement.pdf"'
    assert response["Cache-Control"] == "no-store"
    assert response.content.startswith(b"%PDF-")
