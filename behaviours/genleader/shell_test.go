package genleader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/goleak"

	"github.com/gendac/gendac/behaviours/lease"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A net is a group of real actors that talk in memory, in virtual time.
type net struct {
	t       *testing.T
	names   []string
	mu      sync.Mutex
	members map[string]*member
	cuts    map[[2]string]bool // one-way
}

// A member is one group handle and its behaviour, which writes down every callback and does what the request says.
type member struct {
	Defaults
	net    *net
	group  *Group
	system *actor.ActorSystem
	pid    *actor.PID

	mu      sync.Mutex
	told    []string
	applied []string
	late    From              // of a call that is to be answered later
	hooks   map[string]func() // by callback: run first
	refuse  error             // what Restore returns
	lapsed  []lease.Term
}

func inNet(t *testing.T, f func(t *testing.T, n *net)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &net{t: t, names: []string{"a1", "b1", "c1"}, members: map[string]*member{}, cuts: map[[2]string]bool{}}
		for i, name := range n.names {
			n.start(name, uint64(i+1), nil)
		}
		actorstest.Sleep(2 * time.Second)
		f(t, n)
		for _, m := range n.members {
			m.stop()
		}
		actorstest.Sleep(10 * time.Second)
	})
}

func (n *net) start(name string, incarnation uint64, prepare func(*member)) *member {
	return n.startWith(name, incarnation, prepare, func(*Config) {})
}

// startWith lets change have the last word on the configuration.
func (n *net) startWith(name string, incarnation uint64, prepare func(*member), change func(*Config)) *member {
	m := &member{net: n, system: actorstest.System(), hooks: map[string]func(){}}
	if prepare != nil {
		prepare(m)
	}
	self := Member{name, incarnation}
	cfg := Config{
		Self: self, Candidates: n.names, Leases: true, Behaviour: m, LogEntries: 20,
		Send: func(to string, frame []byte) error { n.deliver(self, to, frame); return nil },
		Event: func(event Event) {
			if e, ended := event.(LeaseEnded); ended {
				m.mu.Lock()
				defer m.mu.Unlock()
				m.lapsed = append(m.lapsed, e.Term)
			}
		},
	}
	change(&cfg)
	group, err := New(m.system, cfg)
	if err != nil {
		n.t.Fatal(err)
	}
	m.group = group
	m.pid = m.system.Root.Spawn(group.Props())
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	for other, peer := range n.members {
		if other != name {
			peer.group.LinkUp(self)
			group.LinkUp(peer.group.cfg.Self)
		}
	}
	n.members[name] = m
	return m
}

func (n *net) deliver(from Member, to string, frame []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if peer := n.members[to]; peer != nil && !n.cuts[[2]string{from.Name, to}] {
		peer.group.Deliver(from, frame)
	}
}

// isolate cuts a member off, silently; heal undoes it.
func (n *net) isolate(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, other := range n.names {
		n.cuts[[2]string{name, other}], n.cuts[[2]string{other, name}] = true, true
	}
}

func (n *net) heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.cuts)
}

// roles returns the leader and one that follows it.
func (n *net) roles() (leader, follower *member) {
	n.t.Helper()
	for _, name := range n.names {
		switch m := n.members[name]; m.group.View().Phase {
		case Leading:
			leader = m
		case Following:
			follower = m
		default:
		}
	}
	if leader == nil || follower == nil {
		n.t.Fatal("no leader, or nobody follows")
	}
	return leader, follower
}

func (m *member) stop() { _ = m.system.Root.StopFuture(m.pid).Wait() }

// note writes a callback down and runs its hook.
func (m *member) note(callback, format string, args ...any) {
	m.mu.Lock()
	m.told = append(m.told, strings.TrimSpace(callback+" "+fmt.Sprintf(format, args...)))
	hook := m.hooks[callback]
	m.mu.Unlock()
	if hook != nil {
		hook()
	}
}

// hook makes a callback run f first.
func (m *member) hook(callback string, f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hooks[callback] = f
}

