// Package actorstest runs tests of actors in virtual time.
//
// A test gets an actor system of its own inside a testing/synctest bubble: an hour passes as soon as every actor is
// idle, and the test fails if a goroutine outlives it. Only for tests; sockets do not work in a bubble.
package actorstest

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Run calls f in a bubble with a fresh, silent actor system. f need not stop its actors: an idle actor is no goroutine.
func Run(t *testing.T, f func(t *testing.T, system *actor.ActorSystem)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(time.Microsecond) // lets the throttle of dead letters go
		f(t, System())
	})
}

// Sleep lets time go by in a bubble, and returns when everything that came of it has been done. A test that reads what
// others write needs it instead of time.Sleep, which promises neither: whoever wakes at the same instant may run later,
// and what ran before is not ordered before the reading. Only one goroutine of a bubble may sleep like this at a time.
func Sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// System returns an actor system that logs nothing and keeps no goroutine for long: protoactor's throttle of dead
// letters would otherwise sleep for a second after each burst.
func System() *actor.ActorSystem {
	return actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }),
		actor.WithDeadLetterThrottleInterval(time.Nanosecond),
	)
}

// Context returns a context that ends with the test, or after a minute of virtual time.
func Context(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
