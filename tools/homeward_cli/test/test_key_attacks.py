"""Every threat of the digital key's specification: the attack is held, its control opens, its mutant is caught."""

from __future__ import annotations

import pytest

from homeward_cli.bench.key_attacks import ATTACKS, Attack


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_the_attack_is_held(attack: Attack) -> None:
    assert not attack.story(True)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_its_control_opens(attack: Attack) -> None:
    assert attack.story(False)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_its_mutant_lets_it_through(attack: Attack) -> None:
    with attack.mutant():
        assert attack.story(True)
