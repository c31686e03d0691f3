package genleader

import (
	"errors"
	"fmt"
)

var (
	// ErrNoLeader is a call that never reached a leader before its deadline. Nothing was done; it is safe to try again.
	ErrNoLeader = errors.New("genleader: no leader before the deadline; nothing was done")
	// ErrUncertain is a call that reached a leader and got no answer before its deadline. It may have been done or not.
	ErrUncertain = errors.New("genleader: no answer before the deadline; the call may have been done or not")
	// ErrNotAsked is a call whose context had ended before it began. Nothing was done.
	ErrNotAsked = errors.New("genleader: the context had ended before anything was asked; nothing was done")
	// ErrBehind is a wait for an entry of the log that this member has not applied in time.
	ErrBehind = errors.New("genleader: this member has not applied the log so far yet")
	// ErrOverloaded is a call refused because too much is waiting: on the caller's own member for answers, on the leader to be
	// committed. Nothing was done.
	ErrOverloaded = errors.New("genleader: too much is waiting; nothing was done, try again later")
	// ErrLeaderStopped is a call over which the leader's behaviour stopped or panicked. Nothing was broadcast for it, and no
	// other leader is asked.
	ErrLeaderStopped = errors.New("genleader: the leader has stopped over this call; nothing was broadcast for it")
	// ErrStopped is a call to a group that has stopped on this member.
	ErrStopped = errors.New("genleader: the group has stopped on this member")
	// ErrUnsupported is a local call that the behaviour does not handle.
	ErrUnsupported = errors.New("genleader: the behaviour does not handle this call")
	// ErrSuperseded ends a member whose name a newer process has taken.
	ErrSuperseded = errors.New("genleader: a newer process has taken this member's name")
	// ErrStorage ends a member whose storage failed: its disk is full, broken, or holds what cannot be right. Nothing that
	// was acknowledged is lost by that.
	ErrStorage = errors.New("genleader: the storage failed")
	// ErrReplaced and ErrRemoved are the reasons of MemberLeft: another process has its place, or nobody has.
	ErrReplaced = errors.New("genleader: another process took the member's place")
	ErrRemoved  = errors.New("genleader: the member was removed from the group")
	// ErrUnknownMember, ErrNotVoter, ErrWitness and ErrNotReady refuse a transfer of leadership; nothing has changed.
	ErrUnknownMember = errors.New("genleader: no member of the group has this name")
	ErrNotVoter      = errors.New("genleader: only voters can lead, and this member is a learner")
	ErrWitness       = errors.New("genleader: a witness leads only while nobody else can")
	ErrNotReady      = errors.New("genleader: the member is behind, unreachable or without a lease")
	// ErrNotTransferred is a transfer that was not done before its deadline. It may still be.
	ErrNotTransferred = errors.New("genleader: leadership was not handed over in time")
	// ErrUnreachable and ErrNoAnswer are why a candidate did not answer: there is no link to it, or it took too long.
	ErrUnreachable = errors.New("genleader: the member is not linked")
	ErrNoAnswer    = errors.New("genleader: the member did not answer in time")
	// ErrOtherCluster ends a member that met a group of another cluster than its own before it had joined any.
	ErrOtherCluster = errors.New("genleader: this member is configured for another cluster than those it has met")
	// ErrGone and ErrLeft are the reasons of HandleDown: the process is gone, or has left in order.
	ErrGone = errors.New("genleader: the member's process is gone")
	ErrLeft = errors.New("genleader: the member left")

	// errLost is what was asked for before the group ended here, and may have been done.
	errLost = fmt.Errorf("%w: %w", ErrUncertain, ErrStopped)
)
