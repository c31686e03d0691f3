package process

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/extensions"
)

// A Ref names one call or one monitor. Incarnation is the one of the system that made it; Seq is unique within that.
type Ref struct{ Incarnation, Seq uint64 }

func (r Ref) String() string { return fmt.Sprintf("%x.%d", r.Incarnation, r.Seq) }

// Incarnation returns a number that is random for each actor system and never zero.
func Incarnation(system *actor.ActorSystem) uint64 { return planeOf(system).incarnation }

// A plane is what this package keeps for one actor system: its identity and who monitors whom.
type plane struct {
	system      *actor.ActorSystem
	incarnation uint64
	seq         atomic.Uint64
	slots       slots
	port        atomic.Pointer[Port] // the way to other members; nil without one

	// The ids of our own processes: what for, the incarnation, and (to be appended) the sequence number.
	callPrefix, monitorPrefix string

	mu     sync.Mutex
	points map[actor.Process]*point // monitored processes
	refs   map[Ref]*point           // where each live monitor is
	ending map[actor.Process]error  // actors of ours that have terminated and wait for their children
	names  map[string]named
	links  map[actor.Process]map[*link]struct{}
}

var (
	planeID = extensions.NextExtensionID()
	// planes guards the extension slot: protoactor's table of extensions is not synchronised.
	planes sync.RWMutex
)

// ExtensionID places the plane among protoactor's extensions.
func (p *plane) ExtensionID() extensions.ExtensionID { return planeID }

func planeOf(system *actor.ActorSystem) *plane {
	planes.RLock()
	p, ok := system.Extensions.Get(planeID).(*plane)
	planes.RUnlock()
	if ok {
		return p
	}
	planes.Lock()
	defer planes.Unlock()
	if p, ok := system.Extensions.Get(planeID).(*plane); ok {
		return p
	}
	p = newPlane(system, randomNonZero())
	system.Extensions.Register(p)
	return p
}

func newPlane(system *actor.ActorSystem, incarnation uint64) *plane {
	id := strconv.FormatUint(incarnation, 36)
	p := &plane{
		system:        system,
		incarnation:   incarnation,
		callPrefix:    "gendac/call/" + id + "/",
		monitorPrefix: "gendac/monitor/" + id + "/",
		points:        make(map[actor.Process]*point),
		refs:          make(map[Ref]*point),
		ending:        make(map[actor.Process]error),
		names:         make(map[string]named),
		links:         make(map[actor.Process]map[*link]struct{}),
	}
	p.slots.plane = p
	return p
}

func randomNonZero() uint64 {
	var b [8]byte
	for {
		_, _ = rand.Read(b[:]) // never fails: crypto/rand aborts the program instead
		if n := binary.BigEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}

func (p *plane) newRef() Ref { return Ref{Incarnation: p.incarnation, Seq: p.seq.Add(1)} }

// local says whether pid names a process of this system; protoactor resolves the address it has before it has one, too.
func (p *plane) local(pid *actor.PID) bool {
	return pid.GetAddress() == "nonhost" || pid.GetAddress() == p.system.Address()
}
