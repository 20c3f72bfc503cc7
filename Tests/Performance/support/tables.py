"""Markdown tables, and the places for them in a page: between `<!-- NAME -->` and `<!-- /NAME -->`."""

import re


def table(head, rows):
    """The first column to the left, the others to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def fill(page, name, text):
    """The page with this text in the place of that name; unchanged if it has no such place."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.S)
    return pattern.sub(lambda found: f"{found[1]}{text}\n{found[2]}", page)
