"""A game from the player's side: servers by the book, and the others of the family."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.player.bot import Dialect
from services.player.conversation import Conversation
from services.protocol.errors import LineTooLongError
from services.protocol.messages import Game, Guess, Hello, Name, Refused, Verdict
from services.protocol.printable import printable
from services.protocol.refusals import FOR_NOW
from services.protocol.rules import CLASSIC, Rules
from services.protocol.state import State
from services.strategies.candidates import Try


def receive(conversation: Conversation, *lines: str) -> None:
    """Let lines of the server arrive together."""
    for reply in conversation.receive("".join(f"{line}\r\n" for line in lines).encode()):
        conversation.handle(reply)


def playing(dialect: Dialect = Dialect.CLASSIC) -> Conversation:
    """Return a conversation in which the game has begun."""
    conversation = Conversation(dialect, CLASSIC)
    conversation.send(Hello())
    receive(conversation, "Greetings")
    conversation.send(Game())
    receive(conversation, "Ready")
    return conversation


def test_a_classic_game() -> None:
    """Every line is spelled as the protocol has it, and every verdict is noted (clauses P-1 to P-4)."""
    conversation = Conversation(Dialect.CLASSIC, CLASSIC)
    sent = conversation.send(Hello())
    receive(conversation, "Greetings")
    sent += conversation.send(Game())
    receive(conversation, "Ready")
    sent += conversation.send(Guess(15))
    receive(conversation, "Close")
    sent += conversation.send(Guess(16))
    receive(conversation, "Correct")

    assert sent == b"Hello\r\nGame\r\nMy Guess is: 15\r\nMy Guess is: 16\r\n"
    assert conversation.view.history == (Try(15, Verdict.CLOSE), Try(16, Verdict.CORRECT))
    assert conversation.view.state is State.CLOSED
    assert conversation.guesses == 2


def test_a_short_game() -> None:
    """The older dialect has no Game, and shorter guesses (clause P-7)."""
    conversation = Conversation(Dialect.SHORT, CLASSIC)
    conversation.send(Hello())
    receive(conversation, "Greetings")

    assert conversation.send(Guess(15)) == b"Guess: 15\r\n"


def test_replies_are_read_by_their_first_word() -> None:
    """What follows the first word does not matter (clause C-2)."""
    conversation = Conversation(Dialect.CLASSIC, CLASSIC)
    conversation.send(Hello())
    receive(conversation, "greetings, stranger!")
    conversation.send(Game())
    receive(conversation, "READY (1-30)")
    conversation.send(Guess(3))
    receive(conversation, "Far away.")

    assert conversation.view.history == (Try(3, Verdict.FAR),)
    assert not conversation.reply_unclear


def test_the_range_is_learnt_from_the_prompt() -> None:
    """A number that is not in range is spent, and the range in force is known from then on (clause P-5)."""
    conversation = playing()
    conversation.send(Guess(30))
    receive(conversation, "Pick a number between 1-20")

    assert conversation.view.rules == Rules(1, 20, 2)
    assert conversation.view.range_told
    assert conversation.view.history == (Try(30, None),)
    assert conversation.guesses == 0


def test_a_range_without_numbers_is_not_believed() -> None:
    """A prompt that makes no sense changes nothing."""
    conversation = playing()
    conversation.send(Guess(30))
    receive(conversation, "Pick a number between 20-1")

    assert conversation.view.rules == CLASSIC


@pytest.mark.parametrize(("words", "high", "told"), [("Far", 60, False), ("What?", 30, True)])
def test_a_number_beyond_the_range(words: str, high: int, *, told: bool) -> None:
    """One that is judged widens the range; where the answer is of no use nothing more is asked."""
    conversation = playing()
    conversation.send(Guess(60))
    receive(conversation, words)
    conversation.assume_reply()

    assert conversation.view.rules.high == high
    assert conversation.view.range_told is told


def test_a_new_round_begins_anew() -> None:
    """Too late means another secret: what was learnt of the one before is forgotten (clause R-3)."""
    conversation = playing()
    conversation.send(Guess(3))
    receive(conversation, "Far")
    conversation.send(Guess(8))
    receive(conversation, "Too late")

    assert conversation.view.history == ()
    assert conversation.view.state is State.PLAYING
    assert conversation.guesses == 0


def test_too_high_is_not_too_late() -> None:
    """The words of other servers are no shared round (clause C-2)."""
    conversation = playing()
    conversation.send(Guess(3))
    receive(conversation, "Too high")
    conversation.assume_reply()

    assert conversation.view.history == (Try(3, None),)


def test_an_unknown_reply_counts_once_it_is_quiet() -> None:
    """A line in unknown words may be the reply or chatter before it: silence decides."""
    conversation = playing()
    conversation.send(Guess(3))
    receive(conversation, "Hm, let me see.")
    assert (conversation.reply_unclear, conversation.awaiting_reply) == (True, True)

    conversation.assume_reply()

    assert (conversation.reply_unclear, conversation.awaiting_reply) == (False, False)
    assert conversation.view.history == (Try(3, None),)


def test_a_verdict_in_a_sentence_is_a_reply() -> None:
    """A sentence that means a verdict is one, at once; before a guess it means nothing."""
    conversation = Conversation(Dialect.BARE, CLASSIC)
    conversation.send(Hello())
    receive(conversation, "You are not close to the end yet")
    conversation.assume_reply()
    conversation.send(Game())
    receive(conversation, "Ready")

    assert conversation.send(Guess(3)) == b"3\r\n"
    receive(conversation, "You are way off.")

    assert conversation.view.history == (Try(3, Verdict.FAR),)
    assert (conversation.judged, conversation.misunderstood) == (True, False)


@pytest.mark.parametrize(
    ("reason", "begun"), [*((reason, False) for reason in sorted(FOR_NOW)), ("what?", True)]
)
def test_a_game_that_is_put_off_has_not_begun(reason: str, begun: bool) -> None:  # noqa: FBT001
    """A server that has no game for now says nothing of the dialect; whoever refuses otherwise may."""
    conversation = Conversation(Dialect.CLASSIC, CLASSIC)
    conversation.send(Hello())
    receive(conversation, "Greetings")
    conversation.send(Game())
    receive(conversation, f"Refused: {reason}")

    assert conversation.begun is begun


@pytest.mark.parametrize("words", ["What?", "Pick a number between 1-30"])
def test_a_guess_that_is_not_judged_is_misunderstood(words: str) -> None:
    """Unknown words, and the prompt for a number that is in range, say that the dialect is another."""
    conversation = playing()
    assert (conversation.begun, conversation.misunderstood) == (True, False)

    conversation.send(Guess(3))
    receive(conversation, words)

    assert (conversation.judged, conversation.misunderstood) == (False, True)


def test_a_miss_without_a_distance_is_understood() -> None:
    """It is no distance, but it says that the server has read the guess; a verdict may still follow."""
    conversation = playing()
    conversation.send(Guess(3))
    receive(conversation, "Wrong!")
    assert conversation.reply_unclear
    conversation.assume_reply()
    conversation.send(Guess(4))
    receive(conversation, "Wrong!", "You are far away.")

    assert conversation.view.history == (Try(3, None), Try(4, Verdict.FAR))
    assert (conversation.judged, conversation.misunderstood) == (True, False)


def test_a_prompt_for_another_range_is_understood() -> None:
    """A number that is out of the server's range had to be answered so (clause P-5)."""
    conversation = playing()
    conversation.send(Guess(30))
    receive(conversation, "Pick a number between 1-20")

    assert not conversation.misunderstood


