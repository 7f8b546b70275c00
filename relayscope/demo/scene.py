"""What every part of a scenario needs at hand: the services, the two sources of chance, and the request."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass

from relayscope.demo.content import Caller, Conversation, pick_caller, pick_conversation
from relayscope.demo.service import Fleet


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The stage of a simulation.

    ``chance`` decides what happens and is the same for the same seed. ``identity`` makes ids; it also depends on the
    run, because a store treats the same id as the same thing.
    """

    fleet: Fleet
    chance: random.Random
    identity: random.Random

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self.identity.getrandbits(128), version=4))

    def new_id(self, prefix: str) -> str:
        """An id in the style of the model APIs: a prefix and 24 hexadecimal digits."""
        return f"{prefix}{self.identity.getrandbits(96):024x}"

    def around(self, milliseconds: float) -> float:
        """A duration near ``milliseconds``, with the long tail that latencies have; at most four times as much."""
        return milliseconds * min(4.0, self.chance.lognormvariate(0.0, 0.35))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a customer sent to the gateway."""

    request_id: str
    session_id: str
    caller: Caller
    conversation: Conversation
    temperature: float
    max_tokens: int
    stream: bool


def new_request(scene: Scene) -> Request:
    """The next customer with the next question."""
    caller = pick_caller(scene.chance)
    return Request(
        request_id=scene.new_id("req_"),
        session_id=scene.new_uuid(),
        caller=caller,
        conversation=pick_conversation(scene.chance, caller),
        temperature=scene.chance.choice((0.0, 0.2, 0.7, 1.0)),
        max_tokens=scene.chance.choice((256, 512, 1024)),
        stream=scene.chance.random() < 0.4,
    )
