"""What the words for the end of a treatment say: a side effect, another reason, a death, or nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import pandas as pd

from ketaoutcomes.catalog.effect_terms import EffectTerms

__all__ = ["DEATH_WORDS", "HOSPITAL_WORDS", "SILENT", "Said", "is_clause_of", "said", "status_words"]


class Said(IntEnum):
    """What a reason says of side effects; of several clauses the largest counts.

    `UNCLEAR` is one that mentions a side effect without saying that it was why: it is no known reason.
    """

    NOTHING = 0
    OTHER = 1
    DENIED = 2
    UNCLEAR = 3
    NAMED = 4
    IN_GENERAL = 5


DEATH_WORDS = frozenset(
    ("died", "dead", "death", "deceased", "passed away", "suicide", "completed suicide", "suicide completed")
)
# What turns a clause of `DEATH_WORDS` beside it into something else: "suicide, attempted", "death / father".
_NOT_A_DEATH = re.compile(
    r"\b(?:attempt\w*|ideation|thoughts?|fear|risk|father|mother|parents?|partner|husband|wife|spouse|son"
    r"|daughter|child|brother|sister|family|friend|relative|pet|dog|cat)\b"
)
HOSPITAL_WORDS = frozenset(
    (
        "hospitalised", "hospitalized", "hospitalisation", "hospitalization", "admitted to hospital",
        "hospital admission", "psychiatric admission", "inpatient admission",
    )
)  # fmt: skip
# Clauses that say nothing on why treatment ended, whole or by their beginning.
SILENT = frozenset(
    (
        "", "no contact", "lost contact", "contact lost", "no further contact", "not contactable",
        "unable to contact", "unable to reach", "could not be reached", "could not be contacted",
        "cannot be reached", "cannot be contacted", "unreachable", "not reachable", "not reached",
        "no reply", "no answer", "did not respond to calls", "lost", "lost to follow up",
        "lost to followup", "lost to fu", "lost to f u", "lost follow up", "ltfu", "ltf", "no show",
        "no shows", "noshow", "did not show", "did not attend", "dna", "did not return", "never returned",
        "did not come back", "other", "others", "other reason", "other reasons", "miscellaneous", "unknown",
        "unknown reason", "reason unknown", "unk", "nk", "not known", "not stated", "not given",
        "not recorded", "not documented", "not specified", "unspecified", "not available",
        "not applicable", "no reason", "no reason given", "no reason stated", "none", "none given",
        "none stated", "missing", "unclear", "na", "nan", "tbd", "stopped", "discontinued",
        "discontinuation", "withdrew", "withdrawn", "withdrawal", "dropped out", "drop out", "dropout",
        "left", "ended", "terminated", "patient decision", "patient choice", "patient request",
        "patient s decision", "patient s choice", "patient s request", "own decision", "own choice",
        "own request", "clinician decision", "physician decision", "withdrew consent", "consent withdrawn",
        "withdrawal of consent", "personal reason", "personal reasons", "personal", *DEATH_WORDS,
    )
)  # fmt: skip

_SILENT_BEGINNING = re.compile(
    r"(?:no (?:further |more )?contact|lost (?:contact|to f)|(?:unable|not able) to (?:contact|reach)"
    r"|(?:could|can) ?not be (?:contacted|reached)|unreachable|no shows?)\b"
)

_EFFECT = (
    r"(?:(?:side|adverse|undesired|undesirable|unwanted|untoward)(?: drug| medication)?"
    r" (?:effect|event|reaction|experience)s?|sideeffects?|drug reactions?|(?:te)?aes?|saes?|adrs?)"
)
_BADLY_BORNE = (
    r"(?:(?:not|no longer|poorly|badly) (?:well )?tolerat(?:ed|ing)|intoleran(?:t|ce)|intolerab\w*"
    r"|(?:poor|bad|lack of|low) tolera(?:bility|nce)|toxicity|toxic effects?"
    r"|(?<!good )(?<!excellent )tolerability(?: (?:issue|problem|reason)s?)?(?=$|:)"
    r"|(?:unable to|cannot|can not|can t|could not|couldn t|did not|didn t|does not|doesn t)(?: \w+ly)?"
    r" tolerate)"
)
_STOP = re.compile(rf"\b(?:{_EFFECT}|{_BADLY_BORNE})\b")
_LINK = (
    r"(?:any|a|an|the|of|to|for|from|by|with|about|over|due|because|related|linked|attributed|attributable|had"
    r"|has|have|having|reported|experienced|experience|sign|signs|evidence|further|new|more|other|major|serious"
    r"|severe|significant|relevant|notable|particular|possible|potential|future|unwanted|poorly|on account)"
)
_DENIED = re.compile(
    r"\b(?:no|not|never|nil|without|deny|denies|denied|denying|free|absence|lack|unrelated|other than"
    r"|rather than|despite|worr(?:y|ies|ied)|fear(?:s|ed)?|afraid|scared|anxious|concern(?:s|ed)?|risk)"
    rf"(?: {_LINK})* (?:{_EFFECT}|intoleran(?:t|ce)|intolerab\w*|poorly tolerated|tolerability|toxicity)\b"
    rf"|\b{_EFFECT}:? (?:(?:have|has|had|were|was|are|is|being|all|now|fully|completely|since) )*"
    r"(?:none|no$|nil|absent|denied|negative|resolved|gone|settled|subsided|ruled out|0)(?:$| )"
)
_SLIGHT = (
    r"(?:minimal|minimum|few|mild|minor|slight|little|limited|negligible|transient|occasional|manageable"
    r"|tolerable|acceptable|hardly|barely)"
)
_MEDICINE = (
    r"(?:(?:(?:other|another|different|previous|prior|earlier|concomitant|concurrent|additional|oral)"
    r" (?:\w+ )?(?:med(?:ication|icine)?|drug|treatment|therapy|substance|antidepressant|antipsychotic)s?)"
    r"|antidepressants?|antipsychotics?|mood stabili[sz]ers?|ssris?|snris?|maois?|lithium|ect|tms)"
)
# Words for side effects that need not be why treatment ended: slight ones, and those of another treatment.
_NOT_OF_THE_STOP = re.compile(
    rf"\b{_SLIGHT}(?: (?:{_SLIGHT}|and|or|to|if|any|only|moderate))* {_EFFECT}\b"
    rf"|\b{_EFFECT}(?: (?:have|has|had|were|was|are|is|been|being|only|all|very|just))* {_SLIGHT}\b"
    rf"|\b(?:{_EFFECT}|{_BADLY_BORNE})(?: (?:due|because|caused|related))?"
    rf" (?:from|of|to|by|on|with)(?: (?:an?|the|his|her|their|some))? {_MEDICINE}\b"
    rf"|\b{_MEDICINE}(?: s)? {_EFFECT}\b"
)
# What may stand around a side effect's name that is the reason. "Intolerable" is among `_BADLY_BORNE`.
_CAUSE = re.compile(r"^(?:due to|because of|owing to|for|from)(?: (?:the|an?))? ")
_WHEN = re.compile(
    r" (?:during|after|during and after)(?: (?:the|an?|each|every|first|last))*"
    r" (?:session|infusion|treatment)s?$"
)
_DEGREE = re.compile(
    r"\b(?:(?:was|were|is|are|too|very|so) )*(?:severe|bad|strong|too much|unbearable|persistent)\b"
)
_SUICIDE = re.compile(r"\bsuicid\w*")
# Any name of a side effect reads as this word, so that the one rule of denials serves for it too.
_ANY_EFFECT = "side effects"
_ENUMERATED = re.compile(rf"{_ANY_EFFECT}(?:(?: (?:and|or|nor|such as|like|including))? {_ANY_EFFECT})+")
_WELL = re.compile(
    r"\b(?<!not )well tolerat\w*|\btolerat\w*(?: (?!not\b|poorly\b|badly\b|less\b)\w+){0,3}? well\b"
    r"|\b(?:not|never|no longer)(?: (?:feel|feels|felt|feeling|been|being))? unwell\b"
)
_ILL = re.compile(r"tolerat|\bunwell\b")
_UNSURE = re.compile(
    r"\?|\b(?:possibl[ey]|perhaps|maybe|unknown|unclear|not known|not stated|not recorded|not documented)\b"
)
# One word each, though a stop or a slash is inside: "n/a", "n.a.", "f/u", "w/o"; and what joins words.
_SPELLINGS = (
    (re.compile(r"\b(\w)\.(?=\w\b)"), r"\1"),
    (re.compile(r"\bn/a\b"), "na"),
    (re.compile(r"\bf/u\b"), "fu"),
    (re.compile(r"\bw/o\b"), "without"),
    (re.compile(r"[&+]"), " and "),
    (re.compile(r"\bsuicide\W+(attempt\w*)"), r"\1 suicide"),
    # "side effects, none": the answer belongs to what stands before it.
    (re.compile(r"\s*[-–—,;.]\s*(none|nil|denied|resolved)\W*$"), r": \1"),
)
_CLAUSE = re.compile(r"[,;./\n\r|–—]| - |\bbut\b|\bhowever\b")


def status_words(table: pd.DataFrame, name: str) -> pd.Series:
    """A column of words in lower case with single blanks, empty where missing or not there."""
    if name not in table.columns:
        return pd.Series("", index=table.index, dtype="str")
    words = table[name].astype("object").where(table[name].notna(), "").astype("str").str.lower()
    return words.str.split().str.join(" ").astype("str")


def said(words: pd.Series, terms: EffectTerms) -> np.ndarray:
    """What each reason says of side effects, a value of `Said`; (n,) int.

    A reason is read clause by clause, so that a denial reaches no further than its own. Where one names a
    side effect, in general words ("side effects", "poorly tolerated") or by a name of `terms` that is the
    whole clause, the reason does. Around the name may stand "due to" and the like, a degree ("severe"), and
    "during the infusion". A clause with such a name among other words, with "tolerat" or "unwell", with
    slight side effects or those of another medication, or that says suicide, is `Said.UNCLEAR` unless it
    denies it; so is a name in one clause with a denial in another.

    Parameters
    ----------
    words : Series
        From `status_words`.
    terms : EffectTerms
    """
    code, different = pd.factorize(words)
    lexicon = _lexicon(terms)
    of_word = np.array(
        [_together([_said_of(clause, lexicon) for clause in _clauses(word)]) for word in different], int
    )
    return of_word[code] if len(different) else np.zeros(len(words), dtype=int)


def is_clause_of(words: pd.Series, wanted: frozenset[str]) -> np.ndarray:
    """Whether a whole clause of each text is among `wanted`; (n,) bool.

    A death beside a word of an attempt, of a thought, or of another person is none.
    """
    code, different = pd.factorize(words)
    found = [any(clause in wanted for clause in _clauses(word)) for word in different]
    if wanted is DEATH_WORDS:
        found = [
            is_said and not _NOT_A_DEATH.search(word) for is_said, word in zip(found, different, strict=True)
        ]
    return np.array([*found, False], dtype=bool)[code]


def _clauses(word: str) -> list[str]:
    """Clauses of a text, with blanks for hyphens and whatever else stands between words but ":" and "?"."""
    for pattern, written in _SPELLINGS:
        word = pattern.sub(written, word)
    parts = (re.sub(r"[^\w:?]+", " ", part) for part in _CLAUSE.split(word))
    return [re.sub(r" ?: ?", ": ", part).strip(" :") for part in parts]


def _together(parts: list[Said]) -> Said:
    """What the clauses of one reason say."""
    most = max(parts)
    # "nausea, no side effects": one of the two is not meant as it stands.
    return Said.UNCLEAR if most == Said.NAMED and Said.DENIED in parts else most


@dataclass(frozen=True)
class _Lexicon:
    """Names of side effects: as a table, as a pattern, and the words of those with several."""

    terms: EffectTerms
    pattern: re.Pattern
    several: tuple[frozenset[str], ...]


def _lexicon(terms: EffectTerms) -> _Lexicon:
    # The longest first, so that "head ache" is not read as less.
    names = [re.escape(name) for name in sorted(terms.preferred, key=len, reverse=True)]
    pattern = re.compile(rf"\b(?:{'|'.join([*names, _SUICIDE.pattern])})\b")
    return _Lexicon(terms, pattern, tuple(frozenset(name.split()) for name in terms.preferred if " " in name))


def _said_of(clause: str, lexicon: _Lexicon) -> Said:
    if clause.strip("?: ") in SILENT or _SILENT_BEGINNING.match(clause):
        return Said.NOTHING
    if _STOP.search(clause):
        if _DENIED.search(clause):
            return Said.UNCLEAR if _mentions(clause, lexicon) else Said.DENIED
        if _UNSURE.search(clause):
            return Said.NOTHING
        return Said.UNCLEAR if _NOT_OF_THE_STOP.search(clause) else Said.IN_GENERAL
    # "nausea and vomiting", "stopped: nausea".
    whole = clause.rpartition(":")[2].strip()
    names = [_name(whole, lexicon.terms)]
    if not names[0]:
        names = [_name(part, lexicon.terms) for part in _WHEN.sub("", whole).split(" and ")]
    is_sure = not _UNSURE.search(clause)
    if is_sure and all(names) and not all(_SUICIDE.search(name) for name in names):
        return Said.NAMED
    return Said.UNCLEAR if _mentions(clause, lexicon) else Said.OTHER


def _name(words: str, terms: EffectTerms) -> str:
    """The words, with the preferred name, if they are a side effect's name and what may stand around it."""
    bare = words
    for pattern in (_CAUSE, _WHEN, _DEGREE):
        if terms.knows(bare):
            break
        bare = " ".join(pattern.sub(" ", bare).split())
    return f"{bare} {terms.name(bare)}" if terms.knows(bare) else ""


def _mentions(clause: str, lexicon: _Lexicon) -> bool:
    """Whether a clause has a side effect's name, suicide, or ill tolerance among its words, not denied."""
    masked = _ENUMERATED.sub(_ANY_EFFECT, lexicon.pattern.sub(_ANY_EFFECT, clause))
    left = _WELL.sub(" ", _DENIED.sub(" ", masked))
    if _ANY_EFFECT in left or _ILL.search(left):
        return True
    # "blood pressure too high": the words of a name in another order.
    words = set(left.replace(":", " ").replace("?", " ").split())
    return any(name <= words for name in lexicon.several)
