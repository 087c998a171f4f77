"""Documents of any form as paragraphs under headings. What they say is data; nothing in them is followed or run."""

import io
import logging
import re
import stat
import zipfile
from codecs import lookup
from collections.abc import Callable
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any

from agents.chunking import LONGEST_WORD, Block
from agents.kinds import SourceError

UNFIT = re.compile(r"[\0\ud800-\udfff]")
"""What neither UTF-8 nor PostgreSQL can keep."""
LARGEST = 64 * 2**20
UNPACKED = 4
"""How many times as large an archive may be unpacked."""
"""Bytes that a document may have, and that one may unpack to, unless the source says otherwise."""
EXTRA = "pip install 'agentic-distillation[documents]'"
CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
EMBEDDED = re.compile(r"(data:[\w.+/-]+;base64,)[A-Za-z0-9+/=\s]*")
# These are tried on whatever lies in a folder: none of them may take more than linear time over a line.
TOO_LONG = re.compile(rf"(?<!\S)\S{{{LONGEST_WORD + 1}}}")
FRONT = re.compile(r"---[ \t]*\n(.*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
TITLE = re.compile(r"^title:(.+)$", re.MULTILINE)
HEADING = re.compile(r" {0,3}(#{1,6})((?:[ \t].*)?)")
CLOSING = re.compile(r"(?<![^ \t])#+$")
UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*")
RULE = re.compile(r" {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*")
FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[^`]*")
TABLE_RULE = re.compile(r"[ \t]*+\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-++:?[ \t]*+)*+\|?[ \t]*+")
HTML_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
COMMENT = re.compile(r"[ \t]*(<!--|\{/\*)")
COMMENT_END = {"<!--": "-->", "{/*": "*/}"}
SKIPPED = frozenset("title script style noscript template svg nav footer iframe button select".split())
PARAGRAPHS = frozenset(
    "p div section article main header aside li ul ol dl dt dd blockquote figure figcaption body html form details summary "
    "address hr table pre".split()
)


class Outline:
    """Blocks under headings, as they come."""

    def __init__(self) -> None:
        self.title = ""
        self.blocks: list[Block] = []
        self._above: list[tuple[int, str]] = []
        self._headings = 0

    def head(self, level: int, text: str) -> None:
        self._above = [(other, title) for other, title in self._above if other < level]
        self._headings += 1
        if text := " ".join(text.split()):
            self._above.append((level, text))
            self.title = self.title or (text if level == 1 else "")

    def add(self, text: str, whole: bool = False) -> None:
        if text.strip():
            section = tuple(title for _, title in self._above)
            self.blocks.append(Block(text, section, self._headings, whole))


def read_document(path: Path, largest: int = LARGEST) -> Outline:
    """The document in a file of at most `largest` bytes, which unpacks to at most `UNPACKED` times as many.

    Raises SourceError for one that is larger, broken, no file, or not of the form that its name says.
    """
    content = _content(path, largest)
    if path.suffix.lower() == ".docx":
        _check_unpacked(content, path, UNPACKED * largest)
    outline = FORMS[path.suffix.lower()](content, path)
    for block in outline.blocks:
        if found := TOO_LONG.search(block.text):
            raise SourceError(
                f"{path} holds a word of more than {LONGEST_WORD:,} characters ({found[0][:40]}…), which no text has; "
                "take it out, or the file away"
            )
    return outline


def _content(path: Path, largest: int) -> bytes:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise SourceError(
                f"{path} is no file, but a folder, a pipe or a device, which cannot be read; take it away"
            )
        if found.st_size > largest:
            raise SourceError(
                f"{path} has {found.st_size:,} bytes, at most {largest:,} are allowed; cut it in parts, raise `megabytes` of "
                "the source, or take it away"
            )
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error


def _check_unpacked(content: bytes, path: Path, most: int) -> None:
    """A few packed bytes may unpack to more than the memory holds. The sizes that an archive states bound what is read."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(part.file_size for part in archive.infolist())
    except zipfile.BadZipFile:
        return  # what it is, its own reader says
    if size > most:
        raise SourceError(
            f"{path} unpacks to {size:,} bytes, at most {most:,} are allowed; save it without its pictures, raise "
            "`megabytes` of the source, or take it away"
        )


def markdown(text: str) -> Outline:
    """CommonMark with front matter, tables and the comments of MDX, as far as paragraphs and headings go."""
    reader = _Markdown()
    if front := FRONT.match(text):
        title = TITLE.search(front[1] or "")
        reader.outline.title = _unquoted(title[1].strip()) if title else ""
        text = text[front.end() :]
    for line in EMBEDDED.sub(r"\1", text).splitlines():
        reader.read(line)
    reader.flush()
    return reader.outline


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 2 and text[0] in "'\"" and text[0] == text[-1] else text


def plain(text: str) -> Outline:
    """Paragraphs with empty lines between them."""
    outline = Outline()
    for paragraph in re.split(r"\n[ \t]*\n", text):
        outline.add(paragraph)
    return outline


def html(text: str) -> Outline:
    reader = _Html()
    # The parser takes square time over comments and tags that nobody closed: it looks for their ends again and again.
    closed, end, rest = HTML_COMMENT.sub("", text).rpartition(">")
    reader.feed(closed + end + rest.replace("<", "&lt;"))
    reader.close()
    reader.flush()
    if reader.title:
        reader.outline.title = " ".join(" ".join(reader.title).split())
    return reader.outline


class _Markdown:
    """Line after line of a Markdown text."""

    def __init__(self) -> None:
        self.outline = Outline()
        self._held: list[str] = []
        self._fence = ""
        self._comment = ""
        self._table = False

    def flush(self) -> None:
        self.outline.add("\n".join(self._held), whole=bool(self._fence) or self._table)
        self._held, self._fence, self._table = [], "", False

    def read(self, line: str) -> None:
        if self._fence:
            self._held.append(line)
            if re.fullmatch(rf"[ \t]*{re.escape(self._fence[0])}{{{len(self._fence)},}}[ \t]*", line):
                self.flush()
        elif self._comment or COMMENT.match(line):
            self._skip(line)
        elif fence := FENCE.fullmatch(line):
            self.flush()
            self._held, self._fence = [line], fence[1]
        elif not line.strip():
            self.flush()
        else:
            self._read_text(line)

    def _skip(self, line: str) -> None:
        started = COMMENT.match(line)
        self._comment = self._comment or (COMMENT_END[started[1]] if started else "")
        if self._comment in line:
            rest = line.partition(self._comment)[2]
            self._comment = ""
            if rest.strip():
                self.read(rest)

    def _read_text(self, line: str) -> None:
        if heading := HEADING.fullmatch(line):
            self.flush()
            self.outline.head(len(heading[1]), CLOSING.sub("", heading[2].rstrip()))
        elif len(self._held) == 1 and "|" not in self._held[0] and (under := UNDERLINE.fullmatch(line)):
            (text,), self._held = self._held, []
            self.outline.head(1 if under[1][0] == "=" else 2, text)
        elif RULE.fullmatch(line):
            self.flush()
        else:
            if self._held and "|" in self._held[-1] and "-" in line and TABLE_RULE.fullmatch(line):
                header = self._held.pop()
                self.flush()
                self._held, self._table = [header], True
            self._held.append(line)


class _Html(HTMLParser):
    """Tags and texts of a page: what is between block elements is a paragraph, `pre` and `table` stay whole."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.outline = Outline()
        self.title: list[str] = []
        """Pieces of what the page says it is called, which goes before what its first heading says."""
        self._text: list[str] = []
        self._skipped: list[str] = []
        self._heading = 0
        self._pre = self._tables = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SKIPPED and tag not in self._skipped:  # the first end of a tag ends all of its name
            self._skipped.append(tag)
        elif tag in ("body", "main", "article"):
            self._skipped.clear()  # a menu that nobody closed ends where the content begins
        if tag in ("td", "th"):
            self._text.append(" | ")
        elif tag == "tr":
            self._text.append("\n")
        elif tag == "br":
            self._text.append("\n" if self._pre or not self._heading else " ")
        elif re.fullmatch("h[1-6]", tag) and not self._tables:
            self.flush()
            self._heading = int(tag[1])
        elif tag in PARAGRAPHS:
            self._open(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._skipped:
            del self._skipped[self._skipped.index(tag) :]
        elif tag in ("td", "th"):
            self._text.append(" ")
        elif re.fullmatch("h[1-6]", tag) and self._heading:
            self.outline.head(self._heading, "".join(self._text))
            self._text, self._heading = [], 0
        elif tag == "pre" or tag == "table":
            self._close(tag)
        elif tag in PARAGRAPHS and not self._tables:
            self.flush()

    def handle_data(self, data: str) -> None:
        if self._skipped == ["title"]:
            self.title.append(data)
        elif not self._skipped:
            self._text.append(data if self._pre else re.sub(r"\s+", " ", data))

    def flush(self) -> None:
        if self._pre or self._tables:
            return
        if self._heading:
            self.outline.head(self._heading, "".join(self._text))
        else:
            lines = (" ".join(line.split()) for line in "".join(self._text).split("\n"))
            self.outline.add("\n".join(line for line in lines if line not in ("", "-")))
        self._text, self._heading = [], 0

    def _open(self, tag: str) -> None:
        if self._tables:
            self._tables += tag == "table"
            return
        if tag != "li" and len(self._text) < 3 and "".join(self._text).strip() == "-":
            return  # the first paragraph of an item stands beside its mark
        self.flush()
        self._pre += tag == "pre"
        self._tables += tag == "table"
        if tag == "li":
            self._text.append("- ")

    def _close(self, tag: str) -> None:
        self._pre -= tag == "pre" and self._pre > 0
        self._tables -= tag == "table" and self._tables > 0
        if self._pre or self._tables:
            return
        text = "".join(self._text)
        if tag == "table":
            rows = (" ".join(line.split()) for line in text.split("\n"))
            text = "\n".join(f"{row} |" if row.startswith("|") else row for row in rows if row)
        self.outline.add(text.strip("\r\n"), whole=True)
        self._text = []


def _decoded(content: bytes, path: Path, charset: str = "utf-8") -> str:
    for mark, named in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            charset = named
    try:
        text = content.decode(charset)
    except (UnicodeError, LookupError) as error:
        raise SourceError(
            f"{path} is not {charset.upper()} text ({error}); if it is a text, save it as UTF-8, "
            "e.g. with `iconv -f latin1 -t utf-8`; if not, take it away"
        ) from error
    if UNFIT.search(text):
        raise SourceError(
            f"{path} holds a NUL or half of a surrogate pair, which no text has: it is not the text that its name says; "
            "take it away"
        )
    return text.replace("\r\n", "\n")


def _from_markdown(content: bytes, path: Path) -> Outline:
    return markdown(_decoded(content, path))


def _from_text(content: bytes, path: Path) -> Outline:
    return plain(_decoded(content, path))


def _from_html(content: bytes, path: Path) -> Outline:
    said = CHARSET.search(content[:2048])
    return html(_decoded(content, path, _as_browsers_read(said[1].decode()) if said else "utf-8"))


def _as_browsers_read(charset: str) -> str:
    """A page that could be read far enough to say so is not UTF-16, and what calls itself Latin 1 is Windows' (HTML
    Standard, 13.2.3.2; Encoding Standard, 4.2)."""
    try:
        known = lookup(charset).name
    except LookupError:
        return charset
    if known.startswith("utf-16"):
        return "utf-8"
    return "cp1252" if known in ("iso8859-1", "ascii") else charset


def _from_pdf(content: bytes, path: Path) -> Outline:
    """The text of all pages as one paragraph a page would cut sentences: pages follow one another as lines do."""
    reading = _library("pypdf", path)
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it says of every oddity that it could put right
    try:
        pages = [page.extract_text() for page in reading.PdfReader(io.BytesIO(content)).pages]
    except Exception as error:  # over a broken file the library raises whatever comes
        raise SourceError(
            f"{path} cannot be read as a PDF ({_said(error)}); open it in a viewer and print it to a new PDF, remove its "
            "password, or take it away"
        ) from error
    text = re.sub(r"(?<=[a-zà-ÿ])-\n(?=[a-zà-ÿ])", "", "\n".join(pages))
    # Its tables of characters may give halves of surrogate pairs.
    text = text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if not text.strip():
        raise SourceError(
            f"{path} has no text in its {len(pages)} pages: pictures of pages need OCR first; or take it away"
        )
    return plain(text)


def _from_docx(content: bytes, path: Path) -> Outline:
    mammoth = _library("mammoth", path)
    try:
        found = mammoth.convert_to_html(
            io.BytesIO(content),
            style_map="p[style-name='Title'] => h1:fresh",
            convert_image=mammoth.images.img_element(lambda image: {}),
        )
    except Exception as error:  # as above
        raise SourceError(f"{path} cannot be read as DOCX ({_said(error)}); save it anew, or take it away") from error
    return html(found.value)


def _library(name: str, path: Path) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise SourceError(f"{path} needs {name}, which is not installed: {EXTRA}") from error


def _said(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


FORMS: dict[str, Callable[[bytes, Path], Outline]] = {
    **dict.fromkeys((".md", ".mdx", ".markdown"), _from_markdown),
    **dict.fromkeys((".html", ".htm", ".xhtml"), _from_html),
    **dict.fromkeys((".txt", ".text"), _from_text),
    ".pdf": _from_pdf,
    ".docx": _from_docx,
}
"""How the documents of each extension are read."""