def test_a_name_is_welcome() -> None:
    """After the answer the game goes on as after Greetings (clause N-1)."""
    conversation = Conversation(Dialect.CLASSIC, CLASSIC)
    conversation.send(Hello())
    receive(conversation, "Greetings")
    assert conversation.send(Name("anna")) == b"Name: anna\r\n"
    assert (conversation.naming, conversation.may_assume_reply, conversation.name_unanswered) == (
        *(True, True, True),
    )
    receive(conversation, "Welcome anna")

    assert (conversation.view.state, conversation.view.named) == (State.GREETED, True)
    assert (conversation.naming, conversation.name_unanswered) == (False, False)


def test_a_server_may_ignore_a_name() -> None:
    """Silence after a name is an answer, too."""
    conversation = Conversation(Dialect.CLASSIC, CLASSIC)
    conversation.send(Hello())
    receive(conversation, "Greetings")
    conversation.send(Name("anna"))
    conversation.assume_reply()

    assert conversation.view.state is State.GREETED
    assert not conversation.name_unanswered


def test_a_refused_name_is_unanswered() -> None:
    """A server that knows no names refuses them: without one it can be played."""
    conversation = Conversation(Dialect.CLASSIC, CLASSIC)
    conversation.send(Hello())
    receive(conversation, "Greetings")
    conversation.send(Name("anna"))
    receive(conversation, "Refused: say Game first")

    assert conversation.name_unanswered


