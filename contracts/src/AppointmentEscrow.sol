// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

/// @title Deposits for visits, kept under the terms they were made by.
/// @notice A deposit stands under a salted commitment: nothing here says whose visit it is, with whom, or for what. The
/// operator reports what became of the visit, and cannot keep more than the terms allow for it; the arbiter alone lets a
/// disputed fee be kept; after a last moment anyone sends everything back. Money leaves only to whoever withdraws their
/// own credit.
contract AppointmentEscrow is ReentrancyGuard {
    enum State {
        None,
        Held,
        Missed,
        Disputed,
        Settled
    }

    /// @notice What may be kept, and until when. Moments in Unix seconds, fees in wei and at most the deposit.
    struct Terms {
        uint64 freeUntil;
        uint64 begins;
        uint64 expires;
        uint128 lateFee;
        uint128 missedFee;
    }

    struct Deposit {
        State state;
        uint64 missedAt;
        uint128 amount;
        uint128 kept;
        uint128 repaid;
        Terms terms;
    }

    /// @notice Seconds in which a no-show can be taken back or disputed before its fee may be kept.
    uint64 public immutable disputeWindow;

    address private immutable _operator;
    address private immutable _arbiter;
    address private immutable _payee;
    mapping(bytes32 commitment => Deposit) private _deposits;
    mapping(address account => uint256) private _credits;

    event Deposited(bytes32 indexed commitment, uint128 amount);
    event Released(bytes32 indexed commitment, uint128 kept);
    event Cancelled(bytes32 indexed commitment, uint128 kept);
    event Missed(bytes32 indexed commitment, uint64 time);
    event MissedWithdrawn(bytes32 indexed commitment);
    event MissedCollected(bytes32 indexed commitment, uint128 kept);
    event Disputed(bytes32 indexed commitment);
    event Resolved(bytes32 indexed commitment, uint128 kept);
    event Expired(bytes32 indexed commitment);
    event Repaid(bytes32 indexed commitment, uint128 amount);
    event Withdrawn(address indexed account, uint256 amount);

    error NotOperator(address caller);
    error NotArbiter(address caller);
    error AlreadyDeposited(bytes32 commitment);
    error NothingDeposited();
    error TermsNotPossible();
    error NotInState(bytes32 commitment, State state);
    error KeepsTooMuch(uint128 kept, uint128 most);
    error RepaysTooMuch(uint256 amount, uint128 left);
    error TooEarly(uint64 from, uint256 time);
    error NoCredit(address account);
    error NotTaken(address account, uint256 amount);

    modifier onlyOperator() {
        if (msg.sender != _operator) revert NotOperator(msg.sender);
        _;
    }

    constructor(address operator_, address arbiter_, address payee_, uint64 disputeWindow_) {
        _operator = operator_;
        _arbiter = arbiter_;
        _payee = payee_;
        disputeWindow = disputeWindow_;
    }

    /// @notice Locks what is sent along under a commitment, once and for all under these terms.
    function deposit(bytes32 commitment, Terms calldata terms) external payable onlyOperator {
        if (_deposits[commitment].state != State.None) revert AlreadyDeposited(commitment);
        if (msg.value == 0) revert NothingDeposited();
        if (
            msg.value > type(uint128).max || terms.lateFee > msg.value || terms.missedFee > msg.value
                || terms.freeUntil > terms.begins || terms.expires <= terms.begins || terms.expires <= block.timestamp
        ) revert TermsNotPossible();
        // casting to 'uint128' is safe because it was compared just above
        uint128 amount = uint128(msg.value);
        _deposits[commitment] = Deposit(State.Held, 0, amount, 0, 0, terms);
        emit Deposited(commitment, amount);
    }

    /// @notice The visit took place: `kept` goes to the payee and the rest back.
    function release(bytes32 commitment, uint128 kept) external onlyOperator {
        Deposit storage found = _in(commitment, State.Held);
        if (block.timestamp < found.terms.begins) revert TooEarly(found.terms.begins, block.timestamp);
        _settle(found, kept, found.amount);
        emit Released(commitment, kept);
    }

    /// @notice The visit was called off, or never was. Nothing can be kept in time, and at most the late fee after.
    function cancel(bytes32 commitment, uint128 kept) external onlyOperator {
        Deposit storage found = _deposits[commitment];
        if (found.state != State.Held && found.state != State.Missed) revert NotInState(commitment, found.state);
        _settle(found, kept, block.timestamp <= found.terms.freeUntil ? 0 : found.terms.lateFee);
        emit Cancelled(commitment, kept);
    }

    /// @notice Nobody came. From now on it can be taken back or disputed.
    function reportMissed(bytes32 commitment) external onlyOperator {
        Deposit storage found = _in(commitment, State.Held);
        if (block.timestamp < found.terms.begins) revert TooEarly(found.terms.begins, block.timestamp);
        found.state = State.Missed;
        found.missedAt = uint64(block.timestamp);
        emit Missed(commitment, found.missedAt);
    }

    /// @notice They had come after all. This ends a dispute too, in the patient's favour.
    function withdrawMissed(bytes32 commitment) external onlyOperator {
        Deposit storage found = _deposits[commitment];
        if (found.state != State.Missed && found.state != State.Disputed) revert NotInState(commitment, found.state);
        found.state = State.Held;
        emit MissedWithdrawn(commitment);
    }

    /// @notice Keeps at most the no-show fee, once the time to dispute it is over.
    function collectMissed(bytes32 commitment, uint128 kept) external onlyOperator {
        Deposit storage found = _in(commitment, State.Missed);
        uint64 from = found.missedAt + disputeWindow;
        if (block.timestamp < from) revert TooEarly(from, block.timestamp);
        _settle(found, kept, found.terms.missedFee);
        emit MissedCollected(commitment, kept);
    }

    /// @notice Says for the patient that they were there. From now on a fee is kept only if the arbiter says so.
    function dispute(bytes32 commitment) external onlyOperator {
        _in(commitment, State.Missed).state = State.Disputed;
        emit Disputed(commitment);
    }

    /// @notice Ends a dispute: at most the no-show fee is kept.
    function resolve(bytes32 commitment, uint128 kept) external {
        if (msg.sender != _arbiter) revert NotArbiter(msg.sender);
        Deposit storage found = _in(commitment, State.Disputed);
        _settle(found, kept, found.terms.missedFee);
        emit Resolved(commitment, kept);
    }

    /// @notice Sends everything back once the last moment has passed. Anyone may: money never sticks here.
    function expire(bytes32 commitment) external {
        Deposit storage found = _deposits[commitment];
        if (found.state == State.None || found.state == State.Settled) revert NotInState(commitment, found.state);
        if (block.timestamp < found.terms.expires) revert TooEarly(found.terms.expires, block.timestamp);
        _settle(found, 0, 0);
        emit Expired(commitment);
    }

    /// @notice Gives back, out of what is sent along, some of what was kept.
    function repay(bytes32 commitment) external payable onlyOperator {
        Deposit storage found = _in(commitment, State.Settled);
        if (msg.value == 0) revert NothingDeposited();
        uint128 left = found.kept - found.repaid;
        if (msg.value > left) revert RepaysTooMuch(msg.value, left);
        // casting to 'uint128' is safe because `left` is one
        found.repaid += uint128(msg.value);
        _credits[_operator] += msg.value;
        emit Repaid(commitment, uint128(msg.value));
    }

    /// @notice Pays the caller's own credit out, all of it.
    function withdraw() external nonReentrant {
        uint256 amount = _credits[msg.sender];
        if (amount == 0) revert NoCredit(msg.sender);
        _credits[msg.sender] = 0;
        emit Withdrawn(msg.sender, amount);
        (bool taken,) = msg.sender.call{value: amount}("");
        if (!taken) revert NotTaken(msg.sender, amount);
    }

    /// @notice A deposit, its terms, and what became of it; all zero where none was made.
    function depositOf(bytes32 commitment) external view returns (Deposit memory) {
        return _deposits[commitment];
    }

    /// @notice What an account can withdraw, in wei.
    function creditOf(address account) external view returns (uint256) {
        return _credits[account];
    }

    /// @notice Who deposits and reports, who ends disputes, and to whom goes what is kept.
    function parties() external view returns (address operator, address arbiter, address payee) {
        return (_operator, _arbiter, _payee);
    }

    function _in(bytes32 commitment, State state) private view returns (Deposit storage found) {
        found = _deposits[commitment];
        if (found.state != state) revert NotInState(commitment, found.state);
    }

    /// @dev What is kept and what goes back are always the deposit, to the wei.
    function _settle(Deposit storage found, uint128 kept, uint128 most) private {
        if (kept > most) revert KeepsTooMuch(kept, most);
        found.state = State.Settled;
        found.kept = kept;
        _credits[_payee] += kept;
        _credits[_operator] += found.amount - kept;
    }
}
