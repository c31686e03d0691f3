package app

import "fmt"

// Kind is why an instance starts.
type Kind uint8

const (
	// Normal is a first start, or a start after a full stop.
	Normal Kind = iota
	// Failover starts because the member named by Start.From, which was active, is gone.
	Failover
	// Takeover starts in place of the member named by Start.From, which lives and has stopped for it.
	Takeover
	// Restart starts again in place after a crash, under the epoch it had. OTP calls it local.
	Restart
)

var kinds = [...]string{Normal: "normal", Failover: "failover", Takeover: "takeover", Restart: "restart"}

// String returns the kind in lower case, as it appears in GENDAC_START and in reports.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// MarshalText encodes the kind as its name.
func (k Kind) MarshalText() ([]byte, error) {
	if int(k) >= len(kinds) {
		return nil, &NameError{What: "kind", Name: k.String()}
	}
	return []byte(kinds[k]), nil
}

// UnmarshalText accepts exactly the names that MarshalText writes; anything else is a *NameError.
func (k *Kind) UnmarshalText(text []byte) error {
	for i, name := range kinds {
		if name == string(text) {
			*k = Kind(i)
			return nil
		}
	}
	return &NameError{What: "kind", Name: string(text)}
}

// Role is what an instance is while it runs.
type Role uint8

const (
	// Standby is ready to become active and does nothing that only one member may do. It needs no lease.
	Standby Role = iota
	// Active does the work. At most one member is active under one epoch.
	Active
)

var roles = [...]string{Standby: "standby", Active: "active"}

// String returns the role in lower case, as it appears in GENDAC_ROLE and in reports.
func (r Role) String() string {
	if int(r) < len(roles) {
		return roles[r]
	}
	return fmt.Sprintf("Role(%d)", uint8(r))
}

// MarshalText encodes the role as its name.
func (r Role) MarshalText() ([]byte, error) {
	if int(r) >= len(roles) {
		return nil, &NameError{What: "role", Name: r.String()}
	}
	return []byte(roles[r]), nil
}

// UnmarshalText accepts exactly the names that MarshalText writes; anything else is a *NameError.
func (r *Role) UnmarshalText(text []byte) error {
	for i, name := range roles {
		if name == string(text) {
			*r = Role(i)
			return nil
		}
	}
	return &NameError{What: "role", Name: string(text)}
}

// A NameError is a name that stands for no kind or role.
type NameError struct{ What, Name string }

func (e *NameError) Error() string {
	return fmt.Sprintf("app: %q is not a %s", e.Name, e.What)
}

// A Start tells an instance which role it enters and why.
type Start struct {
	Kind     Kind   // why
	From     string // the member that was active before, for Failover and Takeover; else empty
	Role     Role   // the role to enter
	Epoch    uint64 // the fencing token of this activation; it only rises, cluster-wide, for one instance's group
	Handover []byte // what the predecessor's Stop returned, for Takeover; nil when there is none. Not to be changed.
}

// String is the kind, and where it came from, for people: "normal", "failover(a1)", "takeover(a1)", "restart".
func (s Start) String() string {
	if s.From == "" || (s.Kind != Failover && s.Kind != Takeover) {
		return s.Kind.String()
	}
	return s.Kind.String() + "(" + s.From + ")"
}
