"""What is wrong with rows, tokenizer and base before a training: each check has a name, and a way out in one line.

They read a tokenizer and plain numbers, no weights: a second or two for any dataset.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from orchestrator.student_worker.sequences import Row, Tokens, replies, said

REPEATED = 0.9
"""Share of rows that may repeat an earlier one: a mixture may weigh lessons by repeating them, but hardly by so much."""
HARDLY_ANY = 0.01
"""Share of rows that may repeat an earlier one without a word."""
LITTLE = 0.02
"""Share of the tokens below which a training is mostly reading."""


@dataclass(frozen=True)
class Finding:
    check: str
    state: Literal["ok", "warn", "refuse"]
    found: str
    fix: str = ""


@dataclass(frozen=True)
class Facts:
    """What the checks look at."""

    rows: Sequence[Row]
    """All of them."""
    tokens: Sequence[Tokens]
    """Of all, or of a sample."""
    tokenizer: Any
    context: int
    """Tokens that the base reads at once."""
    embedded: int | None
    """Rows of the base's embedding; None if that cannot be read."""
    stops: frozenset[int] = frozenset()
    """Token ids at which the base's generation settings end a reply; empty if they name none."""
    by_number: Mapping[int, Row] = field(default_factory=dict)


def check_rows(rows: Sequence[Row]) -> list[Finding]:
    """What can be said without a tokenizer; a refusal here makes every other check meaningless."""
    odd = next((i for i, row in enumerate(rows, 1) if not _readable(row)), 0)
    if odd or not rows:
        what = f"row {odd} has {', '.join(rows[odd - 1]) or 'nothing'}" if rows else "there are no rows"
        return [
            Finding(
                "unreadable_row",
                "refuse",
                f"{what}; expected prompt and completion, prompt, chosen and rejected, or text",
                "write the rows with one of the formats of `orchestrator parts format`",
            )
        ]
    return [check(rows) for check in (_empty, _same, _repeated)]


def check_template(rows: Sequence[Row], tokenizer: Any) -> Finding:
    if any("prompt" in row for row in rows) and not getattr(tokenizer, "chat_template", None):
        return Finding(
            "no_template",
            "refuse",
            "the tokenizer has no chat template, and the rows are conversations",
            "choose an instruction-tuned base, or put a chat_template.jinja into the base's folder",
        )
    return Finding("no_template", "ok", "the tokenizer has what the rows need")


def check_tokens(facts: Facts) -> list[Finding]:
    """Every check of rows as tokens, in order."""
    checks: tuple[Callable[[Facts], Finding], ...] = (
        _round_trip,
        _prefix,
        _ends,
        _pad_apart,
        _pad_taught,
        _pad_stops,
        _end_known,
        _too_long,
        _embedded,
        _share,
    )
    return [check(facts) for check in checks]


def check_batch(ids: Sequence[Sequence[int]], labels: Sequence[Sequence[int]], tokenizer: Any) -> Finding:
    """Of rows as the trainer's collator put them together: the end token is learned, and padding is not."""
    end, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
    for row, learned in zip(ids, labels, strict=True):
        kept = [i for i, label in enumerate(learned) if label != -100]
        after = kept[-1] + 1 if kept else len(row)
        last = last_but_blanks([learned[i] for i in kept], tokenizer)
        if after < len(row) and row[after] == end and last != end:
            why = f"; {tokenizer.pad_token!r} is both padding and end" if pad == end else ""
            return Finding(
                "end_masked",
                "refuse",
                f"the end token stands behind a reply, but the loss leaves it out{why}",
                "give the tokenizer a padding token of its own (a reserved one of its vocabulary)",
            )
        if pad != end and any(label == pad for label in learned):
            return Finding(
                "padding_learned",
                "refuse",
                "padding counts in the loss",
                "report it: the trainer's collator must label padding -100",
            )
    return Finding("end_masked", "ok", "in a batch of the trainer's the end token is learned and padding is not")


