"""Outlines of random masks, judged by shapely: valid, simple, and exactly the cells."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from fadeout.model.hazard import outlines

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))


def polygons(mask):
    return [shapely.Polygon(exterior, holes) for exterior, holes in outlines(mask)]


def rings(mask):
    return [ring for exterior, holes in outlines(mask) for ring in (exterior, *holes)]


@settings(max_examples=400, deadline=None)
@given(MASKS)
def test_every_part_is_a_valid_polygon(mask):
    invalid = [shapely.is_valid_reason(p) for p in polygons(mask) if not p.is_valid]
    assert invalid == []


@settings(max_examples=300, deadline=None)
@given(MASKS)
def test_no_ring_passes_a_corner_twice(mask):
    for ring in rings(mask):
        assert len({tuple(corner) for corner in ring[:-1]}) == len(ring) - 1
        assert tuple(ring[0]) == tuple(ring[-1])


@settings(max_examples=300, deadline=None)
@given(MASKS)
def test_the_polygons_cover_exactly_the_cells(mask):
    covered = shapely.union_all(polygons(mask)) if mask.any() else shapely.Polygon()
    rows, cols = np.indices(mask.shape)
    inside = shapely.contains_xy(covered, rows.ravel() + 0.5, cols.ravel() + 0.5).reshape(mask.shape)
    assert np.array_equal(inside, mask)
    assert covered.area == mask.sum() == sum(p.area for p in polygons(mask))


@settings(max_examples=200, deadline=None)
@given(MASKS)
def test_there_is_one_polygon_for_each_part_joined_by_edges(mask):
    assert len(polygons(mask)) == ndimage.label(mask)[1]


@settings(max_examples=200, deadline=None)
@given(MASKS)
def test_every_corner_is_a_turn_along_cell_edges(mask):
    for ring in rings(mask):
        steps = np.diff(ring, axis=0)
        assert np.all((steps != 0).sum(axis=1) == 1)  # along rows or along columns
        along_rows = steps[:, 0] != 0
        assert np.all(along_rows != np.roll(along_rows, 1))


@settings(max_examples=200, deadline=None)
@given(MASKS)
def test_exteriors_run_counter_clockwise_on_the_map_and_holes_clockwise(mask):
    for exterior, holes in outlines(mask):
        on_map = [
            shapely.LinearRing(np.column_stack([ring[:, 1], -ring[:, 0]])) for ring in (exterior, *holes)
        ]
        assert [ring.is_ccw for ring in on_map] == [True] + [False] * len(holes)


@pytest.mark.parametrize("period", [2, 3])
def test_a_large_ragged_mask_is_outlined_exactly(period):
    rng = np.random.default_rng(4)
    mask = rng.random((300, 200)) < 0.6
    mask[::period, ::period] = False
    drawn = polygons(mask)
    assert all(p.is_valid for p in drawn)
    assert sum(p.area for p in drawn) == mask.sum()
