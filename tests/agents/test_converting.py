"""Documents of every form as paragraphs under headings, and what is said of files that are none."""

import io
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.converting import Outline, html, markdown, read_document
from agents.kinds import SourceError


def told(outline: Outline) -> list[tuple[str, str, bool]]:
    return [(" > ".join(block.section), block.text, block.whole) for block in outline.blocks]


MARKDOWN = """---
title: "The town"
tags: [a, b]
---
Before any heading.

# Arven #
One line
and its end.
## Roads
- first
- second

Under
-----
| a | b |
|---|---|
| 1 | 2 |
After the table.

<!-- a
comment --> seen
{/* another */}
```python
# no heading

x = 1
```
* * *
# Market
#hashtag is text
````
``` inside
"""


def test_markdown_is_read_as_paragraphs_under_headings() -> None:
    found = markdown(MARKDOWN)
    assert found.title == "The town"
    assert told(found) == [
        ("", "Before any heading.", False),
        ("Arven", "One line\nand its end.", False),
        ("Arven > Roads", "- first\n- second", False),
        ("Arven > Under", "| a | b |\n|---|---|\n| 1 | 2 |\nAfter the table.", True),
        ("Arven > Under", " seen", False),
        ("Arven > Under", "```python\n# no heading\n\nx = 1\n```", True),
        ("Market", "#hashtag is text", False),
        ("Market", "````\n``` inside", True),
    ]


def test_the_first_heading_is_the_title_of_a_text_without_front_matter() -> None:
    assert markdown("intro\n\n## no\n\n# Arven\n\n# Other").title == "Arven"
    assert markdown("a rule, no front matter\n\n---\ntitle: no\n---\n").title == ""


def test_two_sections_of_one_name_are_two() -> None:
    one, other = markdown("# Example\na\n# Example\nb").blocks
    assert one.section == other.section
    assert one.heading != other.heading


@given(st.lists(st.sampled_from(["a b", "c. D", "# h", "```", "~~~", "- x", "|y|", "|-|", "", "  z"]), max_size=20))
def test_no_line_of_markdown_is_lost_but_marks(lines: list[str]) -> None:
    found = markdown("x\n\n" + "\n".join(lines))
    there = [line for block in found.blocks for line in (*block.section, *block.text.split("\n"))]
    for line in ("a b", "c. D", "- x", "  z"):
        assert there.count(line) + there.count(line.strip()) >= lines.count(line)


PAGE = """<!doctype html><html><head><title>A &amp; B</title><style>p {}</style>
<body><nav><p>menu</p></nav><h1>Towns <em>here</em></h1><p>One
 paragraph<br>and a line.<script>alert("x")</script><h2>Lists</h2>loose text
<ul><li>first</li><li><p>second</p></li><li></ul><!-- no -->
<pre>def f():
    return 1
</pre><table><tr><th>a<th>b</tr><tr><td>1</td><td>2 <b>3</b></td></tr></table><footer>made by</footer>end"""


def test_html_is_read_as_paragraphs_under_headings() -> None:
    found = html(PAGE)
    assert found.title == "A & B"
    assert told(found) == [
        ("Towns here", "One paragraph\nand a line.", False),
        ("Towns here > Lists", "loose text", False),
        ("Towns here > Lists", "- first", False),
        ("Towns here > Lists", "- second", False),
        ("Towns here > Lists", "def f():\n    return 1", True),
        ("Towns here > Lists", "| a | b |\n| 1 | 2 3 |", True),
        ("Towns here > Lists", "end", False),
    ]


@given(
    st.lists(
        st.sampled_from(
            "<p> <h1> </h1> <pre> </pre> <table> <td> </table> <li> <nav> <br> <title> word & < <!-- x".split()
        )
    )
)
def test_any_soup_of_tags_is_read(parts: list[str]) -> None:
    assert all(block.text.strip() for block in html("".join(parts)).blocks)


SOUPS = ["<", "<!--", "<td>", "</", "&", "<a ", "<a b='", "<![CDATA[", "</svg>", "<svg><nav></button>"]


@pytest.mark.parametrize("soup", [*(part * 50_000 for part in SOUPS), "<svg>" * 50_000 + "</nav>" * 50_000])
def test_time_grows_with_the_length_of_a_soup(soup: str) -> None:
    began = time.process_time()
    html(soup)
    assert time.process_time() - began < 5


