"""The rules of `privacy_rules.toml`, compiled, and the checks that a match must also pass."""

from __future__ import annotations

import ipaddress
import re
import tomllib
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from types import MappingProxyType

__all__ = [
    "LETTERS",
    "LONGEST",
    "IdentifierClass",
    "Pattern",
    "Rules",
    "compiled",
    "load_rules",
    "luhn",
    "nanp_phone",
    "normalise",
    "passes",
    "plain_digits",
    "social_security",
]

# Words that exports put before and after the telling part of a name: pt_first_name, phone_number, ssn_2.
BEFORE = (
    "(?:pt|pat|patients?|subj|subjects?|participants?|clients?|members?|demo|dem|demographics?"
    "|cust|person|guardian|contact|home|work|business)_?"
)
BOUNDARY = r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])"
AFTER = "(?:_?(?:id|no|nr|num|number|nbr))?(?:_[0-9]+)?"


# Letters of the scripts in which names are written, as a range for both RE2 and `re`.
LETTERS = "A-Za-zªµºÀ-ÖØ-öø-ɏͰ-ԯ֐-׿ؠ-يऀ-ॿ぀-ヿ㐀-鿿가-힣"


LONGEST, LONGEST_HEADER = 1000, 300
# Signs that steer a terminal.
STEERING = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
DIGIT = re.compile(r"\d")
# Letters and marks of Unicode that are drawn blank.
BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u3164\uffa0") | frozenset(
    map(chr, range(0xFE00, 0xFE10))
)


@dataclass(frozen=True)
class Pattern:
    """One pattern for cells, in RE2 syntax.

    Parameters
    ----------
    text : str
    fits : str or None
        Name of the check in `CHECKS` that a match must pass.
    ids : bool
        Whether the pattern is also used on patient_id and clinic_id.
    prose : bool
        Whether the pattern is only for cells of several words.
    """

    text: str
    fits: str | None = None
    ids: bool = True
    prose: bool = False


@dataclass(frozen=True)
class IdentifierClass:
    """One class of identifiers, by its letter in 45 CFR 164.514(b)(2)(i)."""

    letter: str
    words: str
    advice: str
    header: Callable[[str], bool]
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True)
class Rules:
    """All that `privacy_rules.toml` says."""

    classes: tuple[IdentifierClass, ...]
    free_text: IdentifierClass
    birth_header: Callable[[str], bool]
    birth_advice: str
    birth_year_header: Callable[[str], bool]
    age_header: Callable[[str], bool]
    serial_header: Callable[[str], bool]
    zip3_header: Callable[[str], bool]
    small_zip3: frozenset[str]
    prose_words: str
    given_names: frozenset[str]
    not_names: str
    public_hosts: tuple[str, ...]

    @property
    def by_letter(self) -> Mapping[str, IdentifierClass]:
        """The classes under their letters."""
        return MappingProxyType({one.letter: one for one in self.classes})


@cache
def compiled(pattern: str) -> re.Pattern:
    """Return the pattern compiled for `re`."""
    return re.compile(pattern, re.ASCII if "(?i)" not in pattern else 0)


@lru_cache(maxsize=4096)
def normalise(name: str) -> str:
    """Return a column's name as "_words_joined_like_this_".

    Accents and case are dropped; words are split at capitals, digits and signs,
    so that `PatientFirstName`, `patient-first.name` and `PATIENT FIRST NAME` agree.
    Signs that show nothing are left out, and all digits are written 0-9.
    """
    name = plain_digits(STEERING.sub("", str(name)))
    name = name.replace("ß", "ss").replace("ø", "o").replace("Ø", "O").replace("æ", "ae").replace("ł", "l")
    letters = unicodedata.normalize("NFKD", name)
    name = "".join(letter for letter in letters if not unicodedata.combining(letter) and _shows(letter))
    name = re.sub(BOUNDARY, "_", name)
    words = re.split(r"[\W_]+", name.lower())
    return "_" + "_".join(word for word in words if word) + "_"


