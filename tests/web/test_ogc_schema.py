"""Whatever is asked of OGC API within its own definition, or against it, is answered as the definition says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import shapely
from serving import Server

from fadeout.records import accounts
from fadeout.records.record import Record

pytest.importorskip("schemathesis", reason="schemathesis is not installed: ./run test brings it")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "ignored_auth",
)  # not: valid_data_accepted, as no schema says what CQL2 is; invalid_data_rejected, as a limit beyond 10,000 is taken
#    as 10,000 (OGC 17-069r4, /req/core/fc-limit-response-1)
# the features of the other collections go the same way, with columns of the same types
ASKED = ("evidence", "hazardous_area", "document", "public_report")
ALIKE = f"/collections/(?!({'|'.join(ASKED)})/|[{{])[a-z_]+/items$"


@pytest.mark.parametrize("role", ["information_manager", "viewer"])
def test_no_question_is_answered_but_as_the_definition_says(
    server: Server, tmp_path: Path, role: str
) -> None:
    with server.store.change(who="test", why="for questions") as change:
        values = {"kind": "item", "found_on": "2026-01-15", "sensitivity": "exact"}
        change.put(
            [Record("evidence", f"EP-{i}", values, shapely.Point(107 + i / 100, 16)) for i in range(5)]
        )
        area = shapely.box(107, 16, 107.1, 16.1)
        change.put([Record("hazardous_area", "0", {"state": "suspected", "sensitivity": "exact"}, area)])
    server.account("tester", role)
    token = accounts.make_token(server.store.engine, "tester", "test", server.clock())
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/ogc/api"),
            *("--auth", f"tester:{token}", "--checks", ",".join(CHECKS), "--seed", "1", "--no-color"),
            *("--exclude-path-regex", ALIKE, "--phases", "examples,coverage,fuzzing"),
            *("--max-examples", "4", "--generation-database", "none", "--no-shrink", "--workers", "1"),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Server error" not in done.stdout
    assert server.client().get("/ogc").status_code == 401  # it still stands
