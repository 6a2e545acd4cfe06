"""Settings read from a mapping: every kind, every fault, all at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.environ import (
    EnvironReader,
    InvalidValueError,
    SecondsRange,
    SettingsError,
    given_flags,
    host_and_port,
    parse_seconds_range,
)

ONE_TO_TWO = SecondsRange(1.0, 2.0)


def faults_of(reader: EnvironReader) -> tuple[str, ...]:
    """Finish the reading, which must fail, and give its faults."""
    with pytest.raises(SettingsError) as caught:
        reader.finish()
    return caught.value.faults


@pytest.mark.parametrize("environ", [{}, {"X": ""}, {"X": "  "}])
def test_unset_or_empty_reads_as_the_default(environ: dict[str, str]) -> None:
    """A setting that is missing, empty or blank takes its default and is no fault."""
    reader = EnvironReader(environ)

    assert reader.text("X", default="here") == "here"
    assert reader.integer("X", default=5, low=1, high=9) == 5
    assert reader.seconds("X", default=2.5) == 2.5
    assert reader.seconds_range("X", default=ONE_TO_TWO) == ONE_TO_TWO
    assert reader.choice("X", default=None, choices={"a": 1}) is None
    assert reader.flag("X", default=True) is True
    reader.finish()


def test_every_kind_reads_its_value() -> None:
    """Each kind of setting reads a good value, blanks around it dropped."""
    reader = EnvironReader(
        {"TEXT": " ::1 ", "WHOLE": "-3", "WAIT": " .5", "THINK": "0.5-2", "WORD": "JSON", "FLAG": "Yes"},
    )

    assert reader.text("TEXT", default="") == "::1"
    assert reader.integer("WHOLE", default=0, low=-5) == -3
    assert reader.seconds("WAIT", default=1) == 0.5
    assert reader.seconds_range("THINK", default=ONE_TO_TWO) == SecondsRange(0.5, 2.0)
    assert reader.choice("WORD", default=0, choices={"json": 1, "console": 2}) == 1
    assert reader.flag("FLAG", default=False) is True
    reader.finish()


@pytest.mark.parametrize("value", ["1", "on", "TRUE", "yes"])
def test_flag_knows_the_usual_words_for_yes(value: str) -> None:
    """Every usual word for yes switches a flag on."""
    assert EnvironReader({"X": value}).flag("X", default=False) is True


@pytest.mark.parametrize("value", ["0", "off", "False", "no"])
def test_flag_knows_the_usual_words_for_no(value: str) -> None:
    """Every usual word for no switches a flag off."""
    assert EnvironReader({"X": value}).flag("X", default=True) is False


@pytest.mark.parametrize("value", ["x", "1.5", "+5", "0x10", "٣", "1e3", "1_0", "9" * 40, "- 1", "-"])
def test_integer_refuses_what_is_no_decimal_number(value: str) -> None:
    """An integer is ASCII decimal digits only; anything else is one fault and the default."""
    reader = EnvironReader({"X": value})

    assert reader.integer("X", default=7, low=1, high=30) == 7
    (fault,) = faults_of(reader)
    assert fault.startswith("X: not a whole number, give a whole number from 1 to 30 (got ")


@pytest.mark.parametrize("value", ["0", "31", "-1"])
def test_integer_refuses_what_is_out_of_range(value: str) -> None:
    """An integer outside its bounds is a fault that names them."""
    reader = EnvironReader({"X": value})

    assert reader.integer("X", default=7, low=1, high=30) == 7
    assert faults_of(reader) == (f"X: out of range, give a whole number from 1 to 30 (got '{value}')",)


def test_integer_without_an_upper_bound_says_so() -> None:
    """Where there is only a least value, the fault names that alone."""
    reader = EnvironReader({"X": "0"})

    reader.integer("X", default=7, low=1)

    assert faults_of(reader) == ("X: out of range, give a whole number of 1 or more (got '0')",)


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e3", "ten", ".", "1_0", "1.2.3", "9" * 40])
def test_seconds_refuses_what_is_no_number(value: str) -> None:
    """Seconds are plain decimals; infinities, signs and exponents are faults."""
    reader = EnvironReader({"X": value})

    assert reader.seconds("X", default=10) == 10
    (fault,) = faults_of(reader)
    assert fault.startswith("X: not a number, give seconds above 0, such as 10 or 0.5 (got ")


def test_seconds_refuses_zero() -> None:
    """A timeout of no time would end everything at once."""
    reader = EnvironReader({"X": "0.0"})

    reader.seconds("X", default=10)

    assert faults_of(reader) == ("X: out of range, give seconds above 0, such as 10 or 0.5 (got '0.0')",)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0-0", (0.0, 0.0)), ("2", (2.0, 2.0)), ("0.1 - 3", (0.1, 3.0)), ("1-1", (1.0, 1.0))],
)
def test_seconds_range_takes_one_number_or_two(value: str, expected: tuple[float, float]) -> None:
    """A range is MIN-MAX, or one number that stands for both."""
    assert parse_seconds_range(value) == SecondsRange(*expected)


@pytest.mark.parametrize("value", ["-", "1-", "-1", "1-2-3", "a-b"])
def test_seconds_range_refuses_what_is_no_range(value: str) -> None:
    """Half a range, or one of words, is refused with an example of a good one."""
    with pytest.raises(InvalidValueError, match=r"not a number, give MIN-MAX in seconds, such as 0\.5-2"):
        parse_seconds_range(value)


def test_seconds_range_refuses_a_least_above_the_most() -> None:
    """A range the wrong way round is a fault of its own."""
    reader = EnvironReader({"X": "3-1"})

    assert reader.seconds_range("X", default=ONE_TO_TWO) == ONE_TO_TWO
    assert faults_of(reader) == (
        "X: the least is above the most, give MIN-MAX in seconds, such as 0.5-2 (got '3-1')",
    )


def test_choice_and_flag_refuse_other_words() -> None:
    """A word that is not among the choices is a fault that lists them."""
    reader = EnvironReader({"A": "xml", "B": "perhaps"})

    reader.choice("A", default=1, choices={"json": 1, "console": 2})
    reader.flag("B", default=False)

    assert faults_of(reader) == (
        "A: not one of the choices, give one of: json, console (got 'xml')",
        "B: neither yes nor no, give yes or no (got 'perhaps')",
    )


def test_all_faults_are_reported_at_once() -> None:
    """One run shows every fault, those of the caller included, in the order of reading."""
    reader = EnvironReader({"LOW": "9", "HIGH": "5", "PORT": "http"})

    reader.integer("PORT", default=4000, low=0, high=65535)
    reader.fault("HIGH", "below LOW", "give at least LOW's 9")

    with pytest.raises(SettingsError) as caught:
        reader.finish()
    assert str(caught.value).splitlines() == [
        "PORT: not a whole number, give a whole number from 0 to 65535 (got 'http')",
        "HIGH: below LOW, give at least LOW's 9 (got '5')",
    ]


def test_text_refuses_control_characters_and_shows_them_escaped() -> None:
    """A value never reaches the terminal raw: control characters are escaped, and a long value is cut."""
    reader = EnvironReader({"A": "x\x1b[2J\ny", "B": "\x07" + "b" * 100})

    assert reader.text("A", default="safe") == "safe"
    reader.text("B", default="safe")

    first, second = faults_of(reader)
    assert first == r"A: holds control characters, give plain text (got 'x\x1b[2J\ny')"
    assert second.endswith("bbb…')")
    assert second.isprintable()


@given(st.text())
def test_any_value_is_read_or_is_one_printable_fault(value: str) -> None:
    """Whatever a setting holds, reading it ends in a value or in one line that a terminal can show."""
    reader = EnvironReader({"X": value})
    reader.integer("X", default=1, low=0)
    reader.seconds("X", default=1)
    reader.seconds_range("X", default=ONE_TO_TWO)
    reader.text("X", default="")
    reader.flag("X", default=False)

    try:
        reader.finish()
        faults: tuple[str, ...] = ()
    except SettingsError as error:
        faults = error.faults
    assert all(fault.isprintable() for fault in faults)


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("localhost", "localhost"),
        ("bot-1.my_network", "bot-1.my_network"),
        ("münchen.example.", "münchen.example."),
        ("10.0.0.1", "10.0.0.1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
    ],
)
def test_a_host_is_a_name_or_an_address(value: str, host: str) -> None:
    """Names of every kind and addresses of both families are taken; the brackets of a URL are dropped."""
    assert EnvironReader({"X": value}).host("X", default="") == host


@pytest.mark.parametrize(
    "value",
    ["a..b", ".a", "a" * 64 + ".example", "a." * 130, "two words", "http://a", "a/b", "user@a", "[a]", "."],
)
def test_what_is_no_host_is_a_fault(value: str) -> None:
    """No name that a name service could not even be asked for gets past the start."""
    reader = EnvironReader({"X": value})

    assert reader.host("X", default="here") == "here"
    assert faults_of(reader)[0].startswith("X: no host name, give a host name or an IP address, such as ")


def test_a_flag_that_is_given_nothing_is_a_fault() -> None:
    """Empty, it would count as left out; those that were left out are none of the given."""
    assert given_flags({"host": "here", "port": None}) == {"host": "here"}
    with pytest.raises(SettingsError) as caught:
        given_flags({"host": "", "port": " ", "ca": None})
    assert [fault.partition(":")[0] for fault in caught.value.faults] == ["--host", "--port"]


@pytest.mark.parametrize(
    ("value", "split"),
    [("8080", ("", "8080")), (":8080", ("", "8080")), ("[::]:80", ("[::]", "80")), ("a:80", ("a", "80"))],
)
def test_a_place_to_listen_is_split(value: str, split: tuple[str, str]) -> None:
    """The host may be left out, and an IPv6 address has brackets."""
    assert host_and_port("dashboard", value) == split


@pytest.mark.parametrize("value", [":", "::", "localhost:", ""])
def test_a_place_to_listen_has_a_port(value: str) -> None:
    """Without one it would count as left out."""
    with pytest.raises(SettingsError, match="--dashboard: no port, give PORT or HOST:PORT"):
        host_and_port("dashboard", value)


def test_a_link_local_address_needs_its_interface() -> None:
    """Alone it leads nowhere, and the kernel's own complaint would not say why."""
    reader = EnvironReader({"X": "fe80::1"})

    assert reader.host("X", default="here") == "here"
    (fault,) = faults_of(reader)
    assert fault.startswith("X: a link-local address without its interface, give it with one, such as ")


def test_a_port_beside_the_host_is_sent_to_its_own_setting() -> None:
    """`localhost:4000` is what people write; the fault says where the port goes."""
    reader = EnvironReader({"X": "localhost:4000"})
    reader.host("X", default="")

    assert "the port has a setting of its own" in faults_of(reader)[0]


def test_a_port_is_bounded() -> None:
    """A port that is none is a fault; 0, any free one, is only for who listens."""
    reader = EnvironReader({"X": "65535", "Y": "65536", "Z": "0"})

    assert reader.port("X", default=1) == 65535
    assert reader.port("Z", default=1) == 0
    reader.port("Y", default=1)
    reader.port("Z", default=1, low=1)
    assert len(faults_of(reader)) == 2
