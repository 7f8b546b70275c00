"""What ``relayscope doctor`` looks at: each check is a plain function that returns findings and changes nothing."""

from __future__ import annotations

from relayscope.doctor.examination import Question, examine
from relayscope.doctor.finding import Finding, Report, Status

__all__ = ["Finding", "Question", "Report", "Status", "examine"]
