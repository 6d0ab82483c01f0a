// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IERC721} from "@openzeppelin/contracts/interfaces/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IERC5192} from "./interfaces/IERC5192.sol";

/// @title Consents as tokens: signed by a patient's one-time key, held by a reader's one-time address.
/// @notice A grant and its end are EIP-712 signatures that anyone may relay. The relayer pays; it cannot consent.
/// Nothing here names a person: both addresses are used once, the scope is a salted commitment, the times whole days.
/// @dev One storage slot for each token, keyed by its holder. That is sound because every holder is a one-time
/// (ERC-5564) address with at most one token in all time, and it makes `balanceOf` free. The price: whoever sees a
/// pending grant can sign a grant of their own to the same holder first. The real one is then skipped and has to be
/// signed again to a fresh address; a forgery it is not, for the id commits to the signer.
/// Tokens are born locked, so ERC-5192's `Locked` event is not emitted: it would cost every grant 1,100 gas.
contract AccessToken is EIP712, IERC721, IERC5192, IERC721Errors {
    /// @param reader One-time address that will hold the token.
    /// @param from First second at which the grant counts, Unix time.
    /// @param until First second at which it no longer counts.
    /// @param scope Salted commitment to who shares what with whom.
    /// @param r First half of the patient's signature of `Grant`.
    /// @param vs Second half with its parity bit (EIP-2098).
    struct SignedGrant {
        address reader;
        uint32 from;
        uint32 until;
        bytes32 scope;
        bytes32 r;
        bytes32 vs;
    }

    /// @param signer Address whose signature made the grant.
    /// @param id Token to end.
    /// @param structHash EIP-712 hash of the `Grant`: with the signer it opens what `id` commits to.
    /// @param r First half of the signature of `Revoke`.
    /// @param vs Second half with its parity bit (EIP-2098).
    struct SignedRevoke {
        address signer;
        uint256 id;
        bytes32 structHash;
        bytes32 r;
        bytes32 vs;
    }

    enum Status {
        None,
        NotYet,
        Active,
        Expired,
        Ended
    }

    enum Reason {
        Signature,
        Period,
        HolderUsed,
        OtherToken
    }

    bytes32 private constant GRANT_TYPEHASH = keccak256("Grant(address reader,uint32 from,uint32 until,bytes32 scope)");
    bytes32 private constant REVOKE_TYPEHASH = keccak256("Revoke(uint256 id)");

    /// @dev holder => 192 bits of the binding | from (32) | until (32). A binding without `until` is a tombstone.
    mapping(address holder => uint256) private _slots;

    /// @notice Item `index` of the batch changed nothing.
    event Skipped(uint256 indexed index, Reason reason);
    /// @notice Token `id` was ended before it was minted and never will be.
    event EndedUnminted(uint256 indexed id);

    error NotTransferable(uint256 id);

    constructor() EIP712("Chartseal AccessToken", "1") {}

    /// @notice Mints a token for each signed grant. An item that does not hold is skipped, not the batch.
    function grant(SignedGrant[] calldata grants) external {
        bytes32 domain = _domainSeparatorV4();
        for (uint256 i; i < grants.length; ++i) {
            SignedGrant calldata item = grants[i];
            bytes32 structHash = keccak256(abi.encode(GRANT_TYPEHASH, item.reader, item.from, item.until, item.scope));
            address signer = _signer(domain, structHash, item.r, item.vs);
            if (signer == address(0)) {
                emit Skipped(i, Reason.Signature);
            } else if (item.until <= block.timestamp || item.until <= item.from || item.reader == address(0)) {
                emit Skipped(i, Reason.Period);
            } else if (_slots[item.reader] != 0) {
                emit Skipped(i, Reason.HolderUsed);
            } else {
                uint256 binding = _binding(signer, structHash);
                _slots[item.reader] = ((binding >> 64) << 64) | (uint256(item.from) << 32) | item.until;
                emit Transfer(address(0), item.reader, _id(binding, item.reader));
            }
        }
    }

    /// @notice Ends the token of each signed revocation, also before it was minted: a tombstone stays in its slot, for
    /// the grant's signature is public and must not mint again. Ending twice changes nothing.
    function revoke(SignedRevoke[] calldata revocations) external {
        bytes32 domain = _domainSeparatorV4();
        for (uint256 i; i < revocations.length; ++i) {
            SignedRevoke calldata item = revocations[i];
            uint256 id = item.id;
            uint256 binding = _binding(item.signer, item.structHash);
            bytes32 structHash = keccak256(abi.encode(REVOKE_TYPEHASH, id));
            if (item.signer == address(0) || _signer(domain, structHash, item.r, item.vs) != item.signer) {
                emit Skipped(i, Reason.Signature);
                continue;
            }
            address holder = _holder(id);
            uint256 slot = _slots[holder];
            if ((binding ^ id) >> 160 != 0 || (slot != 0 && (binding ^ slot) >> 64 != 0)) {
                emit Skipped(i, Reason.OtherToken);
            } else if (slot == 0) {
                _slots[holder] = (binding >> 64) << 64;
                emit EndedUnminted(id);
            } else if (uint32(slot) != 0) {
                _slots[holder] = (slot >> 64) << 64;
                emit Transfer(holder, address(0), id);
            }
        }
    }

    /// @notice What became of token `id`.
    function statusOf(uint256 id) external view returns (Status) {
        uint256 slot = _slots[_holder(id)];
        if (slot == 0 || (slot ^ id) >> 160 != 0) return Status.None;
        if (uint32(slot) == 0) return Status.Ended;
        if (block.timestamp >= uint32(slot)) return Status.Expired;
        return block.timestamp < uint32(slot >> 32) ? Status.NotYet : Status.Active;
    }

    /// @notice From when until when token `id` counts, Unix time. Reverts for a token that does not exist.
    function periodOf(uint256 id) external view returns (uint32 from, uint32 until) {
        uint256 slot = _existing(id);
        return (uint32(slot >> 32), uint32(slot));
    }

    /// @notice The id of the token that `signer`'s signature of `structHash` makes for `reader`.
    function idOf(address signer, bytes32 structHash, address reader) external pure returns (uint256) {
        return _id(_binding(signer, structHash), reader);
    }

    /// @inheritdoc IERC721
    function ownerOf(uint256 id) external view returns (address) {
        _existing(id);
        return _holder(id);
    }

    /// @inheritdoc IERC721
    function balanceOf(address holder) external view returns (uint256) {
        if (holder == address(0)) revert ERC721InvalidOwner(holder);
        return uint32(_slots[holder]) == 0 ? 0 : 1;
    }

    /// @inheritdoc IERC5192
    function locked(uint256 id) external view returns (bool) {
        _existing(id);
        return true;
    }

    /// @inheritdoc IERC721
    function getApproved(uint256 id) external view returns (address) {
        _existing(id);
        return address(0);
    }

    /// @inheritdoc IERC721
    function isApprovedForAll(address, address) external pure returns (bool) {
        return false;
    }

    /// @notice Never: a consent is for the reader it names.
    function transferFrom(address, address, uint256 id) external pure {
        revert NotTransferable(id);
    }

    /// @notice Never: a consent is for the reader it names.
    function safeTransferFrom(address, address, uint256 id) external pure {
        revert NotTransferable(id);
    }

    /// @notice Never: a consent is for the reader it names.
    function safeTransferFrom(address, address, uint256 id, bytes calldata) external pure {
        revert NotTransferable(id);
    }

    /// @notice Never: a consent is for the reader it names.
    function approve(address, uint256 id) external pure {
        revert NotTransferable(id);
    }

    /// @notice Never: a consent is for the reader it names.
    function setApprovalForAll(address operator, bool) external pure {
        revert ERC721InvalidOperator(operator);
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId || interfaceId == type(IERC721).interfaceId
            || interfaceId == type(IERC5192).interfaceId;
    }

    /// @dev The slot of a token that is held now.
    function _existing(uint256 id) private view returns (uint256 slot) {
        slot = _slots[_holder(id)];
        if (uint32(slot) == 0 || (slot ^ id) >> 160 != 0) revert ERC721NonexistentToken(id);
    }

    /// @dev Who signed, or zero. A signature with a high `s` counts as none: of two forms only one may exist.
    function _signer(bytes32 domain, bytes32 structHash, bytes32 r, bytes32 vs) private pure returns (address signer) {
        (signer,,) = ECDSA.tryRecover(MessageHashUtils.toTypedDataHash(domain, structHash), r, vs);
    }

    /// @dev What ties a token to its signer and to every word of the grant.
    function _binding(address signer, bytes32 structHash) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(signer, structHash)));
    }

    /// @dev 96 bits of the binding | holder (160).
    function _id(uint256 binding, address holder) private pure returns (uint256) {
        return ((binding >> 160) << 160) | uint160(holder);
    }

    function _holder(uint256 id) private pure returns (address) {
        return address(uint160(id));
    }
}
