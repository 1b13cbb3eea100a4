"""The page of each rule: what ``napsim lint --explain`` prints, and what docs/rules is made of.

Why, wrong and right stand in ``pages/<code>.md``; what the table knows comes before, and how to silence it after.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path
from typing import Final

from napsim.lint.expressions import CODES
from napsim.lint.rules import RULES, Rule

_LEVELS: Final = {"error": "an error", "warning": "a warning", "info": "information"}
INDEX: Final = "README.md"


def page(rule: Rule) -> str:
    """Markdown."""
    fix = " `--fix` puts it right where that is certain." if rule.fixes else ""
    body = (files("napsim.lint") / "pages" / f"{rule.code}.md").read_text("utf-8").strip()
    head = f"# {rule.code}: {rule.title}\n\n`{rule.name}` is {_LEVELS[rule.severity]}.{fix}"
    return f"{head}\n\n{body}\n\n{_silence(rule)}"


def _silence(rule: Rule) -> str:
    return f"""## Silence it

```yaml
# napsim: ignore[{rule.code}] because …
```

on the line of the field, or on a line of its own above it; above the first line of a document it is for the whole
document. For many files, in `napsim.toml`:

```toml
[[lint.ignore]]
rules = ["{rule.code}"]
paths = ["clusters/legacy/**"]
reason = "…"
```
"""


def index() -> str:
    """The list of all rules."""
    rows = "\n".join(
        f"| [{rule.code}]({rule.code}.md) | `{rule.name}` | {rule.severity} | {'yes' if rule.fixes else ''} |"
        f" {'yes' if rule.code in CODES else ''} | {rule.title} |"
        for rule in RULES
    )
    return f"""# Rules of napsim lint

Written by `make rules`. How to use it: [lint.md](../lint.md). Every example on these pages is tested: in the
wrong one this rule finds something and no other does, in the right one none does.

Under `apply` are those of which [`kubectl apply` warns](../lint.md#in-a-cluster), where one object alone is enough to
tell.

| Code | Name | Severity | `--fix` | `apply` | |
|---|---|---|---|---|---|
{rows}
"""


def documents() -> dict[str, str]:
    """All pages and the index, by file name."""
    return {INDEX: index(), **{f"{rule.code}.md": page(rule) for rule in RULES}}


if __name__ == "__main__":
    for name, text in documents().items():
        (Path(sys.argv[1]) / name).write_text(text, "utf-8")
