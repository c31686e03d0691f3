package planner_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/cluster/model"
	"github.com/gendac/gendac/cluster/planner"
	"github.com/gendac/gendac/cluster/spec"
)

const (
	modelLease      = time.Second
	modelStartAfter = 1300 * time.Millisecond
)

var modelSpec = mustParse(`
cluster: model
members: {a1: {}, b1: {}, c1: {}, w1: {witness: true}}
applications: {f1: {failover: fast}, f2: {failover: fast}, s1: {}, s2: {}, s3: {failover: fast}, t1: {}}
groups:
- {name: fast, members: [a1, b1], pair: {active: [f1, f2], standby: [f1]}}
- {name: safe, members: [b1, c1, a1], pair: {active: [s1, s2]}}
- {name: sparse, members: [c1, b1, a1], pair: {active: [s3]}, packed: false}
- {name: tiers, on: [a1, [b1, c1]], run: [t1], failover_delay: 3s}
`)

func mustParse(text string) *spec.Spec {
	s, err := spec.Parse([]byte(text))
	if err != nil {
		panic(err)
	}
	return s
}

// An instance is what a member runs of one application: the promises of its controller, and nothing else of it.
type instance struct {
	model.Report
	term  uint64 // the lease term it is active under
	spent uint64 // no activation under this or a lower epoch
}

// A process is one incarnation of a member.
type process struct {
	member        model.Member
	alive, paused bool
	cut           bool          // nothing gets through, either way
	deaf          bool          // it ignores orders, and takes leases all the same
	term          uint64        // of its lease
	until         time.Duration // and its end
	inbox         []any         // planner.Order or a grant, in the order sent
	outbox        []model.Report
	instances     map[model.Instance]*instance

	lastGrant time.Duration     // leader's knowledge: when it last extended the lease,
	state     model.MemberState // and what it takes the process for
	unlisted  bool              // and that it does not know it
}

// A grant extends a lease until a time that counts from when it was sent.
type grant struct{ until time.Duration }

// A cluster is a leader that plans and members that obey when they get to it: late, not at all, or after a pause. The leader
// is told the truth, also late: SafeAt is the last grant and start_after, and a process counts as dead only when it is,
// except after misjudge, which a safe group has to survive.
type cluster struct {
	world
	clock     time.Duration
	processes []*process
	failing   bool // applications may fail
	withdrawn []model.Member
	misjudged bool // a living process was taken for dead, as a closed connection can make believe
}

func newCluster() *cluster {
	return &cluster{world: world{spec: modelSpec, now: start, orders: map[string]model.Order{}}, failing: true}
}

// latest returns the newest incarnation of a member, nil when there was none.
func (m *cluster) latest(name string) *process {
	for _, p := range slices.Backward(m.processes) {
		if p.member.Name == name {
			return p
		}
	}
	return nil
}

func (m *cluster) boot(name string) {
	was := m.latest(name)
	if was != nil && was.alive {
		return
	}
	p := &process{member: model.Member{Name: name, Incarnation: uint64(len(m.processes) + 1)}, alive: true, state: model.Up, instances: map[model.Instance]*instance{}}
	for _, order := range slices.Sorted(maps.Keys(m.orders)) {
		p.inbox = append(p.inbox, m.orders[order])
	}
	m.processes = append(m.processes, p)
}

func (m *cluster) pass(d time.Duration) {
	m.clock += d
	m.now = start.Add(m.clock)
}

// skip lets time pass in which nothing happens but heartbeats.
func (m *cluster) skip(d time.Duration) {
	m.pass(d)
	for _, p := range m.processes {
		p.until, p.lastGrant = p.until+d, p.lastGrant+d
		for i, msg := range p.inbox {
			if g, ok := msg.(grant); ok {
				p.inbox[i] = grant{g.until + d}
			}
		}
	}
}

// heartbeat extends the lease of every process that the leader takes to be up.
func (m *cluster) heartbeat() {
	for _, p := range m.processes {
		if p.state == model.Up && p.alive && !slices.Contains(m.withdrawn, p.member) {
			p.lastGrant = m.clock
			p.inbox = append(p.inbox, grant{m.clock + modelLease})
		}
	}
}

// notice lets the leader see how one process is.
func (m *cluster) notice(p *process) {
	switch {
	case p.unlisted || p.state == model.Left || p.state == model.Dead:
	case !p.alive:
		p.state = model.Dead
	case p.paused || p.cut || slices.Contains(m.withdrawn, p.member) && m.clock >= p.until:
		p.state = model.Suspect
	default:
		p.state = model.Up
	}
}

// receive lets a process handle the next n messages, and report.
func (m *cluster) receive(p *process, n int) {
	if !p.alive || p.paused || p.cut {
		return
	}
	for ; n > 0 && len(p.inbox) > 0; n-- {
		msg := p.inbox[0]
		p.inbox = p.inbox[1:]
		switch msg := msg.(type) {
		case grant:
			if msg.until > p.until && msg.until > m.clock {
				if m.clock >= p.until {
					p.term++
				}
				p.until = msg.until
			}
		case model.Order:
			if !p.deaf {
				m.apply(p, msg)
			}
		}
	}
}

func (m *cluster) hear(p *process, n int) {
	if p.cut {
		return
	}
	for ; n > 0 && len(p.outbox) > 0; n-- {
		m.report(p.outbox[0])
		p.outbox = p.outbox[1:]
	}
}

