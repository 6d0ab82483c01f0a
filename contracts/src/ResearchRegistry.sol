// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

/// @title Studies, who joined them as commitments, what left as hashes, and what people are paid.
/// @notice A commitment stands alone: it names neither person nor study, so that nobody counts who joined which one. What
/// is due for a release is the root of a tree of one-time addresses (ERC-5564), a fresh one for each person and release,
/// against money that the study deposited before. Whoever holds an address's key signs where its share goes, later and
/// to any account. It is paid once, and only as far as it was set aside; what is left goes back when the study is over.
contract ResearchRegistry is EIP712, ReentrancyGuard {
    struct Study {
        bytes32 terms;
        address sponsor;
        uint64 until;
        bool closed;
        uint128 balance;
    }

    struct Release {
        bytes32 study;
        bytes32 root;
        uint128 left;
    }

    enum Joining {
        None,
        Joined,
        Withdrawn
    }

    /// @notice Seconds after a study is over in which what is due may still be set aside, and as many again to claim it.
    uint64 public immutable claimWindow;

    bytes32 private constant _CLAIM = keccak256("Claim(bytes32 release,address claimant,address payee)");
    /// @dev Whoever sends somebody's credit to them pays for it: more than this a payee's code may not use.
    uint256 private constant _TAKING = 60_000;
    address private immutable _operator;
    mapping(bytes32 id => Study) private _studies;
    mapping(bytes32 commitment => Joining) private _joinings;
    mapping(bytes32 hash => Release) private _releases;
    mapping(bytes32 hash => mapping(address claimant => bool)) private _claimed;
    mapping(address account => uint256) private _credits;

    event StudyRegistered(bytes32 indexed study, bytes32 terms, address sponsor, uint64 until);
    event StudyClosed(bytes32 indexed study);
    event Joined(bytes32 indexed commitment);
    event Withdrawn(bytes32 indexed commitment);
    event Released(bytes32 indexed study, bytes32 indexed hash);
    event Deposited(bytes32 indexed study, address from, uint256 amount);
    event Accrued(bytes32 indexed study, bytes32 indexed hash, bytes32 root, uint128 total);
    event Claimed(bytes32 indexed hash, address indexed claimant, address payee, uint128 amount);
    event Returned(bytes32 indexed study, address sponsor, uint128 amount);
    event Paid(address indexed account, uint256 amount);

    error NotOperator(address caller);
    error AlreadyRegistered(bytes32 study);
    error NoSuchStudy(bytes32 study);
    error StudyOver(bytes32 study);
    error NotOver(bytes32 study, uint256 from, uint256 time);
    error TermsNotPossible();
    error AlreadyReleased(bytes32 hash);
    error NoSuchRelease(bytes32 hash);
    error AlreadyAccrued(bytes32 hash);
    error NothingDeposited();
    error NotEnough(bytes32 id, uint256 asked, uint256 left);
    error AlreadyClaimed(bytes32 hash, address claimant);
    error NotDue(bytes32 hash, address claimant);
    error NotSigned(bytes32 hash, address claimant);
    error NoCredit(address account);
    error NotTaken(address account, uint256 amount);

    modifier onlyOperator() {
        if (msg.sender != _operator) revert NotOperator(msg.sender);
        _;
    }

    constructor(address operator_, uint64 claimWindow_) EIP712("Chartseal ResearchRegistry", "1") {
        _operator = operator_;
        claimWindow = claimWindow_;
    }

    /// @notice Fixes the hash of a study's terms, for good. What it never spends goes back to the sponsor.
    function register(bytes32 study, bytes32 terms, address sponsor, uint64 until) external onlyOperator {
        if (_studies[study].until != 0) revert AlreadyRegistered(study);
        if (until <= block.timestamp || terms == 0 || sponsor == address(0)) revert TermsNotPossible();
        _studies[study] = Study(terms, sponsor, until, false, 0);
        emit StudyRegistered(study, terms, sponsor, until);
    }

    /// @notice Ends a study before its time. Nothing is released or set aside for it afterwards.
    function close(bytes32 study) external onlyOperator {
        Study storage found = _running(study);
        found.closed = true;
        if (block.timestamp < found.until) found.until = uint64(block.timestamp);
        emit StudyClosed(study);
    }

    /// @notice People agreed. One that stands already, or has withdrawn before it arrived, is passed over.
    function join(bytes32[] calldata commitments) external onlyOperator {
        for (uint256 i = 0; i < commitments.length; ++i) {
            if (_joinings[commitments[i]] != Joining.None) continue;
            _joinings[commitments[i]] = Joining.Joined;
            emit Joined(commitments[i]);
        }
    }

    /// @notice People withdrew. It leaves a mark also where the joining has not arrived, which then never counts.
    function withdraw(bytes32[] calldata commitments) external onlyOperator {
        for (uint256 i = 0; i < commitments.length; ++i) {
            if (_joinings[commitments[i]] == Joining.Withdrawn) continue;
            _joinings[commitments[i]] = Joining.Withdrawn;
            emit Withdrawn(commitments[i]);
        }
    }

    /// @notice Fixes the hash of what left the house for a study. A hash can be fixed once.
    function release(bytes32 study, bytes32 hash) external onlyOperator {
        _running(study);
        if (_releases[hash].study != 0) revert AlreadyReleased(hash);
        _releases[hash].study = study;
        emit Released(study, hash);
    }

    /// @notice Adds what is sent along to what a study can pay, as long as it can be set aside. Anyone may.
    function deposit(bytes32 study) external payable {
        if (msg.value == 0 || msg.value > type(uint128).max) revert NothingDeposited();
        // casting to 'uint128' is safe because it was compared just above
        _paying(study).balance += uint128(msg.value);
        emit Deposited(study, msg.sender, msg.value);
    }

    /// @notice Sets aside what people are due for a release, once: the root of (claimant, amount), and enough for all.
    function accrue(bytes32 hash, bytes32 root, uint128 total) external onlyOperator {
        Release storage found = _releases[hash];
        if (found.study == 0) revert NoSuchRelease(hash);
        if (found.root != 0) revert AlreadyAccrued(hash);
        if (root == 0) revert TermsNotPossible();
        Study storage paying = _paying(found.study);
        if (total > paying.balance) revert NotEnough(found.study, total, paying.balance);
        paying.balance -= total;
        found.root = root;
        found.left = total;
        emit Accrued(found.study, hash, root, total);
    }

    /// @notice Credits one share of a release, once, to whom its claimant signed for. Anyone may bring the signature.
    function claim(
        bytes32 hash,
        address claimant,
        uint128 amount,
        address payee,
        bytes32 r,
        bytes32 vs,
        bytes32[] calldata proof
    ) external {
        Release storage found = _releases[hash];
        if (_claimed[hash][claimant]) revert AlreadyClaimed(hash, claimant);
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(claimant, amount))));
        if (found.root == 0 || !MerkleProof.verifyCalldata(proof, found.root, leaf)) revert NotDue(hash, claimant);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(_CLAIM, hash, claimant, payee)));
        (address signer,,) = ECDSA.tryRecover(digest, r, vs);
        if (signer != claimant || signer == address(0) || payee == address(0)) revert NotSigned(hash, claimant);
        if (amount > found.left) revert NotEnough(hash, amount, found.left);
        _claimed[hash][claimant] = true;
        found.left -= amount;
        _credits[payee] += amount;
        emit Claimed(hash, claimant, payee, amount);
    }

    /// @notice Sends back what a study deposited and never set aside, when no more can be. Anyone may: no money sticks.
    function giveBack(bytes32 study) external {
        Study storage found = _over(study, claimWindow);
        uint128 amount = found.balance;
        if (amount == 0) revert NothingDeposited();
        found.balance = 0;
        _credits[found.sponsor] += amount;
        emit Returned(study, found.sponsor, amount);
    }

    /// @notice Sends back what nobody claimed of a release, once the time to claim is over.
    function giveBackUnclaimed(bytes32 hash) external {
        Release storage found = _releases[hash];
        if (found.study == 0) revert NoSuchRelease(hash);
        Study storage paying = _over(found.study, 2 * uint256(claimWindow));
        uint128 amount = found.left;
        if (amount == 0) revert NothingDeposited();
        found.left = 0;
        _credits[paying.sponsor] += amount;
        emit Returned(found.study, paying.sponsor, amount);
    }

    /// @notice Pays an account its own credit, all of it. Anyone may, so that nobody needs money to get money.
    function collect(address account) external nonReentrant {
        uint256 amount = _credits[account];
        if (amount == 0) revert NoCredit(account);
        _credits[account] = 0;
        emit Paid(account, amount);
        (bool taken,) = account.call{value: amount, gas: msg.sender == account ? gasleft() : _TAKING}("");
        if (!taken) revert NotTaken(account, amount);
    }

    /// @notice A study, its terms' hash and its money; all zero where none was registered.
    function studyOf(bytes32 study) external view returns (Study memory) {
        return _studies[study];
    }

    /// @notice Whether a commitment stands, was withdrawn, or never came.
    function joiningOf(bytes32 commitment) external view returns (Joining) {
        return _joinings[commitment];
    }

    /// @notice Which study a release is of, what is due for it, and what of that was not claimed yet.
    function releaseOf(bytes32 hash) external view returns (Release memory) {
        return _releases[hash];
    }

    /// @notice Whether a share of a release was paid.
    function isClaimed(bytes32 hash, address claimant) external view returns (bool) {
        return _claimed[hash][claimant];
    }

    /// @notice What an account can collect, in wei.
    function creditOf(address account) external view returns (uint256) {
        return _credits[account];
    }

    function _running(bytes32 study) private view returns (Study storage found) {
        found = _studies[study];
        if (found.until == 0) revert NoSuchStudy(study);
        if (found.closed || block.timestamp >= found.until) revert StudyOver(study);
    }

    function _paying(bytes32 study) private view returns (Study storage found) {
        found = _studies[study];
        if (found.until == 0) revert NoSuchStudy(study);
        if (block.timestamp >= uint256(found.until) + claimWindow) revert StudyOver(study);
    }

    function _over(bytes32 study, uint256 window) private view returns (Study storage found) {
        found = _studies[study];
        if (found.until == 0) revert NoSuchStudy(study);
        uint256 from = uint256(found.until) + window;
        if (block.timestamp < from) revert NotOver(study, from, block.timestamp);
    }
}
