"""One side of `bench/teacher.py`, as a process of its own: asks an endpoint for so many solutions, one way or another.

`orchestrator` is the product: a recipe's generation step over stored seeds, every reply committed before it is read,
with its line in the ledger, and every draft stored. The others store nothing.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

BEGAN = time.monotonic()
"""When this process began, but for the start of Python itself."""
Ask = Callable[[int], Awaitable[Any]]
RECIPE = {
    "name": "bench",
    "about": "One generation step over questions from a file.",
    "roles": {"teacher": {}},
    "students": {"small": {"base": "embedded"}},
    "sources": {"tasks": {"use": "questions"}},
    "lessons": [
        {"step": "solve", "from": "tasks", "generate": {"use": "write_solution"}, "role": "teacher", "to": "solved"}
    ],
    "datasets": {"lessons": {"from": "solved", "format": {"use": "rationale_then_answer"}}},
    "training": [{"job": "sft", "student": "small", "dataset": "lessons", "objective": {"use": "sft"}}],
    "exams": {
        "probe": {"use": "final_answer", "source": "tasks", "part": "probe"},
        "test": {"use": "final_answer", "source": "tasks", "part": "test"},
    },
    "feedback": {"use": "same_again"},
}
QUESTION = "In box {0} there are {0} pens, and each of the {1} children takes two of them home. How many are left? " * 3


def body(number: int) -> dict[str, Any]:
    """The request that the product makes of one question, so that all sides send the same bytes."""
    from agents.asking import Question
    from agents.endpoint import Endpoint
    from agents.generators.write_solution import PROMPT, WorkedSolution
    from agents.prompts import tagged

    prompt = f"{PROMPT}\n{tagged({'question': QUESTION.format(number, number % 7)})}"
    endpoint = Endpoint("http://127.0.0.1:1/v1", "bench")
    return {"model": "bench", **Question(prompt, WorkedSolution).request(endpoint, "schema")}


async def drive(rows: int, at_once: int, ask: Ask) -> None:
    """Keeps so many requests on their way until the last row."""
    numbers = iter(range(rows))

    async def work() -> None:
        for number in numbers:
            await ask(number)

    await asyncio.gather(*(work() for _ in range(at_once)))


async def by_aiohttp(url: str, rows: int, at_once: int) -> float:
    import aiohttp

    template = body(0)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(number: int) -> Any:
            sent = {**template, "seed": number}
            async with session.post(
                f"{url}/chat/completions", json=sent, headers={"authorization": "Bearer x"}
            ) as found:
                return await found.json()

        await drive(rows, at_once, ask)
        return time.monotonic()


async def by_sdk(url: str, rows: int, at_once: int, *, aiohttp: bool = False) -> float:
    import httpx2
    import openai

    limits = httpx2.Limits(max_connections=1000, max_keepalive_connections=1000)
    made: Any = openai.DefaultAioHttpClient if aiohttp else openai.DefaultAsyncHttpxClient
    template = body(0)
    async with openai.AsyncOpenAI(api_key="x", base_url=url, http_client=made(limits=limits)) as client:

        async def ask(number: int) -> Any:
            return await client.chat.completions.create(**{**template, "seed": number})

        await drive(rows, at_once, ask)
        return time.monotonic()


async def by_sdk_and_aiohttp(url: str, rows: int, at_once: int) -> float:
    return await by_sdk(url, rows, at_once, aiohttp=True)


async def by_orchestrator(url: str, rows: int, at_once: int, *, home: Path) -> float:
    from agents.carrier import Carrier

    Carrier.prepare()  # as `orchestrator run` does before it imports the rest
    from agents.registry import import_components
    from orchestrator import cycle, planning
    from orchestrator.machine import Machine
    from orchestrator.recipe import COMPONENT_PACKAGES, validate_recipe
    from storage.store import open_store

    import_components(*COMPONENT_PACKAGES)
    path = home / "questions.jsonl"
    if not path.exists():
        write_questions(path, rows)
    recipe = dict(RECIPE, seeds={"tasks": rows})
    recipe["sources"] = {"tasks": {"use": "questions", "path": str(path), "probe": 0.01, "test": 0.01}}
    machine = Machine.model_validate(
        {"default": {"endpoint": url, "model": "bench", "concurrency": at_once, "timeout_s": 5}}
    )
    with open_store(home / "store.sqlite") as store:
        async with cycle.open_work(validate_recipe(recipe, "bench"), machine, store, home) as work:
            plan = planning.current_plan(work)
            await cycle.gather(work, plan)
            await cycle.produce(work, plan, work.recipe.lessons[0], cycle.run_directly)
            return time.monotonic()


def write_questions(path: Path, rows: int) -> None:
    with path.open("w") as lines:
        for number in range(round(rows * 1.03) + 40):
            lines.write(json.dumps({"question": QUESTION.format(number, number % 7), "answer": "42"}) + "\n")


SIDES = {"aiohttp": by_aiohttp, "sdk": by_sdk, "sdk+aiohttp": by_sdk_and_aiohttp, "orchestrator": by_orchestrator}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("url")
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=256)
    parser.add_argument("--home", type=Path, help="where the product keeps its store; default: a new folder")
    told = parser.parse_args()
    side: Any = SIDES[told.side]
    with tempfile.TemporaryDirectory() as folder:
        more = {"home": told.home or Path(folder)} if told.side == "orchestrator" else {}
        ended = asyncio.run(side(told.url, told.rows, told.at_once, **more))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    result = {
        "ended": ended,
        "whole_s": time.monotonic() - BEGAN,
        "cpu_s": sum(one.ru_utime + one.ru_stime for one in used),
        "peak_mb": used[0].ru_maxrss / 1024,
        "peak_carrier_mb": used[1].ru_maxrss / 1024,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
