package genleader

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// A LogLoss says that no leader can come, because so many voters were restarted without the log that those who may still have it
// are no majority. It is the same on every member that is linked to a survivor. All names are sorted but those of the
// survivors. The zero value says that there is no such loss, or that none is known.
type LogLoss struct {
	Voters    int        // that there are
	Survivors []Survivor // who still has the log, whole or not; the one whose log is furthest comes first
	Stateless []string   // voters that were restarted and have lost the log
	Missing   []string   // voters that the survivor has no link to: they may have more of the log
}

// A Survivor is a member that has the log.
type Survivor struct {
	Name    string
	Durable bool // it keeps the log through a restart
}

// Any says whether there is a loss.
func (l LogLoss) Any() bool { return l.Voters > 0 }

// String says what is lost, in one line.
func (l LogLoss) String() string {
	if !l.Any() {
		return ""
	}
	var have []string
	for _, s := range l.Survivors {
		have = append(have, s.Name)
	}
	text := fmt.Sprintf("no leader can come: %d of %d voters were restarted and have lost the log (%s); it is left on %s",
		len(l.Stateless), l.Voters, strings.Join(l.Stateless, ", "), strings.Join(have, ", "))
	if len(l.Missing) > 0 {
		text += "; no link to " + strings.Join(l.Missing, ", ")
	}
	return text
}

func (l LogLoss) equal(o LogLoss) bool {
	return l.Voters == o.Voters && slices.Equal(l.Survivors, o.Survivors) && slices.Equal(l.Stateless, o.Stateless) && slices.Equal(l.Missing, o.Missing)
}

// logTail is the last entry of a log. The log of the voter for which it is highest is furthest.
type logTail struct{ term, index uint64 }

func (e logTail) compare(o logTail) int {
	return cmp.Or(cmp.Compare(e.term, o.term), cmp.Compare(e.index, o.index))
}

// end is where the log of this member ends.
func (c *core) end() logTail {
	index, err := c.log.LastIndex()
	if err != nil {
		return logTail{}
	}
	term, err := c.log.Term(index)
	if err != nil {
		return logTail{}
	}
	return logTail{term, index}
}

// noteEndOf keeps what a process says of its log. Without a leader it says so again and again.
func (c *core) noteEndOf(who Member, h *wire.Hello) {
	p := c.peers.presented[who.Name]
	if !p.is(who.Incarnation, h.GetId()) {
		return
	}
	if end := (logTail{h.GetLastTerm(), h.GetLastIndex()}); p.end != end || p.durable != h.GetDurable() {
		p.durable, p.end = h.GetDurable(), end
		c.peers.presented[who.Name], c.shown.stale = p, true
	}
}

// loss is what this member knows of a loss of the log: by itself if it has the log, else from one that has it.
func (c *core) loss() LogLoss {
	switch {
	case c.phase == Departed || c.leader != 0:
		return LogLoss{}
	case c.node != nil:
		return c.lossHere()
	}
	for _, name := range slices.Sorted(maps.Keys(c.peers.stranded)) {
		return c.peers.stranded[name]
	}
	return LogLoss{}
}

// lossHere looks at the voters. While a change of them is under way a majority of those from before must answer, too.
func (c *core) lossHere() LogLoss {
	l := c.lossAmong(c.members.conf.GetVoters())
	if !l.Any() {
		l = c.lossAmong(c.members.conf.GetVotersOutgoing())
	}
	return l
}

// lossAmong counts the voters whose names belong to processes without state now, or to the voters that replace them. The
// processes from before are not there to vote, whether they have ended or not: the later process has their name.
func (c *core) lossAmong(voters []uint64) LogLoss {
	var l LogLoss
	for _, id := range voters {
		name := c.members.names[id]
		_, linked := c.peers.links[name]
		switch fresh := c.peers.joining[name]; {
		case fresh != nil && fresh.GetId() != id, c.members.idNamed(name) != id:
			l.Stateless = append(l.Stateless, name)
		case id != c.id && !linked:
			l.Missing = append(l.Missing, name)
		}
	}
	if len(voters) == 0 || 2*len(l.Stateless) < len(voters) {
		return LogLoss{}
	}
	l.Voters = len(voters)
	slices.Sort(l.Stateless)
	slices.Sort(l.Missing)
	l.Survivors = c.survivors()
	return l
}

// survivors are the members of the electorate that have the log, this one and those that are linked.
func (c *core) survivors() []Survivor {
	have := map[Survivor]logTail{{c.self.Name, c.durable}: c.end()}
	for id, name := range c.members.names {
		p := c.peers.presented[name]
		if id != c.id && c.peers.links[name] == p.incarnation && p.id == id && c.peers.stateful[name] == p.incarnation {
			have[Survivor{name, p.durable}] = p.end
		}
	}
	return slices.SortedFunc(maps.Keys(have), func(a, b Survivor) int {
		return cmp.Or(have[b].compare(have[a]), cmp.Compare(a.Name, b.Name))
	})
}

// tellLoss tells a member without state that it looks for its group in vain, if this member knows that, and takes it back.
func (c *core) tellLoss(to Member) {
	l, fresh := c.loss(), c.peers.joining[to.Name]
	if fresh == nil || !l.Any() && !fresh.stranded {
		return
	}
	fresh.stranded, c.shown.stale = l.Any(), true
	told := &wire.Stranded{Voters: uint32(l.Voters), Stateless: l.Stateless, Missing: l.Missing}
	for _, s := range l.Survivors {
		told.Survivors = append(told.Survivors, &wire.Survivor{Name: s.Name, Durable: s.Durable})
	}
	c.post(to.Name, &wire.Packet{What: &wire.Packet_Stranded{Stranded: told}})
}

// heardOfLoss takes the word of a member that has the log.
func (c *core) heardOfLoss(from Member, told *wire.Stranded) {
	if c.node != nil || c.peers.links[from.Name] != from.Incarnation {
		return
	}
	c.shown.stale = true
	if told.GetVoters() == 0 {
		delete(c.peers.stranded, from.Name)
		return
	}
	l := LogLoss{Voters: int(told.GetVoters()), Stateless: told.GetStateless(), Missing: told.GetMissing()}
	for _, s := range told.GetSurvivors() {
		l.Survivors = append(l.Survivors, Survivor{s.GetName(), s.GetDurable()})
	}
	c.peers.stranded[from.Name] = l
}
