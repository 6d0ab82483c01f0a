// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Minimal soulbound tokens, https://eips.ethereum.org/EIPS/eip-5192
interface IERC5192 {
    /// @notice Whether token `id` is locked. Reverts for a token that does not exist.
    function locked(uint256 id) external view returns (bool);
}
