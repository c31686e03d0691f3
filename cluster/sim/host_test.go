package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/lease"
	"github.com/gendac/gendac/behaviours/process/actorstest"
	"github.com/gendac/gendac/behaviours/supervisor"
	"github.com/gendac/gendac/cluster/controller"
	"github.com/gendac/gendac/gdict"
)

// A host is one incarnation of a member, assembled as cluster/node assembles it.
type host struct {
	w         *world
	self      genleader.Member
	system    *actor.ActorSystem
	dict      *gdict.Dict
	group     *genleader.Group
	tree      *actor.PID
	leaderPID atomic.Pointer[actor.PID]
	localPID  atomic.Pointer[actor.PID]
	localDone chan struct{}

	gone    bool     // for the network, guarded by it
	held    []func() // what a paused member learns when it goes on, guarded by the network
	dead    atomic.Bool
	paused  atomic.Bool
	leaving bool // in order; the driver's
	ending  atomic.Bool
	ended   chan struct{} // closed when nothing of it runs any more
	pending int           // commands that wait for their answer, guarded by the world

	stallMu   sync.Mutex
	stallDice dice
}

// stall holds its actor up between two things that it reads, one time in so many, for up to longer than a lease and a
// start_after. The group's turn, the controllers of instances and the leader's look pass here.
func (h *host) stall(rarely int) {
	if !h.w.stalling.Load() {
		return
	}
	h.stallMu.Lock()
	strikes := h.stallDice.roll(rarely) == 0
	length := time.Duration(h.stallDice.roll(int(longestStall/time.Microsecond))) * time.Microsecond
	h.stallMu.Unlock()
	if strikes {
		time.Sleep(length)
	}
}

const longestStall = 2 * time.Second

// suspended is where the group and the controllers of instances read whether the machine was asleep. It never was.
func (h *host) suspended() time.Duration {
	h.stall(400)
	return 0
}

// viewed is what the leader's controller reads of the group, which may be old once it is there. That matters most while
// somebody is silent whose lease may be over by then, or be renewed.
func (h *host) viewed() genleader.View {
	view := h.group.View()
	if slices.ContainsFunc(view.Members, func(s genleader.MemberStatus) bool { return s.State == genleader.Suspect }) {
		h.stall(2)
	} else {
		h.stall(20)
	}
	return view
}

// start begins a new incarnation of a member.
func (w *world) start(name string) *host {
	w.starts++
	h := &host{
		w: w, self: genleader.Member{Name: name, Incarnation: 100 + w.starts}, system: actorstest.System(),
		localDone: make(chan struct{}), ended: make(chan struct{}),
	}
	h.stallDice = dice(w.seed*1000 + h.self.Incarnation)
	if err := h.assemble(); err != nil {
		w.problem("%v does not start: %v", h.self, err)
		return h
	}
	w.hosts[name] = h
	w.everybody = append(w.everybody, h)
	w.net.put(h)
	go func() {
		<-h.group.Done()
		if !h.ending.Load() {
			w.problem("the group of %v ended by itself: %v", h.self, h.group.Err())
		}
	}()
	return h
}

func (h *host) assemble() error {
	s, log := h.w.spec, h.w.log.With("at", h.self.String())
	h.dict = gdict.New()
	group, err := genleader.New(h.system, genleader.Config{
		Self:       h.self,
		Candidates: slices.Sorted(maps.Keys(s.Members)),
		Timing: genleader.Timing{
			Heartbeat: s.Timing.Heartbeat.Std(), Election: s.Timing.Election.Std(),
			Lease: s.Timing.Lease.Std(), StartAfter: s.Timing.StartAfter.Std(),
		},
		Leases:     true,
		Suspended:  h.suspended,
		Behaviour:  h.dict.Behaviour(),
		Send:       func(to string, frame []byte) error { h.w.net.send(h, to, frame); return nil },
		Event:      h.happened,
		LogEntries: 50,
		Seed:       h.w.seed*1000 + h.self.Incarnation,
		Logger:     log,
	})
	if err != nil {
		return err
	}
	h.group = group
	h.dict.Attach(group)
	return h.startTree(log)
}

