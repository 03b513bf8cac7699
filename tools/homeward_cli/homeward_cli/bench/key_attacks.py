"""The attacker's suite on the digital key: ./homeward bench key-attacks --json

Each threat of docs/protocol/digital_key.md, section 9, is tried on a car with the real core. An attack has a control, the same
story without the attack, which must open the door; and a mutant, the car with the guard taken away, through which the attack
must get: or the attack proves nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from homeward_cli.bench import key_attacks_air, key_attacks_rights
from homeward_cli.bench.key_attack import ATTACKS, Attack

STORIES = (key_attacks_air, key_attacks_rights)  # importing them fills ATTACKS

DESCRIPTION = "attacks on the digital key, each with its control and its mutant"


def run(say: Callable[[str], None], arguments: Sequence[str] = ()) -> dict[str, object]:
    """The counts, and the names of what went wrong."""
    parser = argparse.ArgumentParser(prog="./homeward bench key-attacks", description=__doc__)
    parser.parse_args(list(arguments))
    through, shut, missed = list[str](), list[str](), list[str]()
    for attack in ATTACKS:
        got_through, opens, is_caught = tried(attack)
        say(f"{attack.name}: {'THROUGH' if got_through else 'held'}; control {'opens' if opens else 'SHUT'}; "
            f"mutant {'caught' if is_caught else 'MISSED'}")  # fmt: skip
        through += [attack.name] * got_through
        shut += [attack.name] * (not opens)
        missed += [attack.name] * (not is_caught)
    return {
        "attacks_tried": len(ATTACKS), "attacks_through": len(through), "controls_open": len(ATTACKS) - len(shut),
        "mutants_caught": len(ATTACKS) - len(missed), "through": through, "shut": shut, "missed": missed,
    }  # fmt: skip


def tried(attack: Attack) -> tuple[bool, bool, bool]:
    """(whether it got through, whether its control opens, whether it gets through the mutant)."""
    got_through = attack.story(True)
    opens = attack.story(False)
    with attack.mutant():
        return got_through, opens, attack.story(True)
