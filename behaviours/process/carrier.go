package process

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/process/internal/wire"
)

// resendAfter is how often what must not be lost is said again to a member that is not known to be down.
const resendAfter = 500 * time.Millisecond

// A Carrier takes frames to other members. An address is that part of a PID.
type Carrier interface {
	// Carry takes frame to the member at address. It never blocks; nil means accepted, not delivered. Frames that one
	// goroutine gives for one address arrive in order or not at all. Any error means that there is no way there now.
	Carry(address string, frame []byte) error
}

// A Port is where a carrier hands over what it hears. Its methods are called one at a time, and do not block.
type Port struct {
	plane   *plane
	carrier Carrier

	mu       sync.Mutex
	calls    map[uint64]farCall    // ours, by the number of the slot's use
	watching map[Ref]*farWatch     // our monitors of theirs
	serving  map[farRef]*relay     // their calls of ours
	watched  map[farRef]*farTarget // their monitors of ours
	links    map[farRef]*farLink   // whoever made them
	resend   *time.Timer           // set while something is to be said again
}

// farRef is a reference that the member at an address made.
type farRef struct {
	address string
	ref     Ref
}

// Connect lets calls, monitors, links, inspections and messages leave system and arrive in it. Call it once per system, before any actor is
// spawned whose PID travels.
func Connect(system *actor.ActorSystem, carrier Carrier) *Port {
	p := planeOf(system)
	port := &Port{
		plane: p, carrier: carrier,
		calls: make(map[uint64]farCall), watching: make(map[Ref]*farWatch),
		serving: make(map[farRef]*relay), watched: make(map[farRef]*farTarget),
		links: make(map[farRef]*farLink),
	}
	if !p.port.CompareAndSwap(nil, port) {
		panic("process: Connect twice for one actor system")
	}
	system.ProcessRegistry.RegisterAddressResolver(func(pid *actor.PID) (actor.Process, bool) {
		if p.local(pid) {
			return nil, false
		}
		return (*farProcess)(port), true
	})
	return port
}

var errNoCarrier = errors.New("nothing carries messages to other members: see process.Connect")

func (t *Port) send(address string, frame *wire.Frame) error {
	data, err := proto.Marshal(frame)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnsupported, err) // a string that is not UTF-8
	}
	if err := t.carrier.Carry(address, data); err != nil {
		return fmt.Errorf("%w: %w", ErrNodeDown, err)
	}
	return nil
}

// say sends what may get lost.
func (t *Port) say(address string, frame *wire.Frame) {
	if err := t.send(address, frame); err != nil {
		t.plane.system.Logger().Debug("frame not sent", slog.String("addr", address), slog.Any("err", err))
	}
}

// Arrived takes a frame from the member whose actors have that address. What does not make sense is dropped.
func (t *Port) Arrived(address string, data []byte) {
	var frame wire.Frame
	if err := proto.Unmarshal(data, &frame); err != nil {
		t.plane.system.Logger().Warn("dropped a frame that is not readable", slog.String("addr", address), slog.Any("err", err))
		return
	}
	switch what := frame.GetWhat().(type) {
	case *wire.Frame_Ask:
		t.asked(address, what.Ask)
	case *wire.Frame_Answer:
		t.answered(what.Answer)
	case *wire.Frame_Watch:
		t.watch(address, what.Watch)
	case *wire.Frame_Unwatch:
		t.unwatch(farRef{address, refOf(what.Unwatch.GetRef())})
	case *wire.Frame_Ended:
		t.ended(address, what.Ended)
	case *wire.Frame_Seen:
		t.seen(address, what.Seen)
	case *wire.Frame_Note:
		t.noted(address, what.Note)
	case *wire.Frame_Link:
		t.linked(address, what.Link)
	case *wire.Frame_Unlink:
		t.unlinked(address, what.Unlink)
	case *wire.Frame_Exited:
		t.exited(address, what.Exited)
	}
}

// Down says that the member at address is known to be down, or that the way to it has been lost: whatever arrives from
// that address afterwards is from after that. Calls, monitors and links under way get ErrNodeDown.
func (t *Port) Down(address string) {
	t.mu.Lock()
	var calls []func()
	for seq, c := range t.calls {
		if c.to.GetAddress() == address {
			delete(t.calls, seq)
			calls = append(calls, func() {
				c.caller.deliver(seq, outcome{err: fmt.Errorf("%w: call to %s", ErrNodeDown, c.to)})
			})
		}
	}
	lost, links := t.takeWatches(address), t.takeLinksTo(address)
	for key, relay := range t.serving {
		if key.address == address {
			delete(t.serving, key)
			calls = append(calls, func() { relay.close() })
		}
	}
	for key, target := range t.watched {
		if key.address == address {
			delete(t.watched, key)
			calls = append(calls, func() { t.plane.take(target.local) })
		}
	}
	t.mu.Unlock()
	for _, f := range calls {
		f()
	}
	for _, w := range lost {
		w.tell(w.target, 0, ErrNodeDown)
	}
	for _, f := range links {
		t.plane.lose(f, ErrNodeDown)
	}
}

// again makes sure that what has not been seen is said again. The port is locked.
func (t *Port) again() {
	if t.resend == nil {
		t.resend = time.AfterFunc(resendAfter, t.sayAgain)
	}
}

func (t *Port) sayAgain() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.resend = nil
	for ref, w := range t.watching {
		if !w.seen {
			t.again()
			t.say(w.target.GetAddress(), watchFrame(ref, w.target))
		}
	}
	for key, target := range t.watched {
		if target.end != nil {
			t.again()
			t.say(key.address, target.end)
		}
	}
	t.sayLinks()
}

func wireRef(r Ref) *wire.Ref { return &wire.Ref{Incarnation: r.Incarnation, Seq: r.Seq} }

func refOf(r *wire.Ref) Ref { return Ref{Incarnation: r.GetIncarnation(), Seq: r.GetSeq()} }
