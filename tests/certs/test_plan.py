"""The order of renewal, moment by moment, without waiting."""

from __future__ import annotations

from dataclasses import replace

import pytest

from injector.certs.plan import TRUSTED_LIMIT, Leaf, Lifetimes, Plan, ReplicaView, make_plan
from injector.certs.stored import Stored
from injector.errors import ConfigError
from tests.certs.certificate_factories import DAY, a_ca, a_leaf

LIVES = Lifetimes(7 * DAY, 0.66)


def planned(now: float, stored: Stored, leaf: Leaf | None = None, settled: tuple[str, ...] = ()) -> Plan:
    return make_plan(now, ReplicaView(stored, leaf, frozenset(settled)), LIVES)


def test_without_a_secret_a_ca_is_made() -> None:
    todo = planned(0.0, Stored())
    assert (todo.new, todo.why, todo.sign, todo.publish) == (True, "missing", None, ())


def test_a_first_replica_signs_with_the_ca_that_is_not_promoted_yet() -> None:
    """Without it there is no certificate to serve; the CA is published first, in the same round."""
    first = a_ca()
    todo = planned(1.0, Stored(next=first))
    assert (todo.sign, todo.publish, todo.write) == (first, (first.certificate,), None)


def test_a_published_ca_is_promoted_only_after_it_settled() -> None:
    first = a_ca()
    leaf = a_leaf(first)
    assert planned(1.0, Stored(next=first), leaf).write is None
    todo = planned(1.0, Stored(next=first), leaf, (first.fingerprint,))
    assert todo.write == Stored(current=first)
    assert todo.why == "promoted"


def test_a_year_of_a_ca_goes_publish_then_sign_then_drop() -> None:
    old, new = a_ca(0.0), a_ca(250 * DAY)
    leaf = a_leaf(old, 250 * DAY)

    due = planned(250 * DAY, Stored(current=old), a_leaf(old, 250 * DAY))
    assert (due.new, due.why, due.write) == (True, "renewed", Stored(current=old))

    both = Stored(current=old, next=new)
    waiting = planned(250 * DAY + 5, both, leaf)
    assert (waiting.write, waiting.sign) == (None, None)
    assert set(waiting.publish) == {old.certificate, new.certificate}

    promoted = planned(250 * DAY + 20, both, leaf, (old.fingerprint, new.fingerprint))
    assert promoted.sign is None
    assert promoted.write == Stored(current=new, former=(old.certificate,))
    assert promoted.write is not None

    signed = planned(250 * DAY + 21, promoted.write, leaf)
    assert signed.sign == new
    assert set(signed.publish) == {old.certificate, new.certificate}

    late = planned(366 * DAY, promoted.write, a_leaf(new, 366 * DAY))
    assert late.publish == (new.certificate,)
    assert (late.write, late.why) == (Stored(current=new), "tidied")


def test_a_leaf_is_renewed_after_its_part_of_life_and_not_before() -> None:
    ca = a_ca()
    leaf = a_leaf(ca, 0.0)
    assert planned(0.65 * 7 * DAY, Stored(current=ca), leaf).sign is None
    assert planned(0.67 * 7 * DAY, Stored(current=ca), leaf).sign == ca


def test_a_leaf_that_would_live_no_longer_is_not_made_again() -> None:
    ca = a_ca()
    leaf = a_leaf(ca, 362 * DAY)  # cut to the CA's end
    todo = planned(364.5 * DAY, replace(Stored(current=ca), next=a_ca(300 * DAY)), leaf)
    assert todo.sign is None


def test_a_deleted_secret_is_made_again_with_a_new_ca_and_the_one_in_use_stays_trusted() -> None:
    old = a_ca()
    leaf = a_leaf(old, DAY)
    todo = planned(2 * DAY, Stored(), leaf)
    assert (todo.new, todo.write, todo.publish) == (
        True,
        Stored(former=(old.certificate,)),
        (old.certificate,),
    )

    new = a_ca(2 * DAY)
    again = Stored(next=new, former=(old.certificate,))
    assert planned(2 * DAY + 1, again, leaf).sign is None
    promoted = planned(2 * DAY + 20, again, leaf, (new.fingerprint,))
    assert promoted.write == Stored(current=new, former=(old.certificate,))


def test_a_replica_adds_the_ca_of_its_leaf_where_the_secret_lacks_it() -> None:
    mine, theirs = a_ca(), a_ca(DAY)
    todo = planned(DAY + 1, Stored(next=theirs), a_leaf(mine))
    assert todo.write == Stored(next=theirs, former=(mine.certificate,))
    assert set(todo.publish) == {mine.certificate, theirs.certificate}


def test_a_broken_part_is_replaced_and_its_certificate_stays_trusted() -> None:
    old = a_ca()
    broken = Stored(former=(old.certificate,), problems=(ConfigError("mismatched"),))
    todo = planned(1.0, broken, a_leaf(old))
    assert (todo.new, todo.write) == (True, Stored(former=(old.certificate,)))
    healthy = replace(Stored(current=old), problems=(ConfigError("next is half-written"),))
    assert planned(1.0, healthy, a_leaf(old)).write == Stored(current=old)


def test_a_ca_that_is_not_valid_yet_is_left_alone_while_a_leaf_lives() -> None:
    ahead, old = a_ca(400 * DAY), a_ca()
    leaf = a_leaf(old, DAY)
    stored = Stored(current=ahead, former=(old.certificate,))
    assert planned(2 * DAY, stored, leaf).write is None
    due = planned(7 * DAY, stored, leaf)
    assert (due.new, due.why, due.write) == (True, "unusable", stored)
    none = planned(2 * DAY, stored)
    assert (none.new, none.sign) == (True, None)


def test_a_successor_that_is_not_valid_yet_is_waited_for() -> None:
    old, ahead = a_ca(), a_ca(400 * DAY)
    assert planned(300 * DAY, Stored(current=old, next=ahead), a_leaf(old, 299 * DAY)).write is None


def test_after_a_year_without_running_there_is_a_new_ca_at_once() -> None:
    old = a_ca()
    todo = planned(900 * DAY, Stored(current=old), a_leaf(old))
    assert (todo.new, todo.why, todo.write, todo.publish) == (True, "unusable", Stored(), ())
    new = a_ca(900 * DAY)
    assert planned(900 * DAY + 1, Stored(next=new), a_leaf(old)).sign == new


def test_too_many_cas_wait_until_a_leaf_is_due() -> None:
    cas = [a_ca(n) for n in range(TRUSTED_LIMIT + 1)]
    former = tuple(c.certificate for c in cas)
    leaf = a_leaf(cas[0], 10.0)
    assert planned(20.0, Stored(former=former), leaf).new is False
    assert planned(6 * DAY, Stored(former=former), leaf).new is True


@pytest.mark.parametrize("now", [0.0, 100 * DAY, 241 * DAY, 364.9 * DAY])
def test_the_next_look_is_in_the_future(now: float) -> None:
    ca = a_ca()
    assert planned(now, Stored(current=ca), a_leaf(ca, now)).due > now
