// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

/// @title Licences and institutions as accreditors attest them.
/// @notice A credential is a hash the public can recompute from what a provider shows (a licence number and its issuing
/// body); no name stands here. Revoking is for good: who is licensed again gets a new credential.
contract ProviderRegistry is AccessControl {
    enum Status {
        None,
        Valid,
        Expired,
        Revoked
    }

    struct Attestation {
        address accreditor;
        uint64 until;
        bool revoked;
    }

    bytes32 public constant ACCREDITOR_ROLE = keccak256("ACCREDITOR_ROLE");

    mapping(bytes32 credential => Attestation) private _attestations;

    event Attested(bytes32 indexed credential, address indexed accreditor, uint64 until);
    event Revoked(bytes32 indexed credential, address indexed accreditor);

    error AlreadyExpired(bytes32 credential, uint64 until);
    error AlreadyRevoked(bytes32 credential);
    error NotAttested(bytes32 credential);

    constructor(address admin, address accreditor) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(ACCREDITOR_ROLE, accreditor);
    }

    /// @notice Says that `credential` is good until `until` (Unix time). Attesting again renews or shortens it.
    function attest(bytes32 credential, uint64 until) external onlyRole(ACCREDITOR_ROLE) {
        if (until <= block.timestamp) revert AlreadyExpired(credential, until);
        if (_attestations[credential].revoked) revert AlreadyRevoked(credential);
        _attestations[credential] = Attestation(msg.sender, until, false);
        emit Attested(credential, msg.sender, until);
    }

    /// @notice Withdraws `credential`. Any accreditor may: a licence lost must not wait for the one who saw it first.
    function revoke(bytes32 credential) external onlyRole(ACCREDITOR_ROLE) {
        Attestation storage attestation = _attestations[credential];
        if (attestation.until == 0) revert NotAttested(credential);
        if (attestation.revoked) revert AlreadyRevoked(credential);
        attestation.revoked = true;
        emit Revoked(credential, msg.sender);
    }

    function statusOf(bytes32 credential) external view returns (Status) {
        Attestation storage attestation = _attestations[credential];
        if (attestation.until == 0) return Status.None;
        if (attestation.revoked) return Status.Revoked;
        return block.timestamp < attestation.until ? Status.Valid : Status.Expired;
    }

    /// @notice Who attested `credential` last, and until when; zeros when nobody did.
    function attestationOf(bytes32 credential) external view returns (address accreditor, uint64 until, bool revoked) {
        Attestation storage attestation = _attestations[credential];
        return (attestation.accreditor, attestation.until, attestation.revoked);
    }
}
