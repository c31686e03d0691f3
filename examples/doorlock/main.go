// Command doorlock is the code lock of OTP's design principles: a door that opens to a code and locks itself again.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/genstatem"
)

type (
	state  string
	button int
	door   = genstatem.Context[state, []button] // the data: what was pressed, newest last
	result = genstatem.Result[state]
)

const locked, open state = "locked", "open"

func lock(out io.Writer, code []button) genstatem.Spec[state, []button] {
	enter := func(d *door, _ state) result {
		fmt.Fprintln(out, "the door is", d.State)
		d.Data = nil
		return d.Keep()
	}
	whileLocked := func(d *door, e genstatem.Event) result {
		if e.Kind == genstatem.StateTimeoutEvent { // too slow: begin again
			d.Data = nil
			return d.Keep()
		}
		d.Data = append(d.Data, e.Content.(button))
		d.Data = d.Data[max(0, len(d.Data)-len(code)):]
		if slices.Equal(d.Data, code) {
			return d.Next(open, genstatem.StateTimeout(time.Second, nil))
		}
		return d.Keep(genstatem.StateTimeout(30*time.Second, nil))
	}
	whileOpen := func(d *door, e genstatem.Event) result {
		switch e.Kind {
		case genstatem.StateTimeoutEvent:
			return d.Next(locked)
		default:
			return d.Keep(genstatem.Postpone()) // buttons count when the door is locked again
		}
	}
	return genstatem.Spec[state, []button]{
		Init: func(d *door) result { return d.Next(locked) },
		States: map[state]genstatem.State[state, []button]{
			locked: {Enter: enter, On: whileLocked},
			open:   {Enter: enter, On: whileOpen},
		},
	}
}

func run(out io.Writer, system *actor.ActorSystem) error {
	pid, err := genstatem.StartWait(context.Background(), system.Root, genstatem.Props(lock(out, []button{1, 2, 3})), "door")
	if err != nil {
		return err
	}
	for _, b := range []button{9, 1, 2, 3, 1, 2, 3} { // the last three are pressed while the door is open
		genstatem.Cast(system.Root, pid, b)
	}
	time.Sleep(3 * time.Second)
	return genstatem.StopWait(context.Background(), system, pid, nil)
}

func main() {
	if err := run(os.Stdout, actor.NewActorSystem()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
