"""At which places of a row a student and its teacher say what comes next after the same text.

A place is the index of a token in a sequence; what a model says there is about the token after it. Each function gives a
row's columns, lists of one length but for `teacher_ids`: `student_at`, places in the student's sequence; `teacher_at`,
places in the teacher's, which is `teacher_ids`; or `told_tokens` and `told_top`, what a teacher told of these places.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from orchestrator.student_worker.rows import check_longest

Row = dict[str, Any]
PADDING = -1
NOTHING = -1e4
"""Log-probability of what pads; `divergences.FLOOR`."""


def behind_another_prompt(row: Row, tokenizer: Any) -> Row:
    """Every token of the reply, which the teacher reads behind `full_prompt` and the student behind `prompt`."""
    student, own = _reply(row["prompt"], row["completion"], tokenizer)
    teacher, its = _reply(row["full_prompt"], row["completion"], tokenizer)
    check_longest(len(teacher), tokenizer)
    if student[own:] != teacher[its:]:
        raise ValueError(
            "the base's chat template writes a reply otherwise behind a longer prompt, so that its tokens do not pair up; "
            "choose a base whose template depends on no other turn"
        )
    places = range(len(student) - own)
    return {
        "teacher_ids": teacher,
        "student_at": [own - 1 + i for i in places],
        "teacher_at": [its - 1 + i for i in places],
    }


def of_two_tokenizers(row: Row, tokenizer: Any, teacher_tokenizer: Any) -> Row:
    """Places of the reply before which both have read the same characters, its end among them.

    ULD (Boizard et al. 2024) pairs the first tokens, the second and so on; behind the first token that only one of the two
    splits, such pairs are about different texts.
    """
    student, theirs = _starts(row, tokenizer), _starts(row, teacher_tokenizer)
    both = [at for at in student[1] if at in theirs[1]]
    check_longest(len(theirs[0]), teacher_tokenizer)
    return {
        "teacher_ids": theirs[0],
        "student_at": [student[1][at] - 1 for at in both],
        "teacher_at": [theirs[1][at] - 1 for at in both],
    }


def with_what_was_told(row: Row, tokenizer: Any, known: dict[str, int]) -> Row:
    """Places of the reply whose token an endpoint wrote as the student does, and its likeliest tokens there.

    An endpoint tells its tokens as texts, and rarely splits text as the student does. A place counts if the endpoint's
    token, the likeliest of `told` or not, is one token of the student too (`known`: those of each text), and begins where
    that begins. An alternative that is no token of the student is left to the rest, whose mass is what the others leave.
    `told` has of each token its first character in the reply, its text, and [text, log-probability] of the likeliest, itself
    among them.
    """
    ids, starts = _starts(row, tokenizer)
    columns: Row = {"student_at": [], "told_tokens": [], "told_top": []}
    for start, text, top in row["told"]:
        at = starts.get(start)
        if at is None or known.get(text) != ids[at]:
            continue
        best = {known[other]: logprob for other, logprob in top if other in known}
        columns["student_at"].append(at - 1)
        columns["told_tokens"].append(list(best))
        columns["told_top"].append(list(best.values()))
    return columns


def tokens_by_text(tokenizer: Any) -> dict[str, int]:
    """The id of every text that is one token; texts that several ids decode to are nobody's."""
    texts = tokenizer.batch_decode([[i] for i in range(len(tokenizer))])
    count = Counter(texts)
    return {text: i for i, text in enumerate(texts) if count[text] == 1 and text}


def _reply(prompt: Any, completion: Any, tokenizer: Any) -> tuple[list[int], int]:
    """The tokens of a row as TRL prepares it, and which is the first of the reply."""
    before = _ids(tokenizer, tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True))
    whole = _ids(tokenizer, tokenizer.apply_chat_template([*prompt, *completion], tokenize=False))
    return whole, _same(before, whole)


def _same(one: Sequence[Any], other: Sequence[Any]) -> int:
    """How much of both is alike, from the beginning."""
    shorter = min(len(one), len(other))
    return next((i for i in range(shorter) if one[i] != other[i]), shorter)


def _ids(tokenizer: Any, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def _starts(row: Row, tokenizer: Any) -> tuple[list[int], dict[int, int]]:
    """The tokens of a row, and which of them begins at each character of the reply, the end of its text included."""
    text = tokenizer.apply_chat_template([*row["prompt"], *row["completion"]], tokenize=False)
    before = tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
    reply = row["completion"][-1]["content"]
    begins = text.find(reply, _same(before, text))  # from behind the prompt: the reply's end may be a word of the reply
    if begins < 0:
        raise ValueError(
            f"the chat template of {tokenizer.name_or_path} does not write a reply as it is given: {reply[:80]!r}"
        )
    read = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    found: dict[int, int] = {}
    for index, (start, _) in enumerate(read["offset_mapping"]):
        if 0 <= start - begins <= len(reply):
            found.setdefault(start - begins, index)
    return read["input_ids"], found