def check_teacher(student: Mapping[str, int], teacher: Mapping[str, int]) -> Finding:
    """Whether two vocabularies (token → id) are one: an objective that compares logits needs that."""
    if student == teacher:
        return Finding("teacher_tokenizer", "ok", "teacher and student share one vocabulary")
    apart = sum(student.get(token) != number for token, number in teacher.items())
    return Finding(
        "teacher_tokenizer",
        "refuse",
        f"{apart:,} of the teacher's {len(teacher):,} tokens have another id in the student's {len(student):,}: "
        "their logits do not speak of the same tokens",
        "use the objective cross_tokenizer, learn from the teacher's texts alone (sft), or take a teacher of the student's "
        "family",
    )


def _readable(row: Row) -> bool:
    return "text" in row or ("prompt" in row and any(True for _ in replies(row)))


def _empty(rows: Sequence[Row]) -> Finding:
    empty = [i for i, row in enumerate(rows, 1) if any(not said(reply).strip() for _, reply in replies(row))]
    if empty:
        return Finding(
            "empty_reply",
            "refuse",
            f"{len(empty)} of {len(rows)} rows have an empty reply, the first is row {empty[0]}",
            "leave such drafts out by a step before the dataset",
        )
    return Finding("empty_reply", "ok", "every reply says something")


def _same(rows: Sequence[Row]) -> Finding:
    pairs = [row for row in rows if "chosen" in row]
    same = sum(said(row["chosen"]) == said(row["rejected"]) for row in pairs)
    if same:
        return Finding(
            "nothing_preferred",
            "refuse",
            f"in {same} of {len(pairs)} pairs chosen and rejected are one text: nothing is to be learned from them",
            "leave out pairs that do not differ",
        )
    labels = {bool(row["label"]) for row in rows if "label" in row}
    if len(labels) == 1:
        return Finding(
            "one_label",
            "refuse",
            f"every row is labelled {labels.pop()}: a training by labels needs good replies and bad ones",
            "add rows of the other label, or train on the good ones alone (objective: sft)",
        )
    return Finding("nothing_preferred", "ok", "every comparison compares something")


def _repeated(rows: Sequence[Row]) -> Finding:
    distinct = {repr(sorted(row.items())) for row in rows}
    share = 1 - len(distinct) / len(rows)
    if share > REPEATED:
        return Finding(
            "repeated_rows",
            "refuse",
            f"{share:.0%} of the rows repeat an earlier one word for word",
            "add `select: {use: exact_duplicates}` to the lessons",
        )
    return Finding("repeated_rows", "warn" if share > HARDLY_ANY else "ok", f"{share:.1%} of the rows repeat another")


def _round_trip(facts: Facts) -> Finding:
    """Whether the text that was to be learned is still there once it went through template and tokenizer."""
    for tokens in facts.tokens:
        reply = facts.by_number[tokens.row][tokens.part]
        turns = [reply] if isinstance(reply, str) else [str(turn["content"]) for turn in reply]
        there = _bare(facts.tokenizer.decode(list(tokens.ids), skip_special_tokens=False))
        if any(_bare(turn) not in there for turn in turns):
            return Finding(
                "template_loses_text",
                "refuse",
                f"what row {tokens.row} teaches is not there any more behind template and tokenizer",
                "print two rows with `orchestrator preflight`; the template leaves text out, or the tokenizer does not "
                "know its characters: take another base or another format",
            )
    return Finding("template_loses_text", "ok", "template and tokenizer give back what the rows say")


def _bare(text: str) -> str:
    """Without white space, and of the ways to write a character one: many tokenizers normalise what they read."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def _prefix(facts: Facts) -> Finding:
    cut = [tokens for tokens in facts.tokens if tokens.begins < len(tokens.prompt)]
    if cut:
        return Finding(
            "prompt_no_prefix",
            "refuse",
            f"in {len(cut)} of {len(facts.tokens)} replies the prompt's tokens are not how the whole begins (row "
            f"{cut[0].row}): the student would be asked in another way than it was taught",
            "end the prompt on a special token or a new line, and let the template open a reply as lessons do",
        )
    return Finding("prompt_no_prefix", "ok", "every lesson begins with its prompt, token for token")


def _ends(facts: Facts) -> Finding:
    end = facts.tokenizer.eos_token_id
    endless = [tokens for tokens in facts.tokens if last_but_blanks(tokens.learned, facts.tokenizer) != end]
    if end is None or endless:
        return Finding(
            "end_not_taught",
            "refuse",
            f"{len(endless)} of {len(facts.tokens)} replies do not end in the end token {facts.tokenizer.eos_token!r}: "
            "the student would never learn to stop",
            "let the base's chat template close the assistant's turn with the end token",
        )
    return Finding("end_not_taught", "ok", f"every reply ends in {facts.tokenizer.eos_token!r}, and it is learned")


def last_but_blanks(ids: Sequence[int], tokenizer: Any) -> int | None:
    """The last token but for white space, which templates such as ChatML's put behind the end; None if there is no other."""
    says = (i for i in reversed(ids) if i == tokenizer.eos_token_id or tokenizer.decode([i]).strip())
    return next(says, None)


