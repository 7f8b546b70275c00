"""Who asks the simulated gateway, and what: seeded, believable, and about nobody real.

Mail addresses are under the domains of RFC 2606, telephone numbers in the range reserved for fiction, network
addresses in the documentation ranges of RFC 5737. They look like personal data on purpose: redaction has to find them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A customer of the gateway."""

    user_id: str
    organization_id: str
    plan: str
    name: str
    email: str
    phone: str
    client_address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One question and a good answer to it."""

    topic: str
    instructions: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A passage of the simulated knowledge base."""

    document_id: str
    title: str
    text: str


_NAMES = (
    "Ada Fernandez",
    "Ben Okafor",
    "Chiara Lindqvist",
    "Daniel Haddad",
    "Emi Tanaka",
    "Farid Novak",
    "Grace Mbeki",
    "Hanna Weiss",
    "Ivan Petrov",
    "Julia Costa",
    "Kofi Mensah",
    "Lena Johansson",
)
_ORGANIZATIONS = ("org-acorn", "org-birch", "org-cedar", "org-dogwood")
_PLANS = ("free", "team", "team", "enterprise")
_DOMAINS = ("example.com", "example.org", "example.net")

_CONVERSATIONS = (
    Conversation(
        topic="support",
        instructions="You are a support assistant of a web shop. Be brief and kind; never promise a refund.",
        question="Hello, I am {name}. Order {order} has not arrived. Please write to {email} or call {phone}.",
        answer=(
            "I am sorry that order {order} is late, {name}. It left the warehouse on Monday and is with the carrier. "
            "I have asked for a status and will write to {email} before tomorrow noon."
        ),
    ),
    Conversation(
        topic="summary",
        instructions="Summarise what the user sends in at most three sentences.",
        question=(
            "Summarise: The quarterly review found that median latency fell from 840 to 610 milliseconds after requests "
            "with fewer than 300 tokens were routed to the smaller model. Cost per request fell by a third. Complaints "
            "about answer quality did not rise. Questions go to {email}."
        ),
        answer=(
            "Routing short requests to the smaller model cut median latency from 840 to 610 ms and cost per request by "
            "a third. Quality complaints stayed level."
        ),
    ),
    Conversation(
        topic="code",
        instructions="You are a careful programmer. Answer with code first, then one sentence.",
        question="Write a Python function that returns the median of a list of numbers without sorting it in place.",
        answer=(
            "def median(values: list[float]) -> float:\n    ordered = sorted(values)\n    middle = len(ordered) // 2\n"
            "    if len(ordered) % 2:\n        return ordered[middle]\n"
            "    return (ordered[middle - 1] + ordered[middle]) / 2\n\n"
            "It sorts a copy, so the list that was passed in stays as it was."
        ),
    ),
    Conversation(
        topic="translation",
        instructions="Translate into German. Keep names and numbers.",
        question="Dear {name}, your appointment is on 14 May at 9:30. If you cannot come, call {phone}.",
        answer="Hallo {name}, Ihr Termin ist am 14. Mai um 9:30 Uhr. Falls Sie verhindert sind, rufen Sie {phone} an.",
    ),
    Conversation(
        topic="extraction",
        instructions="Return a JSON object with the fields name, email, order. No other text.",
        question="From: {name} <{email}>\nSubject: wrong colour\n\nThe lamp of order {order} is green, I wanted blue.",
        answer='{{"name": "{name}", "email": "{email}", "order": "{order}"}}',
    ),
    Conversation(
        topic="analysis",
        instructions="You are an analyst. State assumptions, then the answer.",
        question="We send 1.2 million requests a month at 900 input and 250 output tokens. How many tokens is that?",
        answer=(
            "Assuming that the averages hold: 1.2 million x 900 = 1.08 billion input tokens and 1.2 million x 250 = "
            "300 million output tokens, together 1.38 billion tokens a month."
        ),
    ),
    Conversation(
        topic="classification",
        instructions="Answer with one word: billing, delivery, technical or other.",
        question="Since yesterday the app closes as soon as I open the basket. My account is {email}.",
        answer="technical",
    ),
    Conversation(
        topic="planning",
        instructions="You help teams to plan. Use a numbered list.",
        question="Plan a one-day workshop for eight people about incident reviews. {name} will lead it.",
        answer=(
            "1. 09:00 Why we review, led by {name}\n2. 10:00 Two past incidents, told as timelines\n3. 12:00 Lunch\n"
            "4. 13:00 Practice in two groups of four\n5. 15:30 What we change from tomorrow\n6. 16:30 Close"
        ),
    ),
)

DOCUMENTS = (
    Document(document_id="doc-0012", title="Delivery times", text="Parcels within the country take two to four days."),
    Document(document_id="doc-0027", title="Lost parcels", text="A parcel counts as lost after ten working days."),
    Document(document_id="doc-0031", title="Returns", text="Goods can be sent back within thirty days, unused."),
    Document(document_id="doc-0044", title="Invoices", text="Invoices are sent by mail on the day of the delivery."),
    Document(document_id="doc-0058", title="Accounts", text="An account is closed within a week after the request."),
)


def pick_caller(source: random.Random) -> Caller:
    """One of a few hundred fictional customers."""
    number = source.randrange(300)
    name = _NAMES[number % len(_NAMES)]
    organization = number % len(_ORGANIZATIONS)
    local_part = name.lower().replace(" ", ".")
    return Caller(
        user_id=f"user-{number:04d}",
        organization_id=_ORGANIZATIONS[organization],
        plan=_PLANS[organization],
        name=name,
        email=f"{local_part}@{_DOMAINS[number % len(_DOMAINS)]}",
        phone=f"+1 202 555 01{number % 100:02d}",
        client_address=f"203.0.113.{number % 254 + 1}",
    )


def pick_conversation(source: random.Random, caller: Caller) -> Conversation:
    """A conversation with the caller's details filled in."""
    template = source.choice(_CONVERSATIONS)
    details = {
        "name": caller.name,
        "email": caller.email,
        "phone": caller.phone,
        "order": f"A-{source.randrange(10_000, 99_999)}",
    }
    return Conversation(
        topic=template.topic,
        instructions=template.instructions,
        question=template.question.format_map(details),
        answer=template.answer.format_map(details),
    )


def count_tokens(text: str) -> int:
    """About what a tokenizer would count for English text."""
    return len(text) // 4 + 1