// since takes what was told since the last time.
func (m *member) since() []string {
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	told := m.told
	m.told = nil
	return told
}

func (m *member) Elected(_ *Election, joiner *Member) []byte {
	if joiner != nil {
		m.note("Elected", "for %v", *joiner)
	} else {
		m.note("Elected", "")
	}
	return []byte("sync of " + m.group.cfg.Self.Name)
}

func (m *member) Surrendered(e *Election, sync []byte) {
	leader, _ := e.Leader()
	m.note("Surrendered", "%q, leader %v", sync, leader.Name)
}

func (m *member) HandleLeaderCall(e *Election, from From, req []byte) Answer {
	m.note("HandleLeaderCall", "%s of %s", req, from.Member.Name)
	word, rest, _ := strings.Cut(string(req), " ")
	switch word {
	case "read":
		return Reply([]byte("read by " + e.Self().Name))
	case "later":
		m.late = from
		return NoReply()
	case "reply":
		e.Reply(m.late, []byte(rest))
		return Reply(nil)
	case "push":
		e.Broadcast([]byte(rest))
		return Reply(nil)
	case "stop":
		return Stop(errStop)
	case "both":
		return ReplyAfter([]byte(rest), []byte("said"))
	default:
		return Broadcast(req)
	}
}

var errStop = errors.New("stopped by an answer")

func (m *member) HandleLeaderCast(_ *Election, req []byte) Answer {
	m.note("HandleLeaderCast", "%s", req)
	return Broadcast(req)
}

func (m *member) FromLeader(e *Election, msg []byte) []byte {
	m.note("FromLeader", "%s", msg)
	m.applied = append(m.applied, string(msg))
	return fmt.Appendf(nil, "%s done by %s at %d", msg, e.Self().Name, e.Index())
}

func (m *member) HandleDown(_ *Election, who Member, reason error) Answer {
	m.note("HandleDown", "%v: %v", who, reason)
	return Broadcast([]byte(who.Name + " is down"))
}

func (m *member) HandleCall(e *Election, req any) (any, error) {
	if asked, ok := req.([]byte); ok { // a question to all candidates
		reply, err := m.HandleCall(e, string(asked))
		return fmt.Append(nil, reply), err
	}
	m.note("HandleCall", "%v", req)
	if req == "fail" {
		return nil, errStop
	}
	return fmt.Sprint(req, " at ", e.Self().Name), nil
}

func (m *member) HandleCast(_ *Election, msg any) { m.note("HandleCast", "%v", msg) }
func (m *member) HandleInfo(_ *Election, msg any) { m.note("HandleInfo", "%v", msg) }

func (m *member) Snapshot() (Image, error) {
	m.note("Snapshot", "")
	return written{m, strings.Join(m.applied, "\n")}, nil
}

// written is a member's image.
type written struct {
	m     *member
	state string
}

func (w written) WriteTo(to io.Writer) (int64, error) {
	w.m.note("WriteTo", "")
	n, err := io.WriteString(to, w.state)
	return int64(n), err
}

func (m *member) Restore(r io.Reader) (func(), error) {
	m.note("Restore", "")
	state, err := io.ReadAll(r)
	return func() { m.applied = strings.Split(string(state), "\n") }, errors.Join(m.refuse, err)
}

func (m *member) Terminate(reason error) { m.note("Terminate", "%v", reason) }

var _ Behaviour = (*member)(nil)

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func (m *member) call(request string) (string, error) {
	reply, err := m.group.LeaderCall(within(m.net.t, 3*time.Second), []byte(request))
	return string(reply), err
}

// index tells where a line stands among what was told; -1 if it is not there.
func index(told []string, prefix string) int {
	return slices.IndexFunc(told, func(line string) bool { return strings.HasPrefix(line, prefix) })
}

func mustEnd(t *testing.T, m *member) error {
	t.Helper()
	synctest.Wait()
	select {
	case <-m.group.Done():
		return m.group.Err()
	default:
		t.Fatal("the group has not ended")
		return nil
	}
}
