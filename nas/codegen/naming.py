"""Names that a person might have chosen and that Python and torch leave free."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable

_MODULE_ATTRIBUTES = """
    T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double
    dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu
    load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters
    register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to
    to_empty train training type xpu zero_grad
"""
MODULE_ATTRIBUTES = frozenset(_MODULE_ATTRIBUTES.split())
"""What `torch.nn.Module` calls its own; a test holds this against torch."""

PYTHON = frozenset(keyword.kwlist) | frozenset(keyword.softkwlist) | frozenset(dir(builtins))
FILE = frozenset({"torch", "nn", "F", "Tensor", "math", "self", "load"})
VALUES = ("h", "z", "u", "v", "w", "s", "t")
_ACRONYMS = frozenset({"cnn", "ffn", "glu", "kan", "mlp", "rbf", "sgu"})
INPUTS = ("x", "y", "z", "u", "v", "w")


class Names:
    """Hands out names, each once: the wished one if it is free, else the wished one with a number."""

    def __init__(self, *taken: Iterable[str]) -> None:
        self.taken = set(PYTHON | FILE).union(*taken)

    def claim(self, wish: str) -> str:
        name, number = wish, 2
        while name in self.taken:
            name, number = f"{wish}{'_' * wish[-1].isdigit()}{number}", number + 1
        self.taken.add(name)
        return name


def word(text: str) -> str:
    """`text` as one word: `height·segment` becomes `height_segment`."""
    cleaned = re.sub(r"\W+", "_", text).strip("_") or "x"
    return f"_{cleaned}" if cleaned[0].isdigit() else cleaned


def identifier(text: str) -> str:
    """`text` as the name of a variable that hides nothing of Python or of the file."""
    name = word(text)
    return f"{name}_" if name in PYTHON or name in FILE else name


def class_name(block: str) -> str:
    """`spatial_gate` becomes `SpatialGate`, `mlp` becomes `MLP`."""
    words = [word for word in re.split(r"\W+|_+", block) if word]
    name = "".join(word.upper() if word in _ACRONYMS else word[0].upper() + word[1:] for word in words) or "Block"
    return f"Block{name}" if name[0].isdigit() else name


def attribute_name(text: str) -> str:
    """`text` as the name of a module inside its parent, where torch has no attribute of that name."""
    name = word(text)
    return f"{name}_" if name in MODULE_ATTRIBUTES or keyword.iskeyword(name) else name


def plural(noun: str) -> str:
    """How a list of them is called.

    >>> [plural(noun) for noun in ("residual", "entry", "stash", "gated")]
    ['residuals', 'entries', 'stashes', 'gated_blocks']
    """
    if noun.endswith("ed"):
        return f"{noun}_blocks"
    if noun.endswith("y") and len(noun) > 1 and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "z", "ch", "sh")) else "s")


def numbered(words: list[str]) -> list[str]:
    """Equal words told apart by numbers, from 1: `[linear, relu, linear]` becomes `[linear1, relu, linear2]`."""
    seen: dict[str, int] = {}
    result = []
    for word in words:
        if words.count(word) == 1:
            result.append(word)
            continue
        seen[word] = seen.get(word, 0) + 1
        result.append(f"{word}{'_' * word[-1].isdigit()}{seen[word]}")
    return result
