package process

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// pipe takes frames to one port, in order.
type pipe struct{ frames chan []byte }

func (p pipe) Carry(_ string, frame []byte) error {
	p.frames <- frame
	return nil
}

func (p pipe) deliver(to *Port, from string) {
	for frame := range p.frames {
		to.Arrived(from, frame)
	}
}

// obeyer does what it is sent and traps exits.
func obeyer() *actor.Props {
	return Props(func(ctx actor.Context) Machine[int, func(actor.Context), func(actor.Context)] {
		TrapExit(ctx, true)
		return Machine[int, func(actor.Context), func(actor.Context)]{
			Lift: func(ctx actor.Context) (func(actor.Context), bool) {
				f, ok := ctx.Message().(func(actor.Context))
				return f, ok
			},
			Step:    func(n int, f func(actor.Context)) (int, []func(actor.Context)) { return n, []func(actor.Context){f} },
			Perform: func(ctx actor.Context, f func(actor.Context)) { f(ctx) },
		}
	})
}

// TestNothingIsLeftOfLinksMonitorsAndInspectionsAcrossMembers ends each in every way and looks at what is kept.
func TestNothingIsLeftOfLinksMonitorsAndInspectionsAcrossMembers(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, a *actor.ActorSystem) {
		b := actorstest.System()
		a.ProcessRegistry.Address, b.ProcessRegistry.Address = "a:1", "b:1"
		out, back := pipe{make(chan []byte, 1000)}, pipe{make(chan []byte, 1000)}
		here, there := Connect(a, out), Connect(b, back)
		go out.deliver(there, "a:1")
		go back.deliver(here, "b:1")
		defer close(out.frames)
		defer close(back.frames)

		end := func(ctx actor.Context) { Exit(ctx, errors.New("end")) }
		for i := range 40 {
			x, y := a.Root.Spawn(obeyer()), b.Root.Spawn(obeyer())
			a.Root.Send(x, func(ctx actor.Context) {
				Link(ctx, y)
				Monitor(ctx, y)
				Link(ctx, actor.NewPID("b:1", "nobody"))
			})
			if i%2 == 0 { // and the other way round, perhaps at once
				b.Root.Send(y, func(ctx actor.Context) { Link(ctx, actor.NewPID("a:1", x.Id)) })
			}
			go func() { _, _ = Inspect(t.Context(), a, y) }()
			switch i % 4 {
			case 0:
				a.Root.Send(x, end)
			case 1:
				b.Root.Send(y, end)
			case 2:
				a.Root.Send(x, func(ctx actor.Context) { Unlink(ctx, y) })
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		for name, port := range map[string]*Port{"here": here, "there": there} {
			// A pair in four is left as it was, and in another one the link back may have come after the Unlink.
			port.mu.Lock()
			n := len(port.links)
			port.mu.Unlock()
			if n < 10 || n > 20 {
				t.Errorf("%s: %d links live, want 10 to 20", name, n)
			}
		}
		here.Down("b:1") // the rest
		there.Down("a:1")
		time.Sleep(time.Hour)
		for name, port := range map[string]*Port{"here": here, "there": there} {
			port.mu.Lock()
			if n := len(port.links) + len(port.watching) + len(port.watched) + len(port.calls) + len(port.serving); n != 0 {
				t.Errorf("%s: left in the port: %d links, %d and %d monitors, %d and %d calls", name, len(port.links),
					len(port.watching), len(port.watched), len(port.calls), len(port.serving))
			}
			port.mu.Unlock()
			port.plane.mu.Lock()
			n := len(port.plane.links)
			port.plane.mu.Unlock()
			if n != 0 {
				t.Errorf("%s: links of %d processes are left", name, n)
			}
		}
	})
}