func (p *process) holds(now time.Duration, term uint64) bool {
	return term != 0 && p.term == term && now < p.until
}

// apply hands each instance of the order's group its goal.
func (m *cluster) apply(p *process, o model.Order) {
	g, _ := m.spec.Group(o.Group)
	for _, want := range obedient(m.spec, g, o, p.member, []byte("h")) {
		i := p.instances[want.Instance]
		if i == nil {
			i = &instance{Report: model.Report{Member: p.member, Instance: want.Instance, Phase: model.Idle}}
			p.instances[want.Instance] = i
		}
		m.goal(p, i, want)
		p.outbox = append(p.outbox, i.Report)
	}
}

func (m *cluster) goal(p *process, i *instance, want model.Report) {
	active := i.Role == app.Active && (i.Phase == model.Starting || i.Phase == model.Running)
	if stays := active && want.Phase == model.Running && want.Role == app.Active && want.Epoch == i.Epoch; i.Role == app.Active && !stays {
		i.spent = max(i.spent, i.Epoch)
	}
	switch {
	case want.Phase == model.Running && want.Role == app.Active:
		switch {
		case active && i.Epoch == want.Epoch, want.Epoch <= i.spent:
		case !p.holds(m.clock, p.term):
			i.spent = want.Epoch
			*i = instance{Report: model.Report{Member: i.Member, Instance: i.Instance, Phase: model.Idle, Epoch: want.Epoch, Err: "lease lost"}, spent: i.spent}
		default:
			i.Phase, i.Role, i.Epoch, i.term, i.Handover = model.Starting, app.Active, want.Epoch, p.term, nil
		}
	case want.Phase == model.Quiesced && active:
		i.Phase, i.Handover = model.Quiescing, nil
	case want.Phase == model.Quiesced:
		i.Epoch = want.Epoch
	case want.Phase == model.Running && active, want.Phase == model.Idle && active:
		i.Phase = model.Stopping
	case want.Phase == model.Running && (i.Phase != model.Running || i.Role != app.Standby):
		i.Phase, i.Role, i.Epoch, i.Handover = model.Starting, app.Standby, want.Epoch, nil
	case want.Phase == model.Idle && i.Phase != model.Stopping && i.Phase != model.Quiescing:
		i.Phase, i.Role, i.Epoch, i.Handover = model.Idle, app.Standby, want.Epoch, nil
	}
}

// progress lets every instance of a process finish what it is at; one for which fails returns true fails instead.
func (m *cluster) progress(p *process, fails func() bool) {
	if !p.alive || p.paused {
		return
	}
	for _, name := range slices.SortedFunc(maps.Keys(p.instances), model.Instance.Compare) {
		i := p.instances[name]
		was := i.Phase
		switch {
		case i.Role == app.Active && (i.Phase == model.Starting || i.Phase == model.Running) && !p.holds(m.clock, i.term):
			i.Phase, i.Err, i.spent = model.Stopping, "lease lost", max(i.spent, i.Epoch)
		case i.Phase == model.Stopping:
			i.Phase, i.Role = model.Idle, app.Standby
		case i.Phase == model.Quiescing:
			i.Phase, i.Handover = model.Quiesced, []byte("h")
		case i.Phase == model.Starting, i.Phase == model.Running:
			i.Phase = model.Running
			if m.failing && fails() {
				i.Phase, i.Err = model.Failed, "broke"
				if i.Role == app.Active {
					i.spent = max(i.spent, i.Epoch)
				}
			}
		}
		if i.Phase != was {
			p.outbox = append(p.outbox, i.Report)
		}
	}
}

// planNow plans with what the leader knows, and sends the orders to everyone.
func (m *cluster) planNow(t rapid.TB) planner.Plan {
	m.members = nil
	for _, p := range m.processes {
		if p.unlisted {
			continue
		}
		m.members = append(m.members, planner.MemberFacts{
			Member: p.member, State: p.state, SafeAt: start.Add(p.lastGrant + modelStartAfter),
		})
	}
	before := maps.Clone(m.orders)
	plan := m.plan(t)
	m.withdrawn = plan.Withdraw
	if len(plan.Steps) > 0 {
		m.broadcast(before)
	}
	return plan
}

// newLeader forgets what the old leader knew: nobody has reported, whoever is silent is waited for from now on, and those
// that were gone are not known at all. Members report to it from the beginning.
func (m *cluster) newLeader() {
	m.reports, m.stages, m.withdrawn = nil, nil, nil
	m.unknownSafeAt = m.now.Add(modelStartAfter)
	for _, p := range m.processes {
		p.unlisted = p.unlisted || p.state != model.Up
		p.lastGrant, p.outbox = m.clock, nil
		for _, name := range slices.SortedFunc(maps.Keys(p.instances), model.Instance.Compare) {
			p.outbox = append(p.outbox, p.instances[name].Report)
		}
	}
}

func (m *cluster) broadcast(before map[string]model.Order) {
	for _, g := range m.spec.Groups {
		if fmt.Sprintf("%+v", before[g.Name]) == fmt.Sprintf("%+v", m.orders[g.Name]) {
			continue
		}
		for _, p := range m.processes {
			p.inbox = append(p.inbox, m.orders[g.Name])
		}
	}
}
