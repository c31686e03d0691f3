package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/process/actorstest"
	"github.com/gendac/gendac/cluster/spec"
	"github.com/gendac/gendac/gdict"
)

// A cluster is members with both controllers and a group in memory, in virtual time.
type cluster struct {
	t      *testing.T
	spec   *spec.Spec
	limits []gdict.Option

	mu      sync.Mutex
	members map[string]*testMember
	away    map[string]bool
	lines   []string
	active  map[string]*app.Context // by member: the role that was entered last as active
	failing bool                    // Start fails
	leaves  int                     // how many bytes Stop adds to its handover
	stall   func(m *testMember)     // holds a leader's controller up that has just read the group's view
}

type testMember struct {
	cluster       *cluster
	self          model.Member
	system        *actor.ActorSystem
	dict          *gdict.Dict
	group         *genleader.Group
	local, leader atomic.Pointer[actor.PID]
	groupPID      *actor.PID
	ended         chan error
	here          Here
}

// inCluster runs f on a cluster whose members have all been started, two seconds ago.
func inCluster(t *testing.T, groups string, f func(c *cluster), limits ...gdict.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{
			t: t, spec: parseScriptSpec(t, groups), members: map[string]*testMember{}, away: map[string]bool{}, active: map[string]*app.Context{}, limits: limits,
		}
		for i, name := range slices.Sorted(maps.Keys(c.spec.Members)) {
			c.start(name, uint64(i+1))
		}
		c.pass(2 * time.Second)
		f(c)
		for _, m := range c.members {
			m.stop()
		}
		time.Sleep(time.Minute) // writes that were under way have their deadlines
	})
}

func (c *cluster) pass(d time.Duration) {
	for range 100 {
		time.Sleep(d / 100)
		synctest.Wait()
		c.mu.Lock()
		var acting []string
		for name, ctx := range c.active {
			if ctx.Active() {
				acting = append(acting, name)
			}
		}
		if len(acting) > 1 {
			c.t.Errorf("%v are active at once", acting)
		}
		c.mu.Unlock()
	}
}

func (c *cluster) start(name string, incarnation uint64) {
	m := &testMember{
		cluster: c, self: model.Member{Name: name, Incarnation: incarnation}, system: actorstest.System(), dict: gdict.New(c.limits...), ended: make(chan error, 1),
	}
	self := genleader.Member{Name: name, Incarnation: incarnation}
	group, err := genleader.New(m.system, genleader.Config{
		Self: self, Candidates: slices.Sorted(maps.Keys(c.spec.Members)), Leases: true, Behaviour: m.dict.Behaviour(),
		Send: func(to string, frame []byte) error { c.deliver(self, to, frame); return nil },
		Event: func(event genleader.Event) {
			switch e := event.(type) {
			case genleader.ViewChanged:
				m.system.Root.Send(m.leader.Load(), Look{})
			case genleader.LeaseEnded:
				m.system.Root.Send(m.local.Load(), LeaseEnded{Term: e.Term})
			}
		},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	m.group = group
	m.dict.Attach(group)
	logger := slog.New(slog.DiscardHandler)
	m.system.Root.Spawn(Local{
		Spec: c.spec, Self: m.self, Dict: m.dict, Watch: m.dict.Watch(Reserved), Lease: group.Lease(), Logger: logger,
		Apps:    app.Registry{"switch": func() app.App { return &testApp{member: m} }, "meter": func() app.App { return &testApp{member: m} }},
		Started: func(self *actor.PID) { m.local.Store(self) }, Ended: func(reason error) { m.ended <- reason }, Here: &m.here,
	}.Props())
	m.system.Root.Spawn(Leader{
		Spec: c.spec, Dict: m.dict, View: m.view, Logger: logger, Started: func(self *actor.PID) { m.leader.Store(self) },
	}.Props())
	synctest.Wait()
	m.groupPID = m.system.Root.Spawn(group.Props())
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, peer := range c.members {
		peer.group.LinkUp(self)
		group.LinkUp(peer.group.Member())
	}
	c.members[name] = m
}

// view is the group's, read by a controller that may be held up at once afterwards.
func (m *testMember) view() genleader.View {
	v := m.group.View()
	m.cluster.mu.Lock()
	stall := m.cluster.stall
	m.cluster.mu.Unlock()
	if stall != nil {
		stall(m)
	}
	return v
}

func (c *cluster) deliver(from genleader.Member, to string, frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if peer := c.members[to]; peer != nil && !c.away[to] && !c.away[from.Name] {
		peer.group.Deliver(from, frame)
	}
}

// cut makes a member silent and deaf until it is healed.
func (c *cluster) cut(name string, away bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away[name] = away
}

func (m *testMember) stop() {
	for _, pid := range []*actor.PID{m.leader.Load(), m.local.Load(), m.groupPID} {
		_ = m.system.Root.StopFuture(pid).Wait()
	}
}

func (c *cluster) leader() *testMember {
	for _, m := range c.members {
		if !c.away[m.self.Name] && m.group.View().Phase == genleader.Leading {
			return m
		}
	}
	c.t.Fatal("nobody leads")
	return nil
}

// happened fails unless exactly these lines were written since it was asked last.
func (c *cluster) happened(want ...string) {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.lines, want) {
		c.t.Errorf("happened:\n  %s\nwanted:\n  %s", strings.Join(c.lines, "\n  "), strings.Join(want, "\n  "))
	}
	c.lines = nil
}

// testApp writes down what it is told.
type testApp struct {
	app.Defaults
	member *testMember
}

func (a *testApp) Start(ctx *app.Context, s app.Start) error {
	c := a.member.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failing {
		c.lines = append(c.lines, a.member.self.Name+" fails to start")
		return errors.New("no disk")
	}
	line := fmt.Sprintf("%s %v", a.member.self.Name, s)
	if s.Role == app.Active {
		c.active[a.member.self.Name] = ctx
		line += fmt.Sprintf(" epoch %d", s.Epoch)
	}
	if len(s.Handover) > 0 {
		line += fmt.Sprintf(" with %s", s.Handover)
	}
	c.lines = append(c.lines, line)
	return nil
}

func (a *testApp) Stop(ctx *app.Context) ([]byte, error) {
	c := a.member.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, fmt.Sprintf("%s stops as %v", a.member.self.Name, ctx.Role()))
	return append([]byte("what "+a.member.self.Name+" left"), make([]byte, c.leaves)...), nil
}

func (m *testMember) switchover(group string) error {
	answer := make(chan error, 1)
	m.system.Root.Send(m.leader.Load(), Switchover{Group: group, Reply: func(err error) { answer <- err }})
	ctx, cancel := context.WithTimeout(m.cluster.t.Context(), 10*time.Second)
	defer cancel()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
