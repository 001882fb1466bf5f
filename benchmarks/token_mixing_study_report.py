"""What `token_mixing_study.py` says of its searches: README.md with the tables, the figure, and what `nas compare` says of each data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from studies import confirmations
from studies_report import remarks, setting, size, table, write_pages
from token_mixing_study_data import DATA, FAMILIES, NAMES, SIZES, Estimate, Family, Worth, difference, read, together
from token_mixing_study_figure import draw

VERDICTS = {1: "loses by the shuffle", -1: "**gains** by the shuffle", 0: "not significant"}


def write(out: Path) -> Path:
    """Everything there is to say of the study in `out`; gives the path of the README.

    Raises: ExperimentError: a search is missing.
    """
    families = read(out)
    for data in DATA:
        write_pages(out, data, {family.name: family.records[data] for family in families})
    for ending in ("svg", "png", "pdf"):
        draw(families, out / f"token-mixing.{ending}")
    target = out / "README.md"
    target.write_text(readme(families, out), encoding="utf-8")
    return target


def readme(families: Sequence[Family], out: Path) -> str:
    """Markdown. Remarks of people in `remarks.md` are kept in it."""
    sizes = [f"≤ {size(one)}" for one in SIZES]
    blocks = [
        "# What token mixing is worth at each size: five families on MNIST-1D, in order and shuffled",
        "![test accuracy against parameters on both data sets, and their difference for each family](token-mixing.svg)",
        "Top: the retrained frontier of each family on the test split, with 95 % intervals over training seeds. Bottom: what one fixed "
        "permutation of the 40 features takes from it, likewise; the thin gray lines are the searches of each study seed, on validation. "
        "**KANs, hourglasses and plain MLPs read all features alike, so that order cannot matter to them: their differences show the noise "
        "of the study.**",
        _setting(families),
        "## What came out",
        "\n".join([*map(_claim, families), _noise(families), *_advantage(families)]),
        remarks(out),
        "## Lost by the shuffle, on the test split",
        "Accuracy in order − shuffled of the retrained designs of the first search with at most so many parameters, and the 95 % "
        "interval from the noise of training. Within a size the design is taken that is best on *validation*. Bold: significant, which "
        "is that this interval leaves out 0, and the one over the searches likewise.",
        table(["family", *sizes], [[NAMES[one.name], *map(_test_cell, _at_sizes(one))] for one in families]),
        "## Lost by the shuffle, over the searches",
        "The best validation accuracy that a search found, in order − shuffled, paired by study seed: the mean, its 95 % interval by Student's t, "
        "and in how many of the pairs the shuffle lost. This is the noise of searching and of training, on the split that the searches saw.",
        table(["family", *sizes], [[NAMES[one.name], *map(_search_cell, _at_sizes(one))] for one in families]),
        "## Test accuracy",
        "Of the retrained designs of the first search with at most so many parameters, with the 95 % interval.",
        table(["family", "features", *sizes], [_reached(one, data) for one in families for data in DATA]),
        "## What to know",
        _limits(),
    ]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _setting(families: Sequence[Family]) -> str:
    return setting(
        [record for data in DATA for family in families for record in family.records[data]],
        [one for family in families for one in confirmations(family.records).values()],
        data="MNIST-1D, 3,200 signals to train, 800 to validate, 1,000 to test; the test split was opened for the confirmation alone",
        searches=f"{len(FAMILIES)} families × {len(DATA)} data sets",
    )


def _claim(family: Family) -> str:
    """One sentence, from the numbers."""
    name = f"**{NAMES[family.name]}**" + ("" if family.mixes_tokens else " (order cannot matter)")
    said = []
    for verdict, words in VERDICTS.items():
        own = [one for one in family.worths if one.verdict == verdict]
        if own:
            amounts = sorted(abs(one.test.middle) for one in own)
            much = f" ({_range(amounts)} of accuracy)" if verdict else ""
            said.append(f"{words} within {', '.join(size(one.size) for one in own)} parameters{much}")
    return f"- {name}: {'; '.join(said) or 'not confirmed'}."


def _range(amounts: Sequence[float]) -> str:
    """`0.047`, or `0.215 … 0.296`."""
    return " … ".join(dict.fromkeys(f"{one:.3f}" for one in (amounts[0], amounts[-1])))


def _noise(families: Sequence[Family]) -> str:
    """How often and how far the families differ that cannot."""
    known = [(family, one) for family in families if not family.mixes_tokens for one in family.worths]
    if not known:
        return "- Noise: not known."
    outside = sum(one.test.sign != 0 for _, one in known)
    clear = sum(one.verdict != 0 for _, one in known)
    family, largest = max(known, key=lambda pair: abs(pair[1].test.middle))
    return (
        f"- Noise: of {len(known)} differences of the families to which order cannot matter, {outside} have a 95 % interval of training that leaves out 0; "
        f"significant: {clear}; the largest is {largest.test.middle:+.3f} ({NAMES[family.name]} within {size(largest.size)})."
    )


def _advantage(families: Sequence[Family]) -> list[str]:
    """The best token family over the best other, on each data set."""
    lines = []
    for data in DATA:
        mixing = together([one for one in families if one.mixes_tokens], data)
        others = together([one for one in families if not one.mixes_tokens], data)
        if mixing is None or others is None:
            continue
        found = {one: difference(mixing, others, one) for one in SIZES}
        cells = [f"{_interval(gap)} within {size(one)}" for one, gap in found.items() if gap is not None]
        lines.append(f"- Best family that mixes tokens − best other, {data}: {', '.join(cells) or 'not comparable'}.")
    return lines


def _at_sizes(family: Family) -> list[Worth | None]:
    known = {one.size: one for one in family.worths}
    return [known.get(one) for one in SIZES]


def _test_cell(worth: Worth | None) -> str:
    if worth is None:
        return "–"
    return f"**{_interval(worth.test)}**" if worth.verdict else _interval(worth.test)


def _search_cell(worth: Worth | None) -> str:
    if worth is None:
        return "–"
    test, lost = worth.searches, sum(gap > 0 for gap in worth.gaps)
    spread = f" [{test.low:+.3f}, {test.high:+.3f}]" if test.n > 1 else ""
    return f"{test.mean:+.3f}{spread}, {lost} of {test.n}"


def _reached(family: Family, data: str) -> list[str]:
    retrained = family.retrained.get(data)
    found = [retrained.estimate(one) if retrained else None for one in SIZES]
    cells = [f"{one.middle:.3f} [{one.low:.3f}, {one.high:.3f}]" if one else "–" for one in found]
    return [NAMES[family.name], "in order" if data == "intact" else "shuffled", *cells]


def _interval(one: Estimate) -> str:
    return f"{one.middle:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"


def _limits() -> str:
    return "\n".join(
        (
            "- One permutation, the shipped task `mnist1d/shuffled`; a family is searched anew on it, and may choose other patches, depths and rates.",
            "- The learning rate is a decision of every family; all have 200 to 20,000 parameters, the same trials, epochs and stopping rule. A token "
            "family spends more arithmetic on a parameter than the others.",
            "- The interval on test knows the noise of training, not that of searching; the one over searches knows both, from few seeds, and "
            "is therefore wide. What is called lost or gained needs both to leave out 0.",
            "- Many differences are looked at, each at 95 %: one in twenty may leave out 0 by chance. The families to which order cannot matter "
            "show how many do.",
            "- Candidates train together, eight at a time, which is one cause of differences in the last digits where a search was killed and gone on with.",
            "- `reports/*.html` open each family's first search; `intact.html` and `shuffled.html` compare the families. Weights are not kept: "
            "`nas export searches/DATA/FAMILY/SEED` trains a candidate again from its seed.",
        )
    )
