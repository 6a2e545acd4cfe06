"""Tables of figures."""

from benchmarks import report
from benchmarks.figures import Sample
from benchmarks.plan import Kind, Load
from benchmarks.table import number, table

SMALL, LARGE = Load("guess@64", Kind.GUESSES, 64), Load("guess@1000", Kind.GUESSES, 1000)


def sample(server: str, load: Load, per_s: float, server_us: float, generator_busy: float = 0.5) -> Sample:
    """Return a run."""
    return Sample(server, load.name, 0, per_s, server_us, 0.5, 10.0, 20.0, 30.0, generator_busy)


SAMPLES = [
    sample("server", SMALL, 300_000.4, 3.0, generator_busy=0.99),
    sample("protocol", SMALL, 200_000.0, 4.5),
    sample("server", LARGE, 250_000.0, 3.6),
    sample("protocol", LARGE, 125_000.0, 9.0),
]


def test_numbers_read_well() -> None:
    """Thousands are grouped, and what was not measured is a dash."""
    assert number(1234567.8) == "1,234,568"
    assert number(0.126, 2) == "0.13"
    assert number(float("nan")) == "-"


def test_a_table_is_aligned_markdown() -> None:
    """The first column stands to the left and the others to the right, in the terminal and in a document."""
    assert table(["name", "figure"], [["a", "1"], ["longer", "1,000"]]).splitlines() == [
        "| name   | figure |",
        "| ------ | -----: |",
        "| a      |      1 |",
        "| longer |  1,000 |",
    ]


def test_a_load_has_a_line_for_each_server_that_was_measured() -> None:
    """The rate is set against the baseline's, and starred where the generator may have limited it."""
    lines = report.load_table(SAMPLES, SMALL, ["server", "threads", "protocol"]).splitlines()[2:]

    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines] == [
        ["**server**", "300,000*", "1.50", "3.00", "10", "20", "30"],
        ["protocol", "200,000", "1.00", "4.50", "10", "20", "30"],
    ]


def test_growth_is_from_the_fewest_connections_to_the_most() -> None:
    """The last column tells by how much a guess becomes dearer."""
    lines = report.growth_table(SAMPLES, [LARGE, SMALL], ["server", "protocol", "threads"]).splitlines()

    assert "64" in lines[0]
    assert [line.split()[-2] for line in lines[2:]] == ["1.20", "2.00"]


def test_containers_are_set_against_the_first() -> None:
    """The first way to run the server is the one that the others are compared with."""
    lines = report.container_table(SAMPLES, SMALL).splitlines()

    assert "of server" in lines[0]
    assert "0.67" in lines[3]


def test_a_curve_follows_the_connections() -> None:
    """A server's line in a plot runs from few connections to many, past loads it was not measured at."""
    assert report.curve(SAMPLES, [LARGE, SMALL], "server", "server_us") == [(64.0, 3.0), (1000.0, 3.6)]
    assert report.curve(SAMPLES, [LARGE, SMALL], "threads", "server_us") == []


def test_memory_that_was_not_measured_is_a_dash() -> None:
    """Not every server is measured over TLS."""
    lines = report.memory_table({"server": {"plain": 1.2, "TLS": 15.0}, "twisted": {"plain": 1.9}})

    assert lines.splitlines()[-1].split("|")[2:4] == ["  1.90 ", "     - "]
