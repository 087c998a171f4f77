from agents.kinds import Judgement, UnfitDraft, Verifier, accepted, rejected
from agents.quoting import altered, hold
from agents.registry import register
from storage.records import Draft


@register("exact_span")
class ExactSpan(Verifier):
    """Keeps what is quoted word for word: every line of `spans` is a span of `within`, and the quotes hold the answer.

    LLMQuoter (Bezerra and Weigang 2025) learns from such quotes. Spacing does not count, all else does.
    `{spans: answer, within: text, holds: null}` keeps short answers that stand in their passage.
    """

    spans: str = "quotes"
    """Field with a quote on each line."""
    within: str = "text"
    """Field that they are quoted from."""
    holds: str | None = "gold"
    """Field whose words the quotes must hold, in any case of letters; null asks for none."""

    def judge(self, draft: Draft) -> Judgement:
        if self.holds and self.holds not in draft.fields:
            raise UnfitDraft(
                f"exact_span looks for `{self.holds}` in the quotes, which this draft's source does not give; "
                "say `holds: null` to check the spans alone"
            )
        quotes, text = str(draft.fields[self.spans]), str(draft.fields[self.within])
        if not quotes.strip():
            return rejected("nothing is quoted")
        if other := altered(quotes, text):
            return rejected("not word for word", evidence={"quotes": other})
        if self.holds and not hold(quotes, str(draft.fields[self.holds])):
            return rejected("the quotes lack the answer", evidence={self.holds: str(draft.fields[self.holds])})
        return accepted("word for word", score=len(quotes.split()) / len(text.split()))
