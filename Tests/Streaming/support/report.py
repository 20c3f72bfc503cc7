"""The table `what | limit | seen | ok`, line by line as things are measured, and the count at its end."""

WIDTHS = (82, 16, 60, 6)


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.line("what", "limit", "seen", "ok")
        self.line(*("-" * width for width in WIDTHS))

    def line(self, what, limit, seen, ok):
        print(" | ".join(f"{cell:<{width}}" for cell, width in zip((what, limit, seen, ok), WIDTHS)), flush=True)

    def add(self, what, limit, seen, is_ok):
        """One thing that was measured."""
        self.passed += bool(is_ok)
        self.failed += not is_ok
        self.line(what, limit, seen, "ok" if is_ok else "FAILED")

    def note(self, text):
        print(f"  ({text})", flush=True)

    def below(self, what, limit, seen, unit, remark=""):
        """A number that has to stay below another."""
        self.add(what, f"< {limit} {unit}", f"{seen:.1f} {unit}{remark}", seen < limit)

    def equal(self, what, expected, seen):
        """A value that has to be this one."""
        text = f"{expected}"
        self.add(what, text if len(text) <= WIDTHS[1] else "as it should be", f"{seen}", seen == expected)

    def finish(self):
        """The exit code, after the last line."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed or not self.passed else 0


def p99(values):
    """The value that 99 in 100 do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]


def spread(values, scale=1e3):
    """The middle, the 99th and the worst; seconds as milliseconds."""
    ordered = sorted(values)
    return f" (median {ordered[len(ordered) // 2] * scale:.1f}, worst {ordered[-1] * scale:.1f})"
