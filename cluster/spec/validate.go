package spec

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"time"
)

const (
	defaultMaxVoters    = 5
	defaultForgetAfter  = Duration(time.Hour)
	defaultRestarts     = 3
	defaultWithin       = Duration(10 * time.Second)
	defaultStartTimeout = Duration(10 * time.Second)
	defaultStopTimeout  = Duration(5 * time.Second)

	// marginShare is the part of a lease that the clock margin is at least: one in so many. A clock that is being slewed
	// may run 8.3 % fast or slow, and of two clocks one may do the one and one the other.
	marginShare = 5
)

// DefaultTiming returns what the zero fields of a Timing mean.
func DefaultTiming() Timing {
	return Timing{
		Heartbeat:   Duration(50 * time.Millisecond),
		Election:    Duration(500 * time.Millisecond),
		Lease:       Duration(time.Second),
		StartAfter:  Duration(1300 * time.Millisecond),
		ClockMargin: Duration(time.Second) / marginShare,
		Settle:      Duration(2 * time.Second),
	}
}

// Validate fills the defaults and then checks every rule. It returns the first thing that is wrong, as an *Error, in an
// order that depends on the specification only: timing, members, electorate, applications, roles, groups; maps by name.
func (s *Spec) Validate() error {
	s.fill()
	for _, check := range []func() error{s.checkTiming, s.checkMembers, s.checkElectorate, s.checkApplications, s.checkRoles, s.checkGroups} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Spec) fill() {
	d := DefaultTiming()
	fillZero(&s.Timing.Heartbeat, d.Heartbeat)
	fillZero(&s.Timing.Election, d.Election)
	fillZero(&s.Timing.Lease, d.Lease)
	fillZero(&s.Timing.StartAfter, d.StartAfter)
	fillZero(&s.Timing.ClockMargin, (s.Timing.Lease+marginShare-1)/marginShare)
	fillZero(&s.Timing.Settle, d.Settle)
	fillZero(&s.Electorate.Expect, len(s.Members))
	fillZero(&s.Electorate.MaxVoters, defaultMaxVoters)
	fillZero(&s.Electorate.ForgetAfter, defaultForgetAfter)
	for name, a := range s.Applications {
		fillZero(&a.Failover, Safe)
		fillZero(&a.Within, defaultWithin)
		fillZero(&a.StartTimeout, defaultStartTimeout)
		fillZero(&a.StopTimeout, defaultStopTimeout)
		a.Restarts = new(a.MaxRestarts())
		s.Applications[name] = a
	}
	for i := range s.Groups {
		if g := &s.Groups[i]; g.Pair != nil && g.Packed == nil {
			g.Packed = new(true)
		}
	}
}

func fillZero[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (s *Spec) checkTiming() error {
	if err := checkName("cluster", s.Cluster); err != nil {
		return err
	}
	t := s.Timing
	for _, f := range []struct {
		name  string
		value Duration
	}{
		{"heartbeat", t.Heartbeat},
		{"election", t.Election},
		{"lease", t.Lease},
		{"start_after", t.StartAfter},
		{"clock_margin", t.ClockMargin},
		{"settle", t.Settle},
	} {
		if err := checkDuration("timing."+f.name, f.value); err != nil {
			return err
		}
	}
	switch {
	case t.Lease+t.ClockMargin > t.StartAfter:
		return &Error{Field: "timing.lease", Value: t.Lease.String(), Problem: fmt.Sprintf(
			"longer than the failover margin allows: lease + clock_margin (%s) may be at most start_after (%s)", t.ClockMargin, t.StartAfter)}
	case t.ClockMargin < (t.Lease+marginShare-1)/marginShare:
		return &Error{Field: "timing.clock_margin", Value: t.ClockMargin.String(), Problem: fmt.Sprintf(
			"must be at least a fifth of lease (%s), so %s: clocks that are being corrected run up to 8.3%% fast or slow", t.Lease, (t.Lease+marginShare-1)/marginShare)}
	case 4*t.Heartbeat > t.Lease:
		return &Error{Field: "timing.heartbeat", Value: t.Heartbeat.String(), Problem: fmt.Sprintf(
			"may be at most a quarter of lease (%s), so %s", t.Lease, t.Lease/4)}
	case 4*t.Heartbeat > t.Election:
		return &Error{Field: "timing.heartbeat", Value: t.Heartbeat.String(), Problem: fmt.Sprintf(
			"may be at most a quarter of election (%s), so %s", t.Election, t.Election/4)}
	}
	return nil
}

// maxDuration bounds every duration, so that sums of them cannot overflow.
const maxDuration = Duration(365 * 24 * time.Hour)

func checkDuration(field string, d Duration) error {
	if d < 0 || d > maxDuration {
		return &Error{Field: field, Value: d.String(), Problem: "may not be negative or longer than a year"}
	}
	return nil
}

// maxName bounds the names of everything, in bytes: a member, a group and an application together make a key of the dictionary,
// and each is a name of a file.
const maxName = 200

func checkName(field, name string) error {
	if name == "" {
		return &Error{Field: field, Problem: "the name is empty"}
	}
	if len(name) > maxName {
		return &Error{Field: field, Value: name, Problem: fmt.Sprintf("a name has at most %d bytes, this one has %d", maxName, len(name))}
	}
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return &Error{Field: field, Value: name, Problem: fmt.Sprintf("a name may not contain %q: use a-z, 0-9, '.', '_' and '-'", c)}
		}
	}
	return nil
}

