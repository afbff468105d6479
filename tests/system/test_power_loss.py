"""The power goes while a guest and dom0 write (power.py); `make power-loss` does it more often."""
import random

from power import lose_power

KILLS, SECONDS = 3, 3


def test_what_was_synced_is_there(tmp_path):
    random.seed(11)
    assert lose_power(tmp_path, KILLS, SECONDS) >= 2 * KILLS
