package supervisor_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/genserver"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
	"github.com/gendac/gendac/behaviours/supervisor"
	"pgregory.net/rapid"
)

// TestRandomTreesDoWhatTheModelSays lets a thousand random trees live through random crashes, failed and slow starts,
// hangs and commands, and compares after each what happened, when, and who is there, with the model.
func TestRandomTreesDoWhatTheModelSays(t *testing.T) {
	trees := 0
	defer func() {
		checks := flag.Lookup("rapid.checks").Value.String()
		if !t.Failed() && !testing.Short() && checks == "100" && trees != 1000 {
			t.Errorf("%d trees, want 1000", trees)
		}
	}()
	for i := range 10 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				shape := dice{rapid.SliceOfN(rapid.Uint8(), 10, 60).Draw(rt, "shape")}
				script := dice{rapid.SliceOfN(rapid.Uint8(), 10, 120).Draw(rt, "script")}
				var problem string // rapid must fail outside of the bubble
				actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
					problem = newTrial(t, system, &shape).run(&script)
				})
				if problem != "" {
					rt.Fatal(problem)
				}
				trees++
			})
		})
	}
}

// dice are numbers to choose by; when they are used up all choices are the first.
type dice struct{ numbers []uint8 }

func (d *dice) roll(n int) int {
	if len(d.numbers) == 0 {
		return 0
	}
	v := int(d.numbers[0]) % n
	d.numbers = d.numbers[1:]
	return v
}

// trial is one tree, as actors and as a model.
type trial struct {
	t      *testing.T
	system *actor.ActorSystem
	root   *treePlan
	ids    int
	names  []string // of all workers ever

	diary
	mu    sync.Mutex
	fails map[string][]error

	model *supModel
	begin time.Time
	sup   *actor.PID
	log   []string
}

func newTrial(t *testing.T, system *actor.ActorSystem, shape *dice) *trial {
	r := &trial{t: t, system: system, fails: make(map[string][]error), begin: time.Now()}
	r.root = r.tree(shape, 2)
	return r
}

func (r *trial) tree(d *dice, depth int) *treePlan {
	p := &treePlan{
		strategy: supervisor.Strategy(d.roll(4)), max: d.roll(4), period: time.Duration(1+d.roll(20)) * time.Second,
		auto: supervisor.AutoShutdown(d.roll(3)),
	}
	if d.roll(4) == 0 {
		p.backoff = supervisor.Backoff{Min: time.Duration(d.roll(3)) * time.Second, Max: 3 * time.Second}
	}
	kids := d.roll(5)
	if p.strategy == supervisor.SimpleOneForOne {
		kids, depth = 1, 0
	}
	for range kids {
		p.kids = append(p.kids, r.kid(d, p, depth))
	}
	return p
}

func (r *trial) kid(d *dice, of *treePlan, depth int) *plan {
	r.ids++
	k := &plan{id: fmt.Sprintf("%c%d", 'a'+r.ids%26, r.ids), restart: supervisor.Restart(d.roll(3))}
	k.significant = of.auto != supervisor.Never && k.restart != supervisor.Permanent && d.roll(3) == 0
	if depth > 0 && d.roll(3) == 0 {
		k.sub = r.tree(d, depth-1)
		return k
	}
	r.names = append(r.names, k.id)
	k.slow = []time.Duration{0, 0, 0, time.Second, 4 * time.Second}[d.roll(5)]
	k.hang = []time.Duration{0, 0, 0, time.Second, 20 * time.Second}[d.roll(5)]
	k.brutal = d.roll(6) == 1
	return k
}

func (r *trial) spec(p *treePlan) supervisor.Spec {
	s := supervisor.Spec{
		Strategy: p.strategy, MaxRestarts: p.max, Period: p.period, AutoShutdown: p.auto, Backoff: p.backoff,
	}
	if p.max == 0 {
		s.MaxRestarts = -1
	}
	for _, k := range p.kids {
		s.Children = append(s.Children, r.child(k))
	}
	return s
}

func (r *trial) child(k *plan) supervisor.Child {
	c := supervisor.Child{ID: k.id, Restart: k.restart, Significant: k.significant, Shutdown: patience}
	switch {
	case k.sub != nil:
		c.Type, c.Shutdown, c.Props = supervisor.Supervisor, 0, supervisor.Props(r.spec(k.sub))
		return c
	case k.brutal:
		c.Shutdown = supervisor.BrutalKill
	}
	c.Props = genserver.Props(func() genserver.Server { return &player{plan: k, r: r} })
	return c
}