func (s *Spec) checkMembers() error {
	if len(s.Members) == 0 {
		return &Error{Field: "members", Problem: "there are none"}
	}
	at := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(s.Members)) {
		field, addr := join("members", name), s.Members[name].Addr
		if err := checkName(field, name); err != nil {
			return err
		}
		if addr == "" {
			continue
		}
		host, port, err := net.SplitHostPort(addr)
		if err == nil && host == "" {
			return &Error{Field: field + ".addr", Value: addr, Problem: "names no host: the others reach the member there"}
		}
		if n, perr := strconv.Atoi(port); err != nil || perr != nil || n < 0 || n > 65535 {
			return &Error{Field: field + ".addr", Value: addr, Problem: "not host:port"}
		}
		if other, taken := at[addr]; taken && port != "0" {
			return &Error{Field: field + ".addr", Value: addr, Problem: "is the address of " + other + " too"}
		}
		at[addr] = name
	}
	return nil
}

func (s *Spec) checkApplications() error {
	for _, name := range slices.Sorted(maps.Keys(s.Applications)) {
		if err := checkApplication(join("applications", name), name, s.Applications[name]); err != nil {
			return err
		}
	}
	return nil
}

func checkApplication(field, name string, a Application) error {
	if err := checkName(field, name); err != nil {
		return err
	}
	if a.Failover != Safe && a.Failover != Fast {
		return &Error{Field: field + ".failover", Value: string(a.Failover), Problem: "neither safe nor fast"}
	}
	if *a.Restarts < 0 {
		return &Error{Field: field + ".restarts", Value: strconv.Itoa(*a.Restarts), Problem: "may not be negative"}
	}
	for _, f := range []struct {
		name  string
		value Duration
	}{{"within", a.Within}, {"start_timeout", a.StartTimeout}, {"stop_timeout", a.StopTimeout}} {
		if err := checkDuration(field+"."+f.name, f.value); err != nil {
			return err
		}
	}
	return a.checkProcess(field)
}

func (s *Spec) checkRoles() error {
	holder := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(s.Roles)) {
		field := join("roles", name)
		if err := checkName(field, name); err != nil {
			return err
		}
		if _, clash := s.Applications[name]; clash {
			return &Error{Field: field, Problem: "an application has this name too: rename one of them"}
		}
		if len(s.Roles[name]) == 0 {
			return &Error{Field: field, Problem: "holds no application"}
		}
		for i, app := range s.Roles[name] {
			at := fmt.Sprintf("%s[%d]", field, i)
			if _, ok := s.Applications[app]; !ok {
				return &Error{Field: at, Value: app, Problem: "unknown application: it is not under applications"}
			}
			if other, taken := holder[app]; taken {
				return &Error{Field: at, Value: app, Problem: "duplicate slot: it is in role " + other + " already"}
			}
			holder[app] = name
		}
	}
	return nil
}

// Registered checks that every application without a command is known to has. Its error is an *Error.
func (s *Spec) Registered(has func(app string) bool) error {
	for _, name := range slices.Sorted(maps.Keys(s.Applications)) {
		if len(s.Applications[name].Command) == 0 && !has(name) {
			return &Error{
				Field:   "applications." + name,
				Problem: "nobody registered this application: register it under this name, or give it a command",
			}
		}
	}
	return nil
}
