// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title Which key belongs to whom, as commitments only.
/// @notice A binding is `keccak256(abi.encode(holder, blinded))`: `holder` is a one-time address that can object,
/// `blinded` a salted hash of person and keys. Neither is written here until its holder objects to a recovery.
/// A registrar begins to replace a lost key for a claimant, an address used for this once. Which key takes its place
/// only the claimant can say, by signature, and only after a delay in which the holder, or the registrar, can stop it.
contract IdentityRegistry is AccessControl, EIP712 {
    enum Status {
        None,
        Bound,
        Recovering,
        Replaced
    }

    struct Binding {
        uint64 boundAt;
        uint64 recoveryFrom;
        uint64 recoveries;
        address claimant;
        bytes32 successor;
    }

    bytes32 public constant REGISTRAR_ROLE = keccak256("REGISTRAR_ROLE");
    bytes32 private constant OBJECTION_TYPEHASH =
        keccak256("Objection(bytes32 commitment,address claimant,uint64 recovery)");
    bytes32 private constant SUCCESSION_TYPEHASH = keccak256("Succession(bytes32 commitment,bytes32 successor)");

    /// @notice Seconds between starting a recovery and completing it.
    uint64 public immutable recoveryDelay;

    mapping(bytes32 commitment => Binding) private _bindings;

    event Bound(bytes32 indexed commitment);
    event RecoveryStarted(bytes32 indexed commitment, address indexed claimant, uint64 from);
    event RecoveryCancelled(bytes32 indexed commitment, address indexed claimant);
    event Replaced(bytes32 indexed commitment, bytes32 indexed successor);

    error AlreadyBound(bytes32 commitment);
    error NotBound(bytes32 commitment);
    error AlreadyReplaced(bytes32 commitment, bytes32 successor);
    error AlreadyRecovering(bytes32 commitment, address claimant);
    error NotRecovering(bytes32 commitment);
    error NotHolder(bytes32 commitment, address signer);
    error NotClaimant(bytes32 commitment, address signer);
    error TooEarly(uint64 from, uint256 time);

    constructor(address admin, address registrar, uint64 recoveryDelay_) EIP712("Chartseal IdentityRegistry", "1") {
        recoveryDelay = recoveryDelay_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(REGISTRAR_ROLE, registrar);
    }

    function bind(bytes32 commitment) external onlyRole(REGISTRAR_ROLE) {
        _bind(commitment);
    }

    /// @notice Begins to replace `commitment` by what `claimant` will name once the delay has passed.
    function startRecovery(bytes32 commitment, address claimant) external onlyRole(REGISTRAR_ROLE) {
        Binding storage binding = _open(commitment);
        if (binding.recoveryFrom != 0) revert AlreadyRecovering(commitment, binding.claimant);
        uint64 from = uint64(block.timestamp) + recoveryDelay;
        binding.recoveryFrom = from;
        binding.claimant = claimant;
        ++binding.recoveries;
        emit RecoveryStarted(commitment, claimant, from);
    }

    function cancelRecovery(bytes32 commitment) external onlyRole(REGISTRAR_ROLE) {
        _cancel(commitment, _recovering(commitment));
    }

    /// @notice Stops a recovery with the holder's own signature; anyone may relay it.
    /// @param blinded What `commitment` was made of, beside the holder's address.
    function objectToRecovery(bytes32 commitment, bytes32 blinded, bytes32 r, bytes32 vs) external {
        Binding storage binding = _recovering(commitment);
        address signer =
            _signer(keccak256(abi.encode(OBJECTION_TYPEHASH, commitment, binding.claimant, binding.recoveries)), r, vs);
        if (signer == address(0) || keccak256(abi.encode(signer, blinded)) != commitment) {
            revert NotHolder(commitment, signer);
        }
        _cancel(commitment, binding);
    }

    /// @notice Binds `successor`, which the claimant signed for, in the place of `commitment`; anyone may relay it.
    function completeRecovery(bytes32 commitment, bytes32 successor, bytes32 r, bytes32 vs) external {
        Binding storage binding = _recovering(commitment);
        address signer = _signer(keccak256(abi.encode(SUCCESSION_TYPEHASH, commitment, successor)), r, vs);
        if (signer == address(0) || signer != binding.claimant) revert NotClaimant(commitment, signer);
        if (block.timestamp < binding.recoveryFrom) revert TooEarly(binding.recoveryFrom, block.timestamp);
        binding.recoveryFrom = 0;
        binding.claimant = address(0);
        binding.successor = successor;
        _bind(successor);
        emit Replaced(commitment, successor);
    }

    function statusOf(bytes32 commitment) external view returns (Status) {
        Binding storage binding = _bindings[commitment];
        if (binding.boundAt == 0) return Status.None;
        if (binding.recoveryFrom != 0) return Status.Recovering;
        return binding.successor == 0 ? Status.Bound : Status.Replaced;
    }

    /// @notice When `commitment` was bound, when a recovery may be completed, how many were started, for whom the present
    /// one is, and what replaced it.
    function bindingOf(bytes32 commitment) external view returns (Binding memory) {
        return _bindings[commitment];
    }

    function _bind(bytes32 commitment) private {
        Binding storage binding = _bindings[commitment];
        if (binding.boundAt != 0) revert AlreadyBound(commitment);
        binding.boundAt = uint64(block.timestamp);
        emit Bound(commitment);
    }

    function _cancel(bytes32 commitment, Binding storage binding) private {
        emit RecoveryCancelled(commitment, binding.claimant);
        binding.recoveryFrom = 0;
        binding.claimant = address(0);
    }

    function _open(bytes32 commitment) private view returns (Binding storage binding) {
        binding = _bindings[commitment];
        if (binding.boundAt == 0) revert NotBound(commitment);
        if (binding.successor != 0) revert AlreadyReplaced(commitment, binding.successor);
    }

    function _recovering(bytes32 commitment) private view returns (Binding storage binding) {
        binding = _bindings[commitment];
        if (binding.recoveryFrom == 0) revert NotRecovering(commitment);
    }

    function _signer(bytes32 structHash, bytes32 r, bytes32 vs) private view returns (address signer) {
        (signer,,) = ECDSA.tryRecover(_hashTypedDataV4(structHash), r, vs);
    }
}