// player is a worker of a trial.
type player struct {
	genserver.Defaults
	*plan
	r *trial
}

func (p *player) Init(*genserver.Context) error {
	p.r.add("+" + p.id)
	time.Sleep(p.slow)
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	if next := p.r.fails[p.id]; len(next) > 0 {
		p.r.fails[p.id] = next[1:]
		return next[0]
	}
	return nil
}

func (p *player) HandleInfo(_ *genserver.Context, msg any) genserver.Return {
	if text, ok := msg.(string); ok {
		panic(text)
	}
	return genserver.Stop(msg.(error))
}

// Terminate hangs only if it is the supervisor's wish that the worker stops.
func (p *player) Terminate(_ *genserver.Context, reason error) {
	if reason == process.ErrShutdown {
		time.Sleep(p.hang)
	}
	if !p.silent() {
		p.r.add("-" + p.id)
	}
}

// run returns what went wrong.
func (r *trial) run(d *dice) string {
	defer time.Sleep(time.Hour) // those that hang go home
	w := &world{fails: make(map[string][]error)}
	r.model = newSup(w, r.root, nil)
	if len(r.names) > 0 && d.roll(8) == 1 {
		r.fail(d)
	}
	var err error
	r.sup, err = supervisor.StartWait(r.context(), r.system.Root, r.spec(r.root), "sup")
	if want := r.model.boot(); (want == nil) != (err == nil) {
		return fmt.Sprintf("start: got %v, want %v", err, want)
	} else if want != nil {
		return r.compare()
	}
	for len(d.numbers) > 0 && !r.model.dead {
		if problem := r.compare(); problem != "" {
			return problem
		}
		if problem := r.act(d); problem != "" {
			return r.report(problem)
		}
	}
	if problem := r.compare(); problem != "" || r.model.dead {
		return problem
	}
	r.log = append(r.log, "stop")
	r.system.Root.Stop(r.sup)
	r.model.stopAll()
	return r.compare()
}

func (r *trial) context() context.Context {
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Hour)
	r.t.Cleanup(cancel)
	return ctx
}

// fail makes the next starts of a worker fail.
func (r *trial) fail(d *dice) {
	id := r.names[d.roll(len(r.names))]
	errs := slices.Repeat([]error{[]error{errBoom, supervisor.ErrIgnore}[d.roll(2)]}, 1+d.roll(3))
	r.log = append(r.log, fmt.Sprintf("next starts of %s: %v", id, errs))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fails[id], r.model.w.fails[id] = errs, slices.Clone(errs)
}

// act does one random thing to both.
func (r *trial) act(d *dice) string {
	sups := r.model.sups(nil)
	s := sups[d.roll(len(sups))]
	pid := r.find(s.way)
	what := d.roll(10)
	switch {
	case what == 0 && len(r.names) > 0:
		r.fail(d)
	case what == 1:
		gap := time.Duration(d.roll(8)) * time.Second
		r.log = append(r.log, fmt.Sprintf("wait %v", gap))
		time.Sleep(gap)
		r.model.w.now += gap
	case what >= 6:
		return r.kill(d, s, pid)
	case s.strategy == supervisor.SimpleOneForOne:
		n := d.roll(4)
		r.log = append(r.log, fmt.Sprintf("start %d of %s", n, s.treePlan.kids[0].id))
		_, err := supervisor.StartMany(r.context(), r.system, pid, make([]any, n)...)
		before := len(s.kids)
		s.startMany(n)
		var start *supervisor.StartError
		if err != nil && (len(s.kids) == before+n || !errors.As(err, &start)) {
			return fmt.Sprintf("got %v", err)
		}
	default:
		return r.command(d, s, pid, what)
	}
	return ""
}