def plain_digits(text: str) -> str:
    """Return a text with the digits of all scripts written 0-9."""
    return DIGIT.sub(lambda found: str(unicodedata.decimal(found.group())), text)


def _shows(sign: str) -> bool:
    """Whether a sign is drawn or parts words: not one of direction, a joiner, a tag or a terminal's."""
    kind = unicodedata.category(sign)
    return not (kind == "Cf" or (kind == "Cc" and not sign.isspace()) or sign in BLANK_LETTERS)


@cache
def load_rules() -> Rules:
    """Return the rules, read and compiled once."""
    text = resources.files("ketaoutcomes.cohort").joinpath("privacy_rules.toml").read_text(encoding="utf-8")
    content = tomllib.loads(text)
    months = "(?:" + "|".join(sorted(content["dates"]["months"], key=len, reverse=True)) + ")"
    birth = content["birth"]
    return Rules(
        classes=tuple(_identifier_class(entry, months) for entry in content["class"]),
        free_text=_identifier_class({"letter": "free_text", **content["free_text"]}, months),
        birth_header=_header_test(birth["headers"]),
        birth_advice=birth["advice"],
        birth_year_header=_header_test(birth["year_headers"]),
        age_header=_header_test(birth["age_headers"], birth["age_whole"], birth["age_unless"]),
        serial_header=_header_test([], content["dates"]["serial_headers"]),
        zip3_header=_header_test(content["zip3"]["headers"]),
        small_zip3=frozenset(content["zip3"]["small"]),
        prose_words=rf"(?i)(?:^|[^{LETTERS}])(?:{'|'.join(content['prose']['words'])})(?:[^{LETTERS}]|$)",
        given_names=frozenset(content["names"]["given"].split()),
        not_names=content["names"]["not_names"],
        public_hosts=tuple(content["public_hosts"]["hosts"]),
    )


def _identifier_class(entry: Mapping, months: str) -> IdentifierClass:
    """Return one class of the file with its header test and its patterns."""
    patterns = [
        Pattern(one["pattern"].replace("{month}", months), one.get("fits"), one.get("ids", True))
        for one in entry.get("values", ())
    ]
    if entry.get("labels"):
        # "MRN: 00123456", "policy no. AB-12345": the announcing word, then a number directly behind it.
        words = "|".join(label.replace(" ", "[ _-]?") for label in entry["labels"])
        number = r"[ _-]?(?:no|nr|num|number|id)?\.?[ :#=_-]*[a-z]{0,3}[ -]?[0-9][0-9a-z-]{3,}"
        patterns.append(Pattern(f"(?i)(?:^|[^a-z])(?:{words}){number}"))
    patterns += [
        Pattern(one["pattern"], one.get("fits"), ids=False, prose=True) for one in entry.get("prose", ())
    ]
    return IdentifierClass(
        letter=entry["letter"],
        words=entry["words"],
        advice=entry["advice"],
        header=_header_test(entry["headers"], entry.get("whole", ()), entry.get("unless", ())),
        patterns=tuple(patterns),
    )


def _header_test(parts, whole=(), unless=()) -> Callable[[str], bool]:
    """Return the test whether a column's name holds one of the parts, or is one of the whole names."""
    options = []
    if parts:
        options.append(f"_(?:{BEFORE})?(?:{'|'.join(parts)}){AFTER}_")
    if whole:
        options.append(f"^_(?:{BEFORE})?(?:{'|'.join(whole)}){AFTER}_$")
    positive = re.compile("|".join(options))
    negative = re.compile(f"_(?:{'|'.join(unless)})_") if unless else None

    def test(name: str) -> bool:
        name = str(name)[:LONGEST_HEADER]
        # IPv4 is one word and PatientName two, so capitals are tried both ways.
        forms = (normalise(name), normalise(name.lower()))
        if negative and any(negative.search(form) for form in forms):
            return False
        return any(positive.search(form) for form in forms)

    return test


