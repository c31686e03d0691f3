package spec

import (
	"slices"
	"time"
)

// A Spec describes one cluster. Call Validate after making one in Go; Parse and Load have done so.
type Spec struct {
	Cluster      string                 `yaml:"cluster" json:"cluster"`                               // members of another cluster are refused
	Timing       Timing                 `yaml:"timing" json:"timing"`                                 // zero fields mean the defaults
	Electorate   Electorate             `yaml:"electorate,omitempty" json:"electorate"`               // zero fields mean the defaults
	Members      map[string]Member      `yaml:"members" json:"members"`                               // by name
	Applications map[string]Application `yaml:"applications,omitempty" json:"applications,omitempty"` // by name
	Roles        map[string][]string    `yaml:"roles,omitempty" json:"roles,omitempty"`               // a name for applications that move together
	Groups       []Group                `yaml:"groups,omitempty" json:"groups,omitempty"`             // planned in this order
	// TrustRefusals acknowledges what fast groups rely on: if the address of a lost member refuses a connection, its
	// process is gone. It silences a warning of Lint and changes nothing else.
	TrustRefusals bool `yaml:"trust_refusals,omitempty" json:"trust_refusals,omitempty"`
}

// Timing is how fast the cluster notices and how long it waits to be sure. A zero field means the default named beside it.
type Timing struct {
	// Heartbeat is the time between two signs of life of the leader; 50ms. At most a quarter of Election and of Lease.
	Heartbeat Duration `yaml:"heartbeat,omitempty" json:"heartbeat,omitempty"`
	// Election is the silence after which a member stands for leader; 500ms.
	Election Duration `yaml:"election,omitempty" json:"election,omitempty"`
	// Lease is how long a member may act after it last heard from the leader; 1s.
	Lease Duration `yaml:"lease,omitempty" json:"lease,omitempty"`
	// StartAfter is how long after a lease was last extended the leader treats its holder as stopped; 1300ms.
	// At least Lease + ClockMargin.
	StartAfter Duration `yaml:"start_after,omitempty" json:"start_after,omitempty"`
	// ClockMargin is by how much two members' clocks may drift apart during one lease; a fifth of Lease, and not less.
	ClockMargin Duration `yaml:"clock_margin,omitempty" json:"clock_margin,omitempty"`
	// Settle is how long the first start of a group waits for a candidate that it prefers and that is not there yet; 2s.
	Settle Duration `yaml:"settle,omitempty" json:"settle,omitempty"`
}

// Electorate is who votes for the leader, out of all members. A zero field means the default named beside it.
type Electorate struct {
	// Expect is how many members must be there for the cluster to begin, once; all. With fewer, some that have lost their
	// memory can begin a second cluster while others still are the first.
	Expect int `yaml:"expect,omitempty" json:"expect,omitempty"`
	// MaxVoters is up to how many members vote; 5. Those of the first names do, after the witnesses; the others take over.
	MaxVoters int `yaml:"max_voters,omitempty" json:"max_voters,omitempty"`
	// ForgetAfter is how long a member may be away before its seat is given to another; 1h. At least four times Election.
	ForgetAfter Duration `yaml:"forget_after,omitempty" json:"forget_after,omitempty"`
}

// A Member is one process of the cluster.
type Member struct {
	Addr    string `yaml:"addr,omitempty" json:"addr,omitempty"`       // host:port, needed with static discovery only
	Witness bool   `yaml:"witness,omitempty" json:"witness,omitempty"` // votes and runs nothing
}

// An Application is what is started and stopped. With a Command it is an OS process, else code registered under its name.
type Application struct {
	Failover     Failover          `yaml:"failover,omitempty" json:"failover,omitempty"`           // Safe by default
	Restarts     *int              `yaml:"restarts,omitempty" json:"restarts,omitempty"`           // starts in place after failed ones in a row, and after crashes per Within; 3
	Within       Duration          `yaml:"within,omitempty" json:"within,omitempty"`               // of running; 10s
	StartTimeout Duration          `yaml:"start_timeout,omitempty" json:"start_timeout,omitempty"` // 10s
	StopTimeout  Duration          `yaml:"stop_timeout,omitempty" json:"stop_timeout,omitempty"`   // 5s
	Command      []string          `yaml:"command,omitempty,flow" json:"command,omitempty"`        // path and arguments
	Dir          string            `yaml:"dir,omitempty" json:"dir,omitempty"`                     // of the process; empty: the member's own
	Env          map[string]string `yaml:"env,omitempty" json:"env,omitempty"`                     // of the process, besides what it inherits
	EnvFrom      []string          `yaml:"env_from,omitempty,flow" json:"env_from,omitempty"`      // inherited besides PATH, HOME, TZ and LANG
	User         string            `yaml:"user,omitempty" json:"user,omitempty"`                   // whom the process runs as; empty: as the member
	Umask        Umask             `yaml:"umask,omitempty" json:"umask,omitempty"`                 // empty: the member's
	Limits       *Limits           `yaml:"limits,omitempty" json:"limits,omitempty"`               // nil: the member's
}