def _pad_apart(facts: Facts) -> Finding:
    if facts.tokenizer.pad_token_id is not None and facts.tokenizer.pad_token_id == facts.tokenizer.eos_token_id:
        return Finding(
            "padding_is_end",
            "warn",
            f"{facts.tokenizer.pad_token!r} is padding and end; a batch of the trainer's is looked at for it, other tools "
            "may leave the end out of the loss",
            "name a reserved token of the vocabulary as pad_token",
        )
    return Finding("padding_is_end", "ok", "padding and end are two tokens")


def _pad_taught(facts: Facts) -> Finding:
    pad, end = facts.tokenizer.pad_token_id, facts.tokenizer.eos_token_id
    taught = [tokens for tokens in facts.tokens if pad is not None and pad != end and pad in tokens.learned]
    if taught:
        return Finding(
            "padding_taught",
            "refuse",
            f"the padding token {facts.tokenizer.pad_token!r} stands in {len(taught)} replies (row {taught[0].row})",
            "choose a padding token that no text contains",
        )
    return Finding("padding_taught", "ok", "no reply contains padding")


def _pad_stops(facts: Facts) -> Finding:
    pad = facts.tokenizer.pad_token_id
    if pad in facts.stops and pad != facts.tokenizer.eos_token_id:
        return Finding(
            "padding_stops",
            "warn",
            "generation_config.json counts padding among the end tokens, as Qwen's does: whoever generates from padded "
            "prompts has to say which tokens are padding, as is done here",
            "nothing, or take pad_token_id out of eos_token_id in the base's generation_config.json",
        )
    return Finding("padding_stops", "ok", "padding ends no reply")


def _end_known(facts: Facts) -> Finding:
    if facts.stops and facts.tokenizer.eos_token_id not in facts.stops:
        return Finding(
            "end_not_heeded",
            "refuse",
            f"generation_config.json does not end replies at {facts.tokenizer.eos_token!r}, which lessons end in: other "
            "engines would never stop",
            f"add {facts.tokenizer.eos_token_id} to eos_token_id in the base's generation_config.json",
        )
    return Finding("end_not_heeded", "ok", "generation ends where lessons end")


def _too_long(facts: Facts) -> Finding:
    long = [tokens for tokens in facts.tokens if len(tokens.ids) > facts.context]
    longest = max((len(tokens.ids) for tokens in facts.tokens), default=0)
    if long:
        return Finding(
            "too_long",
            "refuse",
            f"{len(long)} of {len(facts.tokens)} replies are longer with their prompts than the {facts.context:,} tokens that "
            f"the base reads, the longest has {longest:,} (row {max(long, key=lambda each: len(each.ids)).row})",
            "leave out long rows, or choose a base with a longer context",
        )
    return Finding("too_long", "ok", f"the longest reply has {longest} tokens with its prompt")


def _embedded(facts: Facts) -> Finding:
    highest = max(facts.tokenizer.get_vocab().values(), default=0)
    if facts.embedded is not None and highest >= facts.embedded:
        return Finding(
            "tokens_without_embedding",
            "refuse",
            f"the tokenizer's highest id is {highest:,}, the base has {facts.embedded:,} embeddings",
            "take the base's own tokenizer; an added token must be one that the base reserved, since a LoRA resizes nothing",
        )
    return Finding("tokens_without_embedding", "ok", "every token has an embedding")


def _share(facts: Facts) -> Finding:
    whole = sum(len(tokens.ids) for tokens in facts.tokens)
    share = sum(len(tokens.learned) for tokens in facts.tokens) / max(1, whole)
    state: Literal["ok", "warn"] = "warn" if share < LITTLE else "ok"
    return Finding("learned_share", state, f"{share:.0%} of the tokens are learned, the rest is read")
