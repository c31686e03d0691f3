package admin

import (
	"context"
	"errors"
	"net/http"
)

// What an order or a question can be refused with. A Backend returns them, possibly wrapped; a Client returns errors
// that match them with errors.Is.
var (
	// ErrUnknownGroup means that the spec has no group of that name.
	ErrUnknownGroup = errors.New("admin: unknown group")
	// ErrNoActive means that the group has no active member to hand over from.
	ErrNoActive = errors.New("admin: the group has no active member")
	// ErrNoStandby means that nobody stands by to take over.
	ErrNoStandby = errors.New("admin: the group has no standby")
	// ErrInTransition means that the group is on the move already; ask again when it has settled.
	ErrInTransition = errors.New("admin: the group is in transition")
	// ErrTargetNotReady means that the standby is not in a state to take over.
	ErrTargetNotReady = errors.New("admin: the standby is not ready")
	// ErrPreferred means that the group prefers its present active (packed: false), so a switchover would be undone.
	ErrPreferred = errors.New("admin: the group prefers its present active")
	// ErrNoLeader means that nobody leads, so nothing was ordered; ask again later.
	ErrNoLeader = errors.New("admin: no leader")
	// ErrUncertain means that the order may or may not have been committed; Status tells.
	ErrUncertain = errors.New("admin: the outcome is unknown")
	// ErrStopping means that the member is shutting down and takes no orders.
	ErrStopping = errors.New("admin: the member is stopping")
	// ErrHeld means that the member has not stopped, and goes on running: the others cannot do without its state yet.
	ErrHeld = errors.New("admin: the member has not stopped, and goes on running")
	// ErrBadRequest means that the request was malformed.
	ErrBadRequest = errors.New("admin: bad request")
	// ErrNotFound means that the API has no such path: the other side is something else or of another version.
	ErrNotFound = errors.New("admin: no such path")
	// ErrMethod means that the path exists and does not take that method.
	ErrMethod = errors.New("admin: method not allowed")
	// ErrForbidden means that a browser sent the request on behalf of another site.
	ErrForbidden = errors.New("admin: cross-origin request refused")
	// ErrHost means that the request was sent to a name that is not the member's own: see Hosts.
	ErrHost = errors.New("admin: refused for its Host header")
	// ErrPeer means that the process at the other end of the Unix socket runs as a user that may not use it: see SocketGroup.
	ErrPeer = errors.New("admin: this user may not use the admin API")
	// ErrInternal means a bug in the member; its log says more.
	ErrInternal = errors.New("admin: internal error")
	// ErrUnreachable means that nobody answered at the address; nothing was ordered.
	ErrUnreachable = errors.New("admin: unreachable")
	// ErrBadReply means that whoever answered does not speak this API.
	ErrBadReply = errors.New("admin: not an answer of this API")
)

// codes is the wire form of the sentinels, in the order in which they are looked for.
var codes = []struct {
	is     error
	code   string
	status int
}{
	{ErrUnknownGroup, "unknown_group", http.StatusNotFound},
	{ErrNoActive, "no_active", http.StatusConflict},
	{ErrNoStandby, "no_standby", http.StatusConflict},
	{ErrInTransition, "in_transition", http.StatusConflict},
	{ErrTargetNotReady, "target_not_ready", http.StatusConflict},
	{ErrPreferred, "preferred", http.StatusConflict},
	{ErrKeyNotFound, "key_not_found", http.StatusNotFound},
	{ErrConflict, "conflict", http.StatusConflict},
	{ErrTooBig, "too_big", http.StatusRequestEntityTooLarge},
	{ErrReserved, "reserved", http.StatusForbidden},
	{ErrStale, "stale", http.StatusServiceUnavailable},
	{ErrCompacted, "compacted", http.StatusGone},
	{ErrOverrun, "overrun", http.StatusServiceUnavailable},
	{ErrTimeout, "timeout", http.StatusGatewayTimeout},
	{ErrOverloaded, "overloaded", http.StatusServiceUnavailable},
	{ErrNotJoined, "not_joined", http.StatusServiceUnavailable},
	{ErrNoDict, "no_dictionary", http.StatusNotFound},
	{ErrGroupNotOpen, "group_not_open", http.StatusNotFound},
	{ErrUnknownMember, "unknown_member", http.StatusNotFound},
	{ErrNotVoter, "not_voter", http.StatusConflict},
	{ErrWitness, "witness", http.StatusConflict},
	{ErrMemberNotReady, "member_not_ready", http.StatusConflict},
	{ErrNoRaft, "no_groups", http.StatusNotFound},
	{ErrNoLeader, "no_leader", http.StatusServiceUnavailable},
	{ErrUncertain, "uncertain", http.StatusGatewayTimeout},
	{context.DeadlineExceeded, "uncertain", http.StatusGatewayTimeout},
	{context.Canceled, "uncertain", http.StatusGatewayTimeout},
	{ErrStopping, "stopping", http.StatusServiceUnavailable},
	{ErrHeld, "held", http.StatusConflict},
	{ErrBadRequest, "bad_request", http.StatusBadRequest},
	{ErrNotFound, "not_found", http.StatusNotFound},
	{ErrMethod, "method_not_allowed", http.StatusMethodNotAllowed},
	{ErrForbidden, "forbidden", http.StatusForbidden},
	{ErrHost, "forbidden_host", http.StatusForbidden},
	{ErrPeer, "forbidden_user", http.StatusForbidden},
	{ErrInternal, "internal", http.StatusInternalServerError},
}

// codeOf answers how an error crosses the wire. Errors that are not in the table are internal.
func codeOf(err error) (code string, status int) {
	for _, c := range codes {
		if errors.Is(err, c.is) {
			return c.code, c.status
		}
	}
	return "internal", http.StatusInternalServerError
}

// A Refusal is what a member answered instead of doing what it was asked. It matches its sentinel with errors.Is.
type Refusal struct {
	Text   string `json:"error"` // one line for people
	Code   string `json:"code"`  // one word for programs, from the table of sentinels
	Status int    `json:"-"`     // HTTP status
}

// Error returns the member's own words.
func (r *Refusal) Error() string { return r.Text }

// Unwrap returns the sentinel of the code, or ErrBadReply for a code of a newer version.
func (r *Refusal) Unwrap() error {
	for _, c := range codes {
		if c.code == r.Code {
			return c.is
		}
	}
	return ErrBadReply
}
