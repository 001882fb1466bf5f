"""Lines of Python within the width, broken as formatters break them."""

from __future__ import annotations

import re
import textwrap

WIDTH = 110
_OPEN, _CLOSE = "([{", ")]}"


def statement(text: str, indent: int, comment: str = "") -> list[str]:
    """`text` as one line or several; the comment goes along where there is room for it.

    >>> print(*statement("x = torch.cat((" + ", ".join(f"value{i}" for i in range(16)) + "), 1)", 8), sep="\\n")
            x = torch.cat(
                (
                    value0,
                    value1,
                    value2,
                    value3,
                    value4,
                    value5,
                    value6,
                    value7,
                    value8,
                    value9,
                    value10,
                    value11,
                    value12,
                    value13,
                    value14,
                    value15,
                ),
                1,
            )
    """
    line = " " * indent + text
    if comment and len(line) + 4 + len(comment) <= WIDTH:
        return [f"{line}  # {comment}"]
    if len(line) <= WIDTH:
        return [line]
    head, value = _assigned(text)
    operators = _split(value, (" + ", " * "), keep=True)
    if len(operators) > 1 or not value.endswith(tuple(f"{close}{end}" for close in _CLOSE for end in ("", ":"))):
        inner = _split(value, (", ",)) if len(operators) == 1 else operators
        if len(inner) > 1:
            comma = "," if len(operators) == 1 else ""
            body = [part for item in inner for part in _item(item + comma, indent + 4)]
            return [" " * indent + head + "(", *body, " " * indent + ")"]
    return _bracketed(text, indent)


def docstring(text: str, indent: int) -> list[str]:
    """A docstring of one line or several, no wider than the file; types are kept on one line."""
    text = text.replace("\\", "\\\\").replace('"""', "'''")
    text = re.sub(r"\[[^\]\n]*\]", lambda match: match[0].replace(" ", "\0"), text)
    wrapped: list[str] = []
    for line in text.splitlines():
        deeper = " " * (len(line) - len(line.lstrip()))
        pieces = textwrap.wrap(
            line, WIDTH - indent - 6, subsequent_indent=deeper, break_on_hyphens=False, break_long_words=False
        )
        wrapped += [piece.replace("\0", " ") for piece in pieces or [""]]
    start = " " * indent
    if len(wrapped) == 1:
        return [f'{start}"""{wrapped[0]}{" " * wrapped[0].endswith(chr(34))}"""']
    return [f'{start}"""{wrapped[0]}', *(f"{start}{line}" if line else "" for line in wrapped[1:]), f'{start}"""']


def _item(text: str, indent: int) -> list[str]:
    return [" " * indent + text] if indent + len(text) <= WIDTH else _bracketed(text, indent)


def _bracketed(text: str, indent: int) -> list[str]:
    """Break inside the last bracket that closes at the outermost level."""
    span = _last_bracket(text)
    if span is None:
        return [" " * indent + text]
    start, end = span
    head, body, tail = text[: start + 1], text[start + 1 : end], text[end:]
    inner = indent + 4
    is_call = start > 0 and (text[start - 1].isalnum() or text[start - 1] in "_])")
    items = _split(body, (", ",))
    if items[-1] == "":
        items.pop()
    if len(_split(body, (" for ",))) > 1:
        lines = [" " * inner + body] if inner + len(body) <= WIDTH else _comprehension(body, inner)
    elif is_call and inner + len(body) <= WIDTH and not body.endswith(","):
        lines = [" " * inner + body]
    elif len(items) == 1:
        lines = _item(body if is_call else body + ",", inner)
    else:
        lines = [line for item in items for line in _item(item + ",", inner)]
    return [" " * indent + head, *lines, " " * indent + tail]


def _comprehension(body: str, indent: int) -> list[str]:
    """The element on one line, the `for` clause after it."""
    element = _split(body, (" for ",))[0]
    clause = body[len(element) + 1 :]
    return [*_item(element, indent), *_item(clause, indent)]


def _assigned(text: str) -> tuple[str, str]:
    for start in ("return ",):
        if text.startswith(start):
            return start, text[len(start) :]
    parts = _split(text, (" = ",))
    return (parts[0] + " = ", text[len(parts[0]) + 3 :]) if len(parts) > 1 else ("", text)


def _split(text: str, separators: tuple[str, ...], keep: bool = False) -> list[str]:
    """`text` cut at separators outside all brackets and strings; with `keep`, operators lead the parts after them."""
    parts = []
    depth = start = i = 0
    quote = ""
    while i < len(text):
        character = text[i]
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in _OPEN:
            depth += 1
        elif character in _CLOSE:
            depth -= 1
        elif depth == 0:
            found = next((one for one in separators if text.startswith(one, i)), "")
            if found:
                parts.append(text[start:i])
                start = i + 1 if keep else i + len(found)
                i += len(found)
                continue
        i += 1
    parts.append(text[start:])
    return parts


def _last_bracket(text: str) -> tuple[int, int] | None:
    depth, quote, start, found = 0, "", 0, None
    for i, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in _OPEN:
            if depth == 0:
                start = i
            depth += 1
        elif character in _CLOSE:
            depth -= 1
            if depth == 0 and i > start + 1:
                found = (start, i)
    return found