def test_time_grows_with_the_pieces_of_a_title() -> None:
    began = time.process_time()
    html("<title>" + "a<b>" * 50_000)
    assert time.process_time() - began < 5


SPACES = " " * 100_000
LINES = [
    f"# a{SPACES}b",
    f"# {'a #' * 50_000}b",
    f"---\ntitle: a{SPACES}b\n---\nx",
    f"a|b\n{SPACES}-x",
    f"a|b\n-{SPACES}x",
]


@pytest.mark.parametrize("line", [*LINES, ("a" * 4_999 + " ") * 1_000], ids=range(len(LINES) + 1))
def test_time_grows_with_the_length_of_a_line(tmp_path: Path, line: str) -> None:
    began = time.process_time()
    read(tmp_path / "a.md", line.encode())
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("line", "heading"),
    [("# a ##  ", "a"), ("# a #b", "a #b"), ("# a#", "a#"), ("#", ""), ("## ##", ""), ("#\ta\t#", "a")],
)
def test_the_marks_that_close_a_heading_are_none_of_it(line: str, heading: str) -> None:
    assert markdown(f"{line}\n\ntext").blocks[0].section == ((heading,) if heading else ())


@pytest.mark.parametrize(("said", "title"), [("'The town'", "The town"), ('"It', '"It'), ("a: 'b'  ", "a: 'b'")])
def test_the_title_of_front_matter_stands_without_its_quotes(said: str, title: str) -> None:
    assert markdown(f"---\ntitle: {said}\n---\ntext").title == title


def pdf(text: list[str]) -> bytes:
    """A PDF of one page with these lines."""
    shown = " ".join(f"({line}) Tj 0 -14 Td" for line in text)
    stream = f"BT /F1 12 Tf 72 720 Td {shown} ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (size, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n%s%s" % (size, table, trailer)


def docx(paragraphs: list[tuple[str, str]]) -> bytes:
    """A DOCX of (style, text) paragraphs."""
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    package, office = (
        "http://schemas.openxmlformats.org/package/2006",
        "http://schemas.openxmlformats.org/officeDocument/2006",
    )
    body = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{style.replace(" ", "")}"/></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>'
        for style, text in paragraphs
    )
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{style.replace(" ", "")}"><w:name w:val="{style}"/></w:style>'
        for style in {style for style, _ in paragraphs}
    )
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    files = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{main}.document.main+xml"/>'
        f'<Override PartName="/word/styles.xml" ContentType="{main}.styles+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/relationships/officeDocument" Target="word/document.xml"/></Relationships>',
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/relationships/styles" Target="styles.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{word}"><w:body>{body}</w:body></w:document>',
        "word/styles.xml": f'<w:styles xmlns:w="{word}">{styles}</w:styles>',
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def read(path: Path, content: bytes) -> Outline:
    path.write_bytes(content)
    return read_document(path)


def test_a_pdf_is_read_and_its_broken_words_are_mended(tmp_path: Path) -> None:
    found = read(tmp_path / "a.pdf", pdf(["Arven is a pleas-", "ant town. It has", "three bridges."]))
    assert [block.text.split() for block in found.blocks] == ["Arven is a pleasant town. It has three bridges.".split()]


def test_halves_of_surrogate_pairs_in_a_pdf_are_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pypdf.PageObject, "extract_text", lambda _: "a \ud83d\ude00 b \ud800 c")
    assert [block.text for block in read(tmp_path / "a.pdf", pdf(["any"])).blocks] == ["a 😀 b � c"]


def test_headings_of_a_docx_are_headings(tmp_path: Path) -> None:
    paragraphs = [
        ("Title", "Towns"),
        ("Normal", "Before."),
        ("heading 1", "Arven"),
        ("Normal", "It has a mill."),
        ("heading 2", "Roads"),
    ]
    found = read(tmp_path / "a.docx", docx([*paragraphs, ("Normal", "Two.")]))
    assert found.title == "Towns"
    assert [text for _, text, _ in told(found)] == ["Before.", "It has a mill.", "Two."]
    assert [section for section, _, _ in told(found)] == ["Towns", "Arven", "Arven > Roads"]


