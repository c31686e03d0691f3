package sim

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/behaviours/genleader"
)

const actEvery = 5 * time.Millisecond

// A worker is the application: while it is active it acts every few milliseconds, after asking whether it may. It takes
// its time to take up a role and to leave it, now and then.
type worker struct {
	app.Defaults
	host *host
	life *life
	done chan struct{}
}

// Start takes up a role, and reports it.
func (a *worker) Start(ctx *app.Context, s app.Start) error {
	a.dawdle(ctx)
	a.life = a.host.w.witness.started(a.host, ctx, s)
	a.done = nil
	if s.Role == app.Active {
		a.done = make(chan struct{})
		go a.work(ctx, a.life, a.done)
	}
	return nil
}

// dawdle takes up to half a second, one time in three, as the seed and the role say.
func (a *worker) dawdle(ctx *app.Context) {
	d := dice(a.host.w.seed*31 + a.host.self.Incarnation*17 + ctx.Epoch()*5 + uint64(ctx.Role()) + uint64(len(ctx.Instance())))
	if a.host.w.slow && d.roll(3) == 0 {
		time.Sleep(time.Duration(d.roll(500)) * time.Millisecond)
	}
}

func (a *worker) work(ctx *app.Context, l *life, done chan struct{}) {
	defer close(done)
	tick := time.NewTicker(actEvery)
	defer tick.Stop()
	for {
		if !a.host.paused.Load() && ctx.Active() {
			a.host.w.witness.acted(l)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Stop leaves the role; nothing acts when it returns.
func (a *worker) Stop(ctx *app.Context) ([]byte, error) {
	if a.done != nil {
		<-a.done
	}
	a.dawdle(ctx)
	return a.host.w.witness.stopped(a.life), nil
}

// A life is one entry of one instance into a role.
type life struct {
	host     *host
	instance string
	ctx      *app.Context
	start    app.Start
	over     bool // its Stop was called while its process lived
	acts     int
	lastAct  time.Time
}

func (l *life) String() string {
	return fmt.Sprintf("%v at %v, %v %v epoch %d", l.instance, l.host.self, l.start.Role, l.start, l.start.Epoch)
}

// fate is the life with how it went so far.
func (t *witness) fate(lives []*life) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var fates []string
	for _, l := range lives {
		fate := fmt.Sprintf("%v (active=%v, %d acts", l, l.ctx.Active(), l.acts)
		if l.acts > 0 {
			fate += fmt.Sprintf(", the last at %v", l.lastAct.Sub(t.w.began))
		}
		fates = append(fates, fate+")")
	}
	return "[" + strings.Join(fates, ", ") + "]"
}

type handover struct {
	epoch uint64
	word  string
}

// A witness sees what applications do, and judges it at once. It belongs to the test, not to a member.
type witness struct {
	w  *world
	mu sync.Mutex

	lives    []*life
	owners   map[string]map[uint64]genleader.Member // by instance: whom each epoch belongs to
	newest   map[string]*life                       // by instance: of the newest epoch that was active
	handover map[string]handover                    // by instance: what the newest active one to have stopped left
	acts     int
}

func newWitness(w *world) *witness {
	return &witness{w: w, owners: map[string]map[uint64]genleader.Member{}, newest: map[string]*life{}, handover: map[string]handover{}}
}

func (t *witness) started(h *host, ctx *app.Context, s app.Start) *life {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := &life{host: h, instance: ctx.Instance(), ctx: ctx, start: s}
	if h.dead.Load() {
		return l
	}
	t.lives = append(t.lives, l)
	t.w.log.Info("witness: start", "life", l, "active", ctx.Active())
	if s.Role == app.Active {
		t.own(l)
		if ctx.Active() && !h.paused.Load() {
			t.activated(l)
		}
	}
	if given := string(s.Handover); given != "" {
		if left := t.handover[l.instance]; given != left.word {
			t.w.problem("%v got the handover %q, and the latest was %q", l, given, left.word)
		}
	}
	return l
}

// own holds that an epoch belongs to one process.
func (t *witness) own(l *life) {
	owners := t.owners[l.instance]
	if owners == nil {
		owners = map[uint64]genleader.Member{}
		t.owners[l.instance] = owners
	}
	if owner, taken := owners[l.start.Epoch]; taken && owner != l.host.self {
		t.w.problem("%v: the epoch belongs to %v", l, owner)
	}
	owners[l.start.Epoch] = l.host.self
}

// activated holds a new activation against the one before.
func (t *witness) activated(l *life) {
	was := t.newest[l.instance]
	if was != nil && l.start.Epoch < was.start.Epoch {
		t.w.problem("%v is active after %v", l, was)
		return
	}
	if was != nil && l.start.Epoch > was.start.Epoch && !was.over {
		held := was.ctx.HeldUntil()
		if proven := was.host.dead.Load() && t.w.fast(l.instance); !held.IsZero() && !proven {
			t.w.problem("%v is active, and the lease of %v runs for %v more", l, was, time.Until(held))
		}
	}
	t.newest[l.instance] = l
}

func (t *witness) acted(l *life) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.host.dead.Load() {
		return
	}
	t.acts++
	l.acts++
	l.lastAct = time.Now()
	if was := t.newest[l.instance]; was != l {
		t.activated(l)
	}
	for _, other := range t.lives {
		if other != l && other.instance == l.instance && !other.over && !other.host.dead.Load() && other.ctx.Active() {
			t.w.problem("%v acts while %v is active", l, other)
		}
	}
}

func (t *witness) stopped(l *life) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.host.dead.Load() {
		return nil
	}
	l.over = true
	t.w.log.Info("witness: stop", "life", l)
	if l.start.Role != app.Active {
		return nil
	}
	word := fmt.Sprintf("%v epoch %d", l.host.self, l.start.Epoch)
	if l.start.Epoch >= t.handover[l.instance].epoch { // an earlier one may take long to stop
		t.handover[l.instance] = handover{l.start.Epoch, word}
	}
	return []byte(word)
}

// now returns the lives of an instance on living members by role.
func (t *witness) now(instance string, role app.Role) (lives []*life) {
	t.mu.Lock()
	defer t.mu.Unlock()
	latest := map[*host]*life{}
	for _, l := range t.lives {
		if l.instance == instance && !l.host.dead.Load() {
			latest[l.host] = l
		}
	}
	for _, l := range latest {
		if !l.over && l.start.Role == role {
			lives = append(lives, l)
		}
	}
	return lives
}

// actsOf counts the acts of a life so far.
func (t *witness) actsOf(l *life) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return l.acts
}

// count is how many acts there were.
func (t *witness) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.acts
}
