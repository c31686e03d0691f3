package model

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Member is one incarnation of a member: one run of its process. Orders are given to incarnations, so that a member
// which returns is never mistaken for the one that was lost. The zero Member is nobody.
type Member struct {
	Name        string // without a slash
	Incarnation uint64
}

// String returns name/incarnation.
func (m Member) String() string { return fmt.Sprintf("%s/%d", m.Name, m.Incarnation) }

// MarshalText encodes the member as String does.
func (m Member) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText accepts exactly what MarshalText writes.
func (m *Member) UnmarshalText(text []byte) error {
	name, number, _ := strings.Cut(string(text), "/")
	n, err := strconv.ParseUint(number, 10, 64)
	if read := (Member{Name: name, Incarnation: n}); err == nil && read.String() == string(text) {
		*m = read
		return nil
	}
	return fmt.Errorf("model: %q is not member/incarnation", text)
}

// Compare orders members by name, then by incarnation.
func (m Member) Compare(other Member) int {
	return cmp.Or(cmp.Compare(m.Name, other.Name), cmp.Compare(m.Incarnation, other.Incarnation))
}

// A MemberState is what is known about a member incarnation.
type MemberState uint8

// What can be known about a member incarnation.
const (
	Unknown MemberState = iota
	Up                  // in contact
	Suspect             // silent: dead, paused or cut off
	Dead                // a process that is known to be gone
	Left                // stopped everything and said goodbye
)

var states = []string{Unknown: "unknown", Up: "up", Suspect: "suspect", Dead: "dead", Left: "left"}

// String returns the state in small letters.
func (s MemberState) String() string { return nameOf(states, s) }

// MarshalText encodes the state as its name.
func (s MemberState) MarshalText() ([]byte, error) { return encode(states, s) }

// UnmarshalText accepts exactly the names that MarshalText writes.
func (s *MemberState) UnmarshalText(text []byte) error { return decode(states, text, s) }

// A MemberStatus is a member incarnation and what is known about it.
type MemberStatus struct {
	Member Member      `json:"member"`
	State  MemberState `json:"state"`
}

func nameOf[T ~uint8](names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("%T(%d)", v, uint8(v))
}

func encode[T ~uint8](names []string, v T) ([]byte, error) {
	if int(v) >= len(names) {
		return nil, fmt.Errorf("model: %T(%d) has no name", v, uint8(v))
	}
	return []byte(names[v]), nil
}

func decode[T ~uint8](names []string, text []byte, v *T) error {
	i := slices.Index(names, string(text))
	if i < 0 {
		return fmt.Errorf("model: %q is no %T", text, *v)
	}
	*v = T(i)
	return nil
}
