"""The tree, against RFC 6962's vectors and against a tree written the naive way."""

import random
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import merkle
from audit.merkle import Tree, consistency_holds, inclusion_holds, leaf_hash

# Source: the certificate-transparency reference tests (merkletree/merkle_tree_test.cc).
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSIONS = [
    (0, 8, ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"]),
    (5, 8, ["bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"]),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (1, 5, ["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"]),
]  # fmt: skip
CONSISTENCIES = [
    (1, 8, ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"]),
    (6, 8, ["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"]),
    (2, 5, ["5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"]),
]  # fmt: skip
SIZES = 300


def naive_root(hashes):
    """The definition of RFC 6962, 2.1, word for word."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    return sha256(b"\x01" + naive_root(hashes[:k]) + naive_root(hashes[k:])).digest()


def tree_of(hashes, *, steps=(10**9,)):
    """A stored tree, grown in batches of these sizes."""
    stored, size, at = {}, 0, 0

    def read(level, index):
        return stored.get((level, index), b"")

    while size < len(hashes):
        batch = hashes[size : size + steps[at % len(steps)]]
        stored.update(merkle.extend(read, size, batch))
        size, at = size + len(batch), at + 1
    return Tree(size, read), stored


@pytest.fixture(scope="module")
def leaves():
    return [leaf_hash(number.to_bytes(4, "big")) for number in range(SIZES)]


@pytest.fixture(scope="module")
def tree(leaves):
    return tree_of(leaves, steps=(7, 1, 100))[0]


@pytest.fixture(scope="module")
def roots(leaves):
    return [naive_root(leaves[:size]) for size in range(SIZES + 1)]


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_rfc_6962s(size):
    hashes = [leaf_hash(data) for data in INPUTS[:size]]
    assert tree_of(hashes)[0].root().hex() == ROOTS[size - 1]
    assert merkle.root_of(hashes).hex() == ROOTS[size - 1]


def test_the_empty_tree_has_rfc_6962s_root():
    expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert Tree(0, lambda _level, _index: b"").root().hex() == expected
    assert merkle.Frontier().root().hex() == expected


@pytest.mark.parametrize(("number", "size", "proof"), INCLUSIONS)
def test_inclusion_proofs_are_rfc_6962s(number, size, proof):
    tree = tree_of([leaf_hash(data) for data in INPUTS])[0]
    assert [node.hex() for node in tree.inclusion(number, size)] == proof


@pytest.mark.parametrize(("size1", "size2", "proof"), CONSISTENCIES)
def test_consistency_proofs_are_rfc_6962s(size1, size2, proof):
    tree = tree_of([leaf_hash(data) for data in INPUTS])[0]
    assert [node.hex() for node in tree.consistency(size1, size2)] == proof


def test_every_root_to_300_is_the_definitions(tree, roots, leaves):
    frontier = merkle.Frontier()
    for size in range(SIZES + 1):
        assert tree.root(size) == roots[size] == tree.frontier(size).root() == frontier.root()
        if size < SIZES:
            frontier.add(leaves[size])


def test_every_leaf_of_every_tree_to_300_is_proven_and_no_other(tree, roots, leaves):
    for size in range(1, SIZES + 1):
        for number in {0, size - 1, size // 2, (size * 7) // 9, *range(max(0, size - 3), size)}:
            proof = tree.inclusion(number, size)
            assert inclusion_holds(leaves[number], number, size, proof, roots[size])
            assert not inclusion_holds(leaves[number - 1], number, size, proof, roots[size]) or size == 1
            assert not inclusion_holds(leaves[number], number, size, [*proof, leaves[0]], roots[size])
            assert not inclusion_holds(leaves[number], number, size, proof, roots[size - 1])


def test_every_leaf_of_a_tree_of_300_is_proven(tree, roots, leaves):
    for number in range(SIZES):
        assert inclusion_holds(leaves[number], number, SIZES, tree.inclusion(number), roots[SIZES])


def test_every_tree_to_300_continues_every_smaller_one_it_is_asked_about(tree, roots):
    chance = random.Random(6962)
    for size2 in range(1, SIZES + 1):
        for size1 in {1, size2, (size2 + 1) // 2, chance.randint(1, size2), chance.randint(1, size2)}:
            proof = tree.consistency(size1, size2)
            assert consistency_holds(size1, size2, roots[size1], roots[size2], proof)
            assert not consistency_holds(size1, size2, roots[size1 - 1], roots[size2], proof)
            assert not consistency_holds(size1, size2, roots[size1], roots[size2 - 1], proof)
            assert not consistency_holds(size1, size2, roots[size1], roots[size2], [*proof, roots[1]])


def test_the_tree_of_300_continues_each_smaller_one(tree, roots):
    for size in range(1, SIZES + 1):
        assert consistency_holds(size, SIZES, roots[size], roots[SIZES], tree.consistency(size))


@pytest.mark.security
def test_four_thousand_altered_proofs_are_refused(tree, roots, leaves):
    chance = random.Random(4000)
    for _ in range(2000):
        size = chance.randint(2, SIZES)
        number, earlier = chance.randrange(size), chance.randint(1, size - 1)
        proof = altered(tree.inclusion(number, size), chance)
        assert not inclusion_holds(leaves[number], number, size, proof, roots[size])
        proof = altered(tree.consistency(earlier, size), chance)
        assert not consistency_holds(earlier, size, roots[earlier], roots[size], proof)


def altered(proof, chance):
    """The proof with a bit, an element or the order changed."""
    at, proof = chance.randrange(len(proof)), list(proof)
    match chance.choice(["bit", "drop", "twice", "extra", "swap"]):
        case "drop":
            del proof[at]
        case "twice":
            proof.insert(at, proof[at])
        case "extra":
            proof.append(chance.randbytes(32))
        case "swap" if len(proof) > 1:
            proof[at - 1], proof[at] = proof[at], proof[at - 1]
        case _:
            bit = chance.randrange(256)
            proof[at] = (int.from_bytes(proof[at], "big") ^ 1 << bit).to_bytes(32, "big")
    return proof


@given(st.lists(st.integers(1, 400), min_size=1, max_size=6))
def test_however_leaves_arrive_the_tiles_are_the_same(steps):
    hashes = [leaf_hash(number.to_bytes(4, "big")) for number in range(700)]
    assert tree_of(hashes, steps=steps)[1] == tree_of(hashes)[1]


def test_a_proof_across_three_levels_of_tiles_holds():
    hashes = [leaf_hash(number.to_bytes(4, "big")) for number in range(66_000)]
    tree, stored = tree_of(hashes)
    assert max(level for level, _ in stored) == 2
    root = tree.root()
    for number in (0, 255, 256, 65_535, 65_536, 65_999):
        assert inclusion_holds(hashes[number], number, 66_000, tree.inclusion(number), root)
    assert consistency_holds(65_537, 66_000, tree.root(65_537), root, tree.consistency(65_537))


@pytest.mark.parametrize("question", [
    lambda tree: tree.inclusion(SIZES), lambda tree: tree.inclusion(0, 0), lambda tree: tree.root(SIZES + 1),
    lambda tree: tree.consistency(0), lambda tree: tree.consistency(5, 4), lambda tree: tree.inclusion(-1),
])  # fmt: skip
def test_what_a_tree_cannot_tell_is_refused(tree, question):
    with pytest.raises(ValueError, match=r"leaves|leaf|cannot"):
        question(tree)


def test_a_missing_tile_is_noticed(leaves):
    with pytest.raises(ValueError, match="lacks"):
        Tree(SIZES, lambda _level, _index: b"").root()
