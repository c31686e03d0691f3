package genserver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/genserver"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"pgregory.net/rapid"
)

// TestWhatOneProcessSendsToAnotherArrivesInItsOrder lets a server send a second one requests, casts and plain messages in
// any mixture, and lets the second one send replies, casts and plain messages back, some replies late and out of turn; a
// goroutine calls the second one meanwhile. Each receiver must see the numbers of each sender rise, on one member and
// across two, and hear of the sender's end last.
func TestWhatOneProcessSendsToAnotherArrivesInItsOrder(t *testing.T) {
	for _, far := range []bool{false, true} {
		rapid.Check(t, func(rt *rapid.T) {
			script := rapid.SliceOfN(rapid.Uint16(), 3, 60).Draw(rt, "script")
			var problem string // rapid must fail outside of the bubble
			actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
				there := system
				if far {
					there = connect(system)
				}
				problem = newExchange(t, system, there).run(script)
			})
			if problem != "" {
				rt.Fatalf("across members: %v: %s", far, problem)
			}
		})
	}
}

// connect makes system a member and returns another one that is linked to it.
func connect(here *actor.ActorSystem) (there *actor.ActorSystem) {
	there = actorstest.System()
	here.ProcessRegistry.Address, there.ProcessRegistry.Address = "here:1", "there:1"
	out, back := &lane{from: "here:1"}, &lane{from: "there:1"}
	back.to = process.Connect(here, out)
	out.to = process.Connect(there, back)
	return there
}

// lane takes frames one way, in order, and never makes the sender wait.
type lane struct {
	from string
	to   *process.Port

	mu      sync.Mutex
	waiting [][]byte
	busy    bool
}

func (l *lane) Carry(_ string, frame []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, frame)
	if !l.busy {
		l.busy = true
		go l.deliver()
	}
	return nil
}

func (l *lane) deliver() {
	for {
		l.mu.Lock()
		if len(l.waiting) == 0 {
			l.busy = false
			l.mu.Unlock()
			return
		}
		frame := l.waiting[0]
		l.waiting = l.waiting[1:]
		l.mu.Unlock()
		l.to.Arrived(l.from, frame)
	}
}

// exchange is two servers that send each other numbers. A number's hundred thousands say who sent it.
type exchange struct {
	t           *testing.T
	here, there *actor.ActorSystem
	asks, hears *party
	client      int64
	mu          sync.Mutex
	seen        int // numbers, by both
}

const client, first, second = 100_000, 200_000, 300_000

func newExchange(t *testing.T, here, there *actor.ActorSystem) *exchange {
	x := &exchange{t: t, here: here, there: there, client: client}
	x.asks = &party{x: x, name: "first", next: first}
	x.hears = &party{x: x, name: "second", next: second}
	for p, system := range map[*party]*actor.ActorSystem{x.asks: here, x.hears: there} {
		var err error
		p.pid, err = genserver.StartWait(t.Context(), system.Root, genserver.Props(func() genserver.Server { return p }), "")
		if err != nil {
			t.Fatal(err)
		}
	}
	// PIDs of their own: protoactor keeps the process in a PID that it has resolved, and would go past the carrier.
	x.asks.other = actor.NewPID(x.hears.pid.Address, x.hears.pid.Id)
	x.hears.other = actor.NewPID(x.asks.pid.Address, x.asks.pid.Id)
	return x
}

func (x *exchange) run(script []uint16) string {
	for _, p := range []*party{x.asks, x.hears} {
		other := p.other
		x.tell(p, func(ctx *genserver.Context) {
			process.TrapExit(ctx, true)
			process.Monitor(ctx, other)
			if p == x.asks {
				process.Link(ctx, other)
			}
		})
	}
	synctest.Wait()
	var calls sync.WaitGroup
	for len(script) > 0 {
		turn := script[:min(len(script), 1+int(script[0])%6)]
		script = script[len(turn):]
		x.tell(x.asks, func(ctx *genserver.Context) {
			for _, word := range turn {
				x.asks.send(ctx, int(word))
			}
		})
		if turn[0]%3 == 0 {
			calls.Wait()
			calls.Go(func() { x.visit(turn) })
		}
		if turn[0]%5 == 0 {
			synctest.Wait()
		}
	}
	calls.Wait()
	synctest.Wait()
	// The end of one comes after all it said. Calls that it keeps are answered before that, and carry no number.
	last := x.asks
	if x.seen%2 == 0 {
		last = x.hears
	}
	x.tell(last, func(ctx *genserver.Context) { process.Exit(ctx, errBoom) })
	actorstest.Sleep(time.Hour)
	if problem := x.asks.check(last == x.hears); problem != "" {
		return problem
	}
	return x.hears.check(last == x.asks)
}

