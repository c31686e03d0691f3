package genleader

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/gendac/gendac/behaviours/lease"
)

const (
	defaultMaxVoters = 5
	preferElections  = 20 // default of PreferAfter in election times
)

// electorateDefaults fills in what Config says of the electorate, and checks it.
func (cfg *Config) electorateDefaults() error {
	if len(cfg.Candidates) == 0 {
		return fmt.Errorf("genleader: Candidates: %q: name at least one member that may vote", cfg.Candidates)
	}
	for i, name := range cfg.Candidates {
		if name == "" || slices.Contains(cfg.Candidates[:i], name) {
			return fmt.Errorf("genleader: Candidates: %q: must be names, each of them once", cfg.Candidates)
		}
	}
	if cfg.Expect == 0 {
		cfg.Expect = len(cfg.Candidates)
	}
	if cfg.MaxVoters == 0 {
		cfg.MaxVoters = defaultMaxVoters
	}
	if cfg.PreferAfter == 0 {
		cfg.PreferAfter = preferElections * cfg.Timing.Election
	}
	switch {
	case cfg.Expect < 1 || cfg.Expect > len(cfg.Candidates):
		return fmt.Errorf("genleader: Expect: %d: must be from 1 to the number of Candidates (%d)", cfg.Expect, len(cfg.Candidates))
	case 2*cfg.Expect <= len(cfg.Candidates):
		return fmt.Errorf("genleader: Expect: %d: must be more than half of the %d Candidates, or two parts of them could begin two groups",
			cfg.Expect, len(cfg.Candidates))
	case cfg.MaxVoters < 1:
		return fmt.Errorf("genleader: MaxVoters: %d: must be at least 1", cfg.MaxVoters)
	case cfg.ForgetAfter < 0 || (cfg.ForgetAfter > 0 && cfg.ForgetAfter < forgetLeast*cfg.Timing.Election):
		return fmt.Errorf("genleader: ForgetAfter: %v: must be zero, for never, or at least %d election times (%v)",
			cfg.ForgetAfter, forgetLeast, forgetLeast*cfg.Timing.Election)
	case cfg.Witness && !slices.Contains(cfg.Candidates, cfg.Self.Name):
		return fmt.Errorf("genleader: Witness: %v: a witness votes, so %q must be one of Candidates %q", cfg.Witness, cfg.Self.Name, cfg.Candidates)
	}
	return nil
}

// forgetLeast is how many election times a member must be away at the least before it is removed.
const forgetLeast = 4

// Config describes this member's instance of a group.
type Config struct {
	Self   Member // this process
	Timing Timing // zero fields take their defaults

	// Candidates are the names of those that may vote and lead, in the order of their rank. Any other member is a worker:
	// it has the log, leases, reads and calls, and never votes. The lists need not be equal everywhere. Only the first
	// candidate bootstraps the group; until it has, every list must name the same first candidate. After that the
	// leader's list says who may be promoted. If two members each list the other first, leadership moves once to each
	// of them, and then stays until the next election.
	Candidates []string
	// Expect is how many candidates must be present and without state for the first of them to begin the group; default
	// all. With fewer, a part of them that has lost its memory can begin a second group while others still hold the first.
	Expect int
	// MaxVoters is up to how many members vote; default 5. The other candidates are learners, and take over lost seats.
	MaxVoters int
	// ForgetAfter is how long a member may be away before it loses its seat; zero: for ever. See the package about when.
	ForgetAfter time.Duration
	// PreferAfter is how long a candidate of a higher rank than the leader's must have been well, without a break, before
	// leadership is handed to it; default 20 election times (10 s). Negative: leadership stays where it is.
	PreferAfter time.Duration
	// Witness members vote, and lead only while nobody else can.
	Witness bool
	// Cluster keeps groups apart: only members that give the same name here speak with each other.
	Cluster string

	// Leases lets the leader grant every member a lease for as long as it is heard: see Group.Lease. A group without leases
	// that is one of a Hub hibernates when it has nothing to do: then nobody of it sends anything or keeps a timer.
	Leases bool

	// Suspended tells for how long this machine has been suspended in all; default lease.Suspended. A lease ends when it was
	// suspended for more than a fifth of the lease.
	Suspended func() time.Duration

	Behaviour Behaviour
	// Send hands a frame to the transport. It must not block and may lose frames, but must keep their order per peer. An
	// error says that this one is lost for certain: there is no link, or the peer takes its frames too slowly.
	Send func(to string, frame []byte) error
	// Event is told what happens to the group, in the group's own turn; it must not block. It may be nil.
	Event func(Event)

	// LogBytes and LogEntries bound what is kept of the log for members that are a little behind; defaults 32 MiB, counting
	// 128 bytes for each entry beside its own, and 100,000. For members that are catching up it may grow to four times that.
	// One that is further behind gets a snapshot.
	LogBytes, LogEntries int

	Seed   uint64 // of the election timers; default: the incarnation
	Logger *slog.Logger

	// Storage keeps what must survive the end of this process; nil keeps everything in memory, and a process that starts
	// again then is a new voter. The group closes it.
	Storage Storage
	// SnapshotBytes is how much log the storage keeps behind a snapshot before another one is stored there; default 64 MiB.
	// It is no less than the size of a snapshot.
	SnapshotBytes int
}

// complete refuses what cannot be, and fills in what was left out.
func (cfg *Config) complete() error {
	cfg.Timing.setDefaults()
	if err := cfg.Timing.validate(); err != nil {
		return err
	}
	if err := cfg.electorateDefaults(); err != nil {
		return err
	}
	for _, field := range []struct {
		name  string
		given bool
	}{{"Self.Incarnation", cfg.Self.Incarnation != 0}, {"Behaviour", cfg.Behaviour != nil}, {"Send", cfg.Send != nil}} {
		if !field.given {
			return fmt.Errorf("genleader: %s must be given", field.name)
		}
	}
	if cfg.Suspended == nil {
		cfg.Suspended = lease.Suspended
	}
	if cfg.LogBytes <= 0 {
		cfg.LogBytes = 32 << 20
	}
	if cfg.LogEntries <= 0 {
		cfg.LogEntries = 100_000
	}
	if cfg.Seed == 0 {
		cfg.Seed = cfg.Self.Incarnation
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}
