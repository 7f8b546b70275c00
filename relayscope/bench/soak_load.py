"""The load of the soak: a process of its own that sends without pause, retries as OTLP says, and keeps the account.

One JSON line on standard input names the targets; any further line is answered with one JSON line of counters: an empty
one at once, the path of a file after the account has been written to it, and ``stop`` after every sender has ended.

The account has a record of 25 bytes for every span that was ever sent: trace id, span id, and what its sender knows.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import IntEnum
from pathlib import Path

import msgspec

from relayscope.bench.sender import CHANNELS, Channel, Export, FaultyAnswerError, RefusedError, UnansweredError, batches

RECORD_BYTES = 25
_FIRST_PAUSE_S = 0.05
_MAX_PAUSE_S = 1.0
# A sender that dies does not send again, so some give up after a failure: what they know is then all there is.
_GIVE_UP = 0.1


class Outcome(IntEnum):
    """What a sender knows about a span."""

    UNKNOWN = 0  # it was in flight when the connection broke, or nobody answered in time
    REFUSED = 1  # it was answered with a retryable code, and not sent again
    ACKNOWLEDGED = 2
    FAULTY = 3  # it was answered with a code that OTLP does not repeat, or rejected: our bug


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Where to send. ``senders`` are as many connections; ``pause_s`` is the mean pause of each between two requests."""

    grpc_port: int
    http_port: int
    seed: int
    senders: int = 12
    sizes: tuple[int, int] = (1, 20)
    pause_s: float = 0.03


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Spans by what is known about them, and how often requests were not acknowledged at once."""

    acknowledged: int = 0
    refused: int = 0
    unknown: int = 0
    faulty: int = 0
    retries: int = 0
    answers: Mapping[str, int] = {}

    @property
    def sent(self) -> int:
        return self.acknowledged + self.refused + self.unknown + self.faulty


def main() -> None:
    """Runs one order until its input ends."""
    asyncio.run(_run())


async def _run() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    order = msgspec.json.decode(await reader.readline(), type=Order)
    await _Load(order).run(reader)


class _Account:
    """The ids of all spans ever sent, by outcome. A span moves on when its sender learns more."""

    def __init__(self) -> None:
        self._finished: dict[Outcome, list[bytes]] = {outcome: [] for outcome in Outcome}
        self.in_flight: dict[int, list[bytes]] = {}
        self.retries = 0
        self.answers: Counter[str] = Counter()

    def finish(self, sender: int, outcome: Outcome) -> None:
        self._finished[outcome] += self.in_flight.pop(sender)

    def progress(self) -> Progress:
        count = {outcome: len(ids) for outcome, ids in self._finished.items()}
        return Progress(
            acknowledged=count[Outcome.ACKNOWLEDGED],
            refused=count[Outcome.REFUSED],
            # Until there is an answer, nothing is known.
            unknown=count[Outcome.UNKNOWN] + sum(map(len, self.in_flight.values())),
            faulty=count[Outcome.FAULTY],
            retries=self.retries,
            answers=dict(self.answers),
        )

    def records(self) -> Iterator[bytes]:
        for outcome, ids in self._finished.items():
            mark = bytes([outcome])
            yield b"".join(one + mark for one in ids)
        unknown = bytes([Outcome.UNKNOWN])
        yield b"".join(one + unknown for ids in self.in_flight.values() for one in ids)


class _Load:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._account = _Account()
        self._stop = asyncio.Event()

    async def run(self, wishes: asyncio.StreamReader) -> None:
        senders = [asyncio.create_task(self._send(number)) for number in range(self._order.senders)]
        # The end of the input means that our parent is gone, or satisfied.
        while line := (await wishes.readline()).decode():
            wish = line.strip()
            if wish == "stop":
                self._stop.set()
                await asyncio.gather(*senders)
            elif wish:
                # At once and in one piece, so that the account is that of one moment.
                Path(wish).write_bytes(b"".join(self._account.records()))  # noqa: ASYNC240
            self._tell()

    def _tell(self) -> None:
        print(msgspec.json.encode(self._account.progress()).decode(), flush=True)  # noqa: T201 - the protocol

    async def _send(self, number: int) -> None:
        order = self._order
        dice = random.Random(order.seed * 1000 + number)
        channel = CHANNELS[number % len(CHANNELS)](order.grpc_port, order.http_port)
        try:
            for ids, data in batches(dice, sizes=order.sizes, encode=channel.encode):
                if self._stop.is_set():
                    return
                self._account.in_flight[number] = ids
                self._account.finish(number, await self._deliver(channel, data, dice))
                await asyncio.sleep(dice.random() * 2 * order.pause_s)
        finally:
            await channel.aclose()

    async def _deliver(self, channel: Channel, data: bytes, dice: random.Random) -> Outcome:
        """Repeats one request until it is acknowledged, or until its sender gives up."""
        export: Export = channel.export
        pause_s = _FIRST_PAUSE_S
        was_in_flight = False
        while True:
            try:
                await export(data)
            except FaultyAnswerError as exc:
                self._account.answers[exc.code] += 1
                return Outcome.FAULTY
            except RefusedError as exc:
                self._account.answers[exc.code] += 1
                wait_s = max(exc.retry_after_s, pause_s)
            except UnansweredError as exc:
                self._account.answers[exc.code] += 1
                was_in_flight = True
                wait_s = pause_s
            else:
                return Outcome.ACKNOWLEDGED
            if self._stop.is_set() or dice.random() < _GIVE_UP:
                return Outcome.UNKNOWN if was_in_flight else Outcome.REFUSED
            self._account.retries += 1
            await asyncio.sleep(wait_s * (0.5 + dice.random()))
            pause_s = min(pause_s * 2, _MAX_PAUSE_S)


if __name__ == "__main__":
    main()