// tell has a party do something in its own turn.
func (x *exchange) tell(p *party, f func(ctx *genserver.Context)) {
	system := x.here
	if p == x.hears {
		system = x.there
	}
	system.Root.Send(p.pid, f)
}

// visit sends from outside of actors.
func (x *exchange) visit(words []uint16) {
	for _, word := range words {
		x.client++
		n := wrapperspb.Int64(x.client<<4 | int64(word%16))
		switch word / 16 % 3 {
		case 0:
			x.here.Root.Send(x.asks.other, n)
		case 1:
			genserver.Cast(x.here.Root, x.asks.other, n)
		case 2:
			ctx, cancel := context.WithTimeout(x.t.Context(), time.Minute)
			_, err := genserver.Call[any](ctx, x.here, x.asks.other, n)
			cancel()
			if err != nil && !errors.Is(err, process.ErrTimeout) {
				x.t.Errorf("call: %v", err)
			}
		}
	}
}

// party is a server that writes down the numbers it gets. The low four bits of a number say what it has to do about it.
type party struct {
	genserver.Defaults
	x     *exchange
	name  string
	pid   *actor.PID
	other *actor.PID
	next  int64
	got   []int64
	ends  int // of the other: a Down, and an exit
	late  string
	keeps []genserver.From
}

func (p *party) number() int64 { p.next++; return p.next }

func (p *party) send(ctx *genserver.Context, word int) {
	n := wrapperspb.Int64(p.number()<<4 | int64(word%16))
	switch what := word / 16 % 4; what {
	case 0:
		ctx.Send(p.other, n)
	case 1:
		genserver.Cast(ctx, p.other, n)
	case 2, 3:
		genserver.SendRequest[*wrapperspb.Int64Value](ctx, p.other, n, time.Hour, nil)
	}
}

func (p *party) HandleCall(ctx *genserver.Context, from genserver.From, req any) genserver.Return {
	p.keeps = append(p.keeps, from)
	return p.take(ctx, req)
}

func (p *party) HandleCast(ctx *genserver.Context, msg any) genserver.Return { return p.take(ctx, msg) }

func (p *party) HandleInfo(ctx *genserver.Context, msg any) genserver.Return {
	switch msg := msg.(type) {
	case func(*genserver.Context):
		msg(ctx)
	case *process.Down, *process.Exited:
		p.ends++
	case genserver.Response[*wrapperspb.Int64Value]:
		if msg.Err == nil {
			p.saw(msg.Reply.GetValue())
		}
	case *wrapperspb.Int64Value:
		return p.take(ctx, msg)
	default:
		p.x.t.Errorf("%s got %T", p.name, msg)
	}
	return genserver.NoReply()
}

func (p *party) saw(n int64) {
	p.got = append(p.got, n>>4)
	if p.ends > 0 && p.late == "" {
		p.late = fmt.Sprintf("%s heard of the end before %d", p.name, n>>4)
	}
	p.x.mu.Lock()
	defer p.x.mu.Unlock()
	p.x.seen++
}

// take does what the number says: answers the newest call, or the oldest, or keeps it, among casts and sends.
func (p *party) take(ctx *genserver.Context, msg any) genserver.Return {
	n := msg.(*wrapperspb.Int64Value).GetValue()
	p.saw(n)
	if p.name == "first" {
		return genserver.NoReply()
	}
	word := int(n % 16)
	if word&1 != 0 {
		genserver.Cast(ctx, p.other, wrapperspb.Int64(p.number()<<4))
	}
	if k := len(p.keeps); k > 0 && word&2 != 0 {
		i := (k - 1) * (word >> 3)
		genserver.Answer(p.keeps[i], wrapperspb.Int64(p.number()<<4))
		p.keeps = slices.Delete(p.keeps, i, i+1)
	}
	if word&4 != 0 {
		ctx.Send(p.other, wrapperspb.Int64(p.number()<<4))
	}
	return genserver.NoReply()
}

func (p *party) check(otherEnded bool) string {
	latest := map[int64]int64{}
	for _, n := range p.got {
		who := n / 100_000
		if n <= latest[who] {
			return fmt.Sprintf("%s got %d after %d: %v", p.name, n, latest[who], p.got)
		}
		latest[who] = n
	}
	if otherEnded && p.ends != 2 {
		return fmt.Sprintf("%s heard %d times of the end", p.name, p.ends)
	}
	return p.late
}
