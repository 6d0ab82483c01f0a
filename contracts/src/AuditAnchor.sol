// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Heads of an append-only log, each proven to extend the last.
/// @notice The chain itself refuses a fork: a head is taken only with a valid RFC 9162 consistency proof from the head
/// before it. Hashing is RFC 6962's: SHA-256 with 0x01 before an inner node.
contract AuditAnchor {
    struct Head {
        uint64 size;
        uint64 sequence;
        uint64 time;
        bytes32 root;
    }

    /// @notice Seconds that pass between naming a successor and its taking over.
    uint64 public immutable successionDelay;

    Head private _head;
    address private _operator;
    address private _successor;
    uint64 private _successorFrom;

    /// @notice Root of the first `size` leaves; `sequence` counts the anchors from 1.
    event Anchored(uint64 indexed sequence, uint64 size, bytes32 root);
    event SuccessorNamed(address indexed successor, uint64 from);
    event SuccessionCancelled(address indexed successor);
    event OperatorChanged(address indexed former, address indexed operator);

    error NotOperator(address caller);
    error NotSuccessor(address caller);
    error SizeNotGrowing(uint64 size, uint64 latest);
    error NotConsistent(uint64 latest, uint64 size);
    error NoSuccessor();
    error TooEarly(uint64 from, uint256 time);

    modifier onlyOperator() {
        if (msg.sender != _operator) revert NotOperator(msg.sender);
        _;
    }

    constructor(address operator_, uint64 successionDelay_) {
        _operator = operator_;
        successionDelay = successionDelay_;
        emit OperatorChanged(address(0), operator_);
    }

    /// @notice Fixes the root of the first `size` leaves for good.
    /// @param proof RFC 9162 consistency proof from the latest head to this one; empty for the first anchor.
    function anchor(uint64 size, bytes32 root, bytes32[] calldata proof) external onlyOperator {
        Head memory latest = _head;
        if (size <= latest.size) revert SizeNotGrowing(size, latest.size);
        if (latest.size != 0 && !verifyConsistency(latest.size, size, latest.root, root, proof)) {
            revert NotConsistent(latest.size, size);
        }
        _head = Head(size, latest.sequence + 1, uint64(block.timestamp), root);
        emit Anchored(latest.sequence + 1, size, root);
    }

    /// @notice The latest anchored head; all zero before the first.
    function head() external view returns (Head memory) {
        return _head;
    }

    /// @notice Who may anchor, and who will, from when; zeros when nobody was named.
    function operator() external view returns (address current, address successor, uint64 from) {
        return (_operator, _successor, _successorFrom);
    }

    /// @notice Names who takes over after the delay. Naming another starts the delay anew.
    function nameSuccessor(address successor) external onlyOperator {
        _successor = successor;
        _successorFrom = uint64(block.timestamp) + successionDelay;
        emit SuccessorNamed(successor, _successorFrom);
    }

    function cancelSuccession() external onlyOperator {
        if (_successor == address(0)) revert NoSuccessor();
        emit SuccessionCancelled(_successor);
        delete _successor;
        delete _successorFrom;
    }

    /// @notice Called by the successor once the delay has passed.
    function takeOver() external {
        if (_successor == address(0) || msg.sender != _successor) revert NotSuccessor(msg.sender);
        if (block.timestamp < _successorFrom) revert TooEarly(_successorFrom, block.timestamp);
        emit OperatorChanged(_operator, _successor);
        _operator = _successor;
        delete _successor;
        delete _successorFrom;
    }

    /// @notice Whether `proof` shows that the tree of `second` leaves extends the tree of `first`. RFC 9162, 2.1.4.2.
    function verifyConsistency(
        uint64 first,
        uint64 second,
        bytes32 firstRoot,
        bytes32 secondRoot,
        bytes32[] calldata proof
    ) public pure returns (bool) {
        if (first == second) return firstRoot == secondRoot && proof.length == 0;
        if (first == 0 || first > second) return false;

        uint64 fn = first - 1;
        uint64 sn = second - 1;
        while (fn & 1 == 1) {
            fn >>= 1;
            sn >>= 1;
        }
        // Where the first tree is one full subtree, its root begins the proof unsaid.
        uint256 next = fn == 0 ? 0 : 1;
        if (next > proof.length) return false;
        bytes32 fr = next == 0 ? firstRoot : proof[0];
        bytes32 sr = fr;

        for (; next < proof.length; ++next) {
            if (sn == 0) return false;
            bytes32 node = proof[next];
            if (fn & 1 == 1 || fn == sn) {
                fr = _inner(node, fr);
                sr = _inner(node, sr);
                while (fn & 1 == 0 && fn != 0) {
                    fn >>= 1;
                    sn >>= 1;
                }
            } else {
                sr = _inner(sr, node);
            }
            fn >>= 1;
            sn >>= 1;
        }
        return sn == 0 && fr == firstRoot && sr == secondRoot;
    }

    function _inner(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x01), left, right));
    }
}