// Failover is what counts as the end of an instance whose member is gone.
type Failover string

const (
	// Safe waits until the lost member's lease has run out for certain.
	Safe Failover = "safe"
	// Fast takes a process that is known to be gone as proof enough.
	Fast Failover = "fast"
)

// A Group is applications that are active together on one member, and the members it may be. It has either Pair, with
// Members in rank order, or On and Run.
type Group struct {
	Name          string   `yaml:"name" json:"name"`
	Members       []string `yaml:"members,omitempty,flow" json:"members,omitempty"`
	Pair          *Pair    `yaml:"pair,omitempty" json:"pair,omitempty"`
	Packed        *bool    `yaml:"packed,omitempty" json:"packed,omitempty"` // true by default; see Sparse
	On            []Tier   `yaml:"on,omitempty,flow" json:"on,omitempty"`
	Run           []string `yaml:"run,omitempty,flow" json:"run,omitempty"`
	FailoverDelay Duration `yaml:"failover_delay,omitempty" json:"failover_delay,omitempty"` // for a lost member to come back first; 0
}

// A Pair says what its two slots run, by application or role. What Standby names, Active must name too; empty means the same.
type Pair struct {
	Active  []string `yaml:"active,flow" json:"active"`
	Standby []string `yaml:"standby,omitempty,flow" json:"standby,omitempty"`
}

// A Tier is members of equal preference. In YAML a tier of one member is written without brackets.
type Tier []string

// Group returns the group of that name, and whether there is one.
func (s *Spec) Group(name string) (Group, bool) {
	i := slices.IndexFunc(s.Groups, func(g Group) bool { return g.Name == name })
	if i < 0 {
		return Group{}, false
	}
	return s.Groups[i], true
}

// Candidates returns the members that may be active, best first; members of one tier are equals and stand in name order.
func (g Group) Candidates() []string {
	if g.Pair != nil {
		return slices.Clone(g.Members)
	}
	var names []string
	for _, tier := range g.On {
		names = append(names, slices.Sorted(slices.Values(tier))...)
	}
	return names
}

// Sparse says whether a returning member takes back the active slot that its rank entitles it to. Only a pair can be.
func (g Group) Sparse() bool { return g.Pair != nil && g.Packed != nil && !*g.Packed }

// Apps returns the applications of the group's active slot, in the order written, each role replaced by its applications.
func (s *Spec) Apps(g Group) []string {
	if g.Pair != nil {
		return s.resolve(g.Pair.Active)
	}
	return s.resolve(g.Run)
}

// StandbyApps returns the applications that a standby of the group runs, a subset of Apps. A group without a pair has none.
func (s *Spec) StandbyApps(g Group) []string {
	switch {
	case g.Pair == nil:
		return nil
	case len(g.Pair.Standby) == 0:
		return s.resolve(g.Pair.Active)
	default:
		return s.resolve(g.Pair.Standby)
	}
}

func (s *Spec) resolve(names []string) []string {
	var apps []string
	for _, name := range names {
		if role, ok := s.Roles[name]; ok {
			apps = append(apps, role...)
		} else {
			apps = append(apps, name)
		}
	}
	return apps
}

// Fast says whether every application of the group fails over fast. One safe application makes the whole group safe.
func (s *Spec) Fast(g Group) bool {
	return !slices.ContainsFunc(s.Apps(g), func(app string) bool { return s.Applications[app].Failover != Fast })
}

// MaxRestarts returns how often the application is started again in place, after starts that failed in a row and after
// crashes within Within, before it counts as failed.
func (a Application) MaxRestarts() int {
	if a.Restarts == nil {
		return defaultRestarts
	}
	return *a.Restarts
}

// A Duration is a time.Duration that is written with its unit: "1s", "1300ms".
type Duration time.Duration

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String returns the shortest text with a unit: "1.3s", "5m", "0s".
func (d Duration) String() string {
	text := time.Duration(d).String()
	for _, tail := range []string{"m0s", "h0m"} {
		if cut := text[:max(0, len(text)-2)]; len(text) > 3 && text[len(text)-3:] == tail {
			text = cut
		}
	}
	return text
}

// MarshalText writes what String returns.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText accepts what time.ParseDuration accepts, except a number without a unit. A refusal is a *Error.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil || string(text) == "0" {
		return &Error{Value: string(text), Problem: "not a duration: write a number and a unit, such as 500ms, 5s or 2m"}
	}
	*d = Duration(parsed)
	return nil
}
