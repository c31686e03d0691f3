package remoting

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gendac/gendac/behaviours/process"
)

var errOdd = errors.New("remoting test: odd")

func init() { process.RegisterError("remoting_test.odd", errOdd) }

// echoer answers texts; "end" ends it, "odd" is refused, "wait" is not answered, "tell <id>" sends to that actor of a's.
func echoer(a *node) *actor.Props {
	return process.Props(func(actor.Context) process.Machine[int, any, any] {
		return process.Machine[int, any, any]{
			Lift: func(ctx actor.Context) (any, bool) { return ctx.Message(), true },
			Step: func(n int, ev any) (int, []any) { return n + 1, []any{ev} },
			Perform: func(ctx actor.Context, ev any) {
				req, ok := ev.(*process.Request)
				if !ok {
					return
				}
				body, _ := req.Body.(*wrapperspb.StringValue)
				switch word, id, _ := strings.Cut(body.GetValue(), " "); word {
				case "end":
					process.Exit(ctx, errOdd)
				case "odd":
					process.Respond(req.From, nil, errOdd)
				case "wait":
				case "tell":
					for i := range 100 {
						ctx.Send(actor.NewPID(a.Addr(), id), wrapperspb.String(fmt.Sprint(i)))
					}
					process.Exit(ctx, errOdd)
				default:
					process.Respond(req.From, body, nil)
				}
			},
		}
	})
}

// watcherOf monitors target from n and sends on what it hears: texts, and "down" with the reason.
func watcherOf(n *node, target *actor.PID) (*actor.PID, chan string) {
	heard := make(chan string, 200)
	pid := n.system.Root.Spawn(process.Props(func(ctx actor.Context) process.Machine[int, string, string] {
		process.Monitor(ctx, target)
		return process.Machine[int, string, string]{
			Lift: func(ctx actor.Context) (string, bool) {
				switch msg := ctx.Message().(type) {
				case *wrapperspb.StringValue:
					return msg.GetValue(), true
				case *process.Down:
					return "down " + msg.Reason.Error(), true
				}
				return "", false
			},
			Step:    func(s int, ev string) (int, []string) { return s, []string{ev} },
			Perform: func(_ actor.Context, s string) { heard <- s },
		}
	}))
	return pid, heard
}

// awaitInfo inspects an actor, from n, until it is as wanted.
func awaitInfo(t *testing.T, n *node, pid *actor.PID, wanted func(process.Info) bool) {
	t.Helper()
	eventually(t, "an inspection as wanted", func() bool {
		info, err := process.Inspect(within(t), n.system, pid)
		if err != nil {
			t.Fatal(err)
		}
		return wanted(info)
	})
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestActorsCallEachOtherAcrossMembers(t *testing.T) {
	a, b := pair(t)
	pid := b.system.Root.Spawn(echoer(a))
	if pid.GetAddress() != b.Addr() {
		t.Fatalf("spawned as %v, not at %s", pid, b.Addr())
	}
	for _, c := range []struct {
		to   *actor.PID
		word string
		want error
	}{
		{pid, "hello", nil},
		{pid, "odd", errOdd},
		{pid, "end", errOdd},
		{pid, "hello", process.ErrNoProc},
		{actor.NewPID("127.0.0.1:1", "x"), "hello", process.ErrNodeDown},
	} {
		got, err := process.Call[*wrapperspb.StringValue](within(t), a.system, c.to, wrapperspb.String(c.word))
		if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) || (err == nil && got.GetValue() != c.word) {
			t.Errorf("%s: got %v, %v, want %v", c.word, got, err, c.want)
		}
	}
}

func TestDownComesAfterWhatTheDeadActorSentAcrossMembers(t *testing.T) {
	a, b := pair(t)
	pid := b.system.Root.Spawn(echoer(a))
	me, heard := watcherOf(a, pid)
	awaitInfo(t, a, pid, func(i process.Info) bool { return i.MonitoredBy == 1 })
	answer := make(chan error, 1)
	go func() {
		_, err := process.Call[any](within(t), a.system, pid, wrapperspb.String("tell "+me.GetId()))
		answer <- err
	}()
	var got, want []string
	for i := range 101 {
		got, want = append(got, <-heard), append(want, fmt.Sprint(i))
	}
	want[100] = "down " + errOdd.Error()
	if !slices.Equal(got, want) {
		t.Errorf("heard %q", got)
	}
	if err := <-answer; !errors.Is(err, errOdd) { // the caller may hear of it later than the monitor
		t.Errorf("the call got %v", err)
	}
}

func TestCallsAndMonitorsEndWithTheirMember(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, a, b *node){
		"it leaves": func(t *testing.T, _, b *node) { stopNode(t, b) },
		"we leave":  func(t *testing.T, a, _ *node) { stopNode(t, a) },
	} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t)
			pid := b.system.Root.Spawn(echoer(a))
			_, heard := watcherOf(a, pid)
			failed := make(chan error, 1)
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
				defer cancel()
				_, err := process.Call[any](ctx, a.system, pid, wrapperspb.String("wait"))
				failed <- err
			}()
			awaitInfo(t, a, pid, func(i process.Info) bool { return i.Handled > 0 && i.MonitoredBy == 1 })
			end(t, a, b)
			if err := <-failed; !errors.Is(err, process.ErrNodeDown) {
				t.Errorf("the call got %v", err)
			}
			if got := <-heard; got != "down "+process.ErrNodeDown.Error() {
				t.Errorf("the monitor got %q", got)
			}
		})
	}
}
