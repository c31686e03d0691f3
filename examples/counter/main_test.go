package main

import (
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process/actorstest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const want = `count 2 <nil>
count 5 <nil>
count 1 <nil>
unsupported true
crashed true <nil>
count 7 <nil>
`

func TestTheCounterPrintsWhatItShould(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		var out strings.Builder
		if err := run(&out, system); err != nil || out.String() != want {
			t.Errorf("printed\n%s(%v), want\n%s", out.String(), err, want)
		}
	})
}
