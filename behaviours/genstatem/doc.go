// Package genstatem is OTP's gen_statem: a state machine that is an actor.
//
//	          the event's state function               actions, then the next event
//	mailbox -----------------------------> Result ----------------------------------> waiting, or handling again
//	            ^        ^        ^           |
//	            |        |        |           +-- NextEvent: handled next, before everything else
//	            |        |        +-------------- Postpone: handled again, in order, after a change of state
//	            |        +----------------------- a timeout of zero: after those, before the mailbox
//	            +-------------------------------- StateTimeout, EventTimeout, NamedTimeout
//
// A machine is a Spec: how it begins, what each state does, and perhaps what is done on entering a state. The state is a
// comparable value, the data whatever belongs to it. A change of state (to another value; the same value is none)
// replays what was postponed, cancels the state timeout and makes the state enter call; a change of data does none of
// that.
//
// In what order things happen after a callback has returned:
//
//  1. its replies are sent
//  2. the state changes, and the state enter call is made; its actions follow those of the callback
//  3. the event is postponed, if so asked; if the state changed, all postponed events are put before the queue,
//     oldest first; then NextEvent's events before those
//  4. timeouts are set, updated and cancelled, in the order of the actions; timeouts of zero are put after the queue
//  5. the queue is handled, one event at a time, beginning again at 1; then the mailbox
//
// Promised: a timeout that was cancelled or set anew is never handled, even if it is in the mailbox already; a
// postponed event is neither lost nor handled twice in one state without a change between; a call that is postponed
// when the machine ends is answered with *process.ExitError; a callback that panics changes nothing: Terminate sees the
// data from before.
//
// Not promised: a machine that inserts events for ever never reads its mailbox. Left out: hibernation (an idle machine
// holds no stack here), changing and stacking callback modules (push_callback_module and the like; use a state), code
// change, absolute times. docs/otp-map.md has the whole list.
package genstatem
