from __future__ import annotations

import asyncio

import pytest

from receiver.admission import Admission, AdmissionConfig, BusyError, SlowSenderError


def test_requests_are_admitted_up_to_their_number() -> None:
    admission = Admission(AdmissionConfig(max_requests=2))

    with admission.admit(), admission.admit():
        with pytest.raises(BusyError), admission.admit():
            pass
        assert admission.held_requests == 2
    with admission.admit():
        assert admission.held_requests == 1


def test_bytes_are_held_up_to_their_sum_and_given_back() -> None:
    admission = Admission(AdmissionConfig(max_bytes=100))

    with admission.admit() as one, admission.admit() as two:
        one.resize(60)
        with pytest.raises(BusyError):
            two.resize(41)
        two.resize(40)
        with pytest.raises(BusyError), admission.admit():
            pass
        one.resize(10)
        assert (admission.held_bytes, two.room) == (50, 90)
    assert (admission.held_bytes, admission.held_requests) == (0, 0)


def test_a_request_that_is_alone_is_never_too_large() -> None:
    admission = Admission(AdmissionConfig(max_bytes=100))

    with admission.admit() as hold:
        hold.resize(1_000)
        assert admission.held_bytes == 1_000


def test_what_was_announced_and_does_not_arrive_lapses() -> None:
    admission = Admission(AdmissionConfig(max_bytes=100))

    with admission.admit() as hold:
        hold.resize(90)
        hold.arrive(7)
        assert admission.held_bytes == 90
        hold.lapse()
        assert admission.held_bytes == 7
        hold.arrive(8)
        assert admission.held_bytes == 8


async def test_a_read_that_takes_too_long_ends() -> None:
    admission = Admission(AdmissionConfig(read_timeout_s=0.01))

    with pytest.raises(SlowSenderError):
        async with admission.reading():
            await asyncio.Event().wait()


async def test_readers_that_stall_hold_up_nobody_else() -> None:
    admission = Admission(AdmissionConfig())
    outcomes: list[type[Exception]] = []

    async def stall() -> None:
        try:
            async with admission.reading():
                await asyncio.Event().wait()
        except BusyError as exc:
            outcomes.append(type(exc))

    stalled = [asyncio.create_task(stall()) for _ in range(9)]
    async with asyncio.timeout(5):
        # All turns are taken; each comes back after a moment.
        await asyncio.sleep(0)
        async with admission.reading():
            pass
        while len(outcomes) < 5:
            async with admission.reading():
                await asyncio.sleep(0)
    assert sum(not task.done() for task in stalled) == 4
    for task in stalled:
        task.cancel()
    await asyncio.gather(*stalled, return_exceptions=True)
    async with asyncio.timeout(1), admission.reading():
        pass
