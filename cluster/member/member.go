package member

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
)

// A Health is what the source of a view says about one member. It is a hint: Critical means suspect, not dead.
type Health uint8

const (
	Unknown  Health = iota // the source says nothing about it (static lists always; others while they recover)
	Passing                // the member's own sign of life is fresh
	Critical               // its sign of life is overdue, or its machine is reported as failing; it is still listed
)

// String returns the name in small letters, as it appears in logs and in status output.
func (h Health) String() string {
	switch h {
	case Unknown:
		return "unknown"
	case Passing:
		return "passing"
	case Critical:
		return "critical"
	}
	return "health(" + strconv.Itoa(int(h)) + ")"
}

// A Source is the state of the connection to whoever knows the members. The zero value is Unreachable, so that a view
// that nobody filled in is never mistaken for the news that everybody has left.
type Source uint8

const (
	Unreachable Source = iota // the members are the last ones known; how old they are is not known
	Connected                 // the members are what the source says now
)

// String returns the name in small letters, as it appears in logs and in status output.
func (s Source) String() string {
	switch s {
	case Unreachable:
		return "unreachable"
	case Connected:
		return "connected"
	}
	return "source(" + strconv.Itoa(int(s)) + ")"
}

// A Member is one process of the cluster as discovery knows it.
type Member struct {
	// Name is stable over restarts and unique in the cluster. Letters, digits, '.', '_' and '-' are allowed.
	Name string
	// Addr is where the others reach it, host:port.
	Addr string
	// Incarnation differs between two starts of one member. Zero: the source does not know it (a static list).
	Incarnation uint64
	// Health is filled in by the source; [Discovery.Join] ignores it.
	Health Health
}

// String returns "name@addr#incarnation health".
func (m Member) String() string {
	return fmt.Sprintf("%s@%s#%d %s", m.Name, m.Addr, m.Incarnation, m.Health)
}

// Validate returns an [*Error] that names the first field that no discovery can work with, or nil.
func (m Member) Validate() error {
	if !validName(m.Name) {
		return &Error{Field: "Name", Value: m.Name, Problem: "want one or more of letters, digits, '.', '_', '-'"}
	}
	host, port, err := net.SplitHostPort(m.Addr)
	if err != nil || host == "" {
		return &Error{Field: "Addr", Value: m.Addr, Problem: "want host:port, reachable by the other members"}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return &Error{Field: "Addr", Value: m.Addr, Problem: "want a port from 1 to 65535"}
	}
	return nil
}

func validName(name string) bool {
	for _, c := range name {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return name != ""
}

// A View is everything discovery knows at one moment. It is complete and replaces the view before it. Whoever receives
// a view must not change it.
type View struct {
	Members []Member // sorted by name, each name once, this member included
	Source  Source
	// Err is why the source is Unreachable, or why this member is not announced while the source is Connected: a
	// *ConflictError while another process holds our name, or a refusal of the source. Else it is nil.
	Err error
}

// Find returns the member of that name.
func (v View) Find(name string) (Member, bool) {
	i, ok := slices.BinarySearchFunc(v.Members, name, func(m Member, name string) int { return cmp.Compare(m.Name, name) })
	if !ok {
		return Member{}, false
	}
	return v.Members[i], true
}

// Equal reports whether both views say the same; two errors are the same when they read the same.
func (v View) Equal(w View) bool {
	return v.Source == w.Source && slices.Equal(v.Members, w.Members) && errorText(v.Err) == errorText(w.Err)
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Sort orders members by name, as a [View] holds them.
func Sort(members []Member) {
	slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.Name, b.Name) })
}

// A Discovery finds the other members. It is safe for several goroutines.
type Discovery interface {
	// String names the kind of discovery, for people: "static", "consul 127.0.0.1:8500".
	String() string
	// Join announces self and starts to watch. ctx bounds the joining only: once Join has returned, the session lives
	// until Leave, whatever happens to ctx and to the source.
	//
	// On failure nothing stays announced and nothing keeps running. The error is an *Error for a member that cannot be
	// announced, a *ConflictError for a name that another live process holds, or says which source did not answer.
	Join(ctx context.Context, self Member) (Session, error)
}

// A Session is one joined member. It is safe for several goroutines.
type Session interface {
	// Views returns the channel of views, always the same one. The first view is there when Join returns. A reader who
	// is slow finds only the newest view. One reader is assumed: two share the views between them. The channel is
	// closed by Leave.
	Views() <-chan View
	// Leave withdraws the announcement, stops all watching and closes Views. ctx bounds the withdrawal; if it fails, the
	// session is over all the same and the error says what the others may go on seeing, and how long. Calls after the
	// first wait for it and return its result.
	Leave(ctx context.Context) error
}

// An Error says which field of a member or of a discovery's configuration cannot be used.
type Error struct {
	Field   string // as in Go: "Name", "Addr"
	Value   string // what was given
	Problem string // what is wanted instead
}

// Error returns one line.
func (e *Error) Error() string { return fmt.Sprintf("member: %s %q: %s", e.Field, e.Value, e.Problem) }

// A ConflictError says that a live process at another address has announced itself under our name.
type ConflictError struct {
	Name   string // the name both claim
	Ours   string // the address of the member that tried to join, or that was displaced
	Theirs string // the address under which the name is announced now
}

// Error returns one line that says what to do.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("member: name %q is held by a live member at %s, we are at %s: stop that one or give this one another name",
		e.Name, e.Theirs, e.Ours)
}