def test_byte_order_marks_line_ends_and_charsets_are_understood(tmp_path: Path) -> None:
    for content in ("# A\r\nb\r\n".encode("utf-8-sig"), "# A\r\nb\r\n".encode("utf-16")):
        assert told(read(tmp_path / "a.md", content)) == [("A", "b", False)]
    latin = '<meta charset="iso-8859-1"><p>d\xe9j\xe0'.encode("latin-1")
    assert told(read(tmp_path / "a.html", latin)) == [("", "déjà", False)]
    assert told(read(tmp_path / "a.html", b'<meta charset="iso-8859-1"><p>it\x92s')) == [("", "it’s", False)]
    assert told(read(tmp_path / "a.html", '<meta charset="utf-16"><p>déjà'.encode())) == [("", "déjà", False)]
    assert told(read(tmp_path / "a.txt", b"# no heading\r\n\r\n two")) == [
        ("", "# no heading", False),
        ("", " two", False),
    ]


def test_embedded_pictures_are_no_text(tmp_path: Path) -> None:
    content = b"One ![x](data:image/png;base64," + b"QUJD" * 5000 + b") two."
    assert told(read(tmp_path / "a.md", content)) == [("", "One ![x](data:image/png;base64,) two.", False)]


def test_an_empty_document_has_no_blocks(tmp_path: Path) -> None:
    for name, content in (
        ("a.md", b""),
        ("a.html", b"<html><body></body></html>"),
        ("a.txt", b" \n\n \n"),
        ("a.htm", b""),
    ):
        assert read(tmp_path / name, content).blocks == []


def blank_pdf() -> bytes:
    writer, out = pypdf.PdfWriter(), io.BytesIO()
    writer.add_blank_page(72, 72)
    writer.write(out)
    return out.getvalue()


BAD = [
    ("a.md", bytes(range(256)), r"a.md is not UTF-8 text .*save it as UTF-8.*take it away"),
    ("a.md", b"text\0text", r"a.md holds a NUL"),
    ("a.txt", "d\xe9j\xe0".encode("latin-1"), r"is not UTF-8 text .*iconv -f latin1 -t utf-8"),
    ("a.html", b'<meta charset="no-such"><p>x', r"is not NO-SUCH text"),
    ("a.html", b'<meta charset="undefined"><p>x', r"is not UNDEFINED text"),
    ("a.html", b'<meta charset="unicode_escape"><p>\\ud800', r"half of a surrogate pair"),
    ("a.md", b"x" * 5_000_000, r"a.md holds a word of more than 5,000 characters \(xxx"),
    ("a.pdf", b"", r"a.pdf cannot be read as a PDF"),
    ("a.pdf", b"not a PDF at all", r"a.pdf cannot be read as a PDF"),
    ("a.pdf", pdf(["text"])[:200], r"a.pdf cannot be read as a PDF"),
    ("a.pdf", blank_pdf(), r"a.pdf has no text in its 1 pages: pictures of pages need OCR first"),
    ("a.docx", b"PK no", r"a.docx cannot be read as DOCX"),
    ("a.docx", docx([("Normal", "<w:broken")]), r"a.docx cannot be read as DOCX"),
]


@pytest.mark.parametrize(("name", "content", "said"), BAD, ids=range(len(BAD)))
def test_a_file_that_is_no_document_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        read(tmp_path / name, content)


@pytest.mark.parametrize(("name", "library"), [("a.pdf", "pypdf"), ("a.docx", "mammoth")])
def test_a_library_that_is_not_installed_is_named_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(SourceError, match=rf"needs {library}, .*pip install 'agentic-distillation\[documents\]'"):
        read(tmp_path / name, b"")


@given(st.binary(max_size=200), st.sampled_from(["a.md", "a.html", "a.txt", "a.pdf", "a.docx"]), st.booleans())
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, name: str, inside: bool
) -> None:
    whole = {"a.pdf": pdf(["some text"]), "a.docx": docx([("Normal", "text")])}.get(name, b"# A\n\ntext")
    content = whole[: len(whole) // 2] + junk + whole[len(whole) // 2 :] if inside else junk
    with suppress(SourceError):  # any other error is the test's failure
        assert all(block.text.strip() for block in read(tmp_path_factory.mktemp("d") / name, content).blocks)


def test_a_docx_that_unpacks_to_more_than_allowed_is_refused_by_name(tmp_path: Path) -> None:
    place = tmp_path / "bomb.docx"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * 8 * 2**20)
    assert place.stat().st_size < 2**15
    with pytest.raises(SourceError, match=r"bomb\.docx unpacks to 8,388,608 bytes, at most 1,048,576"):
        read_document(place, largest=2**18)