// command gives a random command about a child that may not be there.
func (r *trial) command(d *dice, s located, pid *actor.PID, what int) string {
	id := "nobody"
	if len(s.kids) > 0 {
		id = s.kids[d.roll(len(s.kids))].id
	}
	var got, want error
	switch what {
	case 2:
		k := r.kid(d, s.treePlan, 0)
		if d.roll(4) == 1 {
			k.id = id
		}
		r.log = append(r.log, "start "+k.id)
		_, got = supervisor.StartChild(r.context(), r.system, pid, r.child(k))
		want = s.startChild(k)
	case 3:
		r.log = append(r.log, "restart "+id)
		_, got = supervisor.RestartChild(r.context(), r.system, pid, id)
		want = s.restartChild(id)
	case 4:
		r.log = append(r.log, "terminate "+id)
		got = supervisor.TerminateChild(r.context(), r.system, pid, id)
		want = s.terminateChild(id)
	default:
		r.log = append(r.log, "delete "+id)
		got = supervisor.DeleteChild(r.context(), r.system, pid, id)
		want = s.deleteChild(id)
	}
	if (got == nil) != (want == nil) || !errors.Is(got, want) {
		// A supervisor that is restarted has its reason for not starting, and not its child's.
		return fmt.Sprintf("got %v, want %v", got, want)
	}
	return ""
}

// kill makes a worker end by itself.
func (r *trial) kill(d *dice, s located, pid *actor.PID) string {
	infos, err := supervisor.Children(r.context(), r.system, pid)
	if err != nil || len(infos) != len(s.kids) {
		return fmt.Sprintf("children of %v: %v, %v", s.way, infos, err)
	}
	if len(s.kids) == 0 {
		return ""
	}
	i := d.roll(len(s.kids))
	k := s.kids[i]
	if !k.up || k.sub != nil {
		return ""
	}
	e := d.roll(4)
	r.log = append(r.log, fmt.Sprintf("end %s, %d", k.id, e))
	r.system.Root.Send(infos[i].PID, []any{errBoom, process.ErrNormal, &process.ShutdownError{Why: errBoom}, "panic"}[e])
	if !k.silent() {
		r.model.w.lines = append(r.model.w.lines, "-"+k.id)
	}
	k.died([]process.Ending{process.Abnormal, process.Normal, process.Shutdown, process.Abnormal}[e])
	return ""
}

func (r *trial) find(way []string) *actor.PID {
	pid := r.sup
	for _, id := range way {
		pid = children(r.t, r.system, pid)[id].PID
	}
	return pid
}

// compare waits until the model says that it is over, and no longer.
func (r *trial) compare() string {
	if left := r.model.w.now - time.Since(r.begin); left > 0 {
		time.Sleep(left)
	}
	synctest.Wait()
	if late := time.Since(r.begin) - r.model.w.now; late != 0 {
		return r.report(fmt.Sprintf("it took %v longer", late))
	}
	got, want := r.take(), r.model.w.lines
	r.model.w.lines = nil
	if !slices.Equal(got, want) {
		return r.report(fmt.Sprintf("got %q, want %q", got, want))
	}
	_, there := r.system.ProcessRegistry.Get(r.sup)
	switch {
	case there == r.model.dead && r.sup != nil:
		return r.report(fmt.Sprintf("the root is there: %t", there))
	case r.model.dead:
		return ""
	}
	if got, want := r.draw(r.sup, ""), r.model.draw(""); got != want {
		return r.report(fmt.Sprintf("got\n%swant\n%s", got, want))
	}
	return ""
}

func (r *trial) draw(pid *actor.PID, indent string) (out string) {
	infos, err := supervisor.Children(r.context(), r.system, pid)
	if err != nil {
		return fmt.Sprint(err)
	}
	for _, i := range infos {
		phase := i.Phase
		if phase == supervisor.Abandoned {
			phase = supervisor.Gone
		}
		out += fmt.Sprintf("%s%s %v #%d\n", indent, i.ID, phase, i.Incarnations)
		if i.Type == supervisor.Supervisor && i.PID != nil {
			out += r.draw(i.PID, indent+"  ")
		}
	}
	return out
}

func (r *trial) report(problem string) string {
	return fmt.Sprintf("%s\nafter %s\nin %s", problem, strings.Join(r.log, "; "), r.root.describe(""))
}

func (p *treePlan) describe(indent string) string {
	out := fmt.Sprintf("%v max %d in %v, %v, back-off %v\n", p.strategy, p.max, p.period, p.auto, p.backoff)
	for _, k := range p.kids {
		out += fmt.Sprintf("%s  %s %v significant=%t slow=%v hang=%v brutal=%t", indent, k.id, k.restart, k.significant, k.slow, k.hang, k.brutal)
		if k.sub != nil {
			out += " " + k.sub.describe(indent+"  ")
		} else {
			out += "\n"
		}
	}
	return out
}
