"""Google's ADK: whether a call was served with a context that is cached.

Source: https://github.com/google/adk-python
"""

from __future__ import annotations

from processors.decisions.adapter.table import Adapter

_CACHE = "adk.experimental.context_cache."

ADAPTER = Adapter(
    name="google_adk",
    title="Google ADK, `context_cache`",
    keys=(f"{_CACHE}hit",),
    is_aside=True,
    kept=(_CACHE,),
    type="cache_decision",
    component="context_cache",
    input_parts={
        "fingerprint": (f"{_CACHE}fingerprint",),
        "contents": (f"{_CACHE}contents_count",),
        "invocations": (f"{_CACHE}invocations_used",),
    },
    output_parts={"hit": (f"{_CACHE}hit",)},
)
