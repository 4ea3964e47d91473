"""Weights from the Hub: its own client against a small Hub on loopback, with the tiny networks as what is published."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cosmosctl.results.receipts import read_receipt
from tests.support import network_batch
from tests.support.disks import small_disk
from tests.support.network_batch import SMALL
from tests.support.small_hub import SmallHub, running_hub
from tests.support.tree import Tree

pytestmark = pytest.mark.real

FAMILY, PUBLISHED, GUARDRAIL = "transfer2.5-diffusers", "nvidia/Cosmos-Transfer2.5-2B", "nvidia/Cosmos-1.0-Guardrail"
NETS = ("edge", "blur", "depth", "seg")
PAGE = f"accept its licence on https://huggingface.co/{GUARDRAIL}"
LARGEST, LARGEST_BYTES = "guardrail.bin", 25 << 20
"""The client writes down what came in pieces of 10 MB."""


@dataclass(frozen=True)
class Site:
    """A project whose host fetches from a small Hub into a cache of its own."""

    tree: Tree
    hub: SmallHub
    cache: Path
    secrets: Path

    def setup(self, expect: int = 0) -> str:
        """What `host setup --weights` says."""
        return " ".join(self.tree.cli("host", "setup", "gpu", "--weights", expect=expect).err.split())


@pytest.fixture
def site(bare_tree: Tree, python: Path, tiny: Path, tmp_path: Path) -> Iterator[Site]:
    parts = [f"diffusers/controlnet/general/{net}" for net in NETS]
    revisions = {(PUBLISHED, part): tiny / "transfer25" / part for part in ("diffusers/general", *parts)}
    (tmp_path / "guardrail").mkdir()
    (tmp_path / "guardrail" / LARGEST).write_bytes(b"\0" * LARGEST_BYTES)
    hub = SmallHub({**revisions, (GUARDRAIL, "main"): tmp_path / "guardrail"}, gated={GUARDRAIL})
    with running_hub(hub):
        secrets, cache = tmp_path / "secrets.env", tmp_path / "hf"
        secrets.touch()
        tree = network_batch.prepared(bare_tree, python, {FAMILY: tiny})
        _configure(tree, python, hub, cache, secrets, "0")
        yield Site(tree, hub, cache, secrets)


def _configure(tree: Tree, python: Path, hub: SmallHub, cache: Path, secrets: Path, offline: str) -> None:
    env = {"OMP_NUM_THREADS": "1", "HF_ENDPOINT": hub.address, "HF_HUB_OFFLINE": offline}
    tree.config(
        f"project: 5f3a91c2\nmodel: {FAMILY}\nhost: gpu\nhosts:\n  gpu:\n    engine: bare\n    env: {json.dumps(env)}\n"
        f"    models: {{{FAMILY}: {{python: {json.dumps(str(python))}}}}}\n"
        f"    cache: {json.dumps(str(cache))}\n    env_file: {json.dumps(str(secrets))}\n"
    )


def test_who_may_not_have_the_weights_is_told_why_before_anything_is_fetched(site: Site) -> None:
    assert f"{GUARDRAIL} cannot be fetched: it is gated and there is no HF_TOKEN: {PAGE}" in (said := site.setup(4))
    assert "cosmosctl host setup gpu --weights" in said
    site.secrets.write_text("HF_TOKEN=hf_nobody\n")
    assert "the Hub does not know this HF_TOKEN: make one on https://huggingface.co/settings/tokens" in site.setup(4)
    site.secrets.write_text("HF_TOKEN=hf_someone\n")
    site.hub.tokens.add("hf_someone")
    assert "whose HF_TOKEN it is did not accept its licence" in (said := site.setup(4))
    assert "hf_someone" not in said
    assert site.hub.sent.get(LARGEST, 0) == 0


def test_weights_come_once_go_on_where_they_were_cut_off_and_are_enough_without_a_network(
    site: Site, python: Path
) -> None:
    token = "hf_member"
    site.secrets.write_text(f"HF_TOKEN={token}\n")
    site.hub.tokens.add(token)
    site.hub.members.add(token)
    site.hub.cut[LARGEST] = 21 << 20
    said = site.setup()
    assert f"are to come into {site.cache}/hub, where" in said
    assert "all weights are there" in said
    assert LARGEST_BYTES <= site.hub.sent[LARGEST] < 1.3 * LARGEST_BYTES, "what came before is not sent again"
    before = dict(site.hub.sent)
    assert f"weights 1/6: {PUBLISHED}@diffusers/general, whole" in site.setup()
    assert {name for name in before if site.hub.sent[name] != before[name] and name} == set()

    _configure(site.tree, python, site.hub, site.cache, site.secrets, "1")
    site.hub.refused = True
    site.tree.run("rs_1", "ps_s", "{edge: 0.5, vis: 0.5}", SMALL)
    site.tree.cli("batch")
    receipt = read_receipt(site.tree.run_paths("rs_1").result.report)
    assert receipt is not None
    told = receipt.made_with
    parts = {
        "revision": "general",
        "revision_edge": "controlnet/general/edge",
        "revision_vis": "controlnet/general/blur",
    }
    assert {name: told[name] for name in parts} == {
        name: site.hub.commit(PUBLISHED, f"diffusers/{part}") for name, part in parts.items()
    }
    assert told["checkpoint"] == PUBLISHED


def test_a_batch_whose_weights_may_not_be_read_says_what_to_do(site: Site) -> None:
    site.hub.gated.add(PUBLISHED)
    site.tree.run("rs_1", "ps_s", "{edge: 0.5}", SMALL)
    told = " ".join(site.tree.cli("batch", expect=1).out.split())
    assert "it is gated and there is no HF_TOKEN: accept its licence on" in told
    assert "cosmosctl host setup gpu --weights" in told


def test_a_cache_without_room_is_told_before_the_first_byte_and_a_disk_that_fills_up_is_told_too(
    site: Site, tmp_path: Path
) -> None:
    site.hub.gated.clear()
    site.cache.mkdir()
    with small_disk(site.cache, tmp_path / "spare", mib=8):
        assert f"do not fit into {site.cache}/hub: make room there, or set another cache" in site.setup(4)
        assert site.hub.sent.get(LARGEST, 0) == 0
        site.hub.understated.add(LARGEST)
        said = site.setup(4)
    assert f"{GUARDRAIL} cannot be fetched: the disk is full: make room where the host's `cache` is" in said
    assert "what came is kept" in said
