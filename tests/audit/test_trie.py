"""The map from subject to the end of their list."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import trie
from audit.verify import ZERO, map_node, map_root


def key_of(number):
    return sha256(number.to_bytes(4, "big")).digest()


def leaf_of(number, version=0):
    return sha256(b"leaf%d.%d" % (number, version)).digest()


def grown(*batches):
    """A stored map after these batches of {key: leaf}."""
    stored, root = {}, ZERO

    def read(prefix):
        return stored.get(prefix, b"")

    for batch in batches:
        root, changed = trie.change(read, batch)
        stored.update(changed)
    return root, stored, read


def naive_root(leaves, depth=0):
    """The map's definition: a leaf at the first multiple of eight levels where it is alone."""
    if not leaves:
        return ZERO
    if len(leaves) == 1 and depth % 8 == 0 and depth:
        return next(iter(leaves.values()))
    halves = ({}, {})
    for key, leaf in leaves.items():
        halves[int.from_bytes(key, "big") >> (255 - depth) & 1][key] = leaf
    return map_node(naive_root(halves[0], depth + 1), naive_root(halves[1], depth + 1))


@settings(max_examples=40)
@given(
    st.lists(st.dictionaries(st.integers(0, 600), st.integers(0, 5), min_size=1, max_size=80), min_size=1, max_size=5)
)
def test_the_root_depends_on_what_is_in_the_map_and_not_on_how_it_came(batches):
    keyed = [{key_of(number): leaf_of(number, version) for number, version in batch.items()} for batch in batches]
    everything = {}
    for batch in keyed:
        everything |= batch
    root, _, read = grown(*keyed)
    assert root == grown(everything)[0] == naive_root(everything)
    for key, leaf in everything.items():
        assert map_root(key, leaf, trie.path(read, key)) == root


def test_keys_that_share_their_first_bytes_stand_deeper():
    near = [bytes(30) + bytes([0, 1]), bytes(30) + bytes([0, 2]), bytes(29) + bytes([1, 0, 0])]
    leaves = {key: sha256(key).digest() for key in near}
    root, _, read = grown(*({key: leaf} for key, leaf in leaves.items()))
    assert root == naive_root(leaves)
    assert [len(trie.path(read, key)) for key in near] == [256, 256, 240]
    assert all(map_root(key, leaf, trie.path(read, key)) == root for key, leaf in leaves.items())


def test_a_key_that_is_not_in_the_map_has_no_path():
    _, _, read = grown({key_of(1): leaf_of(1)})
    with pytest.raises(KeyError):
        trie.path(read, key_of(2))
    with pytest.raises(KeyError):
        trie.path(read, bytes([key_of(1)[0]]) + bytes(31))


def test_a_change_touches_only_the_tiles_on_its_way():
    _, stored, read = grown({key_of(number): leaf_of(number) for number in range(3000)})
    _, changed = trie.change(read, {key_of(5): leaf_of(5, 1)})
    assert len(changed) <= 3 < len(stored)


@pytest.mark.security
def test_a_tile_altered_in_storage_is_noticed_before_it_is_signed_again():
    _, stored, read = grown({key_of(number): leaf_of(number) for number in range(600)})
    deep = next(prefix for prefix in stored if prefix and prefix[0] == key_of(5)[0])
    tile = trie.unpack(stored[deep])
    place = next(iter(tile))
    tile[place] = trie.Slot(tile[place].key, leaf_of(99, 9))
    stored[deep] = trie.pack(tile)
    with pytest.raises(ValueError, match="not what was stored"):
        trie.change(read, {key_of(5): leaf_of(5, 1)})


@given(st.dictionaries(st.integers(0, 255), st.booleans(), max_size=256))
def test_a_tile_survives_storage(kinds):
    tile = {place: trie.Slot(key_of(place) if leaf else None, leaf_of(place)) for place, leaf in kinds.items()}
    assert trie.unpack(trie.pack(tile)) == tile
