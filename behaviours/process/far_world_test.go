package process_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// A world is members and the network between them, in one bubble.
type world struct {
	mu    sync.Mutex
	ports map[string]*process.Port
	cut   bool
	lose  func(frame []byte) bool // nil: nothing
	limit int                     // on the length of a frame; 0: none
	inbox map[string][]func()     // what waits for each member; each handles it one at a time
	busy  map[string]bool
}

var errCut, errHuge = errors.New("cut"), errors.New("huge")

type carrier struct {
	w    *world
	from string
}

func (c carrier) Carry(address string, frame []byte) error {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if c.w.cut || c.w.ports[address] == nil {
		return errCut
	}
	if c.w.limit > 0 && len(frame) > c.w.limit {
		return errHuge
	}
	if c.w.lose == nil || !c.w.lose(frame) {
		c.w.post(address, func() { c.w.ports[address].Arrived(c.from, frame) })
	}
	return nil
}

// post is called with mu held.
func (w *world) post(address string, f func()) {
	w.inbox[address] = append(w.inbox[address], f)
	if !w.busy[address] {
		w.busy[address] = true
		go w.drain(address)
	}
}

func (w *world) drain(address string) {
	for {
		w.mu.Lock()
		if len(w.inbox[address]) == 0 {
			w.busy[address] = false
			w.mu.Unlock()
			return
		}
		f := w.inbox[address][0]
		w.inbox[address] = w.inbox[address][1:]
		w.mu.Unlock()
		f()
	}
}

// sever cuts the network, loses what is under way, and tells both.
func (w *world) sever(a, b string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	clear(w.inbox)
	w.post(a, func() { w.ports[a].Down(b) })
	w.post(b, func() { w.ports[b].Down(a) })
}

// dropping loses the first n frames that contain what.
func (w *world) dropping(n int, what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lose = func(frame []byte) bool {
		if n == 0 || !strings.Contains(string(frame), what) {
			return false
		}
		n--
		return true
	}
}

// newMember connects another system under an address, which may have been somebody's before.
func newMember(w *world, address string) *actor.ActorSystem {
	system := actorstest.System()
	system.ProcessRegistry.Address = address
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ports[address] = process.Connect(system, carrier{w, address})
	return system
}

// runFar gives the test two members, a and b.
func runFar(t *testing.T, f func(t *testing.T, w *world, a, b *actor.ActorSystem)) {
	actorstest.Run(t, func(t *testing.T, a *actor.ActorSystem) {
		w := &world{ports: map[string]*process.Port{}, inbox: map[string][]func(){}, busy: map[string]bool{}}
		b := actorstest.System()
		for address, system := range map[string]*actor.ActorSystem{"a:1": a, "b:1": b} {
			system.ProcessRegistry.Address = address
			w.ports[address] = process.Connect(system, carrier{w, address})
		}
		f(t, w, a, b)
	})
}
