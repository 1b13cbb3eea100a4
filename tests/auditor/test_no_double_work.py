"""Two leaders, two replacements and two nodes are found; a handover is not."""

from __future__ import annotations

from pathlib import Path

from tests.auditor.pretence import LEASE, PretendedServer
from tests.auditor.verdicts import judged
from tests.e2e.auditor import (
    NoDoubleWork,
)


def operator(identity: str) -> str:
    return f"napsim/0.1.0 ({identity})"


def test_a_leader_that_hands_over_does_no_double_work(server: PretendedServer, tmp_path: Path) -> None:
    server.lease("a")
    server.start("n00", agent=operator("a"))
    server.release("a")
    server.lease("b")
    server.mark("n00", agent=operator("b"))
    server.lease("a")
    server.start("n01", agent=operator("a"))
    assert judged(server, tmp_path, NoDoubleWork()) == []


def test_a_write_of_the_old_leader_is_found(server: PretendedServer, tmp_path: Path) -> None:
    server.lease("a")
    server.start("n00", agent=operator("a"))
    server.lease("b")
    server.wait(1)
    server.taint("n00", agent=operator("a"))
    assert judged(server, tmp_path, NoDoubleWork()) == [
        "nodes/n00: writes by the holder of the lease, b / patch by a",
    ]


def test_a_write_after_the_lease_was_released_is_found(server: PretendedServer, tmp_path: Path) -> None:
    server.lease("a")
    server.start("n00", agent=operator("a"))
    server.release("a")
    server.taint("n00", agent=operator("a"))
    assert judged(server, tmp_path, NoDoubleWork()) == [
        "nodes/n00: writes by the holder of the lease, nobody / patch by a"
    ]


def test_a_write_before_the_lease_was_taken_is_found(server: PretendedServer, tmp_path: Path) -> None:
    server.claim("n00", agent=operator("a"))
    server.lease("a")
    assert judged(server, tmp_path, NoDoubleWork()) == [
        "nodeclaims/n00: writes by the holder of the lease, nobody / create by a"
    ]


def test_a_write_that_names_no_instance_is_found(server: PretendedServer, tmp_path: Path) -> None:
    server.lease("a")
    server.claim("n00", agent="napsim/0.1.0")
    assert judged(server, tmp_path, NoDoubleWork()) == [
        "nodeclaims/n00: writes by the holder of the lease, a / create by an instance without identity"
    ]


def test_while_the_lease_changes_hands_both_may_write(server: PretendedServer, tmp_path: Path) -> None:
    server.lease("a")
    server.start("n00", agent=operator("a"))
    server.lease("b", seconds=0.2)
    server.wait(0.1)
    server.taint("n00", agent=operator("a"), seconds=0.01)
    server.condition("nodeclaims", "n00", "Drifted", agent=operator("b"))
    assert judged(server, tmp_path, NoDoubleWork()) == []


def test_what_a_follower_is_refused_or_reads_is_no_work(server: PretendedServer, tmp_path: Path) -> None:
    server.lease("a")
    server.start("n00", agent=operator("a"))
    namespace, name = LEASE.split("/")
    server.log("update", "leases", name, namespace=namespace, code=409, agent=operator("b"))
    server.log("create", "selfsubjectaccessreviews", "", code=201, agent=operator("b"))
    server.log("patch", "nodes", "n00", code=409, agent=operator("b"))
    server.log("list", "nodes", "", agent=operator("b"))
    assert judged(server, tmp_path, NoDoubleWork()) == []


def test_two_instances_without_any_lease_are_found(server: PretendedServer, tmp_path: Path) -> None:
    server.start("n00", agent=operator("a"))
    assert judged(server, tmp_path, NoDoubleWork()) == []
    server.taint("n00", agent=operator("b"))
    assert judged(server, tmp_path, NoDoubleWork()) != []


def test_only_the_lease_asked_about_counts(server: PretendedServer, tmp_path: Path) -> None:
    server.lease("a")
    server.start("n00", agent=operator("a"))
    assert judged(server, tmp_path, NoDoubleWork(LEASE)) == []
    assert judged(server, tmp_path, NoDoubleWork("kube-system/other")) == [
        "lease/kube-system/other: written by its holder / never written"
    ]
    server.lease("b")
    server.taint("n00", agent=operator("a"))
    assert len(judged(server, tmp_path, NoDoubleWork(LEASE))) == 1


def test_two_replacements_of_one_claim_are_found(ten: PretendedServer, tmp_path: Path) -> None:
    ten.mark("n00")
    ten.launch("one", replaces="n00")
    ten.launch("two", replaces="n00")
    assert judged(ten, tmp_path, NoDoubleWork()) == ["nodeclaim/n00 nodeclaim/two: one replacement / also one"]


def test_two_replacements_that_one_command_wants_are_not(ten: PretendedServer, tmp_path: Path) -> None:
    ten.taint("n00", "one", "two")
    ten.launch("one", replaces="n00")
    ten.launch("two", replaces="n00")
    assert judged(ten, tmp_path, NoDoubleWork()) == []
    ten.launch("three", replaces="n00")
    assert judged(ten, tmp_path, NoDoubleWork()) == ["nodeclaim/n00 nodeclaim/three: one replacement / also one, two"]


def test_a_replacement_after_one_that_was_given_up_is_no_double_work(ten: PretendedServer, tmp_path: Path) -> None:
    ten.mark("n00")
    ten.claim("one", replaces="n00")
    ten.delete("nodeclaims", "one")
    ten.claim("two", replaces="n00")
    assert judged(ten, tmp_path, NoDoubleWork()) == []


def test_a_replacement_of_a_claim_that_is_gone_is_found(ten: PretendedServer, tmp_path: Path) -> None:
    ten.replace("n00", "one")
    ten.replace("one", "two")
    assert judged(ten, tmp_path, NoDoubleWork()) == []
    ten.launch("three", replaces="n00")
    assert judged(ten, tmp_path, NoDoubleWork()) == [
        "nodeclaim/n00 nodeclaim/three: one replacement / n00 was gone already"
    ]


def test_two_nodes_for_one_claim_are_found(ten: PretendedServer, tmp_path: Path) -> None:
    ten.node("n00-again", "n00")
    assert judged(ten, tmp_path, NoDoubleWork()) == ["nodeclaim/n00 node/n00-again: one Node for a claim / also n00"]
