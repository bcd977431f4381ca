"""Counting how cases ended, and telling it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from tests.fuzz_files_compare import Outcome

SHOWN = 12  # failures of one sort that are printed


def sort_of(message: str) -> str:
    """Return a failure without what belongs to one case, to count by."""
    if message.startswith("refused, but must be read"):
        message = re.sub(r"read: .*?: ", "read: ", message)
    else:
        message = (
            re.split(r"[:;(]", message, maxsplit=1)[0]
            if not message[:1].isupper()
            else message[:60]
        )
    message = re.sub(r"/\S+|'[^']*'|\"[^\"]*\"", "...", message)
    message = re.sub(r"reject of .*", "rejects differ", message)
    message = re.sub(r"rejects at .*", "rejects differ", message)
    return re.sub(r"\d+", "n", message)[:90]


class Report:
    """Outcomes so far."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.ends: dict[str, Counter[str]] = defaultdict(Counter)
        self.reasons: Counter[str] = Counter()
        self.sorts: Counter[str] = Counter()
        self.tags: dict[str, Counter[str]] = defaultdict(Counter)
        self.failures = 0
        self.done = 0

    def add(self, outcomes: list[Outcome] | str) -> None:
        """Count outcomes, and print the failures among them."""
        if isinstance(outcomes, str):
            self.failures += 1
            print(f"\n{outcomes}", flush=True)
            return
        for outcome in outcomes:
            self.count(outcome)
            if outcome.end == "failed":
                self.report(outcome)

    def count(self, outcome: Outcome) -> None:
        self.done += 1
        self.ends[outcome.case.way[0]][outcome.end] += 1
        for tag in outcome.case.way[1:]:
            self.tags[tag][outcome.end] += 1
        if outcome.end == "refused":
            self.reasons[outcome.message] += 1

    def report(self, outcome: Outcome) -> None:
        self.failures += 1
        sort = sort_of(outcome.message)
        self.sorts[sort] += 1
        if self.sorts[sort] > SHOWN:
            return
        case = outcome.case
        print(
            f"\ncase {case.number} failed: {outcome.message}\n  written: {', '.join(case.way)}\n"
            f"  alone: python -m tests.fuzz_files --seed {self.seed} --case {case.number}",
            flush=True,
        )

    def progress(self, seconds: float) -> str:
        return f"{self.done} cases, {self.failures} failed, {self.done / seconds:.1f} a second"

    def summary(self, seconds: float) -> str:
        """Return tables of cases by kind and end, of refusals by reason, of failures by sort."""
        lines = [f"\n{'kind':32}{'cases':>7}{'read':>7}{'refused':>9}{'failed':>8}"]
        lines += [line_of(kind, ends) for kind, ends in sorted(self.ends.items())]
        lines.append(line_of("all", sum(self.ends.values(), Counter())))
        lines.append(f"\n{'tag':32}{'cases':>7}{'read':>7}{'refused':>9}{'failed':>8}")
        often = sorted(self.tags.items(), key=lambda tag: -tag[1]["failed"])
        lines += [line_of(tag, ends) for tag, ends in often[:60]]
        lines.append("\nrefusals by reason")
        lines += [f"{count:7} {reason}" for reason, count in self.reasons.most_common(40)]
        lines.append("\nfailures by sort")
        lines += [f"{count:7} {sort}" for sort, count in self.sorts.most_common(40)]
        lines.append(f"\n{self.progress(seconds)} ({seconds:.1f} s)")
        return "\n".join(lines)


def line_of(kind: str, ends: Counter[str]) -> str:
    total = sum(ends.values())
    return f"{kind[:31]:32}{total:7}{ends['read']:7}{ends['refused']:9}{ends['failed']:8}"
