import random
import re
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from pydantic import field_validator

from agents.kinds import Fields, Material, Part, SourceError
from agents.registry import register
from agents.splits import SplitByHash, fingerprint, folded
from agents.text_lines import Cells
from agents.wide_triples import WideTriples, relations_in

PHRASES = {
    # ATOMIC (Sap et al. 2019), in the words of Symbolic Knowledge Distillation (West et al. 2021)
    "xIntent": "{head}. Because PersonX wanted",
    "xNeed": "{head}. Before, PersonX needed",
    "xAttr": "{head}. PersonX is seen as",
    "xEffect": "{head}. As a result, PersonX",
    "xWant": "{head}. As a result, PersonX wants",
    "xReact": "{head}. As a result, PersonX feels",
    "oEffect": "{head}. As a result, others",
    "oWant": "{head}. As a result, others want",
    "oReact": "{head}. As a result, others feel",
    # ATOMIC 2020 (Hwang et al. 2021) and ConceptNet (Speer et al. 2017)
    "xReason": "{head}. The reason for it is",
    "HinderedBy": "{head}. This is hindered if",
    "isAfter": "{head}. Before that,",
    "isBefore": "{head}. After that,",
    "isFilledBy": "{head}. The blank is filled by",
    "ObjectUse": "{head} is used for",
    "MadeUpOf": "{head} is made up of",
    "HasSubEvent": "{head} includes",
    "RelatedTo": "{head} is related to",
    "IsA": "{head} is a kind of",
    "PartOf": "{head} is part of",
    "HasA": "{head} has",
    "UsedFor": "{head} is used for",
    "CapableOf": "{head} can",
    "AtLocation": "{head} is found at",
    "LocatedNear": "{head} is found near",
    "Causes": "{head} causes",
    "CausesDesire": "{head} makes one want",
    "HasSubevent": "{head} includes",
    "HasFirstSubevent": "{head} begins with",
    "HasLastSubevent": "{head} ends with",
    "HasPrerequisite": "{head} requires",
    "HasProperty": "{head} is",
    "MotivatedByGoal": "{head} is done for the sake of",
    "Desires": "{head} wants",
    "NotDesires": "{head} does not want",
    "CreatedBy": "{head} is created by",
    "MadeOf": "{head} is made of",
    "ReceivesAction": "{head} can be",
    "DefinedAs": "{head} is defined as",
    "SymbolOf": "{head} is a symbol of",
    "Synonym": "{head} means the same as",
    "Antonym": "{head} is the opposite of",
    "DistinctFrom": "{head} is not the same as",
    "SimilarTo": "{head} is similar to",
    "DerivedFrom": "{head} comes from the word",
}
NOTHING = frozenset({"", "none"})
"""How ATOMIC writes that people saw nothing to say."""
LANGUAGE = "en"
Three = tuple[str, str, str]


