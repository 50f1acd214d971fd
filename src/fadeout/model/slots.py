"""Slots: the bookkeeping of which strikes have finds.

Reads   `World`
Gives   the same with one item or strike moved
Knows   nothing of probabilities
Start   at `leave_strike`
"""

from __future__ import annotations

from fadeout.model.compiled import compiled
from fadeout.model.world import BACKGROUND, FREE, World


@compiled
def place_strike(world: World, k: int, record: int) -> None:
    """Give slot k the template just drawn."""
    state, scratch = world.state, world.scratch
    state.footprint[k], state.row[k], state.col[k] = (
        scratch.template[0],
        scratch.template[1],
        scratch.template[2],
    )
    if state.record[k] != FREE and state.record[k] != record:
        state.slot[state.record[k]] = -1
    state.record[k] = record
    if record != FREE:
        state.slot[record] = k


@compiled
def take_slot(world: World) -> int:
    """Give the lowest free slot, marked as a free strike."""
    state = world.state
    k = 0
    while state.finds[k] > 0:
        k += 1
    state.record[k] = FREE
    state.top[0] = max(state.top[0], k + 1)
    return k


@compiled
def leave_strike(world: World, i: int) -> None:
    """Take item i out of its strike; a strike without finds is no longer followed."""
    state = world.state
    k = state.strike[i]
    state.strike[i] = BACKGROUND
    if k == BACKGROUND:
        return
    state.finds[k] -= 1
    if state.finds[k] == 0:
        if state.record[k] != FREE:
            state.slot[state.record[k]] = -1
            state.record[k] = FREE
        while state.top[0] > 0 and state.finds[state.top[0] - 1] == 0:
            state.top[0] -= 1


@compiled
def join_strike(world: World, i: int, k: int) -> None:
    """Put item i into the strike in slot k."""
    state = world.state
    state.strike[i] = k
    state.finds[k] += 1
