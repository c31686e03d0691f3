package genleader

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (m Member) String() string { return m.Name + "@" + strconv.FormatUint(m.Incarnation, 10) }

// A State is what the leader knows of a member's process.
type State int

const (
	StateUnknown State = iota // who was asked does not lead
	Up                        // answers, and holds a lease
	Suspect                   // silent, or not yet holding a lease
	Dead                      // its process is known to be gone
	Left                      // it stopped everything and said goodbye
)

func (s State) String() string { return [...]string{"unknown", "up", "suspect", "dead", "left"}[s] }

// A MemberStatus is the leader's view of one member. From SafeAt on nothing of that incarnation holds a lease any more,
// whoever granted it; it is zero for a member that is up.
type MemberStatus struct {
	Member
	State  State
	SafeAt time.Time
}

// A View is what this member knows of its group. Members and ForeignSafeAt are the leader's: ForeignSafeAt is the
// SafeAt of every incarnation that has no status there. Voters is the electorate as last applied here, and
// Learners are the other members: they have the log and leases too. Both are in order of their names. Of a group that has
// ended here it says only that, with why as its Problem if it failed.
type View struct {
	Phase         Phase
	Term          uint64
	Leader        Member
	Voters        []Member
	Learners      []Member
	Changing      bool // the voters are being changed, and a majority of those from before must still agree, too
	Members       []MemberStatus
	ForeignSafeAt time.Time
	Problem       string
	LogLoss       LogLoss // of the log; only without a leader
	// Bootstrapped is when this group began: when the latest of its first voters was started, by the clock of that one. Terms,
	// indexes and whatever counts from them are above its milliseconds since 1970. Zero: not known here.
	Bootstrapped time.Time
}

func (v View) equal(o View) bool {
	return v.Phase == o.Phase && v.Term == o.Term && v.Leader == o.Leader && v.Problem == o.Problem && v.Changing == o.Changing && v.Bootstrapped.Equal(o.Bootstrapped) &&
		v.ForeignSafeAt.Equal(o.ForeignSafeAt) && v.LogLoss.equal(o.LogLoss) && slices.Equal(v.Voters, o.Voters) && slices.Equal(v.Learners, o.Learners) &&
		slices.EqualFunc(v.Members, o.Members, func(a, b MemberStatus) bool {
			return a.Member == b.Member && a.State == b.State && a.SafeAt.Equal(b.SafeAt)
		})
}

func (v View) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v term=%d leader=%v", v.Phase, v.Term, v.Leader)
	for _, s := range v.Members {
		fmt.Fprintf(&b, " %v=%v", s.Member, s.State)
	}
	if v.Problem != "" {
		b.WriteString(" problem=" + v.Problem)
	}
	return b.String()
}

func (c *core) membersOf(ids []uint64) []Member {
	var all []Member
	for _, id := range ids {
		all = append(all, c.members.memberOf(id))
	}
	slices.SortFunc(all, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// look is the view as of now.
func (c *core) look() View {
	v := View{Phase: c.phase, Term: c.term, Problem: c.store.storageErr, LogLoss: c.loss()}
	if v.Problem == "" {
		v.Problem = v.LogLoss.String()
	}
	if v.Problem == "" {
		v.Problem = c.snapshots.imageErr
	}
	if v.Problem == "" {
		v.Problem = c.strangeness()
	}
	if v.Problem == "" {
		v.Problem = c.numbering()
	}
	if v.Problem == "" {
		v.Problem = c.noLeaderReason()
	}
	if c.members.bootstrapAt != 0 {
		v.Bootstrapped = time.UnixMilli(int64(c.members.bootstrapAt)).UTC()
	}
	if c.leader != 0 {
		v.Leader = c.members.memberOf(c.leader)
	}
	v.Voters, v.Learners = c.membersOf(c.members.voterIDs()), c.membersOf(c.members.learnerIDs())
	v.Changing = len(c.members.conf.GetVotersOutgoing()) > 0
	if c.phase == Leading {
		v.Members, v.ForeignSafeAt = c.memberStatuses()
	}
	return v
}

// announceEnd leaves a view that names no leader: what this member knew is not kept up any more.
func (s *shell) announceEnd() {
	v := View{Phase: Departed, Term: s.current.Term}
	if err := s.group.Err(); err != nil {
		v.Problem = err.Error()
	}
	s.announce(v)
}

// announce lets others see a changed view.
func (s *shell) announce(v View) {
	if v.Phase != s.current.Phase || v.Leader != s.current.Leader {
		s.group.cfg.Logger.Info("phase changed", slog.String("member", s.group.cfg.Self.Name), slog.String("from", s.current.Phase.String()),
			slog.String("to", v.Phase.String()), slog.Uint64("term", v.Term), slog.String("leader", v.Leader.Name))
	}
	if v.Problem != s.current.Problem && v.Problem != "" {
		level := slog.LevelError
		if v.Phase == Gathering {
			level = slog.LevelWarn // the others may be about to start
		}
		s.group.cfg.Logger.Log(context.Background(), level, "group has a problem", slog.String("reason", v.Problem))
	}
	s.current = v
	s.group.view.Store(&v)
	s.tell(ViewChanged{v})
}