def test_a_line_without_an_end_is_a_reply() -> None:
    """A server that ends no line is understood all the same, once somebody has decided that no more comes."""
    conversation = playing()
    conversation.send(Guess(3))
    assert conversation.receive(b"Far\r") == []
    assert conversation.has_unterminated

    conversation.handle(conversation.end_line())

    assert conversation.view.history == (Try(3, Verdict.FAR),)
    assert not conversation.has_unterminated


def test_chatter_around_a_reply_is_no_reply() -> None:
    """Lines before and after the verdict do not count as verdicts of their own."""
    conversation = playing()
    conversation.send(Guess(3))
    receive(conversation, "You sent 3.", "Far", "Try again!")

    assert not conversation.reply_unclear
    assert conversation.view.state is State.PLAYING
    assert conversation.view.history == (Try(3, Verdict.FAR),)


@pytest.mark.parametrize(
    ("state", "words"), [(State.GREETED, "Hi there"), (State.PLAYING, "Pick a number between 1-40")]
)
def test_other_words_for_greetings_and_ready(state: State, words: str) -> None:
    """A server that greets or begins in other words is understood after a while."""
    conversation = Conversation(Dialect.CLASSIC, CLASSIC)
    conversation.send(Hello())
    if state is State.PLAYING:
        receive(conversation, "Greetings")
        conversation.send(Game())
    receive(conversation, words)
    conversation.assume_reply()

    assert conversation.view.state is state


def test_silence_means_nothing_when_no_reply_is_owed() -> None:
    """It is the player's turn, and stays so."""
    conversation = playing()
    conversation.assume_reply()

    assert conversation.view.state is State.PLAYING
    assert conversation.view.history == ()


def test_a_refusal_ends_the_game() -> None:
    """After Refused no reply is awaited any more (clause C-4)."""
    conversation = playing()
    conversation.send(Guess(3))
    receive(conversation, "Refused: server is stopping")

    assert conversation.view.state is State.CLOSED
    assert not conversation.awaiting_reply


def test_an_endless_line_is_refused() -> None:
    """A server that sends a line without an end is found out (clause F-2)."""
    with pytest.raises(LineTooLongError):
        playing().receive(b"x" * 600)


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_nothing_that_a_server_sends_breaks_a_conversation(pieces: list[bytes]) -> None:
    """Any bytes are replies, chatter or a line that is too long, never a fault of ours."""
    conversation = playing()
    conversation.send(Guess(3))
    for piece in pieces:
        for reply in conversation.receive(piece):
            conversation.handle(reply)
            if isinstance(reply, Refused) or reply is Verdict.CORRECT:
                return
        if not conversation.awaiting_reply and conversation.view.state is State.PLAYING:
            conversation.send(Guess(4))


@pytest.mark.parametrize(
    ("text", "shown"), [("server full", "server full"), ("\x1b[2J \x7f", r"\x1b[2J \x7f"), ("", "")]
)
def test_a_servers_words_cannot_steer(text: str, shown: str) -> None:
    """What is shown of a server's words holds no control character."""
    assert printable(text) == shown


def test_far_and_close_show_that_the_dialect_fits() -> None:
    """A server that says both has read the numbers; one verdict alone may be said to whatever it reads."""
    conversation = playing()
    for number, verdict in ((3, "Far"), (4, "Far"), (15, "Close")):
        assert not conversation.fits
        conversation.send(Guess(number))
        receive(conversation, verdict)

    assert (conversation.fits, conversation.misfits) == (True, False)


def test_a_win_shows_that_the_dialect_fits() -> None:
    """Also where the server has words that mean nothing here."""
    conversation = playing()
    conversation.send(Guess(3))
    receive(conversation, "Hm", "Correct")

    assert (conversation.fits, conversation.misfits) == (True, False)


def test_words_that_mean_nothing_show_that_the_dialect_misfits() -> None:
    """Not before a guess was answered, and not once any was judged."""
    conversation = playing()
    seen = [conversation.misfits]
    conversation.send(Guess(3))
    receive(conversation, "What?")
    conversation.assume_reply()
    seen.append(conversation.misfits)
    conversation.send(Guess(4))
    receive(conversation, "Far")
    seen.append(conversation.misfits)

    assert seen == [False, True, False]


def test_the_same_verdict_without_end_shows_that_the_dialect_misfits() -> None:
    """A server that takes each guess for the same number says one thing for ever."""
    conversation = playing()
    for number in range(1, 121):
        assert not conversation.misfits
        conversation.send(Guess(number))
        receive(conversation, "Far")

    assert conversation.misfits