@register("knowledge_triples")
class KnowledgeTriples(SplitByHash):
    """Triples of head, relation and tail from a TSV or CSV file, in ATOMIC's form or ConceptNet's or with named columns.

    The columns are those that the first line names (`head`, `relation`, `tail`, or what these options say). A file
    without such a line has head, relation, tail (ATOMIC), relation, head, tail, or is a dump of ConceptNet's assertions,
    of which the English ones are taken; `/r/AtLocation` and `/c/en/go_fishing/v` are given as AtLocation and go fishing.
    A file with a column for each relation, and lists of tails in its cells, is ATOMIC's own. Tails `none` are dropped.
    The skill is the relation; the split key is the head. `question` is the phrase before the tail and `gold` the tail,
    so that the exam `triples` can ask for it.
    """

    kind = "triple"
    path: str
    head: str = "head"
    relation: str = "relation"
    tail: str = "tail"
    group: bool = False
    """Give all tails of a head and relation as one material, in its field `tails`."""
    phrases: dict[str, str] = {}
    """How relations read, before their tails: relation → a text with `{head}`; beside those that are built in."""

    @property
    def signature(self) -> str:
        return f"{super().signature}:{self._digest[:16]}"

    @field_validator("phrases")
    @classmethod
    def _say_the_head(cls, phrases: dict[str, str]) -> dict[str, str]:
        if silent := [relation for relation, phrase in phrases.items() if "{head}" not in phrase]:
            raise ValueError(
                f"the phrase of {silent[0]!r} does not say where the head stands; write e.g. '{{head}} causes'"
            )
        return phrases

    def skills(self) -> list[str]:
        return sorted({skill for _, skill in self._index})

    def materials(self, part: Part, skill: str, seed: int) -> Iterator[Material]:
        chosen = list(self._index.get((part, skill), ()))
        random.Random(seed).shuffle(chosen)
        for places in chosen:
            yield self._material(places)

    def split_key(self, fields: Fields) -> str:
        return f"head: {folded(fields['head'])}" if "head" in fields else folded(fields.get("question", ""))

    @cached_property
    def _file(self) -> Cells:
        """Tabs where the first line has one: ConceptNet's dump is called .csv and has them."""
        plain = Cells(self.path, tabs=True)
        first = next((cells for _, cells in plain.records()), [])
        if len(first) < 2 and Path(self.path).suffix.lower() != ".tsv":
            plain = Cells(self.path, tabs=False)
            first = next((cells for _, cells in plain.records()), [])
        columns = [cell.strip() for cell in first]
        if self.relation not in columns and (own := relations_in(columns, self.head, {**PHRASES, **self.phrases})):
            return WideTriples(self.path, plain.tabs, (self.head, self.relation, self.tail), own)
        return plain

    @cached_property
    def _digest(self) -> str:
        return self._file.digest()

    @cached_property
    def _columns(self) -> tuple[bool, tuple[int, int, int]]:
        """Whether the first line names columns, and which are head, relation and tail."""
        first = [cell.strip() for cell in next((cells for _, cells in self._file.records()), [])]
        wanted, there = (self.head, self.relation, self.tail), [cell.lower() for cell in first]
        places = [there.index(name.lower()) for name in wanted if name.lower() in there]
        if len(places) == len(wanted):
            return True, (places[0], places[1], places[2])
        if wanted != ("head", "relation", "tail") or places:
            missing = next(name for name in wanted if name.lower() not in there)
            raise SourceError(f"{self.path} has no column {missing!r}; its first line has: {', '.join(first)}")
        if first[:1] and first[0].startswith("/a/"):
            return False, (2, 1, 3)
        relation_first = bool(first) and (first[0].startswith("/r/") or first[0] in {**PHRASES, **self.phrases})
        return False, ((1, 0, 2) if relation_first else (0, 1, 2))

    @cached_property
    def _index(self) -> Mapping[tuple[Part, str], Sequence["array[int]"]]:
        """Where every triple lies, or where all those with one head and relation do; the file itself is not held."""
        seen = set[bytes]()
        groups: dict[bytes, array[int]] = {}
        found: defaultdict[tuple[Part, str], list[array[int]]] = defaultdict(list)
        for number, (place, cells) in enumerate(self._file.records()):
            three = None if self._columns[0] and number == 0 else self._three(cells, place)
            if three is None or (known := fingerprint(folded("\t".join(three)))) in seen:
                continue
            seen.add(known)
            head, relation, _ = three
            same = fingerprint(folded(f"{head}\t{relation}")) if self.group else known
            if same not in groups:
                groups[same] = array("Q")
                found[self.part_of(self.split_key({"head": head})), relation].append(groups[same])
            groups[same].append(place)
        if not seen:
            raise SourceError(
                f"{self.path} holds no triples; expected lines of head, relation and tail, with tabs or commas"
            )
        return dict(found)

    def _three(self, cells: list[str], place: int) -> Three | None:
        """Head, relation and tail; None for a line without a tail, or of another language. Raises SourceError."""
        columns = self._columns[1]
        if len(cells) <= max(columns):
            raise SourceError(
                f"{self._file.where(place)} has {len(cells)} cells; expected head, relation and tail with "
                f"{'tabs' if self._file.tabs else 'commas'} between them"
            )
        found = [cells[column].strip() for column in columns]
        if any(cell.startswith("/c/") and not cell.startswith(f"/c/{LANGUAGE}/") for cell in found):
            return None
        head, relation, tail = (_plain(cell) for cell in found)
        if not head or not relation or "\0" in head + relation + tail:
            raise SourceError(f"{self._file.where(place)} has no head or no relation, or holds a NUL: {found!r}")
        return None if tail.lower() in NOTHING else (head, relation, tail)

    def _material(self, places: "array[int]") -> Material:
        read = zip(places, self._file.records_at(places), strict=True)
        threes = [three for place, cells in read if (three := self._three(cells, place))]
        head, relation, tail = threes[0]
        lead = self._lead(head, relation)
        fields = {"head": head, "relation": relation, "question": f"{lead} …", "gold": tail}
        if self.group:
            fields |= {"tails": [tail for _, _, tail in threes], "phrase": lead}
        else:
            fields |= {"tail": tail, "phrase": f"{lead} {tail}"}
        return Material(fields, self.split_key(fields), relation, self._file.where(places[0]))

    def _lead(self, head: str, relation: str) -> str:
        """What is said before the tail; of a relation that nobody put into words, its name with spaces."""
        phrase = self.phrases.get(relation) or PHRASES.get(relation)
        if phrase is None:
            name = re.sub(r"(?<=[a-z])(?=[A-Z])|[_/]+", " ", relation).strip().lower()
            return f"{head} {name}"
        if phrase.startswith("{head}."):
            head = head.rstrip(".")
        return phrase.replace("{head}", head)


def _plain(cell: str) -> str:
    """A cell without ConceptNet's prefixes."""
    if cell.startswith("/r/"):
        return cell.removeprefix("/r/")
    if cell.startswith(f"/c/{LANGUAGE}/"):
        return cell.split("/")[3].replace("_", " ")
    return cell
