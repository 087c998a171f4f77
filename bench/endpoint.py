"""An endpoint of fixed latency for benches: it answers every chat completion with the same 120 tokens, and can fail.

`python bench/endpoint.py --latency 0.1` prints its URL. GET /counts tells how many requests it has answered, how many of
them it had answered before, how many it failed, and when (monotonic clock) the first came and the last was answered;
GET /answers tells how often each body was answered. It is a bare protocol on uvloop, so that it is not what is measured.
"""

import argparse
import asyncio
import random
import sys
import time
from hashlib import blake2b

import orjson
import uvloop

RATIONALE = "So many are left that the rest can be shared evenly. " * 9
MESSAGE = {"role": "assistant", "content": orjson.dumps({"rationale": RATIONALE, "answer": "42"}).decode()}
COMPLETION = {
    "id": "chatcmpl-bench",
    "object": "chat.completion",
    "created": 0,
    "model": "bench",
    "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None, "message": {**MESSAGE, "refusal": None}}],
    "usage": {"prompt_tokens": 80, "completion_tokens": 120, "total_tokens": 200},
}
FAULTS = ("limited", "limited_at_will", "error", "reset", "cut_off", "slow_drip", "html")


def http(status: int, body: bytes, *headers: str, kind: str = "application/json") -> bytes:
    head = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


ANSWER = http(200, orjson.dumps(COMPLETION))
LIMITED = orjson.dumps({"error": {"message": "Rate limit reached.", "type": "requests", "code": "rate_limit_exceeded"}})
BROKEN = orjson.dumps({"error": {"message": "The server had an error.", "type": "server_error"}})


class Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, endpoint: "Endpoint") -> None:
        self.endpoint = endpoint
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.received) < end + 4 + length:
                return
            body, self.received = self.received[end + 4 : end + 4 + length], self.received[end + 4 + length :]
            if head.startswith(b"get"):
                told = self.endpoint.answers() if head.startswith(b"get /answers") else self.endpoint.counts()
                self.transport.write(http(200, orjson.dumps(told)))
            else:
                self.endpoint.take(self.transport, body)


class Endpoint:
    def __init__(self, latency: float, fault_rate: float, seed: int) -> None:
        self.latency, self.fault_rate = latency, fault_rate
        self.chance = random.Random(seed)
        self.answered: dict[bytes, int] = {}
        self.requests = self.failed = 0
        self.first = self.last = 0.0

    def counts(self) -> dict[str, float]:
        answered = sum(self.answered.values())
        return {
            "requests": self.requests,
            "answered": answered,
            "repeats": answered - len(self.answered),
            "failed": self.failed,
            "first": self.first,
            "last": self.last,
        }

    def answers(self) -> dict[str, int]:
        """How often each body was answered, by its digest."""
        return {key.hex(): times for key, times in self.answered.items()}

    def take(self, transport: asyncio.Transport, body: bytes) -> None:
        self.requests += 1
        self.first = self.first or time.monotonic()
        if self.fault_rate and self.chance.random() < self.fault_rate:
            self.failed += 1
            self.fail(transport, self.chance.choice(FAULTS))
        else:
            asyncio.get_running_loop().call_later(self.latency, self.answer, transport, body)

    def answer(self, transport: asyncio.Transport, body: bytes) -> None:
        if transport.is_closing():
            return
        key = blake2b(body, digest_size=12).digest()
        self.answered[key] = self.answered.get(key, 0) + 1
        self.last = time.monotonic()
        transport.write(ANSWER)

    def fail(self, transport: asyncio.Transport, fault: str) -> None:
        match fault:
            case "limited":
                transport.write(http(429, LIMITED, "retry-after: 0.1"))
            case "limited_at_will":
                transport.write(http(429, LIMITED))
            case "error":
                transport.write(http(500, BROKEN))
            case "reset":
                transport.abort()
            case "cut_off":
                transport.write(ANSWER[: len(ANSWER) // 2])
                transport.close()
            case "slow_drip":
                for i in range(40):
                    asyncio.get_running_loop().call_later(i * 0.25, self.drip, transport, ANSWER[i * 4 : i * 4 + 4])
            case "html":
                transport.write(http(502, b"<html><body>Bad gateway</body></html>", kind="text/html"))

    def drip(self, transport: asyncio.Transport, piece: bytes) -> None:
        if not transport.is_closing():
            transport.write(piece)


async def serve(told: argparse.Namespace) -> None:
    endpoint = Endpoint(told.latency, told.fault_rate, told.seed)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(endpoint), "127.0.0.1", told.port, backlog=2048)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until whoever started it is gone


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.1)
    parser.add_argument("--fault-rate", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    uvloop.run(serve(parser.parse_args()))