func (h *host) startTree(log *slog.Logger) error {
	s, member := h.w.spec, model.Member{Name: h.self.Name, Incarnation: h.self.Incarnation}
	apps := app.Registry{}
	for name := range s.Applications {
		apps[name] = func() app.App { return &worker{host: h} }
	}
	local := controller.Local{
		Spec: s, Self: member, Dict: h.dict, Watch: h.dict.Watch(controller.Reserved), Lease: h.group.Lease(),
		Apps: apps, Logger: log, Ended: h.localEnded,
		Started: func(pid *actor.PID) { h.localPID.Store(pid) },
	}
	leader := controller.Leader{
		Spec: s, Dict: h.dict, View: h.viewed, Withhold: h.group.Withhold, Logger: log,
		Started: func(pid *actor.PID) { h.leaderPID.Store(pid) },
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	tree, err := supervisor.StartWait(ctx, h.system.Root, supervisor.Spec{
		MaxRestarts: -1,
		Children: []supervisor.Child{
			{ID: "local", Props: local.Props(), Restart: supervisor.Transient},
			{ID: "leader", Props: leader.Props(), Restart: supervisor.Permanent},
			{ID: "group", Props: h.group.Props(), Restart: supervisor.Transient},
		},
	}, "gendac-member")
	h.tree = tree
	return err
}

func (h *host) tell(pid *atomic.Pointer[actor.PID], msg any) {
	if to := pid.Load(); to != nil {
		h.system.Root.Send(to, msg)
	}
}

func (h *host) happened(event genleader.Event) {
	switch e := event.(type) {
	case genleader.ViewChanged:
		h.tell(&h.leaderPID, controller.Look{})
	case genleader.LeaseEnded:
		h.leaseEnded(e.Term)
	}
}

// leaseEnded is told at once, but not in a pause: until it is over, only asking whether it is Active keeps an application
// from acting.
func (h *host) leaseEnded(term lease.Term) {
	h.w.net.mu.Lock()
	defer h.w.net.mu.Unlock()
	tell := func() { h.tell(&h.localPID, controller.LeaseEnded{Term: term}) }
	if h.paused.Load() {
		h.held = append(h.held, tell)
		return
	}
	tell()
}

func (h *host) localEnded(reason error) {
	close(h.localDone)
	if !h.ending.Load() {
		h.w.problem("the local controller of %v ended by itself: %v", h.self, reason)
	}
}

// die ends the process: its last message and its last act have been.
func (h *host) die() {
	h.dead.Store(true)
	h.w.net.remove(h)
	h.ending.Store(true)
	go h.teardown()
}

// leave ends the member in order, as Node.Stop does.
func (h *host) leave() {
	h.leaving = true
	h.ending.Store(true)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		h.tell(&h.localPID, controller.Stop{Patience: 6 * time.Second})
		select {
		case <-h.localDone:
		case <-ctx.Done():
			h.w.problem("%v: instances have not stopped in time", h.self)
		}
		if err := h.group.Leave(ctx); err != nil {
			h.w.problem("%v cannot leave: %v", h.self, err)
		}
		time.Sleep(5 * time.Millisecond) // its goodbye is on its way
		h.dead.Store(true)
		h.w.net.remove(h)
		h.teardown()
	}()
}

func (h *host) teardown() {
	defer close(h.ended)
	if err := h.system.Root.StopFuture(h.tree).Wait(); err != nil && !errors.Is(err, actor.ErrDeadLetter) {
		h.w.problem("%v: its actors do not end: %v", h.self, err)
	}
	h.system.Shutdown()
}

func (h *host) String() string {
	return fmt.Sprintf("%v dead=%v paused=%v leaving=%v %v", h.self, h.dead.Load(), h.paused.Load(), h.leaving, h.group.View())
}