def luhn(text: str) -> bool:
    """Whether the digits end in their Luhn check digit, as those of payment cards do."""
    digits = [int(sign) for sign in re.sub(r"\D", "", text)]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def social_security(text: str) -> bool:
    """Whether nine digits can be a Social Security number: no area 000, 666, 9xx, no zero group or serial."""
    digits = re.sub(r"\D", "", text)
    if len(digits) != 9 or digits[:3] in ("000", "666") or digits[0] == "9":
        return False
    return digits[3:5] != "00" and digits[5:] != "0000"


def nanp_phone(text: str) -> bool:
    """Whether 10 digits, or 11 after a 1, can be a North American telephone number."""
    return re.fullmatch(r"1?[2-9]\d{2}[2-9]\d{6}", re.sub(r"\D", "", text)) is not None


def _iban(text: str) -> bool:
    """Whether the letters and digits pass the modulo 97 check of ISO 13616."""
    words = re.sub("[^A-Z0-9 ]", " ", text).split()
    # The word behind it may be in capitals too.
    for n_words in (len(words), len(words) - 1):
        code = "".join(words[:n_words])
        if len(code) >= 15 and int("".join(str(int(sign, 36)) for sign in code[4:] + code[:4])) % 97 == 1:
            return True
    return False


def _address(text: str, version: int) -> bool:
    """Whether the text is an Internet address of this version."""
    text = text.strip().split("/")[0]
    text = re.sub(r"^[^0-9]+|[^0-9]+$", "", text) if version == 4 else text.strip(" ,.;()[]")
    # "::" is an address by the letter, and of nobody.
    if version == 6 and len(re.sub("[^0-9a-f]", "", text.lower())) < 3:
        return False
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False


def _vin(text: str) -> bool:
    """Whether 17 signs mix letters and digits as vehicle numbers do, which end in at least four digits."""
    code = re.search(r"[A-HJ-NPR-Z0-9]{17}", text)
    return code is not None and bool(re.search(r"[A-Z].*[A-Z].*\d{4}$", code.group()))


def _dea(text: str) -> bool:
    """Whether the seventh digit is the check digit of a DEA registration."""
    digits = [int(sign) for sign in re.sub(r"\D", "", text)[-7:]]
    return (digits[0] + digits[2] + digits[4] + 2 * (digits[1] + digits[3] + digits[5])) % 10 == digits[6]


def _day_and_month(text: str) -> bool:
    """Whether at least one of the first two numbers can be a month."""
    first, second = (int(number) for number in re.findall(r"\d+", text)[:2])
    return min(first, second) <= 12


def _n_digits(text: str) -> int:
    """Return how many digits there are."""
    return len(re.sub(r"\D", "", text))


CHECKS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "luhn": luhn,
        "ssn": social_security,
        "iban": _iban,
        "ipv4": lambda text: _address(text, 4),
        "ipv6": lambda text: _address(text, 6),
        "vin": _vin,
        "dea": _dea,
        "day_and_month": _day_and_month,
        "phone": lambda text: 9 <= _n_digits(text) <= 15,
        "local_phone": lambda text: 10 <= _n_digits(text) <= 14,
        "has_letter": lambda text: re.search("[a-f]", text.lower()) is not None,
    }
)


def passes(pattern: Pattern, text: str) -> bool:
    """Whether a cell that the pattern found also passes the pattern's check."""
    if pattern.fits is None:
        return True
    # Long texts are refused as free text, and `re` may take quadratic time on them.
    text, search = text[:LONGEST], compiled(pattern.text).search
    match = search(text)
    while match is not None:
        if CHECKS[pattern.fits](match.group()):
            return True
        # The sign that ends one match may begin the next.
        match = search(text, max(match.start() + 1, match.end() - 1))
    return False
